"""A plan as people and programs read it; the texts below were read by a person."""

from datetime import timedelta
from typing import Any

from advisor.planning.budget import ChurnBudget
from advisor.planning.plan import Plan, PlanSettings, plan
from advisor.planning.protection import Eviction
from advisor.planning.report import as_json, diff, sentences
from tests.support.planning import NOW, a_claim, a_nodepool, a_ranking, fresh

ALL = Eviction(frozenset({"all"}))


def made(**given: Any) -> Plan:
    """Of three nodes one runs on a type that leaves, and one on something unheard of."""
    settings: dict[str, Any] = {
        "hysteresis": None,
        "eviction": ALL,
        "budget": ChurnBudget(nodes=1),
        **given,
    }
    return plan(
        a_nodepool(["g5.xlarge", "other"], weight=20),
        a_nodepool(["g5.xlarge", "g4dn.xlarge", "other"], weight=10),
        [
            a_claim("a"),
            a_claim("b", "g4dn.xlarge"),
            a_claim("c", "other"),
            a_claim("d", "other", is_drifted=True),
        ],
        PlanSettings(**settings),
        now=NOW,
        ranked=a_ranking({"g5.xlarge": 0.5, "g4dn.xlarge": 0.6}),
        held_nodes=frozenset({"node-of-b"}),
    )


def test_a_plan_in_sentences() -> None:
    assert sentences(made()) == [
        "NodePool gpu-spot: 2 changes; 1 of 4 running nodes would be replaced.",
        "  - node.kubernetes.io/instance-type g4dn.xlarge",
        "  ~ spec.weight: 10 -> 20",
        "Nodes that would be replaced:",
        "  b (node-of-b, g4dn.xlarge in use1-az4; do-not-disrupt keeps it for now)",
        "    node.kubernetes.io/instance-type g4dn.xlarge is not in the list",
        "Drifted already, whatever is applied: d",
        "Nodes: 1.1000 -> 1.0000 USD an hour expected, 2 of 4 of unknown cost",
        "Risk: 38.1% -> 38.1% that a node is interrupted within 24 h, 2 of 4 of unknown risk",
        (
            "List: 2 offerings (best 0.5000, mean 0.5500 USD an hour expected) -> "
            "1 offering (best 0.5000, mean 0.5000 USD an hour expected)"
        ),
    ]


def test_a_refusal_is_the_last_word() -> None:
    assert sentences(made(budget=ChurnBudget(nodes=0)))[-1] == (
        "REFUSED: NodePool gpu-spot: 1 of 4 running nodes would be replaced, and the budget of 0 "
        "allows 0. Nothing that nodes run on fits into it: keep them, or raise --churn."
    )


def test_a_diff_shows_the_lines_that_change() -> None:
    lines = diff(made()).splitlines()

    assert lines[:2] == ["--- nodepool/gpu-spot (now)", "+++ nodepool/gpu-spot (planned)"]
    assert [line for line in lines[2:] if line[0] in "+-"] == [
        "-  weight: 10",
        "+  weight: 20",
        "-        - g4dn.xlarge",
    ]


def test_a_new_nodepool_is_told_as_new_and_shown_whole() -> None:
    new = plan(a_nodepool(), None, None, PlanSettings(), now=NOW)

    assert sentences(new)[0] == "NodePool gpu-spot is new."
    assert "List: no known offering -> no known offering" in sentences(new)
    assert all(line[0] in "+-@" for line in diff(new).splitlines())


def test_a_requirement_that_is_no_list_is_told_in_words_and_stale_data_is_named() -> None:
    gpus = {"key": "gpus", "operator": "Gt", "values": ["0"]}
    wanted = fresh(a_nodepool(extra=(gpus,)), NOW - timedelta(days=2))

    told = sentences(plan(wanted, a_nodepool(), [], PlanSettings(hysteresis=None), now=NOW))

    assert told[1] == "  ~ gpus: any -> Gt 0"
    assert told[-1] == "The data behind the wanted list is stale: nothing is taken out by it."


def test_unknown_figures_are_null_in_json() -> None:
    current = a_nodepool()

    told = as_json(plan(current, current, [a_claim()], PlanSettings(), now=NOW))

    assert told["verdict"] == "nothing"
    assert told["nodes"]["before"] == {
        "nodes": 1,
        "usd_per_hour": None,
        "nodes_of_unknown_cost": 1,
        "interruptions_per_hour": None,
        "interrupted_within_24_h": None,
        "nodes_of_unknown_risk": 1,
    }
    assert told["list"]["after"]["best_usd_per_hour"] is None


def test_the_same_plan_gives_the_same_text() -> None:
    assert (sentences(made()), diff(made()), as_json(made())) == (
        sentences(made()),
        diff(made()),
        as_json(made()),
    )
