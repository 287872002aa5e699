"""Tools that answer from a database file, which other processes write."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.settings import settings_from
from api.tools.local import local_service
from api.tools.server import mcp_server
from collector.watchlist import Watchlist
from tests.support.agents import called, text_of
from tests.support.cli import a_market, fill
from tests.support.market import NOW, a_pool, a_price
from warehouse.errors import WarehouseError
from warehouse.read_only import FileWarehouse
from warehouse.store import Warehouse


def a_server(path: Path) -> Any:
    """The tools of a file, at `NOW`."""
    service, before = local_service(settings_from({}), path, Watchlist(), clock=lambda: NOW)
    return mcp_server(service, before=before)


def price_of(server: Any, instance_type: str) -> float:
    """What it says that the machine costs."""
    (one,) = called(server, "search", {"instance_types": [instance_type]}).structured_content[
        "items"
    ]
    price: float = one["usd_per_hour"]
    return price


def test_what_is_stored_between_two_questions_is_in_the_second_answer(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    fill(path, *a_market(NOW - timedelta(hours=1)))
    server = a_server(path)
    before = price_of(server, "g5.xlarge")

    fill(path, a_price(0.7, a_pool("g5.xlarge"), NOW))

    assert (before, price_of(server, "g5.xlarge")) == (0.4, 0.7)


def test_a_file_that_did_not_change_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    fill(path, *a_market(NOW))
    file = FileWarehouse(path)
    for _ in range(3):
        file.notice()

    assert file.writes == 1


def test_there_may_be_no_file_until_something_is_collected(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    server = a_server(path)
    missing = called(server, "search")
    fill(path, *a_market(NOW))

    assert missing.is_error
    assert "`spotcast collect` makes one" in text_of(missing)
    assert price_of(server, "g5.xlarge") == 0.4


@contextmanager
def held(path: Path) -> Generator[None]:
    """Another process keeps the file open, as a server does."""
    script = (
        f"import duckdb, sys; _ = duckdb.connect({str(path)!r}); print('held', flush=True); "
        f"sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()


def test_a_file_that_a_server_holds_is_told_with_the_way_to_ask_that_server(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    fill(path, *a_market(NOW))
    server = a_server(path)
    with held(path):
        refused = called(server, "search")

    assert refused.is_error
    assert "in use by" in text_of(refused)
    assert "`spotcast mcp --server" in text_of(refused)
    assert price_of(server, "g5.xlarge") == 0.4


def test_it_only_reads(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    fill(path, *a_market(NOW))
    file = FileWarehouse(path)

    with pytest.raises(WarehouseError, match="reading only"), file.writing():
        pass
    with file.reading() as warehouse, pytest.raises(Exception, match="read-only"):
        warehouse.execute("delete from spot_price")
    with Warehouse.open(path) as warehouse:
        assert warehouse.rows("select count(*) from spot_price") == [(4,)]
