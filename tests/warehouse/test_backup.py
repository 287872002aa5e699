"""Backups: equal to their source while it is written to, whole or not there, restored with care."""

import json
import shutil
import threading
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from tests.support.market import NOW, a_price
from tests.support.served import add
from tests.support.upkeep import an_old_database, rows_in, versions_of
from warehouse.backup import MANIFEST, back_up, backups, newest_backup, restore
from warehouse.errors import SchemaError, WarehouseCorruptError, WarehouseError
from warehouse.migrations import migrations
from warehouse.store import SharedWarehouse, Warehouse

HOUR = timedelta(hours=1)
EVERYTHING = "select effective_at, price_per_hour from spot_price order by 1"
PAIRS = "select count(*), count(*) filter (zone = 'a') from spot_price"


def write_pairs(shared: SharedWarehouse, stop: threading.Event) -> None:
    """Two rows in one transaction, again and again: half a pair is never to be seen."""
    number = 0
    while not stop.is_set():
        number += 1
        pair = [a_price(0.5, effective_at=NOW - number * HOUR)] * 2
        with shared.writing() as warehouse, warehouse.transaction():
            for zone, _ in zip("ab", pair, strict=True):
                warehouse.execute(
                    "insert into spot_price select 'aws', 'r', $zone, 't', "
                    "$at, 0.5, 'USD', 'sample', 's', $at",
                    {"zone": zone, "at": NOW - number * HOUR},
                )


def test_a_backup_that_is_taken_while_writing_is_of_one_moment(tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "live.duckdb") as live:
        shared, stop = SharedWarehouse(live), threading.Event()
        writer = threading.Thread(target=write_pairs, args=(shared, stop))
        writer.start()
        made = []
        for number in range(3):
            with shared.reading() as reader:
                made.append(back_up(reader, tmp_path / "backups", NOW + number * HOUR))
        stop.set()
        writer.join()
        final = live.rows(PAIRS)[0][0]

    counts = []
    for number, one in enumerate(made):
        target = tmp_path / f"restored-{number}.duckdb"
        restore(one.folder, target, NOW)
        with Warehouse.open(target, read_only=True) as restored:
            count, of_a = restored.rows(PAIRS)[0]
        assert count == 2 * of_a == one.manifest.rows["spot_price"]
        counts.append(count)
    assert counts == sorted(counts)
    assert counts[-1] <= final


def test_a_restored_backup_equals_its_source(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    an_old_database(path, len(migrations()))
    with Warehouse.open(path) as source:
        before = rows_in(source.connection)
        made = back_up(source, tmp_path / "backups", NOW)

    rows, aside = restore(made.folder, tmp_path / "other.duckdb", NOW)

    with Warehouse.open(tmp_path / "other.duckdb", read_only=True) as restored:
        assert rows_in(restored.connection) == before
    assert aside is None
    assert rows == made.manifest.rows
    assert [one.name for one in made.folder.parent.iterdir()] == [made.folder.name]


def test_a_manifest_tells_what_is_in_a_backup(tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "spotcast.duckdb") as source:
        add(source, a_price(), a_price(0.6, effective_at=NOW + HOUR))
        made = back_up(source, tmp_path / "backups", NOW)

    told = json.loads((made.folder / MANIFEST).read_text())

    assert told["made_at"] == "2026-11-24T09:00:00+00:00"
    assert told["schema"] == len(migrations())
    assert told["rows"]["spot_price"] == 2
    assert told["size_bytes"] == made.database.stat().st_size
    assert newest_backup(tmp_path / "backups") == made


def test_only_the_newest_are_kept_where_so_asked(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "spotcast-notes").mkdir()
    with Warehouse.open(tmp_path / "spotcast.duckdb") as source:
        made = [back_up(source, folder, NOW + hour * HOUR, keep=2) for hour in range(4)]

    assert [one.folder for one in backups(folder)] == [made[3].folder, made[2].folder]
    assert len(list(folder.iterdir())) == 3


def test_a_database_is_replaced_only_by_force_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as source:
        add(source, a_price(0.5))
        made = back_up(source, tmp_path / "backups", NOW)
        add(source, a_price(0.9, effective_at=NOW + HOUR))

    with pytest.raises(WarehouseError, match="--force"):
        restore(made.folder, path, NOW)
    _, aside = restore(made.folder, path, NOW, is_forced=True)

    assert aside
    with Warehouse.open(path) as restored, Warehouse.open(aside) as old:
        assert restored.rows(EVERYTHING) == [(NOW, 0.5)]
        assert old.rows(EVERYTHING) == [(NOW, 0.5), (NOW + HOUR, 0.9)]


def test_a_damaged_database_is_replaced_as_well_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as source:
        made = back_up(source, tmp_path / "backups", NOW)
    path.write_bytes(b"no database" * 1000)
    log = path.with_name("spotcast.duckdb.wal")
    log.write_bytes(b"no log")

    _, aside = restore(made.folder, path, NOW, is_forced=True)

    assert aside
    assert aside.read_bytes() == b"no database" * 1000
    assert not log.exists()
    Warehouse.open(path, read_only=True).close()


def test_a_backup_of_an_older_version_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    before = an_old_database(path, 3)
    with Warehouse.as_it_is(path) as old:
        made = back_up(old, tmp_path / "backups", NOW)

    restore(made.folder, tmp_path / "new.duckdb", NOW)

    assert made.manifest.schema == 3
    assert versions_of(tmp_path / "new.duckdb") == [one.version for one in migrations()]
    with Warehouse.open(tmp_path / "new.duckdb") as restored:
        after = rows_in(restored.connection)
    assert [row[:10] for row in after["spot_price"]] == before["spot_price"]
    assert versions_of(made.database) == [1, 2, 3]


def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as source:
        source.execute("insert into schema_migration values (9999, '9999_x.sql', 'x', now())")
    newer = tmp_path / "newer"
    newer.mkdir()
    shutil.copy(path, newer / "spotcast.duckdb")
    with Warehouse.open(tmp_path / "other.duckdb") as source:
        made = back_up(source, tmp_path / "backups", NOW)
    told = json.loads((made.folder / MANIFEST).read_text())
    shutil.copy(path, made.database)
    told["sha256"] = _digest(path)
    (made.folder / MANIFEST).write_text(json.dumps(told))

    with pytest.raises(SchemaError, match="newer Spotcast"):
        restore(made.folder, tmp_path / "new.duckdb", NOW)

    assert not (tmp_path / "new.duckdb").exists()


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_a_backup_whose_bytes_have_changed_is_refused(tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "spotcast.duckdb") as source:
        made = back_up(source, tmp_path / "backups", NOW)
    with made.database.open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff")

    with pytest.raises(WarehouseCorruptError, match="SHA-256"):
        restore(made.folder, tmp_path / "new.duckdb", NOW)
    assert list(tmp_path.glob("*new*")) == []


def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="no manifest"):
        restore(tmp_path, tmp_path / "new.duckdb", NOW)


def test_what_a_killed_writer_left_in_its_log_is_in_the_backup(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    source = Warehouse.open(path)
    add(source, a_price())
    left = tmp_path / "left.duckdb"
    shutil.copy(path, left)
    shutil.copy(path.with_name("spotcast.duckdb.wal"), left.with_name("left.duckdb.wal"))
    source.close()

    with Warehouse.as_it_is(left) as found:
        made = back_up(found, tmp_path / "backups", NOW)

    assert made.manifest.rows["spot_price"] == 1
    with duckdb.connect(made.database, read_only=True) as copy:
        assert copy.execute("select count(*) from spot_price").fetchall() == [(1,)]
