"""The guard in a thread of the server: what it saw, and what people ask of it."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import pytest

from advisor.cluster import ClusterUnavailableError
from advisor.replacement.records import State
from advisor.replacement.settings import GuardSettings
from api.errors import NoAnswerError
from api.guard.asking import RefusedError
from api.guard.book import Book
from api.guard.looking import LEASE, Guard
from api.guard.loop import Troubles
from api.guard.places import PlaceFinder
from api.guard.report import Mode, Report
from api.server import guarding
from api.server.guarding import GuardThread
from api.service.guarding import ASKED_BY, ASKED_KEY, GuardWatch
from api.settings import settings_from
from tests.support.guard import FakeGuardedCluster, a_cluster
from tests.support.processes import wait_for
from warehouse.store import Warehouse

SETTINGS = GuardSettings()
SECONDS = 10.0


class Watched:
    """A guard that looks in a thread; ``looks`` is released at the end of each look."""

    def __init__(self, store: Warehouse, cluster: FakeGuardedCluster, mode: Mode) -> None:
        self.cluster = cluster
        self.stop = threading.Event()
        self.looks = threading.Semaphore(0)
        self.reports: list[Report] = []
        self.said: list[str] = []
        book = Book(
            lambda: nullcontext(store),
            lambda cloud: SETTINGS.lead_time(cloud).horizon,
            SETTINGS.cool_down,
        )
        places = PlaceFinder(lambda: nullcontext(store), settings_from({}), SETTINGS)
        guard = Guard(
            cluster,
            book,
            SETTINGS,
            places=places,
            mode=mode,
            holder="one",
            lease_for=timedelta(seconds=45),
            clock=cluster.clock,
        )
        self.watch = GuardThread(
            guard, cluster, book, places, mode=mode, clock=cluster.clock, stop=self.stop
        )
        self._thread = threading.Thread(target=self._work)

    def take(self, report: Report) -> None:
        """A look has ended."""
        self.reports.append(report)
        self.looks.release()

    def _work(self) -> None:
        self.watch.keep_looking(
            self.take,
            interval=timedelta(hours=1),
            troubles=Troubles(self.said.append),
            failed=lambda _: self.looks.release(),
        )

    def start(self) -> None:
        """Begin, and return after the first look."""
        self._thread.start()
        assert self.looks.acquire(timeout=SECONDS)

    def is_asked(self) -> bool:
        """Whether somebody waits for an answer."""
        return not self.watch._asked.empty()  # noqa: SLF001 - nothing else tells

    def end(self) -> None:
        """End, as the server's stop does."""
        self.stop.set()
        self.watch.wake()
        self._thread.join()


Start = Callable[..., Watched]


@pytest.fixture
def watching(warehouse: Warehouse) -> Iterator[Start]:
    """Begin to guard a cluster; the thread has looked once."""
    begun: list[Watched] = []

    def start(cluster: FakeGuardedCluster | None = None, mode: Mode = Mode.ACT) -> Watched:
        one = Watched(warehouse, cluster or a_cluster("a", "b"), mode)
        begun.append(one)
        one.start()
        return one

    yield start
    for one in begun:
        one.end()


def test_the_last_look_can_be_asked_for_and_there_is_none_before_the_first(
    warehouse: Warehouse, watching: Start
) -> None:
    unborn: GuardWatch = Watched(warehouse, a_cluster("a"), Mode.OBSERVE).watch
    assert unborn.latest() is None
    one = watching(mode=Mode.OBSERVE)
    found = one.watch.latest()
    assert found is one.reports[-1]
    assert one.watch.mode is Mode.OBSERVE


def test_a_hand_over_that_somebody_asks_for_begins_at_once_and_says_who_asked(
    watching: Start,
) -> None:
    one = watching()
    begun = one.watch.ask_for("a", "kernel update", "ci", key="k-1")
    assert one.looks.acquire(timeout=SECONDS)  # Without waiting for the hour to be over.
    assert (begun.node, begun.state) == ("a", State.PLANNED)
    assert (begun.detail[ASKED_BY], begun.detail[ASKED_KEY]) == ("ci", "k-1")
    assert "kernel update" in begun.reason
    assert [step.replacement_id for step in one.reports[-1].steps] == [begun.replacement_id]
    assert one.cluster.writes()


@pytest.mark.parametrize(("node", "why"), [("nobody", "nobody"), ("a", "open already|under way")])
def test_a_node_that_cannot_be_replaced_is_refused_with_the_reason(
    watching: Start, node: str, why: str
) -> None:
    one = watching()
    one.watch.ask_for("a", "first", "ci")
    with pytest.raises(NoAnswerError, match=why):
        one.watch.ask_for(node, "second", "ci")


def test_a_guard_that_does_not_lead_begins_nothing(watching: Start) -> None:
    cluster = a_cluster("a")
    cluster.leases[LEASE] = ("another", cluster.now + timedelta(hours=1))
    one = watching(cluster)
    with pytest.raises(RefusedError, match="another guard leads"):
        one.watch.ask_for("a", "maintenance", "ci")
    assert cluster.writes() == []


def test_a_cluster_that_is_away_is_told_to_who_asks_and_the_guard_goes_on(
    watching: Start,
) -> None:
    one = watching()

    def away(_: object) -> None:
        raise ClusterUnavailableError("the API server is away")

    good, one.cluster.snapshot = one.cluster.snapshot, away  # type: ignore[method-assign, assignment] # a fault
    with pytest.raises(ClusterUnavailableError, match="is away"):
        one.watch.ask_for("a", "maintenance", "ci")
    assert one.looks.acquire(timeout=SECONDS)
    assert one.said == [
        "the API server is away. It is tried again; the next of this kind are only counted."
    ]
    one.cluster.snapshot = good  # type: ignore[method-assign] # well again
    assert one.watch.ask_for("a", "maintenance", "ci").node == "a"


@contextmanager
def busy(one: Watched) -> Generator[threading.Event]:
    """Its next look takes until the context ends."""
    began, go_on = threading.Event(), threading.Event()
    good = one.cluster.evidence

    def slow() -> list[object]:
        began.set()
        go_on.wait(SECONDS)
        return list(good())

    one.cluster.evidence = slow  # type: ignore[method-assign, assignment] # a slow cluster
    one.watch.wake()
    assert began.wait(SECONDS)
    try:
        yield go_on
    finally:
        go_on.set()


def test_who_asks_a_busy_guard_is_told_so_and_nothing_is_begun_later(
    watching: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = watching()
    monkeypatch.setattr(guarding, "ANSWERED_WITHIN", timedelta(milliseconds=20))
    with busy(one), pytest.raises(ClusterUnavailableError, match="ask again"):
        one.watch.ask_for("a", "maintenance", "ci")
    assert one.looks.acquire(timeout=SECONDS)
    one.end()
    assert one.cluster.writes() == []


def test_who_asks_while_the_server_stops_is_told_so(watching: Start) -> None:
    one = watching()
    refused: list[Exception] = []

    def ask() -> None:
        try:
            one.watch.ask_for("a", "maintenance", "ci")
        except ClusterUnavailableError as error:
            refused.append(error)

    with busy(one) as go_on:
        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(one.is_asked, "somebody asks", SECONDS)
        one.stop.set()
        go_on.set()
        asking.join()
    one.end()
    with pytest.raises(ClusterUnavailableError, match="stopping"):
        one.watch.ask_for("a", "maintenance", "ci")
    assert [str(error) for error in refused] == ["The server is stopping: nothing was begun"]
    assert one.cluster.writes() == []


def test_when_it_ends_another_guard_may_lead_at_once(watching: Start) -> None:
    one = watching()
    assert one.cluster.leases[LEASE][1] - one.cluster.now == timedelta(seconds=45)
    one.end()
    assert one.cluster.leases[LEASE][1] - one.cluster.now == timedelta(seconds=1)
