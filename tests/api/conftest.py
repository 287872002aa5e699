"""What every test of a command may ask for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.cli import main
from tests.support.cli import Ended, Run, a_market, fill
from warehouse.records import Record


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``spotcast`` with arguments."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def market_at() -> Callable[[datetime], list[Record]]:
    """What `fresh` and `stale` hold; a module that asks of another market has its own."""
    return a_market


@pytest.fixture
def fresh(tmp_path: Path, market_at: Callable[[datetime], list[Record]]) -> str:
    """A warehouse whose market is a minute old."""
    path = tmp_path / "fresh.duckdb"
    fill(path, *market_at(datetime.now(UTC) - timedelta(minutes=1)))
    return str(path)


@pytest.fixture
def stale(tmp_path: Path, market_at: Callable[[datetime], list[Record]]) -> str:
    """A warehouse whose market is 60 days old."""
    path = tmp_path / "stale.duckdb"
    fill(path, *market_at(datetime.now(UTC) - timedelta(days=60)))
    return str(path)
