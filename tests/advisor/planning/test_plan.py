"""Plans: what may be applied, which nodes it takes, and what holds for every list and node."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cluster import NodeClaim, SnapshotError
from advisor.planning.budget import BudgetError, ChurnBudget
from advisor.planning.drift import allowed_by, requirements_of, unmet
from advisor.planning.hysteresis import Hysteresis
from advisor.planning.merge import applied
from advisor.planning.plan import Plan, PlanSettings, plan, to_apply, way_back
from advisor.planning.protection import Eviction
from tests.support.planning import (
    NOW,
    RETIRE,
    TYPE,
    ZONE,
    a_claim,
    a_nodepool,
    a_ranking,
    fresh,
)

ALL = Eviction(frozenset({"all"}))
BY_HAND = PlanSettings(hysteresis=None)
EVICTING = PlanSettings(hysteresis=None, eviction=ALL, budget=ChurnBudget(share=1.0))

TYPES = ["g4dn.xlarge", "g5.xlarge", "g6.xlarge", "p3.2xlarge", "g6e.xlarge"]
ZONES = ["use1-az1", "use1-az4", "use1-az6"]
names = st.lists(st.sampled_from(TYPES), min_size=1, unique=True)
places = st.lists(st.sampled_from(ZONES), min_size=1, unique=True)


@st.composite
def claims(draw: st.DrawFn) -> list[NodeClaim]:
    """Up to six nodes, on anything, some marked to retire."""
    return [
        a_claim(
            f"n{number}",
            draw(st.sampled_from(TYPES)),
            draw(st.sampled_from(ZONES)),
            labels=draw(st.sampled_from([{}, {}, {}, {RETIRE: "risk"}])),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@st.composite
def nodepools(draw: st.DrawFn) -> dict[str, Any]:
    """A NodePool of any lists, with or without a minimum of GPUs, of two templates."""
    gpus = {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "Gt", "values": ["0"]}
    return a_nodepool(
        draw(names),
        draw(places),
        extra=draw(st.sampled_from([(), (gpus,)])),
        template={"expireAfter": draw(st.sampled_from(["720h", "24h"]))},
        weight=draw(st.integers(1, 2)),
    )


def planned(
    wanted: dict[str, Any],
    current: dict[str, Any] | None,
    found: Sequence[NodeClaim] | None,
    settings: PlanSettings = BY_HAND,
    **given: Any,
) -> Plan:
    return plan(wanted, current, found, settings, now=NOW, **given)


def fits(claim: NodeClaim, nodepool: dict[str, Any]) -> bool:
    return not unmet(claim.labels, allowed_by(requirements_of(nodepool)))


@given(wanted=nodepools(), current=nodepools(), found=claims())
def test_a_default_plan_makes_no_node_drift(
    wanted: dict[str, Any], current: dict[str, Any], found: list[NodeClaim]
) -> None:
    made = planned(wanted, current, found)

    after = dict(made.after)
    assert made.drifted == ()
    assert [one.name for one in found if fits(one, current) and not fits(one, after)] == []
    assert not found or not any(one.replaces_all for one in made.fields)


@given(wanted=nodepools(), current=nodepools(), found=claims())
def test_only_nodes_that_no_longer_fit_are_named(
    wanted: dict[str, Any], current: dict[str, Any], found: list[NodeClaim]
) -> None:
    made = planned(wanted, current, found, EVICTING)

    leaving = {one.name for one in found if fits(one, current) and not fits(one, wanted)}
    assert {one.claim for one in made.drifted} == leaving
    assert all(one.reasons for one in made.drifted)


@given(current=nodepools(), found=claims(), leaving=st.sampled_from(TYPES))
def test_removing_a_type_names_exactly_its_nodes(
    current: dict[str, Any], found: list[NodeClaim], leaving: str
) -> None:
    left = [one for one in _types(current) if one != leaving]
    wanted = _with_types(current, left or ["x"])

    made = planned(wanted, current, found, EVICTING)

    theirs = {one.name for one in found if one.labels[TYPE] == leaving and fits(one, current)}
    if _types(current) != [leaving]:
        assert {one.claim for one in made.drifted} == theirs


@given(
    wanted=nodepools(),
    current=nodepools(),
    found=claims(),
    nodes=st.integers(0, 6),
    is_of_template=st.booleans(),
)
def test_a_plan_beyond_the_budget_is_refused_and_what_is_said_to_fit_does(
    wanted: dict[str, Any],
    current: dict[str, Any],
    found: list[NodeClaim],
    nodes: int,
    is_of_template: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    settings = replace(EVICTING, budget=ChurnBudget(nodes=nodes), writes_template=is_of_template)

    made = planned(wanted, current, found, settings)

    assert (made.refusal is None) == (len(made.drifted) <= nodes)
    if made.fits:
        within = replace(settings, eviction=Eviction(frozenset(made.fits)), writes_template=False)
        again = planned(wanted, current, found, within)
        assert again.refusal is None
        assert len(again.drifted) == sum(made.fits.values()) <= nodes


@given(current=nodepools(), found=claims())
def test_a_plan_for_the_same_is_empty(current: dict[str, Any], found: list[NodeClaim]) -> None:
    made = planned(current, current, found, EVICTING)

    assert made.is_empty
    assert made.drifted == ()
    assert made.requirements == ()


@given(wanted=nodepools(), current=nodepools(), found=claims(), evicts=st.booleans())
def test_after_an_apply_the_same_plan_is_empty(
    wanted: dict[str, Any],
    current: dict[str, Any],
    found: list[NodeClaim],
    evicts: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    settings = EVICTING if evicts else BY_HAND
    first = planned(wanted, current, found, settings)
    there = applied(current, to_apply(first, NOW))
    gone = {one.claim for one in first.drifted}
    types, zones = (
        next(one["values"] for one in requirements_of(there) if one["key"] == key)
        for key in (TYPE, ZONE)
    )
    later = [a_claim(one.name, types[0], zones[0]) if one.name in gone else one for one in found]

    assert planned(wanted, there, later, settings).is_empty


@given(
    costs=st.dictionaries(
        st.sampled_from(TYPES), st.one_of(st.none(), st.floats(0.1, 2.0)), min_size=1
    ),
    current=names,
    size=st.integers(1, 5),
    found=claims(),
    margin=st.floats(0, 0.5),
)
def test_a_settled_list_stays_settled(
    costs: dict[str, float | None],
    current: list[str],
    size: int,
    found: list[NodeClaim],
    margin: float,
) -> None:
    """With the same costs a second plan finds nothing to do, however soon it comes."""
    ranked = a_ranking(costs)
    types = [one.offering.pool.instance_type for one in ranked[:size]]
    wanted = fresh(a_nodepool(types))
    settings = PlanSettings(hysteresis=Hysteresis(margin_share=margin, min_stay=timedelta(0)))
    first = planned(wanted, a_nodepool(current), found, settings, ranked=ranked)

    there = applied(first.current or {}, to_apply(first, NOW))

    assert planned(wanted, there, found, settings, ranked=ranked).is_empty


@given(wanted=nodepools(), current=nodepools(), found=claims(), random=st.randoms())
def test_the_order_of_values_keys_and_nodes_changes_nothing(
    wanted: dict[str, Any], current: dict[str, Any], found: list[NodeClaim], random: Any
) -> None:
    settings = replace(EVICTING, budget=ChurnBudget(nodes=1))
    made = planned(wanted, current, found, settings)

    turned = planned(_shuffled(wanted, random), _shuffled(current, random), found[::-1], settings)

    assert (turned.requirements, turned.fields) == (made.requirements, made.fields)
    assert (turned.drifted, turned.refusal, turned.fits) == (made.drifted, made.refusal, made.fits)


def test_a_change_of_the_template_waits_unless_it_is_asked_for_and_then_takes_every_node() -> None:
    wanted, found = a_nodepool(template={"expireAfter": "24h"}), [a_claim("a"), a_claim("b")]

    careful = planned(wanted, a_nodepool(), found)
    bold = planned(wanted, a_nodepool(), found, replace(BY_HAND, writes_template=True))

    assert careful.is_empty
    assert [one.key for one in careful.held] == ["spec.template.spec.expireAfter"]
    assert [one.claim for one in bold.drifted] == ["a", "b"]
    assert bold.refusal == (
        "NodePool gpu-spot: 2 of 2 running nodes would be replaced, and the budget of 10% allows "
        "1. A change of the template replaces all: leave it out, or raise --churn"
    )


def test_a_node_that_karpenter_never_hashed_stays_when_the_template_changes() -> None:
    wanted = a_nodepool(template={"expireAfter": "24h"})
    settings = replace(EVICTING, writes_template=True)

    made = planned(wanted, a_nodepool(), [a_claim("own", annotations={})], settings)

    assert made.drifted == ()
    assert [one.field for one in made.fields] == ["spec.template.spec.expireAfter"]


def test_a_node_on_its_way_out_is_told_apart_and_counts_no_churn() -> None:
    found = [a_claim("old", "g4dn.xlarge"), a_claim("marked", is_drifted=True), a_claim("fine")]

    made = planned(a_nodepool(["g6.xlarge"]), a_nodepool(), found, EVICTING)

    assert made.already_drifted == ("marked", "old")
    assert [one.claim for one in made.drifted] == ["fine"]
    assert made.running == 3


def test_a_node_that_is_not_launched_or_is_deleted_is_not_judged() -> None:
    found = [a_claim("new", is_launched=False), a_claim("gone", is_deleting=True)]

    made = planned(a_nodepool(["g6.xlarge"]), a_nodepool(), found, EVICTING)

    assert (made.running, made.drifted) == (0, ())


def test_a_marked_node_drifts_when_the_switch_that_retires_is_put_in() -> None:
    current = a_nodepool()
    current["spec"]["template"]["spec"]["requirements"].pop()
    found = [a_claim("a"), a_claim("b", labels={RETIRE: "risk"})]

    made = planned(a_nodepool(), current, found)

    assert [(one.claim, one.reasons) for one in made.drifted] == [
        ("b", ("spotcast.io/retire is risk, and asked is DoesNotExist",))
    ]


def test_do_not_disrupt_is_told_of_a_node() -> None:
    made = planned(
        a_nodepool(["g6.xlarge"]),
        a_nodepool(),
        [a_claim("a"), a_claim("b")],
        EVICTING,
        held_nodes=frozenset({"node-of-b"}),
    )

    assert {one.claim: one.is_held for one in made.drifted} == {"a": False, "b": True}


def test_where_nobody_looked_at_nodes_the_template_is_left_as_it_is() -> None:
    made = planned(a_nodepool(template={"expireAfter": "24h"}), a_nodepool(), None)

    assert made.is_empty
    assert made.running is None


def test_stale_data_takes_nothing_out_but_lets_in() -> None:
    wanted = fresh(a_nodepool(["g6.xlarge"], ["use1-az6"]), NOW - timedelta(days=3))

    made = planned(wanted, a_nodepool(), [], EVICTING)

    assert made.is_stale
    assert [(one.added, one.removed) for one in made.requirements] == [
        (("g6.xlarge",), ()),
        (("use1-az6",), ()),
    ]
    assert {one.value for one in made.held} == {"g5.xlarge", "use1-az4"}


def test_stale_data_makes_no_list_where_there_was_none() -> None:
    current = a_nodepool()
    requirements = current["spec"]["template"]["spec"]["requirements"]
    requirements[:] = [one for one in requirements if one["key"] != ZONE]

    made = planned(fresh(a_nodepool(), NOW - timedelta(days=3)), current, [])

    assert made.is_empty
    assert [one.key for one in made.held] == [ZONE]


def test_a_family_list_stays_wide_enough_for_a_type_that_stays() -> None:
    def nodepool(types: list[str], families: list[str]) -> dict[str, Any]:
        family = {
            "key": "karpenter.k8s.alibabacloud/instance-family",
            "operator": "In",
            "values": families,
        }
        return fresh(a_nodepool(types, extra=(family,)))

    ranked = a_ranking({"ecs.gn7i.large": 1.0, "ecs.gn6i.large": 1.01})
    made = planned(
        nodepool(["ecs.gn7i.large"], ["ecs.gn7i"]),
        nodepool(["ecs.gn7i.large", "ecs.gn6i.large"], ["ecs.gn7i", "ecs.gn6i"]),
        [],
        PlanSettings(),
        ranked=ranked,
    )

    assert made.is_empty


def test_costs_are_those_of_the_nodes_and_of_where_they_would_go() -> None:
    ranked = a_ranking({"g5.xlarge": 1.0, "g6.xlarge": 2.0})
    found = [a_claim("a"), a_claim("b", "g6.xlarge"), a_claim("c", "unheard.of")]
    current = a_nodepool(["g5.xlarge", "g6.xlarge", "unheard.of"])

    made = planned(a_nodepool(["g6.xlarge", "unheard.of"]), current, found, EVICTING, ranked=ranked)

    before, after = made.nodes_before, made.nodes_after
    assert (before.usd_per_hour, after.usd_per_hour) == pytest.approx((3.0, 4.0))
    assert (before.nodes_of_unknown_cost, after.nodes_of_unknown_risk) == (1, 1)
    assert after.interrupted_within(1) == pytest.approx(1 - 2.718281828 ** (-0.02))
    assert made.list_before.best_usd_per_hour == pytest.approx(1.0)
    assert made.list_after.mean_usd_per_hour == pytest.approx(2.0)


def test_an_on_demand_node_costs_its_list_price_and_risks_nothing() -> None:
    node = a_claim("a", labels={"karpenter.sh/capacity-type": "on-demand"})
    current = a_nodepool()
    current["spec"]["template"]["spec"]["requirements"][0]["values"] = ["spot", "on-demand"]

    made = planned(current, current, [node], ranked=a_ranking({"g5.xlarge": 0.4}))

    assert made.nodes_before.usd_per_hour == pytest.approx(1.0)
    assert made.nodes_before.interruptions_per_hour == 0
    assert made.nodes_before.nodes_of_unknown_risk == 0


def test_the_way_back_restores_what_was_there() -> None:
    current = a_nodepool(["g5.xlarge"], weight=10, limits={"nvidia.com/gpu": "8"})
    wanted = a_nodepool(["g6.xlarge"], weight=20)
    made = planned(wanted, current, [], EVICTING)

    there = applied(current, to_apply(made, NOW))
    back = planned(way_back(there), there, [], EVICTING)

    assert back.after["spec"] == current["spec"]
    assert "limits" not in back.proposed["spec"]


def test_what_others_keep_in_annotations_is_not_applied() -> None:
    wanted = a_nodepool(["g6.xlarge"], annotations={"team": "inference"})

    notes = to_apply(planned(wanted, None, []), NOW)["metadata"]["annotations"]

    assert notes == {"team": "inference", "spotcast.io/applied-at": "2026-11-24T09:00:00Z"}


def test_a_nodepool_that_we_never_changed_has_no_way_back() -> None:
    with pytest.raises(SnapshotError, match="nothing is kept to go back to"):
        way_back(a_nodepool())


def test_two_nodepools_of_other_names_are_not_compared() -> None:
    with pytest.raises(SnapshotError, match="gpu-spot is not other"):
        planned(a_nodepool(), a_nodepool(name="other"), [])


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ({"key": "a", "operator": "Near"}, "'Near' is no operator"),
        ({"key": "a", "operator": "In", "values": [1]}, "quote numbers"),
        ({"key": "a", "operator": "In"}, "at least one value"),
        ({"key": "a", "operator": "Gt", "values": ["1", "2"]}, "one number, not 2"),
        ("a", "holds no fields"),
    ],
)
def test_what_is_no_requirement_is_named(requirement: Any, said: str) -> None:
    with pytest.raises(SnapshotError, match=f"NodePool gpu-spot.*{said}"):
        planned(a_nodepool(extra=[requirement]), a_nodepool(), [])


@pytest.mark.parametrize("manifest", [{}, {"kind": "Pod"}, [], {"kind": "NodePool"}])
def test_what_is_no_nodepool_is_refused(manifest: Any) -> None:
    with pytest.raises(SnapshotError):
        planned(manifest, None, [])


@pytest.mark.parametrize(
    ("text", "running", "most"),
    [("2", 50, 2), ("10%", 50, 5), ("10%", 1, 1), ("0%", 9, 0), ("100%", 7, 7), ("29%", 100, 29)],
)
def test_a_budget_is_a_number_or_a_share_rounded_up(text: str, running: int, most: int) -> None:
    assert ChurnBudget.of(text).most(running) == most


@pytest.mark.parametrize("text", ["", "-1", "101%", "10 %", "1.5", "ten"])
def test_what_is_no_budget_gets_a_sentence(text: str) -> None:
    with pytest.raises(BudgetError, match="write a number of nodes, or 0% to 100%"):
        ChurnBudget.of(text)


def _types(nodepool: dict[str, Any]) -> list[str]:
    requirements = nodepool["spec"]["template"]["spec"]["requirements"]
    return next(one["values"] for one in requirements if one["key"] == TYPE)


def _with_types(nodepool: dict[str, Any], types: list[str]) -> dict[str, Any]:
    template = nodepool["spec"]["template"]["spec"]
    changed = [
        {**one, "values": types} if one["key"] == TYPE else one for one in template["requirements"]
    ]
    return {
        **nodepool,
        "spec": {**nodepool["spec"], "template": {"spec": {**template, "requirements": changed}}},
    }


def _shuffled(nodepool: dict[str, Any], random: Any) -> dict[str, Any]:
    template = nodepool["spec"]["template"]["spec"]
    requirements = [
        {**one, "values": random.sample(one["values"], len(one["values"]))}
        if "values" in one
        else one
        for one in random.sample(template["requirements"], len(template["requirements"]))
    ]
    return {
        **nodepool,
        "spec": {
            **nodepool["spec"],
            "template": {"spec": {**template, "requirements": requirements}},
        },
    }
