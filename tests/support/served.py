"""A server's application on a database in memory, and a client that asks it."""

import atexit
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import duckdb
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from api.app import create_app
from api.security.principal import Access, LocalAccess, Principal, Scope
from api.service.state import Service, service_of
from api.settings import settings_from
from collector.watchlist import Watchlist
from tests.support.cli import a_market, fill
from tests.support.market import NOW
from tests.support.schema import copy_of
from warehouse.frames import frames_of
from warehouse.records import Record
from warehouse.store import Warehouse


def add(warehouse: Warehouse, *records: Record) -> None:
    """Store records."""
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)


@contextmanager
def a_service(*records: Record, now: datetime = NOW) -> Generator[Service]:
    """A service on a database in memory; by default of `a_market`, all of it told at ``now``."""
    with Warehouse.in_memory() if records else with_a_market(now) as warehouse:
        add(warehouse, *records)
        yield service_of(warehouse, settings_from({}), lambda: now, Watchlist())


def with_a_market(at: datetime) -> Warehouse:
    """A database in memory with `a_market`, copied: storing it takes longer than all else here."""
    warehouse = Warehouse(duckdb.connect(), None)
    copy_of(_market_file(at), warehouse.connection)
    return warehouse


@cache
def _market_file(at: datetime) -> Path:
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    fill(folder / "market.duckdb", *a_market(at))
    return folder / "market.duckdb"


def a_client(service: Service, access: Access | None = None) -> TestClient:
    """A client of the application; by default of somebody on this machine."""
    return TestClient(create_app(service, access or LocalAccess()), "http://localhost")


class Known:
    """Everybody who asks is this one."""

    def __init__(self, *scopes: Scope, name: str = "ci") -> None:
        self._principal = Principal(name, frozenset(scopes))

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """The one."""
        del asking
        return self._principal


class Nobody:
    """Nobody who asks is known."""

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """None."""
        del asking
        return None
