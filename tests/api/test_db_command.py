"""``spotcast db``."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.cli import Ended, Run, fill
from tests.support.market import a_price
from warehouse.store import Warehouse

DAY = timedelta(days=1)

HOLD = """
import sys
from pathlib import Path
from warehouse.store import Warehouse
with Warehouse.open(Path(sys.argv[1])):
    print('open', flush=True)
    input()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of two hundred daily prices."""
    made, now = tmp_path / "spotcast.duckdb", datetime.now(UTC)
    fill(made, *(a_price(0.5 + day / 1000, effective_at=now - day * DAY) for day in range(200)))
    return made


@pytest.fixture
def db(run: Run, path: Path) -> Run:
    """Run ``spotcast db`` on that database."""

    def run_db(*arguments: str) -> Ended:
        return run("db", *arguments, "--warehouse", str(path))

    return run_db


def test_a_backup_is_made_listed_and_restored(db: Run, path: Path) -> None:
    made = db("backup")
    listed = json.loads(db("backups", "-o", "json").out)["backups"]
    refused = db("restore")
    restored = db("restore", "--force")

    assert (made.code, refused.code, restored.code) == (0, 1, 0)
    assert [one["folder"] for one in listed] == [made.out.strip()]
    assert "--force" in refused.err
    assert "The old database is" in restored.err
    with Warehouse.open(path, read_only=True) as found:
        assert found.rows("select count(*) from spot_price") == [(200,)]


def test_only_so_many_backups_are_kept(db: Run, path: Path) -> None:
    for _ in range(3):
        assert db("backup", "--keep", "2").code == 0

    assert len(list((path.parent / "backups").iterdir())) == 2


def test_what_is_wrong_is_told_with_exit_code_1(db: Run, path: Path) -> None:
    good = db("check")
    with Warehouse.open(path) as opened:
        opened.execute("update spot_price set price_per_hour = -1 where price_per_hour = 0.5")
    bad = db("check")
    told = json.loads(db("check", "-o", "json").out)

    assert (good.code, good.out) == (0, "")
    assert "0 things wrong" in good.err
    assert bad.code == 1
    assert "prices are above 0" in bad.out
    assert (told["is_good"], told["wrong"][0]["table"], told["wrong"][0]["rows"]) == (
        False,
        "spot_price",
        1,
    )


def test_old_prices_are_rolled_up(db: Run, path: Path) -> None:
    done = db("retain", "-o", "json")
    again = db("retain", "--raw", "90d", "-o", "json")

    (row,) = json.loads(done.out)["removed"]
    assert row["table"] == "spot_price"
    assert 100 < row["rows_removed"] < 112
    assert json.loads(again.out)["removed"] == []
    with Warehouse.open(path, read_only=True) as found:
        kept = found.rows("select count(*) from spot_price")[0][0]
    assert kept == 200 - row["rows_removed"]


def test_a_term_that_is_too_short_is_refused(db: Run) -> None:
    refused = db("retain", "--raw", "7d")

    assert refused.code == 1
    assert "45 days at least" in refused.err


def test_a_compacted_and_exported_database_says_so(db: Run, tmp_path: Path) -> None:
    compacted = db("compact")
    exported = db("export", str(tmp_path / "out"), "--table", "spot_price", "--format", "csv")

    assert "MiB before" in compacted.out
    assert "spot_price.csv.zst: 200 rows" in exported.out


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("backup", "its job `backup`"),
        ("compact", "its job `compact`"),
        ("restore", "stop the server"),
    ],
)
def test_a_database_that_is_held_is_said_to_be_with_what_to_do(
    db: Run, path: Path, command: str, instead: str
) -> None:
    arguments = [command]
    if command == "restore":
        arguments = [command, db("backup").out.strip(), "--force"]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"

        refused = db(*arguments)
        holder.communicate("\n")

    assert refused.code == 1
    assert f"process {holder.pid}" in refused.err
    assert instead in refused.err
