"""Which nodes are replaced now, by which mechanism, and why the others are not."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from advisor.replacement.actions import Action, LiftWarming, Release, Uncordon, Unsurge
from advisor.replacement.deciding import Decision, Kept, Plan, asked_for, decide
from advisor.replacement.places import Destination
from advisor.replacement.records import (
    DisruptionBudget,
    Evidence,
    EvidenceKind,
    GuardedNode,
    HandOver,
    LeadTime,
    Mechanism,
    NodePoolState,
    Pod,
    PoolRisk,
    Snapshot,
    State,
    Warmth,
    Workload,
)
from advisor.replacement.settings import Claims, GuardSettings, SettingsError
from tests.support.guard import a_node
from tests.support.market import NOW, a_pool
from tests.support.replacement import BAD, GOOD, LLM, MINUTE, a_risk
from warehouse.records import Pool

QUICK = GuardSettings(lead_times={"aws": LeadTime(5 * MINUTE, MINUTE, 2 * MINUTE)})
SLOW = replace(QUICK, lead_times={"aws": LeadTime(15 * MINUTE, MINUTE, 2 * MINUTE)})
RISKS = {BAD: a_risk(0.9)}
BETTER = a_pool("g6.2xlarge")
MANIFEST = {
    "kind": "NodeClaim",
    "metadata": {"name": "gpu-g6", "annotations": {"karpenter.sh/do-not-disrupt": "true"}},
}


def a_pod(node: str = "a", budget: int | None = None, *, held: bool = False) -> Pod:
    budgets = () if budget is None else (DisruptionBudget("default", "llm-pdb", budget),)
    return Pod("default", f"llm-{node}", True, held, LLM, budgets)


def serving(name: str = "a", **given: Any) -> GuardedNode:
    """A node of the bad pool with a pod on it."""
    given.setdefault("pods", (a_pod(name),))
    return a_node(name, **given)


def seen(*nodes: GuardedNode, surge: bool = True, **pool: Any) -> Snapshot:
    state = replace(NodePoolState("gpu", True, True, 10), **pool)
    count = len(nodes)
    return Snapshot(
        NOW,
        {one.name: one for one in nodes},
        {"gpu": state},
        {LLM: Workload(LLM, count, count, surge)},
    )


def planned(
    *nodes: GuardedNode,
    risks: dict[Pool, PoolRisk] = RISKS,
    evidence: tuple[Evidence, ...] = (),
    running: tuple[HandOver, ...] = (),
    settings: GuardSettings = QUICK,
    destinations: list[Destination] | None = None,
    **pool: Any,
) -> Plan:
    places = {one.name: destinations or [] for one in nodes}
    return decide(seen(*nodes, **pool), risks, evidence, running, settings, destinations=places)


def tidied(*nodes: GuardedNode, running: tuple[HandOver, ...] = ()) -> list[Action]:
    """What is done beside hand-overs."""
    return list(decide(seen(*nodes), {}, (), running, QUICK).tidied)


def why_kept(*nodes: GuardedNode, **given: Any) -> str:
    """The only node's reason."""
    plan = planned(*nodes, **given)
    assert plan.decisions == ()
    (kept,) = plan.kept
    return kept.reason


def a_word(kind: EvidenceKind, node: str = "a", age: timedelta = MINUTE) -> Evidence:
    return Evidence(node, kind, NOW - age)


def a_hand_over(state: State, node: str = "a", age: timedelta = 10 * MINUTE) -> HandOver:
    return HandOver(f"{node}-1", NOW - age, state, node, BAD, Mechanism.RETIRE, "risk", {})


def test_a_node_is_replaced_when_its_risk_costs_more_than_replacing() -> None:
    (made,) = planned(serving()).decisions

    assert (made.node, made.mechanism, made.probability) == ("a", Mechanism.RETIRE, 0.9)
    assert made.reason == (
        "P(lost within 4 min) is 90 %, above the 20 % at which replacing pays: "
        "forecast 90 % (81 % to 99 %, joint-1 of 08:55 UTC)"
    )


def test_the_costs_set_the_threshold() -> None:
    dear = replace(QUICK, replace_cost_usd=99, outage_cost_usd=1)

    assert "90 %, not above the 99 %" in why_kept(serving(), settings=dear)


def test_what_may_not_be_believed_causes_nothing() -> None:
    def reason(**given: Any) -> str:
        return why_kept(serving(), risks={BAD: a_risk(0.9, **given)})

    assert "is stale and not counted" in reason(is_stale=True)
    assert "has no proven skill and is not counted" in reason(may_act=False)
    assert "is uncertain and not counted" in reason(low=0.1)
    assert "foresees 1 min only and is not counted" in reason(window=MINUTE)
    assert "no forecast (unknown is not safe)" in why_kept(serving(), risks={})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"is_held": True}, "it is annotated karpenter.sh/do-not-disrupt"),
        ({"pods": (a_pod(held=True),)}, "pod default/llm-a is annotated"),
        ({"is_spot": False}, "it is no spot machine"),
        ({"is_deleting": True}, "being deleted already"),
        ({"is_disrupted": True}, "Karpenter disrupts it already"),
        ({"is_drifted": True}, "calls it drifted already"),
        ({"retire": "by-hand"}, "labelled spotcast.io/retire=by-hand already"),
        ({"is_initialized": False}, "not Initialized yet"),
        ({"claim": None, "nodepool": None}, "Karpenter does not manage it"),
        ({"claim": None}, "Karpenter does not manage it"),
        ({"nodepool": "other"}, "its NodePool other is not there"),
    ],
)
def test_a_protected_node_is_left_alone_and_says_why(given: dict[str, Any], reason: str) -> None:
    assert reason in why_kept(serving(**given))


def test_a_protected_node_is_not_evacuated_either() -> None:
    notice = (a_word(EvidenceKind.NOTICE),)

    assert "do-not-disrupt" in why_kept(serving(is_held=True), evidence=notice)
    assert "no spot machine" in why_kept(serving(is_spot=False), evidence=notice)


def test_a_nodepool_without_our_switch_is_told_how_to_get_it() -> None:
    reason = why_kept(serving(), has_retire=False)

    assert "{key: spotcast.io/retire, operator: DoesNotExist}" in reason


def test_a_node_of_an_unknown_pool_is_left_alone() -> None:
    assert "cannot be told" in why_kept(replace(serving(), pool=None))


def test_evidence_joins_the_forecast_by_its_own_precision() -> None:
    rebalance = (a_word(EvidenceKind.REBALANCE),)
    (made,) = planned(serving(), risks={BAD: a_risk(0.1)}, evidence=rebalance).decisions

    assert made.probability == pytest.approx(1 - 0.9 * 0.7)
    assert made.mechanism is Mechanism.RETIRE


def test_a_word_alone_is_no_certainty() -> None:
    rebalance = (a_word(EvidenceKind.REBALANCE),)
    dear = replace(QUICK, replace_cost_usd=1, outage_cost_usd=1)

    assert "30 %, not above the 50 %" in why_kept(
        serving(), risks={}, evidence=rebalance, settings=dear
    )


def test_an_old_word_is_of_no_account() -> None:
    old = (a_word(EvidenceKind.NOTICE, age=16 * MINUTE),)

    assert "no forecast" in why_kept(serving(), risks={}, evidence=old)


def test_a_notice_evacuates_whatever_the_budgets_say() -> None:
    notice = (a_word(EvidenceKind.NOTICE),)
    node = serving(pods=(a_pod(budget=0),))
    (made,) = planned(node, risks={}, evidence=notice, drift_allowed=0).decisions

    assert made.mechanism is Mechanism.EVACUATE


def test_a_pool_that_is_being_taken_draws_in_its_other_nodes() -> None:
    words = (a_word(EvidenceKind.NOTICE, "a"), a_word(EvidenceKind.NOTICE, "b"))
    nodes = [serving(name) for name in "abc"]

    assert len(planned(*nodes, risks={}, evidence=words).decisions) == 3
    assert len(planned(*nodes, risks={}, evidence=words[:1]).decisions) == 1


def test_the_pdb_that_blocks_a_node_is_named() -> None:
    reason = why_kept(serving(pods=(a_pod(budget=0),)))

    assert "the PodDisruptionBudget default/llm-pdb of pod default/llm-a lets 0 pods go" in reason


def test_no_more_nodes_go_at_once_than_a_pdb_has_pods_to_spare() -> None:
    nodes = [serving(name, pods=(a_pod(name, 2),)) for name in "abcd"]

    assert [one.node for one in planned(*nodes).decisions] == ["a", "b"]


def test_surged_nodes_take_nothing_of_a_pdb() -> None:
    nodes = [serving(name, pods=(a_pod(name, 1),)) for name in "abcd"]

    made = planned(*nodes, settings=SLOW).decisions

    assert [one.mechanism for one in made] == [Mechanism.SURGE] * 4


@pytest.mark.parametrize(
    ("limits", "pool", "reason"),
    [
        ({"most_at_once": 2}, {}, "2 hand-overs are open, of 2 at once in the cluster"),
        ({"most_per_nodepool": 2}, {}, "2 hand-overs are open in NodePool gpu, of 2 at once"),
        ({}, {"drift_allowed": 2}, "NodePool gpu allows 2 nodes at once, and 2 are on"),
    ],
)
def test_every_budget_holds_and_is_named(
    limits: dict[str, Any], pool: dict[str, Any], reason: str
) -> None:
    plan = planned(*map(serving, "abc"), settings=replace(QUICK, **limits), **pool)

    assert [one.node for one in plan.decisions] == ["a", "b"]
    (kept,) = plan.kept
    assert reason in kept.reason
    assert kept.is_at_risk


def test_what_karpenter_takes_away_itself_counts_against_its_budget() -> None:
    busy = serving("z", is_disrupted=True)
    broken = serving("y", is_ready=False, is_spot=False)

    assert planned(serving(), busy, broken, drift_allowed=2).decisions == ()
    assert len(planned(serving(), busy, broken, drift_allowed=3).decisions) == 1


def test_the_worst_pool_goes_first_as_a_whole_and_its_oldest_node_before_the_others() -> None:
    worse = a_pool(zone="use1-az6")
    nodes = [
        serving("a"),
        serving("b", pool=worse),
        serving("c", pool=worse, launched_at=NOW - timedelta(days=2)),
        serving("d"),
    ]
    plan = planned(*nodes, risks={BAD: a_risk(0.5), worse: a_risk(0.8)})

    assert [one.node for one in plan.decisions] == ["c", "b", "a", "d"]


def test_capacity_comes_first_where_karpenter_would_not_wait_so_long() -> None:
    (surged,) = planned(serving(), settings=SLOW).decisions
    (claimed,) = planned(
        serving(), settings=SLOW, surge=False, destinations=[Destination(GOOD, MANIFEST)]
    ).decisions
    (short,) = planned(serving(), settings=SLOW, surge=False).decisions

    assert surged.mechanism is Mechanism.SURGE
    assert claimed.mechanism is Mechanism.CLAIM
    assert short.mechanism is Mechanism.RETIRE
    assert "its pods are short for up to 7 min, and pod default/llm-a can have no" in short.reason


def test_a_nodepool_without_the_startup_taint_needs_capacity_first() -> None:
    (made,) = planned(serving(), has_warming=False).decisions

    assert made.mechanism is Mechanism.SURGE
    assert "no startup taint spotcast.io/warming" in made.reason


def test_a_node_without_pods_is_retired_without_more() -> None:
    (made,) = planned(serving(pods=()), settings=SLOW).decisions

    assert made.mechanism is Mechanism.RETIRE


def test_a_claim_is_bound_to_its_old_node_and_made_alone() -> None:
    place = [Destination(GOOD, MANIFEST), Destination(BETTER, MANIFEST)]
    gcp = a_pool("g2-standard-8", "us-central1-a", "us-central1", "gcp")
    nodes = [serving(name, pool=gcp) for name in "ab"]
    plan = planned(*nodes, risks={gcp: a_risk(0.9)}, destinations=place)
    again = planned(*nodes, risks={gcp: a_risk(0.9)}, destinations=place)

    (made,) = plan.decisions
    assert made.mechanism is Mechanism.CLAIM
    named = [one["metadata"]["name"] for one in json.loads(made.detail["manifests"])]
    assert named == [made.detail["made"], made.detail["made"][:-1] + "1"]
    assert made.detail["made"].startswith("gpu-g6-")
    assert plan == again
    assert "they are made one by one" in plan.kept[0].reason


def test_where_nothing_else_steers_the_machine_comes_first_and_then_the_replica() -> None:
    place = [Destination(GOOD, MANIFEST, 0.45, 0.031)]
    gcp = a_pool("g2-standard-8", "us-central1-a", "us-central1", "gcp")
    slow = replace(QUICK, lead_times={"gcp": LeadTime(15 * MINUTE, MINUTE, MINUTE / 2)})

    def chosen(settings: GuardSettings = slow, **given: Any) -> Decision:
        node = serving(pool=given.pop("pool", gcp))
        risks = {**RISKS, gcp: a_risk(0.9)}
        plan = planned(node, risks=risks, destinations=place, settings=settings, **given)
        return plan.decisions[0]

    assert chosen().mechanism is Mechanism.CLAIM_AND_SURGE
    assert chosen().reason.endswith(
        "its pods are short for up to 7 min, in g6.xlarge use1-az4 (0.45 USD/h, risk 3.1 %)"
    )
    assert chosen(surge=False).mechanism is Mechanism.CLAIM
    assert chosen(replace(slow, claims=Claims.NEVER)).mechanism is Mechanism.SURGE
    assert chosen(replace(QUICK, claims=Claims.ALWAYS), pool=BAD).mechanism is Mechanism.CLAIM
    on_aws = chosen(QUICK, pool=BAD)
    assert on_aws.mechanism is Mechanism.RETIRE
    assert on_aws.reason.endswith(
        "Karpenter chooses where; good now: g6.xlarge use1-az4 (0.45 USD/h, risk 3.1 %)"
    )


def test_one_claim_waits_for_its_machine_at_a_time() -> None:
    gcp = a_pool("g2-standard-8", "us-central1-a", "us-central1", "gcp")
    nodes = [serving(name, pool=gcp) for name in "ab"]
    first = replace(
        a_hand_over(State.SURGING),
        mechanism=Mechanism.CLAIM,
        pool=gcp,
        detail={"made": "gpu-1", "nodepool": "gpu"},
    )

    def begun(one: HandOver, **claims: bool) -> list[str]:
        named = {name.replace("_", "-"): is_launched for name, is_launched in claims.items()}
        places = {one.name: [Destination(GOOD, MANIFEST)] for one in nodes}
        there = replace(seen(*nodes), claims=named)
        plan = decide(there, {gcp: a_risk(0.9)}, (), [one], QUICK, destinations=places)
        return [made.node for made in plan.decisions]

    assert begun(first) == []
    assert begun(first, gpu_1=False) == []
    assert begun(first, gpu_1=True) == ["b"]
    assert begun(replace(first, detail={**first.detail, "placed": "none"})) == ["b"]


def test_a_node_that_came_back_to_the_pool_that_was_left_is_not_replaced_in_circles() -> None:
    left = replace(
        a_hand_over(State.DONE, "z"),
        detail={"nodepool": "gpu", "began_at": (NOW - 20 * MINUTE).isoformat()},
    )
    back = serving(launched_at=NOW - 15 * MINUTE)
    older = serving(launched_at=NOW - 25 * MINUTE)
    later = replace(left, changed_at=NOW - 61 * MINUTE)
    word = a_word(EvidenceKind.NOTICE)

    text = "was left at 08:40 UTC (node z) and Karpenter came back"
    assert text in why_kept(back, running=(left,))
    assert planned(older, running=(left,)).decisions
    assert planned(back, running=(replace(left, pool=GOOD),)).decisions
    assert planned(back, running=(later,)).decisions
    assert planned(back, running=(left,), evidence=(word,)).decisions


def test_a_replacement_is_never_sent_into_a_pool_that_is_at_risk() -> None:
    other = a_pool("p4d.24xlarge")
    places = [Destination(BAD), Destination(other), Destination(GOOD)]
    (made,) = planned(serving(), risks={**RISKS, other: a_risk(0.5)}, destinations=places).decisions

    assert made.destinations == (GOOD,)


def test_no_node_is_replaced_twice_for_one_scare() -> None:
    lately = a_hand_over(State.ROLLED_BACK)

    assert "ended as rolled_back at 08:50 UTC; none begins before 09:50 UTC" in why_kept(
        serving(), running=(lately,)
    )
    assert planned(serving(), running=(replace(lately, changed_at=NOW - 61 * MINUTE),)).decisions


def test_a_notice_does_not_wait_for_the_cool_down() -> None:
    plan = planned(
        serving(),
        running=(a_hand_over(State.ROLLED_BACK),),
        evidence=(a_word(EvidenceKind.NOTICE),),
    )

    assert len(plan.decisions) == 1


def test_an_open_hand_over_is_not_begun_again() -> None:
    assert "a-1 is under way (retiring)" in why_kept(
        serving(), running=(a_hand_over(State.RETIRING),)
    )


def test_without_karpenter_nodes_are_drained_by_us_only_if_asked_and_replaced_first() -> None:
    node = serving(claim=None, nodepool=None)
    there = replace(seen(node), nodepools={})
    stuck = replace(seen(node, surge=False), nodepools={})
    alone = replace(QUICK, without_karpenter=True)

    assert decide(there, RISKS, (), (), QUICK).decisions == ()
    (made,) = decide(there, RISKS, (), (), alone).decisions
    assert made.mechanism is Mechanism.SURGE_AND_EVICT
    (kept,) = decide(stuck, RISKS, (), (), alone).kept
    assert kept.reason.startswith("nothing replaces it first: pod default/llm-a")


def test_a_person_needs_no_forecast_and_passes_no_protection() -> None:
    made = asked_for("a", seen(serving()), (), QUICK, reason="a firmware fault")
    held = asked_for("a", seen(serving(is_held=True)), (), QUICK)
    gone = asked_for("z", seen(serving()), (), QUICK)
    blocked = asked_for("a", seen(serving(pods=(a_pod(budget=0),))), (), QUICK)

    assert isinstance(made, Decision)
    assert (made.reason, made.probability) == ("a firmware fault", None)
    assert held == Kept("a", "it is annotated karpenter.sh/do-not-disrupt")
    assert gone == Kept("z", "there is no such node")
    assert isinstance(blocked, Kept)
    assert "llm-pdb" in blocked.reason


def test_a_warming_node_is_let_go_when_it_is_warm_or_its_time_is_over() -> None:
    young = serving("a", is_warming=True, launched_at=NOW - 7 * MINUTE)
    old = serving("b", is_warming=True, launched_at=NOW - 8 * MINUTE)

    assert tidied(young, old, serving("c")) == [
        LiftWarming("b", "nobody says whether it is warm 8 min after launch")
    ]
    assert tidied(replace(young, warmth=Warmth.WARM)) == [LiftWarming("a", "it is warm")]


def test_a_node_that_somebody_warms_waits_longer() -> None:
    young = serving("a", is_warming=True, launched_at=NOW - 44 * MINUTE, warmth=Warmth.WARMING)
    old = serving("b", is_warming=True, launched_at=NOW - 45 * MINUTE, warmth=Warmth.WARMING)

    assert tidied(young, old) == [LiftWarming("b", "it was still warming 45 min after launch")]


def test_marks_of_ours_that_no_hand_over_owns_are_taken_away() -> None:
    marked = [
        serving("a", is_cordoned=True, is_cordoned_by_us=True),
        serving("b", is_held=True, is_held_by_us=True),
        serving("c", is_cordoned=True),
        serving("d", is_held=True),
    ]
    owner = replace(a_hand_over(State.SURGING), detail={"made": "claim-b"})

    assert tidied(*marked) == [Uncordon("a"), Release("b")]
    assert tidied(*marked, running=(owner,)) == []
    assert tidied(*marked, running=(replace(owner, state=State.DONE),)) == [
        Uncordon("a"),
        Release("b"),
    ]


def test_replicas_that_come_back_after_their_hand_over_are_followed_to_the_end() -> None:
    workload = Workload(LLM, 3, 3, can_surge=True, surged_by=1, is_noted=True)
    there = replace(seen(serving("a")), workloads={LLM: workload})
    share = {"surge": '{"Deployment/default/llm": 1}'}
    owner = replace(a_hand_over(State.SURGING), detail=share)
    ended = replace(owner, state=State.DONE)

    assert list(decide(there, {}, (), (ended,), QUICK).tidied) == [Unsurge(LLM)]
    assert list(decide(there, {}, (), (owner,), QUICK).tidied) == []


@pytest.mark.parametrize(
    "given",
    [
        {"replace_cost_usd": 0},
        {"outage_cost_usd": -1},
        {"most_at_once": 0},
        {"rollback_share": 0},
        {"burst_precision": 1.5},
        {"precision": {EvidenceKind.NOTICE: 2.0}},
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        GuardSettings(**given)
