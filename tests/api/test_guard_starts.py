"""The guard keeps how long starts took, from the lists that it reads anyway."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from advisor.lead_time import Part
from advisor.replacement.records import Snapshot
from advisor.replacement.settings import GuardSettings
from api.guard.book import Book
from api.guard.looking import Guard
from api.guard.places import PlaceFinder
from api.guard.report import Mode
from api.settings import settings_from
from tests.support.guard import FakeGuardedCluster
from tests.support.starts import NOW, a_duration
from warehouse.starts import starts_since
from warehouse.store import Warehouse

SETTINGS = GuardSettings()
SEEN = (a_duration(Part.BOOT, 90), a_duration(Part.ENGINE, 70))


class Started(FakeGuardedCluster):
    """A cluster in which something has been started."""

    starts = SEEN

    def snapshot(self, now: datetime) -> Snapshot:
        """The same, with what was started."""
        return replace(super().snapshot(now), starts=self.starts)


class Counted:
    """A warehouse, and how often it was opened."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.times = 0
        self._warehouse = warehouse

    @contextmanager
    def take(self) -> Generator[Warehouse]:
        """Open it."""
        self.times += 1
        yield self._warehouse


@pytest.fixture
def counted(warehouse: Warehouse) -> Counted:
    """A warehouse that counts."""
    return Counted(warehouse)


def a_guard(counted: Counted, cluster: FakeGuardedCluster, mode: Mode) -> Guard:
    book = Book(counted.take, lambda cloud: SETTINGS.lead_time(cloud).horizon, timedelta(hours=1))
    places = PlaceFinder(counted.take, settings_from({}), SETTINGS)
    return Guard(
        *(cluster, book, SETTINGS),
        places=places,
        mode=mode,
        holder="one",
        lease_for=timedelta(seconds=45),
        clock=cluster.clock,
    )


def stored(warehouse: Warehouse) -> list[str]:
    found = starts_since(warehouse, NOW, NOW - timedelta(days=1))
    return sorted(one.part for one in found)


@pytest.mark.parametrize("mode", [Mode.ADVISE, Mode.ACT])
def test_what_was_started_is_kept_once(warehouse: Warehouse, counted: Counted, mode: Mode) -> None:
    guard = a_guard(counted, Started(), mode)

    guard.look()
    first = counted.times
    guard.look()

    assert stored(warehouse) == ["boot", "engine"]
    assert counted.times - first < first


def test_a_guard_that_only_observes_writes_none(warehouse: Warehouse, counted: Counted) -> None:
    a_guard(counted, Started(), Mode.OBSERVE).look()

    assert stored(warehouse) == []
