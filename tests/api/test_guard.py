"""The guard carries out what is decided: in its mode, in order, and through every kill."""

from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from advisor.cluster import ClusterRefusedError, ClusterUnavailableError, DisruptionBlockedError
from advisor.replacement.actions import Release, Retire, Tell, Uncordon
from advisor.replacement.records import Evidence, EvidenceKind, State
from advisor.replacement.settings import GuardSettings
from advisor.risk.verification import Verdict
from api.commands.guard import reading
from api.guard.asking import RefusedError, hand_over_of
from api.guard.book import Book
from api.guard.looking import LEASE, Guard
from api.guard.places import PlaceFinder
from api.guard.report import Mode, Report
from api.settings import settings_from
from api.skill import Judge
from tests.support.guard import FakeGuardedCluster, a_cluster, a_forecast, foretell
from tests.support.market import NOW
from warehouse.errors import WarehouseBusyError
from warehouse.replacements import audit, history
from warehouse.store import Warehouse

SETTINGS = GuardSettings()
BAD, GOOD = 0.9, 0.001
LATER = timedelta(days=1)
LEASED = timedelta(seconds=45)


def horizon(provider: str) -> timedelta:
    return SETTINGS.lead_time(provider).horizon


def skilled(_warehouse: Warehouse, _now: datetime) -> Judge:
    return lambda _kind: Verdict.SKILL


@contextmanager
def _no_market() -> Generator[Warehouse]:
    with Warehouse.in_memory() as made:
        yield made


NOWHERE = PlaceFinder(_no_market, settings_from({}), SETTINGS)
"""Of a warehouse without prices: no place is known."""


class Killed(BaseException):
    """As by SIGKILL: nothing after it is done."""


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    """A warehouse in which every machine of the pool is about to be lost."""
    tell(warehouse, BAD, NOW)
    return warehouse


def tell(store: Warehouse, probability: float, at: datetime) -> None:
    """Forecasts of all horizons, issued at that time."""
    rows = [a_forecast(minutes, probability) for minutes in (15, 60, 360, 1440)]
    foretell(store, *(row | {"issued_at": at, "evidence_until": at} for row in rows))


class Books(Book):
    """The warehouse as the guard has it; ``before`` is called before each use of it."""

    def __init__(self, store: Warehouse, before: Callable[[], None] = lambda: None) -> None:
        @contextmanager
        def taken() -> Generator[Warehouse]:
            before()
            yield store

        super().__init__(taken, horizon, SETTINGS.cool_down, judged=skilled)


def a_guard(
    store: Warehouse,
    cluster: FakeGuardedCluster,
    mode: Mode = Mode.ACT,
    *,
    holder: str = "one",
    before: Callable[[], None] = lambda: None,
) -> Guard:
    return Guard(
        cluster,
        Books(store, before),
        SETTINGS,
        places=NOWHERE,
        mode=mode,
        holder=holder,
        lease_for=LEASED,
        clock=cluster.clock,
    )


def settle(guard: Guard, cluster: FakeGuardedCluster, looks: int = 60) -> list[Report]:
    """Look until nothing is open any more."""
    reports = []
    for _ in range(looks):
        reports.append(guard.look())
        cluster.tick()
        if not reports[-1].open and not reports[-1].planned:
            return reports
    raise AssertionError(f"not settled: {reports[-1].open}")


def ends(store: Warehouse) -> list[tuple[str, str]]:
    """Node and state of each hand-over there ever was."""
    found = history(store, NOW + LATER, NOW - LATER)
    return sorted(zip(found["node"], found["state"], strict=True))


def test_nodes_at_risk_are_handed_over_and_nothing_of_ours_is_left(store: Warehouse) -> None:
    cluster = a_cluster("a", "b")

    settle(a_guard(store, cluster), cluster)

    assert sorted(cluster.nodes) == ["new-1", "new-2"]
    assert ends(store) == [("a", "done"), ("b", "done")]
    assert cluster.ours() == []


def test_what_was_done_is_in_the_audit_once(store: Warehouse) -> None:
    cluster = a_cluster("a")

    settle(a_guard(store, cluster), cluster)

    told = audit(store, NOW + LATER, NOW - LATER)
    lines = list(zip(told["action"], told["subject"], told["outcome"], strict=True))
    assert lines.count(("decided", "Node a", "done")) == 1
    assert lines.count(("retire", "NodeClaim claim-a", "done")) == 1


def test_observing_writes_nothing_anywhere(tmp_path: Path) -> None:
    cluster, path = a_cluster("a", "b"), tmp_path / "w.duckdb"
    with Warehouse.open(path) as made:
        tell(made, BAD, NOW)
    before = path.read_bytes()
    book = Book(reading(path), horizon, SETTINGS.cool_down, judged=skilled)
    guard = Guard(
        cluster,
        book,
        SETTINGS,
        places=NOWHERE,
        mode=Mode.OBSERVE,
        holder="one",
        lease_for=LEASED,
        clock=cluster.clock,
    )

    reports = [guard.look() for _ in range(3)]

    assert [[one.node for one in report.planned] for report in reports] == [["a", "b"]] * 3
    assert (cluster.log, cluster.leases) == ([], {})
    assert path.read_bytes() == before


def test_advising_tells_each_plan_once_and_changes_nothing(store: Warehouse) -> None:
    cluster = a_cluster("a", "b")
    guard = a_guard(store, cluster, Mode.ADVISE)

    for _ in range(3):
        guard.look()
        cluster.tick()

    assert cluster.writes() == []
    told = [one for one in cluster.log if isinstance(one, Tell)]
    assert [(one.node, one.claim) for one in told] == [("a", "claim-a"), ("b", "claim-b")]
    assert ends(store) == [("a", "planned"), ("b", "planned")]


def test_what_was_advised_is_carried_out_by_a_guard_that_acts(store: Warehouse) -> None:
    cluster = a_cluster("a")
    a_guard(store, cluster, Mode.ADVISE).look()

    settle(a_guard(store, cluster), cluster)

    assert ends(store) == [("a", "done")]


def test_a_plan_that_was_advised_long_ago_is_carried_out_as_well(store: Warehouse) -> None:
    cluster = a_cluster("a")
    adviser = a_guard(store, cluster, Mode.ADVISE)
    for _ in range(3):
        adviser.look()
        cluster.now += timedelta(minutes=25)
        tell(store, BAD, cluster.now)
    adviser.resign()
    cluster.tick()
    assert ends(store) == [("a", "planned")]

    settle(a_guard(store, cluster, holder="two"), cluster)

    assert ends(store) == [("a", "done")]


def test_an_advised_plan_is_closed_when_the_risk_has_passed(store: Warehouse) -> None:
    cluster = a_cluster("a")
    guard = a_guard(store, cluster, Mode.ADVISE)
    guard.look()
    for _ in range(60):
        cluster.tick()
        tell(store, GOOD, cluster.now)
        guard.look()

    assert ends(store) == [("a", "rolled_back")]
    assert cluster.writes() == []


def test_without_skill_nothing_is_done(store: Warehouse) -> None:
    cluster = a_cluster("a")
    book = Book(lambda: nullcontext(store), horizon, SETTINGS.cool_down)
    guard = Guard(
        cluster,
        book,
        SETTINGS,
        places=NOWHERE,
        mode=Mode.ACT,
        holder="one",
        lease_for=LEASED,
        clock=cluster.clock,
    )

    report = guard.look()

    assert report.planned == []
    assert "no proven skill" in report.kept[0].reason
    assert cluster.log == []


def test_of_two_guards_one_leads_and_the_other_takes_over_when_it_is_gone(store: Warehouse) -> None:
    cluster = a_cluster("a")
    one, two = (a_guard(store, cluster, holder=name) for name in ("one", "two"))

    assert (one.look().is_leader, two.look().is_leader) == (True, False)
    assert one.look().is_leader
    one.resign()
    cluster.tick()

    assert two.look().is_leader
    assert not one.look().is_leader


def test_a_guard_whose_lease_is_lost_does_no_further_step(store: Warehouse) -> None:
    cluster = a_cluster("a", "b")
    guard = a_guard(store, cluster)

    def lose(what: object) -> None:
        if isinstance(what, Retire):
            cluster.now += LEASED
            cluster.leases[LEASE] = ("two", cluster.now + LEASED)

    cluster.fault = lose
    guard.look()

    retired = [one for one in cluster.log if isinstance(one, Retire)]
    assert len(retired) == 1


def test_two_guards_that_both_believe_to_lead_replace_each_node_once(store: Warehouse) -> None:
    cluster = a_cluster("a", "b", "c")
    # Neither sees the other's lease: a network that was cut in two.
    guards = [a_guard(store, cluster, holder=name) for name in ("one", "two")]
    for _ in range(40):
        for guard in guards:
            cluster.leases.clear()
            guard.look()
        cluster.tick()

    assert sorted(cluster.nodes) == ["new-1", "new-2", "new-3"]
    assert ends(store) == [("a", "done"), ("b", "done"), ("c", "done")]
    assert cluster.ours() == []


def test_a_busy_warehouse_ends_the_look_and_the_next_one_goes_on(store: Warehouse) -> None:
    cluster = a_cluster("a")
    busy = iter([False, True] + [False] * 1000)

    def before() -> None:
        if next(busy):
            raise WarehouseBusyError(Path("w.duckdb"), "spotcast collect (process 7)")

    guard = a_guard(store, cluster, before=before)
    with pytest.raises(WarehouseBusyError):
        guard.look()
    settle(guard, cluster)

    assert ends(store) == [("a", "done")]
    assert cluster.ours() == []


def test_an_api_server_that_goes_away_half_way_changes_the_end_in_nothing(store: Warehouse) -> None:
    cluster = a_cluster("a", "b")
    guard = a_guard(store, cluster)
    fails = iter([True, False, True, True] * 20)

    def away(_: object) -> None:
        if next(fails, False):
            raise ClusterUnavailableError("the API server does not answer")

    cluster.fault = away
    for _ in range(80):
        with suppress(ClusterUnavailableError):
            guard.look()
        cluster.tick()

    assert sorted(cluster.nodes) == ["new-1", "new-2"]
    assert cluster.ours() == []


def test_a_refused_action_is_told_and_holds_up_no_other_node(store: Warehouse) -> None:
    cluster = a_cluster("a", "b")

    def refuse(what: object) -> None:
        if isinstance(what, Retire) and what.claim == "claim-a":
            raise ClusterRefusedError("a webhook forbids it")

    cluster.fault = refuse
    report = a_guard(store, cluster).look()

    assert [str(one) for one in report.errors] == ["a webhook forbids it"]
    assert cluster.nodes["a"].retire is None
    assert cluster.nodes["b"].retire is not None
    assert any(one.outcome == "failed" for one in report.done)


def test_an_event_that_cannot_be_written_holds_nothing_up(store: Warehouse) -> None:
    cluster = a_cluster("a")

    def mute(what: object) -> None:
        if isinstance(what, Tell):
            raise ClusterRefusedError("events: no")

    cluster.fault = mute
    settle(a_guard(store, cluster), cluster)

    assert ends(store) == [("a", "done")]


def test_a_pdb_that_says_no_is_no_error(store: Warehouse) -> None:
    cluster = a_cluster("a")

    def blocked(_: object) -> None:
        raise DisruptionBlockedError("PodDisruptionBudget default/llm")

    guard = a_guard(store, cluster)
    guard.look()
    cluster.fault = lambda what: blocked(what) if what != "lease" else None
    report = guard.look()

    assert report.errors == []


def test_a_person_s_hand_over_is_not_taken_back_by_a_good_forecast(store: Warehouse) -> None:
    cluster = a_cluster("a")
    tell(store, GOOD, NOW + timedelta(seconds=1))
    cluster.now += timedelta(minutes=1)
    guard = a_guard(store, cluster)
    there = cluster.snapshot(cluster.now)

    assert guard.start(hand_over_of(there, "a", "kernel update", [], NOWHERE))
    assert not guard.start(hand_over_of(there, "a", "again", [], NOWHERE)) or ends(store)
    settle(guard, cluster)

    assert ends(store) == [("a", "done")]


def test_marks_that_no_hand_over_owns_are_taken_away_by_whoever_is_at_work(
    store: Warehouse,
) -> None:
    cluster = a_cluster("a", "b")
    cluster.nodes["b"] = replace(
        cluster.nodes["b"],
        is_spot=False,
        is_cordoned=True,
        is_cordoned_by_us=True,
        is_held_by_us=True,
    )
    guard = a_guard(store, cluster)
    wanted = hand_over_of(cluster.snapshot(NOW), "a", "kernel update", [], NOWHERE)
    assert guard.start(wanted)

    guard.drive(wanted.replacement_id)

    assert Uncordon("b") in cluster.log
    assert Release("b") in cluster.log
    lines = audit(store, NOW + LATER, NOW - LATER)
    assert "release" in lines["action"].to_list()


def test_a_person_is_refused_a_node_that_must_not_be_touched() -> None:
    held = a_cluster("a")
    held.nodes["a"] = replace(held.nodes["a"], is_held=True)

    with pytest.raises(RefusedError, match="do-not-disrupt"):
        hand_over_of(held.snapshot(NOW), "a", "x", [], NOWHERE)
    with pytest.raises(RefusedError, match="no such node"):
        hand_over_of(held.snapshot(NOW), "z", "x", [], NOWHERE)


def killed_at(store: Warehouse, number: int, *nodes: str) -> tuple[FakeGuardedCluster, bool]:
    """The hand-over of nodes with a kill at the n-th thing that is done to the outside."""
    cluster = a_cluster(*nodes)
    left = [number]

    def count(_: object = None) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    cluster.fault = count
    guard = a_guard(store, cluster, before=count)
    was_killed = False
    for _ in range(60):
        try:
            report = guard.look()
        except Killed:
            was_killed = True
            # A new process, which knows nothing; the old one's lease must run out first.
            cluster.now += LEASED
            guard = a_guard(store, cluster, holder="two", before=count)
            continue
        cluster.tick()
        if not report.open and not report.planned:
            break
    return cluster, was_killed


@pytest.mark.parametrize(("nodes", "stride"), [(("a",), 1), (("a", "b"), 7)])
def test_a_kill_between_any_two_side_effects_leads_to_the_same_end(
    store: Warehouse, nodes: tuple[str, ...], stride: int
) -> None:
    kills, was_killed = 0, True
    while was_killed:
        store.execute("delete from replacement")
        store.execute("delete from replacement_action")
        cluster, was_killed = killed_at(store, 1 + stride * kills, *nodes)

        assert sorted(cluster.nodes) == [f"new-{number}" for number, _ in enumerate(nodes, 1)]
        assert ends(store) == [(node, "done") for node in nodes]
        assert cluster.ours() == []
        kills += 1
    # As many places as there were side effects, or the kills were not where they should be.
    assert kills > 5


def test_an_interruption_half_way_ends_the_hand_over(store: Warehouse) -> None:
    cluster = a_cluster("a")
    guard = a_guard(store, cluster)
    guard.look()
    cluster.said.append(Evidence("a", EvidenceKind.NOTICE, cluster.now))
    cluster.take("a")

    settle(guard, cluster)

    assert ends(store) == [("a", State.OVERTAKEN.value)]
    assert cluster.ours() == []
