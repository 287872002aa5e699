"""Files written anew: the same rows, sorted, smaller; and tables that others can read."""

import threading
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import stamina

from tests.support.market import NOW, a_pool, a_price
from tests.support.served import add
from tests.support.upkeep import an_old_database, in_another_process, rows_in
from warehouse.compacting import ORDER, ExportFormat, compact, export, reclaim
from warehouse.describe import describe_tables
from warehouse.errors import WarehouseBusyError, WarehouseError
from warehouse.migrations import migrations
from warehouse.store import Warehouse

HOUR = timedelta(hours=1)


def test_a_compacted_database_has_the_same_rows_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    an_old_database(path, len(migrations()))
    with Warehouse.open(path) as before:
        add(before, *(a_price(0.5, effective_at=NOW - hour * HOUR) for hour in range(50)))
        rows, tables = rows_in(before.connection), describe_tables(before)

    compact(path)

    with Warehouse.open(path) as after:
        assert rows_in(after.connection) == rows
        assert describe_tables(after) == tables
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_prices_lie_by_month_and_type(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    old, new = NOW - 60 * 24 * HOUR, NOW
    with Warehouse.open(path) as made:
        add(made, *(a_price(0.5, a_pool(name), at) for at in (new, old) for name in ("b", "a")))

    compact(path)

    with Warehouse.open(path) as after:
        rows = after.rows("select instance_type, effective_at from spot_price order by rowid")
    assert rows == [("a", old), ("b", old), ("a", new), ("b", new)]


def test_the_space_of_removed_rows_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as made:
        made.execute(
            "insert into spot_price select 'aws', 'r', 'z', 't' || hash(i), $at, hash(i), 'USD', "
            "'sample', 's', $at from range(200000) as of(i)",
            {"at": NOW},
        )
        reclaim(made)
        made.execute("delete from spot_price")

    done = compact(path)

    assert done.size_after < done.size_before / 2


def test_a_database_that_is_in_use_is_not_compacted(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from warehouse.compacting import compact\nfrom warehouse.errors import WarehouseError\n"
        "try:\n    compact(Path(sys.argv[1]))\n"
        "except WarehouseError as error:\n    print(type(error).__name__)\n"
    )
    with Warehouse.open(path):
        ended = in_another_process(script, path)

    assert ended.stdout.strip() == WarehouseBusyError.__name__, ended.stderr


@pytest.mark.parametrize("form", list(ExportFormat))
def test_an_export_can_be_read_by_others(tmp_path: Path, form: ExportFormat) -> None:
    with Warehouse.in_memory() as made:
        add(made, a_price(0.5), a_price(0.6, effective_at=NOW + HOUR))
        written = export(made, tmp_path / "out", form, ["spot_price"])

    ((path, rows),) = written.items()
    read = pl.read_parquet(path) if form is ExportFormat.PARQUET else pl.read_csv(path)
    assert rows == read.height == 2
    assert read["price_per_hour"].to_list() == [0.5, 0.6]
    assert [one.name for one in path.parent.iterdir()] == [f"spot_price{form.ending}"]


def test_every_table_is_exported_if_none_is_named(tmp_path: Path) -> None:
    with Warehouse.in_memory() as made:
        written = export(made, tmp_path, ExportFormat.PARQUET)
        names = [table.name for table in describe_tables(made)]

    assert [path.name for path in written] == [f"{name}.parquet" for name in names]
    assert set(ORDER) <= set(names)


def test_a_table_that_is_not_there_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="no such table; there are"):
        export(warehouse, tmp_path, ExportFormat.CSV, ["spot_prices"])


def test_space_is_given_back_when_a_transaction_under_way_has_ended(tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "w.duckdb") as made, made.cursor() as other:
        other.connection.begin()
        other.connection.execute("create table told (one integer)")
        ends = threading.Timer(0.3, other.connection.commit)
        stamina.set_testing(False)
        ends.start()
        try:
            reclaim(made)
        finally:
            ends.join()
        assert made.rows("select count(*) from told") == [(0,)]


def test_a_transaction_that_does_not_end_is_told(tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "w.duckdb") as made, made.cursor() as other:
        other.connection.begin()
        other.connection.execute("create table told (one integer)")
        with pytest.raises(WarehouseError, match="write transactions active"):
            reclaim(made)
        other.connection.commit()
