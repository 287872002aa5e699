"""The steps of one hand-over: forward, back, and whatever comes between."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from advisor.replacement.actions import (
    Action,
    Cordon,
    CreateClaim,
    DeleteClaim,
    Evict,
    PreferToDelete,
    PreferToKeep,
    Retire,
    Surge,
    Tell,
    Uncordon,
    Unretire,
    Unsurge,
)
from advisor.replacement.machine import RETIRE_VALUE, Step, step
from advisor.replacement.records import (
    DisruptionBudget,
    GuardedNode,
    HandOver,
    Mechanism,
    NodePoolState,
    Pod,
    Snapshot,
    State,
    Workload,
)
from advisor.replacement.settings import GuardSettings
from tests.support.guard import a_node
from tests.support.market import NOW
from tests.support.replacement import BAD, GOOD, LLM, MINUTE, a_risk

SETTINGS = GuardSettings()
UNREADY: list[dict[str, Any]] = [
    {"is_warming": True},
    {"is_initialized": False},
    {"is_ready": False},
]
POD = Pod("default", "llm-a", True, False, LLM)
OLD = a_node("a", pods=(POD,))
MANIFEST = {"kind": "NodeClaim", "metadata": {"name": "made"}}
SECOND = {"kind": "NodeClaim", "metadata": {"name": "second"}}
CLAIMS = {"manifests": json.dumps([MANIFEST, SECOND]), "made": "made"}
DETAIL = {
    Mechanism.SURGE: {"surge": json.dumps({"Deployment/default/llm": 1})},
    Mechanism.SURGE_AND_EVICT: {"surge": json.dumps({"Deployment/default/llm": 1})},
    Mechanism.CLAIM: CLAIMS,
    Mechanism.CLAIM_AND_SURGE: CLAIMS | {"surge": json.dumps({"Deployment/default/llm": 1})},
}


def a_hand_over(
    state: State,
    mechanism: Mechanism = Mechanism.RETIRE,
    *,
    node: str = "a",
    age: timedelta = MINUTE,
    **detail: str,
) -> HandOver:
    about = {"claim": f"claim-{node}", "nodepool": "gpu", "serves": '{"Deployment/default/llm": 1}'}
    return HandOver(
        f"{node}-1",
        NOW - age,
        state,
        node,
        BAD,
        mechanism,
        "it is at risk",
        {**about, **DETAIL.get(mechanism, {}), **detail},
    )


def seen(
    *nodes: GuardedNode,
    ready: int = 2,
    surged: int = 0,
    drift_allowed: int = 10,
    noted: bool = False,
) -> Snapshot:
    """A cluster in which two pods are wanted."""
    return Snapshot(
        NOW,
        {one.name: one for one in nodes},
        {"gpu": NodePoolState("gpu", True, True, drift_allowed)},
        {LLM: Workload(LLM, 2 + surged, ready, True, surged, noted)},
    )


def moved(one: HandOver, there: Snapshot, risk: Any = None, **given: Any) -> Step:
    """The step; asked twice it is the same."""
    made = step(one, there, risk, given.get("settings", SETTINGS), given.get("others", ()))
    assert made == step(one, there, risk, given.get("settings", SETTINGS), given.get("others", ()))
    return made


def state_of(made: Step) -> State:
    assert made.next is not None
    return made.next.state


def done(made: Step) -> list[Action]:
    return [one for one in made.actions if not isinstance(one, Tell)]


def end_of(made: Step) -> str:
    """What a hand-over that is taken back will end as."""
    assert made.next is not None
    assert made.next.state is State.RESTORING
    return made.next.detail["end"]


def test_a_node_is_retired_by_a_label_and_the_same_again_until_it_shows() -> None:
    begun = moved(a_hand_over(State.PLANNED), seen(OLD))

    assert state_of(begun) is State.RETIRING
    assert done(begun) == [Retire("claim-a", RETIRE_VALUE)]
    assert begun.next is not None
    again = moved(begun.next, seen(OLD))
    assert (again.next, again.actions) == (None, (Retire("claim-a", RETIRE_VALUE),))
    assert moved(begun.next, seen(replace(OLD, retire="at-risk"))) == Step(None)


def test_karpenter_drains_and_the_end_leaves_nothing() -> None:
    going = replace(OLD, retire="at-risk", is_deleting=True, is_disrupted=True)
    draining = moved(a_hand_over(State.RETIRING, retired="yes"), seen(going))
    assert (state_of(draining), done(draining)) == (State.DRAINING, [])

    assert draining.next is not None
    gone = moved(draining.next, seen(a_node("b")))
    assert end_of(gone) == State.DONE
    assert gone.next is not None
    assert state_of(moved(gone.next, seen(a_node("b")))) is State.DONE


def test_replicas_come_first_and_the_old_pod_goes_when_the_new_one_serves() -> None:
    begun = moved(a_hand_over(State.PLANNED, Mechanism.SURGE), seen(OLD))
    assert done(begun) == [Cordon("a"), Surge(LLM, 3)]
    assert begun.next is not None
    cordoned = replace(OLD, is_cordoned=True)

    waiting = moved(begun.next, seen(cordoned, surged=1, ready=2))
    assert waiting == Step(None)

    ready = moved(begun.next, seen(cordoned, surged=1, ready=3))
    assert done(ready) == [PreferToDelete("default", "llm-a")]
    assert ready.next is not None
    assert ready.next.state is State.SURGING

    back = moved(ready.next, seen(cordoned, surged=1, ready=3))
    assert done(back) == [PreferToDelete("default", "llm-a"), Unsurge(LLM)]

    left = moved(ready.next, seen(replace(cordoned, pods=())))
    assert (state_of(left), done(left)) == (State.RETIRING, [Retire("claim-a", RETIRE_VALUE)])


def test_several_surges_of_one_workload_add_up_and_none_counts_anothers_pod() -> None:
    first = a_hand_over(State.SURGING, Mechanism.SURGE)
    second = a_hand_over(State.SURGING, Mechanism.SURGE, node="b")
    other = a_node("b", is_cordoned=True, pods=(replace(POD, name="llm-b"),))
    cordoned = replace(OLD, is_cordoned=True)

    asked = moved(second, seen(cordoned, other, surged=1), others=(first,))
    assert done(asked) == [Surge(LLM, 4)]
    one_ready = seen(cordoned, other, surged=2, ready=3)
    assert moved(second, one_ready, others=(first,)) == Step(None)
    assert moved(first, one_ready, others=(second,)) == Step(None)
    both_ready = seen(cordoned, other, surged=2, ready=4)
    assert done(moved(first, both_ready, others=(second,))) == [PreferToDelete("default", "llm-a")]
    handed = replace(first, detail={**first.detail, "handed": "yes"})
    assert done(moved(handed, both_ready, others=(second,)))[-1] == Surge(LLM, 3)


def test_an_old_pod_that_no_scale_down_takes_is_evicted_while_it_can_be_spared() -> None:
    handed = a_hand_over(State.SURGING, Mechanism.SURGE, handed="yes")
    later = a_hand_over(State.SURGING, Mechanism.SURGE, node="b")
    nodes = (replace(OLD, is_cordoned=True), a_node("b"))

    spared = moved(handed, seen(*nodes, surged=1, ready=3), others=(later,))
    needed = moved(handed, seen(*nodes, surged=1, ready=2), others=(later,))

    preferred = PreferToDelete("default", "llm-a")
    assert done(spared) == [preferred, Evict("default", "llm-a")]
    assert done(needed) == [preferred]


def test_a_replica_that_the_scale_down_took_in_place_of_the_old_pod_is_asked_for_again() -> None:
    # Killed after HANDED was stored, before the old pod was marked; another hand-over went back.
    handed = a_hand_over(State.SURGING, Mechanism.SURGE, handed="yes")
    nodes = (replace(OLD, is_cordoned=True), a_node("b"))

    again = moved(handed, seen(*nodes, ready=2))
    rising = moved(handed, seen(*nodes, ready=1))

    assert done(again) == [Surge(LLM, 3)]
    assert again.next is not None
    assert (again.next.state, "handed" in again.next.detail) == (State.SURGING, False)
    assert (rising.next, done(rising)) == (None, [PreferToDelete("default", "llm-a")])
    ready = moved(again.next, seen(*nodes, surged=1, ready=3))
    assert ready.next is not None
    assert ready.next.detail["handed"] == "yes"


def test_an_explicit_claim_stands_and_is_warm_before_the_old_node_is_retired() -> None:
    begun = moved(a_hand_over(State.PLANNED, Mechanism.CLAIM), seen(OLD))
    assert done(begun) == [CreateClaim(MANIFEST)]
    assert begun.next is not None

    for unready in UNREADY:
        new = replace(a_node("new", GOOD), claim="made", **unready)
        assert moved(begun.next, seen(OLD, new)) == Step(None)
    new = replace(a_node("new", GOOD), claim="made")
    placed = moved(begun.next, seen(OLD, new))
    assert placed.next is not None
    assert state_of(moved(placed.next, seen(OLD, new))) is State.RETIRING


def test_a_claim_is_asked_for_until_it_shows() -> None:
    asked = a_hand_over(State.SURGING, Mechanism.CLAIM, age=MINUTE / 4)

    assert done(moved(asked, seen(OLD))) == [CreateClaim(MANIFEST)]
    assert done(moved(asked, replace(seen(OLD), claims={"made": False}))) == []


def test_a_claim_that_finds_no_machine_gives_way_to_the_next_and_at_last_to_karpenter() -> None:
    asked = a_hand_over(State.SURGING, Mechanism.CLAIM)
    launched = replace(seen(OLD), claims={"made": True})
    slow = a_hand_over(State.SURGING, Mechanism.CLAIM, age=15 * MINUTE)
    assert moved(asked, launched) == Step(None)

    for one, there in (
        (asked, seen(OLD)),
        (asked, replace(launched, claims={"made": False})),
        (slow, launched),
    ):
        second = moved(one, there)
        given_up = [DeleteClaim("made")] if there.claims else []
        assert done(second) == [*given_up, CreateClaim(SECOND)]
    assert second.next is not None
    assert second.next.detail["made"] == "second"
    again = replace(seen(OLD), taken_at=NOW + MINUTE / 2)
    assert done(moved(second.next, again)) == [CreateClaim(SECOND)]

    late = replace(seen(OLD), taken_at=NOW + MINUTE)
    last = moved(second.next, late)
    assert done(last) == [DeleteClaim("second")]
    assert last.next is not None
    assert state_of(moved(last.next, late)) is State.RETIRING


def test_the_replica_comes_when_the_machine_of_the_claim_is_there_warm_or_not() -> None:
    begun = moved(a_hand_over(State.PLANNED, Mechanism.CLAIM_AND_SURGE), seen(OLD))
    assert done(begun) == [CreateClaim(MANIFEST)]
    assert begun.next is not None
    boots = replace(a_node("new", GOOD), claim="made", is_ready=False)
    warms = replace(boots, is_ready=True, is_initialized=False, is_warming=True)

    assert moved(begun.next, seen(OLD, boots)) == Step(None)
    placed = moved(begun.next, seen(OLD, warms))
    assert done(placed) == [Cordon("a"), Surge(LLM, 3)]
    assert placed.next is not None
    cordoned = replace(OLD, is_cordoned=True)
    assert moved(placed.next, seen(cordoned, warms, surged=1, ready=2)) == Step(None)
    handed = moved(placed.next, seen(cordoned, warms, surged=1, ready=3))
    assert done(handed) == [PreferToDelete("default", "llm-a")]
    assert handed.next is not None
    assert state_of(moved(handed.next, seen(replace(cordoned, pods=()), warms))) is State.RETIRING


def test_a_claim_that_is_not_there_yet_wants_no_replica_for_its_hand_over() -> None:
    waiting = a_hand_over(State.SURGING, Mechanism.CLAIM_AND_SURGE, age=MINUTE / 4)
    surging = a_hand_over(State.SURGING, Mechanism.SURGE, node="b")
    other = replace(OLD, name="b", is_cordoned=True)

    made = moved(surging, seen(OLD, other, ready=2), others=(waiting,))

    assert done(made) == [Surge(LLM, 3)]


def test_pods_that_came_before_the_cordon_are_moved_with_the_others() -> None:
    empty = a_hand_over(State.SURGING, Mechanism.SURGE, surge="{}", serves="{}")
    cordoned = replace(OLD, is_cordoned=True)
    there = seen(cordoned)
    stuck = Workload(LLM, 2, 2, can_surge=False)

    wider = moved(empty, there)
    assert done(wider) == [Surge(LLM, 3)]
    back = moved(empty, replace(there, workloads={LLM: stuck}))
    assert end_of(back) == State.ROLLED_BACK


def test_a_pod_that_stays_after_all_is_no_longer_the_first_to_go() -> None:
    marked = replace(OLD, is_cordoned=True, pods=(replace(POD, goes_first=True),))
    late = a_hand_over(State.SURGING, Mechanism.SURGE, age=timedelta(hours=1), handed="yes")

    assert PreferToKeep("default", "llm-a") in done(moved(late, seen(marked)))


def test_a_claim_on_which_pods_stand_is_kept() -> None:
    new = replace(a_node("new", GOOD, pods=(POD,)), claim="made", is_ready=False)
    back = moved(
        a_hand_over(State.SURGING, Mechanism.CLAIM, age=timedelta(hours=1)), seen(OLD, new)
    )

    assert end_of(back) == State.ROLLED_BACK
    assert done(back) == []


@pytest.mark.parametrize("surged", [0, 1])
def test_nothing_is_evicted_until_the_scale_down_is_known_to_be_over(surged: int) -> None:
    handed = a_hand_over(State.SURGING, Mechanism.SURGE, handed="yes")
    there = seen(replace(OLD, is_cordoned=True), surged=surged, ready=3, noted=True)

    assert done(moved(handed, there)) == [PreferToDelete("default", "llm-a"), Unsurge(LLM)]


def test_an_emergency_cordons_and_evicts_at_once() -> None:
    begun = moved(a_hand_over(State.PLANNED, Mechanism.EVACUATE), seen(OLD))

    assert state_of(begun) is State.DRAINING
    assert done(begun) == [Cordon("a"), Evict("default", "llm-a")]
    assert begun.next is not None
    assert end_of(moved(begun.next, seen())) == State.OVERTAKEN
    emptied = moved(begun.next, seen(replace(OLD, pods=(), is_cordoned=True)))
    assert emptied.next is not None
    assert end_of(moved(emptied.next, seen())) == State.DONE


def test_without_karpenter_we_drain_what_is_left_and_uncordon_in_the_end() -> None:
    daemonless = Pod("default", "one-off", True, False, None)
    handed = a_hand_over(State.SURGING, Mechanism.SURGE_AND_EVICT, handed="yes")
    node = replace(OLD, claim=None, nodepool=None, is_cordoned=True, pods=(daemonless,))

    draining = moved(handed, seen(node))
    assert (state_of(draining), done(draining)) == (State.DRAINING, [Evict("default", "one-off")])
    assert draining.next is not None
    empty = seen(replace(node, pods=()))
    emptied = moved(draining.next, empty).next
    assert emptied is not None
    assert emptied.detail["drained"] == "yes"

    over = moved(emptied, replace(empty, taken_at=NOW + timedelta(hours=1)))
    assert (end_of(over), done(over)) == (State.DONE, [Uncordon("a")])


@pytest.mark.parametrize("state", [State.PLANNED, State.SURGING, State.RETIRING])
def test_the_danger_must_stay_away_for_a_while_before_anything_is_taken_back(state: State) -> None:
    calm, one = a_risk(0.02), a_hand_over(state, Mechanism.SURGE)
    there = seen(OLD, drift_allowed=0)
    noted = moved(one, there, calm).next or one
    if state is State.PLANNED:
        noted = moved(noted, there, calm).next or noted
    assert "calm_since" in noted.detail

    again = replace(there, taken_at=NOW + 4 * MINUTE)
    assert moved(noted, again, calm).next is None
    disturbed = moved(noted, again, a_risk(0.15)).next
    assert disturbed is not None
    assert "calm_since" not in disturbed.detail
    assert end_of(moved(noted, replace(there, taken_at=NOW + 5 * MINUTE), calm)) == (
        State.ROLLED_BACK
    )


@pytest.mark.parametrize(
    "risk",
    [
        None,
        a_risk(0.02, is_stale=True),
        a_risk(0.02, may_act=False),
        a_risk(0.02, high=0.5),
        a_risk(0.12),
    ],
)
def test_what_is_not_known_to_be_calm_takes_nothing_back(risk: Any) -> None:
    one = a_hand_over(State.RETIRING, retired="yes", calm_since="2026-11-24T08:00:00+00:00")

    made = moved(one, seen(replace(OLD, retire="at-risk")), risk)

    assert made.next is not None
    assert made.next.state is State.RETIRING
    assert "calm_since" not in made.next.detail


def test_a_hand_over_that_karpenter_has_begun_is_not_called_off_by_a_calm_forecast() -> None:
    one = a_hand_over(State.RETIRING, disrupted="yes", calm_since="2026-11-24T08:00:00+00:00")

    assert moved(one, seen(replace(OLD, retire="x", is_disrupted=True)), a_risk(0.02)) == Step(None)


def test_a_replacement_that_cannot_be_had_is_given_up_and_the_label_taken_away() -> None:
    one = a_hand_over(State.RETIRING, age=30 * MINUTE, retired="yes")
    labelled = seen(replace(OLD, retire="at-risk"))
    late = moved(one, labelled)

    assert (end_of(late), done(late)) == (State.ROLLED_BACK, [Unretire("claim-a")])
    assert late.next is not None
    last = moved(late.next, labelled)
    assert (state_of(last), done(last)) == (State.ROLLED_BACK, [Unretire("claim-a")])


def test_replicas_and_cordon_are_taken_back_as_well() -> None:
    one = a_hand_over(State.SURGING, Mechanism.SURGE, age=45 * MINUTE)
    late = moved(one, seen(replace(OLD, is_cordoned=True), surged=1))

    assert (end_of(late), done(late)) == (State.ROLLED_BACK, [Uncordon("a"), Unsurge(LLM)])


def test_what_is_another_hand_overs_is_not_taken_back_with_it() -> None:
    one = a_hand_over(State.RESTORING, Mechanism.SURGE, end="rolled_back")
    other = a_hand_over(State.SURGING, Mechanism.SURGE, node="b")

    made = moved(one, seen(OLD, a_node("b"), surged=2), others=(other,))

    assert done(made) == [Uncordon("a"), Surge(LLM, 3)]


@pytest.mark.parametrize("state", [State.SURGING, State.RETIRING])
def test_a_node_that_somebody_holds_meanwhile_is_let_go(state: State) -> None:
    one = a_hand_over(state, Mechanism.SURGE, handed="yes", retired="yes")

    for node in (replace(OLD, is_held=True), replace(OLD, pods=(replace(POD, is_held=True),))):
        assert end_of(moved(one, seen(node))) == State.ROLLED_BACK


def test_a_label_of_somebody_else_is_not_taken_away() -> None:
    back = moved(a_hand_over(State.PLANNED), seen(replace(OLD, retire="by-hand")))

    assert (end_of(back), done(back)) == (State.ROLLED_BACK, [])


@pytest.mark.parametrize("state", [State.PLANNED, State.SURGING, State.RETIRING, State.DRAINING])
def test_a_node_that_the_cloud_took_first_is_overtaken(state: State) -> None:
    mechanism = Mechanism.SURGE if state is State.SURGING else Mechanism.RETIRE
    taken = moved(a_hand_over(state, mechanism), seen(ready=1, surged=0))

    assert end_of(taken) == State.OVERTAKEN
    assert isinstance(taken.actions[-1], Tell)
    assert taken.actions[-1].is_warning


def test_a_younger_node_that_serves_is_a_successor() -> None:
    one = a_hand_over(State.DRAINING)
    young = a_node("new", GOOD, launched_at=NOW)

    assert end_of(moved(one, seen(young, ready=1))) == State.DONE
    for unready in [*UNREADY, {"nodepool": "x"}]:
        assert end_of(moved(one, seen(replace(young, **unready), ready=1))) == State.OVERTAKEN


def test_the_budgets_of_the_moment_hold_back_a_label() -> None:
    others = (a_hand_over(State.RETIRING, node="b"),)
    waiting = moved(
        a_hand_over(State.PLANNED), seen(OLD, a_node("b"), drift_allowed=1), others=others
    )
    pdb = DisruptionBudget("default", "llm-pdb", 0)
    blocked = moved(
        a_hand_over(State.PLANNED), seen(replace(OLD, pods=(replace(POD, budgets=(pdb,)),)))
    )

    assert (waiting.next, waiting.actions) == (None, ())
    assert "NodePool gpu allows 1 nodes at once, and 1 are on their way" in waiting.events[0]
    assert (blocked.next, blocked.actions) == (None, ())
    assert "default/llm-pdb" in blocked.events[0]


def test_a_node_that_does_not_drain_is_told_to_a_person() -> None:
    stuck = replace(OLD, is_deleting=True)
    made = moved(a_hand_over(State.DRAINING, age=timedelta(hours=1), retired="yes"), seen(stuck))

    assert end_of(made) == State.FAILED
    assert "default/llm-a" in made.events[0]


@pytest.mark.parametrize("end", [State.DONE, State.ROLLED_BACK, State.OVERTAKEN, State.FAILED])
def test_an_end_is_an_end(end: State) -> None:
    assert moved(a_hand_over(end), seen(OLD), a_risk(0.9)) == Step(None)
