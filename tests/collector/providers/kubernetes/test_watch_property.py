"""However a watch is broken, what is stored is what one that never broke would have stored."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.providers.kubernetes.nodes import FEED
from collector.run import progress
from tests.support.kubernetes import (
    NODES,
    Clock,
    FakeCluster,
    a_node,
    api_server,
    cluster_at,
    expired,
    run_at,
)
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

SLOTS = ("node-1", "node-2")

NEWEST = """
    select node, last_alive_at, ended_at, ended_by, end_reason
    from exposure
    qualify row_number() over (
        partition by node, launched_at order by last_alive_at desc, ended_at desc nulls last
    ) = 1
"""
INTERRUPTIONS = "select node, kind, occurred_at from interruption order by all"

CHANGES = st.tuples(st.sampled_from(["flip", "flip", "announce", "beat"]), st.sampled_from(SLOTS))
RUNS = st.tuples(st.sampled_from(["run", "cut", "kill", "gone", "pieces"]), st.integers(0, 4_000))
ADD = DELETE = ("flip", "node-1")
DELETED_UNREAD = [ADD, ("run", 0), DELETE, ("cut", 10), ("run", 0)]
DELETED_UNKNOWN = [ADD, ("run", 0), DELETE, ("gone", 0)]
TAKEN = [ADD, ("kill", 0), ("announce", "node-1"), ("pieces", 3), DELETE, ("kill", 0)]
STEPS = st.lists(st.one_of(CHANGES, RUNS), max_size=20)


@dataclass
class Truth:
    """What really happened to one machine."""

    launched: datetime
    deleted: datetime | None = None
    announced: datetime | None = None


@dataclass
class World:
    """A cluster in which things happen, and a collector whose way to it breaks."""

    cluster: FakeCluster
    url: str
    clock: Clock = field(default_factory=Clock)
    truths: dict[str, Truth] = field(default_factory=dict)
    living: dict[str, str] = field(default_factory=dict)

    def change(self, kind: str, slot: str) -> bool:
        """Do something to the node; whether that was possible."""
        if kind == "flip":
            kind = "delete" if slot in self.living else "add"
        elif slot not in self.living:
            return False
        now = self.clock.pass_by(minutes=7)
        match kind:
            case "add":
                machine = f"i-{slot.replace('-', '')}life{len(self.truths)}"
                self.living[slot] = machine
                self.truths[machine] = Truth(now)
                self._put(slot)
            case "announce":
                truth = self.truths[self.living[slot]]
                truth.announced = truth.announced or now
                self._put(slot)
            case "beat":
                self._put(slot)
            case _:
                self.truths[self.living.pop(slot)].deleted = now
                self.cluster.delete(NODES, slot)
        return True

    def _put(self, slot: str) -> None:
        machine = self.living[slot]
        truth = self.truths[machine]
        node = a_node(
            slot,
            uid=machine,
            provider_id=f"cn-hangzhou.{machine}",
            created=truth.launched,
            heard=self.clock.now,
            conditions=(expired(truth.announced),) if truth.announced else (),
        )
        self.cluster.put(NODES, node)

    def run(self, warehouse: Warehouse) -> None:
        """Run the feed; only an interrupted connection is forgiven."""
        result = run_at(warehouse, FEED, self.url, self.clock).result
        assert result.outcome is RunOutcome.OK or "no connection" in (result.error or ""), result

    def broken_run(self, warehouse: Warehouse, how: str, size: int) -> None:
        """Run the feed while something goes wrong."""
        self.clock.pass_by(seconds=50)
        match how:
            case "cut":
                self.cluster.cut_after = size
                self.run(warehouse)
                self.cluster.cut_after = None
            case "kill":
                kept = progress(warehouse, FEED.name, "*")
                with cluster_at(self.url, self.clock, progress=kept) as source:
                    list(FEED.collect(source))
            case "gone":
                self.cluster.forget()
                self.run(warehouse)
            case "pieces":
                self.cluster.piece = size % 97 + 1
                self.run(warehouse)
                self.cluster.piece = None
            case _:
                self.run(warehouse)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[FakeCluster, str]]:
    """One server for all examples."""
    cluster = FakeCluster()
    with api_server(cluster) as url:
        yield cluster, url


def fresh(served: tuple[FakeCluster, str]) -> World:
    """The server, with an empty cluster."""
    cluster, url = served
    cluster.__init__(objects={NODES: {}})  # type: ignore[misc] # the same server, made anew
    return World(cluster, url)


@pytest.fixture(scope="module")
def stores() -> Iterator[tuple[Warehouse, Warehouse]]:
    """Two databases for all examples, emptied before each: making them takes long."""
    with Warehouse.in_memory() as one, Warehouse.in_memory() as two:
        yield one, two


def emptied(store: Warehouse) -> Warehouse:
    """The database without what an example left in it."""
    for table in ("exposure", "interruption", "feed_progress", "feed_run"):
        store.execute(f"truncate {table}")
    return store


def machines(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in warehouse.rows(NEWEST)}


def play(world: World, steps: list[tuple[str, Any]], broken: Warehouse, whole: Warehouse) -> None:
    """Carry out the steps before two collectors, the one broken and the other whole."""
    for what, about in steps:
        if isinstance(about, int):
            if what == "gone":
                # What has gone by in the part that is forgotten nobody can know.
                world.run(broken)
            world.broken_run(broken, what, about)
            # To the other nothing has happened, forgotten or not.
            world.run(whole)
        elif world.change(what, about):
            world.run(whole)
    world.run(whole)
    world.run(broken)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@example(steps=DELETED_UNREAD)
@example(steps=DELETED_UNKNOWN)
@example(steps=TAKEN)
@given(steps=STEPS)
def test_a_broken_watch_stores_what_a_whole_one_stores(
    served: tuple[FakeCluster, str],
    stores: tuple[Warehouse, Warehouse],
    steps: list[tuple[str, Any]],
) -> None:
    world, (broken, whole) = fresh(served), (emptied(one) for one in stores)
    for one in (whole, broken):
        world.run(one)

    play(world, steps, broken, whole)

    seen, expected = machines(broken), machines(whole)
    assert {node: row[2:] for node, row in seen.items()} == {
        node: row[2:] for node, row in expected.items()
    }
    assert broken.rows(INTERRUPTIONS) == whole.rows(INTERRUPTIONS)
    assert set(seen) == set(world.truths)
    for node, (_, ended, ended_by, _) in seen.items():
        assert ended is None or (ended_by == "interrupted") == bool(world.truths[node].announced)
    check_bounds(world, broken)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@example(steps=DELETED_UNREAD)
@example(steps=DELETED_UNKNOWN)
@example(steps=TAKEN)
@given(steps=STEPS)
def test_what_is_forgotten_before_it_is_read_makes_nothing_false(
    served: tuple[FakeCluster, str],
    stores: tuple[Warehouse, Warehouse],
    steps: list[tuple[str, Any]],
) -> None:
    world, warehouse = fresh(served), emptied(stores[0])

    for what, about in steps:
        if isinstance(about, int):
            world.broken_run(warehouse, what, about)
        else:
            world.change(what, about)
    world.run(warehouse)

    check_bounds(world, warehouse)
    announced = {
        (node, "announced", one.announced) for node, one in world.truths.items() if one.announced
    }
    assert set(warehouse.rows(INTERRUPTIONS)) <= announced
    assert set(world.living.values()) <= set(machines(warehouse))


def check_bounds(world: World, warehouse: Warehouse) -> None:
    """Each stored life holds the true end between its last sign of life and its end."""
    for node, (alive, ended, ended_by, _) in machines(warehouse).items():
        truth = world.truths[node]
        assert truth.launched <= alive
        assert (ended is None) == (truth.deleted is None) == (ended_by == "still_running")
        if ended is not None and truth.deleted is not None:
            assert alive <= truth.deleted <= ended
