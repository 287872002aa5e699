"""A full disk, a folder that cannot be written, a damaged file: said clearly, and nothing is lost.

Real processes: one with a limit on the size of its files, which is how a full disk looks to it;
one without the right to write.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.market import NOW, a_price
from tests.support.served import add
from tests.support.upkeep import in_another_process
from warehouse.checking import Wrong, check
from warehouse.store import Warehouse

KIB = 1024
COUNT = "select count(*), sum(hash(price_per_hour)) from spot_price"

PRELUDE = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import polars as pl
from warehouse.backup import back_up, restore
from warehouse.compacting import ExportFormat, compact, export
from warehouse.errors import WarehouseError
from warehouse.frames import schema_of
from warehouse.store import Warehouse
from warehouse.tables import SPOT_PRICE
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
path, other = Path(sys.argv[1]), Path(sys.argv[2])

def add(warehouse, number, rows):
    start = NOW + timedelta(days=number)
    frame = pl.DataFrame(
        {
            "provider": "aws", "region": "r", "zone": "z", "instance_type": "t",
            "effective_at": [start + timedelta(seconds=one) for one in range(rows)],
            "price_per_hour": [(one * 7919 % 1_000_003 + 1) / 7 for one in range(rows)],
            "currency": "USD", "semantics": "sample", "source": "s", "observed_at": NOW,
        },
        schema=schema_of(warehouse, SPOT_PRICE),
    )
    with warehouse.transaction():
        warehouse.append(SPOT_PRICE, frame)
"""

FILL = """
stored = 0
with Warehouse.open(path) as warehouse:
    try:
        for number in range(200):
            add(warehouse, number, 20_000)
            stored += 1
            print("stored", stored, flush=True)
    except WarehouseError as error:
        print(type(error).__name__, error, flush=True)
    try:
        print("readable", warehouse.rows("select count(*) from spot_price")[0][0], flush=True)
    except WarehouseError as error:
        print("then", type(error).__name__, error, flush=True)
"""

KEEP = """
with Warehouse.open(path) as warehouse:
    for number in range(6):
        add(warehouse, number, 20_000)
"""

TRY = """
what = sys.argv[3]
try:
    if what == "backup":
        with Warehouse.open(path) as warehouse:
            try:
                back_up(warehouse, other, NOW)
            finally:
                add(warehouse, 500, 10)
                print("goes on", warehouse.rows("select count(*) from spot_price")[0][0])
    elif what == "export":
        with Warehouse.as_it_is(path) as warehouse:
            export(warehouse, other, ExportFormat.PARQUET)
    elif what == "compact":
        compact(path)
    else:
        restore(other, path, NOW, is_forced=True)
    print("done")
except WarehouseError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of 120,000 prices that do not pack well."""
    path = tmp_path_factory.mktemp("full") / "spotcast.duckdb"
    made = in_another_process(PRELUDE + KEEP, path, path)
    assert made.returncode == 0, made.stderr
    return path


def copy_of(path: Path, folder: Path) -> Path:
    return Path(shutil.copy(path, folder / path.name))


def counted(path: Path) -> tuple[int, int]:
    with Warehouse.open(path) as warehouse:
        count, digest = warehouse.rows(COUNT)[0]
    return count, digest


def test_a_full_disk_stops_an_append_and_loses_nothing_stored(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"

    ended = in_another_process(PRELUDE + FILL, path, path, file_limit=3000 * KIB)

    lines = ended.stdout.splitlines()
    stored = sum(line.startswith("stored") for line in lines)
    assert stored
    assert any(line.startswith("WarehouseSpaceError") for line in lines), (lines, ended.stderr)
    assert "cannot be written" in ended.stdout
    assert counted(path)[0] == stored * 20_000


@pytest.mark.parametrize("what", ["backup", "export", "compact"])
def test_a_full_disk_leaves_the_database_as_it_was(tmp_path: Path, full: Path, what: str) -> None:
    path, other = copy_of(full, tmp_path), tmp_path / "out"
    before = counted(path)

    ended = in_another_process(PRELUDE + TRY, path, other, what, file_limit=200 * KIB)

    assert "WarehouseSpaceError" in ended.stdout, (ended.stdout, ended.stderr)
    assert "cannot be written" in ended.stdout
    assert counted(path)[0] == before[0] + (10 if what == "backup" else 0)
    left = [one.name for one in tmp_path.rglob("*") if "partial" in one.name]
    assert left == []
    if what == "backup":
        assert "goes on 120010" in ended.stdout
        assert str(other) in ended.stdout


def test_a_full_disk_leaves_what_was_to_be_restored_over(tmp_path: Path, full: Path) -> None:
    path, other = copy_of(full, tmp_path), tmp_path / "backups"
    assert "done" in in_another_process(PRELUDE + TRY, path, other, "backup").stdout
    before = counted(path)
    (backup,) = other.iterdir()

    ended = in_another_process(PRELUDE + TRY, path, backup, "restore", file_limit=600 * KIB)

    assert "WarehouseSpaceError" in ended.stdout, (ended.stdout, ended.stderr)
    assert counted(path) == before
    assert [one for one in tmp_path.iterdir() if "before" in one.name] == []


POWERLESS = ["--bounding-set", "-dac_override,-dac_read_search"]


@pytest.mark.parametrize("what", ["backup", "export", "compact"])
def test_a_folder_that_cannot_be_written_is_said_and_the_database_stays(
    tmp_path: Path, full: Path, what: str
) -> None:
    guard = shutil.which("setpriv")
    if os.geteuid() == 0 and not guard:
        pytest.skip("nothing is forbidden to root, and setpriv is not there to take that away")
    closed = tmp_path / "closed"
    closed.mkdir()
    path = copy_of(full, closed if what == "compact" else tmp_path)
    before = counted(path)
    closed.chmod(0o500)
    command = [sys.executable, "-c", PRELUDE + TRY, str(path), str(closed), what]
    if os.geteuid() == 0 and guard:
        command = [guard, *POWERLESS, *command]

    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    closed.chmod(0o700)
    assert "WarehouseSpaceError" in ended.stdout, (ended.stdout, ended.stderr)
    assert "ermission denied" in ended.stdout
    assert counted(path)[0] >= before[0]


@pytest.mark.parametrize("place", ["header", "middle", "end"])
def test_damage_is_told_and_the_rest_is_left_alone(tmp_path: Path, full: Path, place: str) -> None:
    path = copy_of(full, tmp_path)
    content = bytearray(path.read_bytes())
    match place:
        case "header":
            content[4096:4200] = bytes(104)
            content[8192:8300] = bytes(108)
        case "middle":
            for part in range(2, 9):
                content[len(content) * part // 10] ^= 0xFF
        case _:
            del content[len(content) // 2 :]
    path.write_bytes(content)

    ended = in_another_process(
        "import sys; from api.cli import main; main(sys.argv[1:])",
        *("db", "check", "--warehouse", path),
    )

    assert ended.returncode == 1, (ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert "Restore it from a backup" in ended.stdout + ended.stderr
    assert path.read_bytes() == content


def test_a_good_database_has_nothing_wrong(full: Path) -> None:
    assert [one for one in check(full, NOW) if isinstance(one, Wrong)] == []


def test_a_price_of_nothing_is_found(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as made:
        add(made, a_price(0.5))
        made.execute("update spot_price set price_per_hour = 0")
        made.execute("insert into spot_price from spot_price")

    wrong = [one for one in check(path, NOW) if isinstance(one, Wrong)]

    assert [(one.table, one.rows) for one in wrong] == [("spot_price", 2), ("spot_price", 1)]
    assert wrong[0].rule == "prices are above 0"
    assert "one row per provider" in wrong[1].rule
