"""Which nodes are drifted: Karpenter's own verdicts, and what must hold for any labels."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.planning.changes import field_changes
from advisor.planning.drift import allowed_by, unmet

FIXTURE = Path(__file__).parents[2] / "fixtures" / "karpenter_drift.json"

Case = dict[str, Any]

values = st.sampled_from(["1", "2", "10", "x", "y"])
keys = st.sampled_from(["example.com/a", "example.com/b", "kubernetes.io/arch"])
labels = st.dictionaries(keys, values)


@st.composite
def requirements(draw: st.DrawFn) -> list[Case]:
    """Up to three requirements of any operator."""
    made = []
    for _ in range(draw(st.integers(0, 3))):
        operator = draw(
            st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"])
        )
        one: Case = {"key": draw(keys), "operator": operator}
        if operator in {"In", "NotIn"}:
            one["values"] = draw(st.lists(values, min_size=1, max_size=3))
        elif operator in {"Gt", "Lt", "Gte", "Lte"}:
            one["values"] = [draw(st.sampled_from(["0", "1", "5"]))]
        made.append(one)
    return made


@pytest.fixture(scope="module")
def verdicts() -> dict[str, list[Case]]:
    """What Karpenter itself said."""
    found: dict[str, list[Case]] = json.loads(FIXTURE.read_text(encoding="utf-8"))
    return found


def test_each_verdict_on_labels_is_karpenters(verdicts: dict[str, list[Case]]) -> None:
    wrong = [
        case
        for case in verdicts["drift"]
        if bool(unmet(case["labels"], allowed_by(case["requirements"]))) != case["drifted"]
    ]

    assert {case["drifted"] for case in verdicts["drift"]} == {True, False}
    assert wrong == []


def test_a_template_replaces_all_nodes_exactly_where_karpenters_hash_differs(
    verdicts: dict[str, list[Case]],
) -> None:
    def is_same(case: Case) -> bool:
        before, after = ({"spec": {"template": case[side]}} for side in ("before", "after"))
        return not any(one.replaces_all for one in field_changes(before, after))

    assert {case["same"] for case in verdicts["hash"]} == {True, False}
    assert [case for case in verdicts["hash"] if is_same(case) != case["same"]] == []


@given(labels=labels, asked=requirements())
def test_one_requirement_a_key_means_what_kubernetes_means(
    labels: dict[str, str], asked: list[Case]
) -> None:
    """The plain reading, which holds as long as no key is asked for twice."""
    by_key = {one["key"]: one for one in asked}

    expected = sorted(key for key, one in by_key.items() if not _holds(one, labels.get(key)))

    assert unmet(labels, allowed_by(by_key.values())) == expected


@given(labels=labels, asked=requirements())
def test_the_order_of_requirements_changes_nothing(
    labels: dict[str, str], asked: list[Case]
) -> None:
    assert unmet(labels, allowed_by(asked)) == unmet(labels, allowed_by(asked[::-1]))


def test_a_beta_label_is_read_as_its_new_name() -> None:
    allowed = allowed_by([{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}])

    assert unmet({"beta.kubernetes.io/arch": "amd64"}, allowed) == []
    assert unmet({"beta.kubernetes.io/arch": "arm64"}, allowed) == ["kubernetes.io/arch"]


def _holds(one: Case, value: str | None) -> bool:
    asked = one.get("values", [])
    match one["operator"]:
        case "In":
            return value in asked
        case "NotIn":
            return value not in asked
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case operator:
            if value is None or not value.isdigit():
                return False
            bound, number = int(asked[0]), int(value)
            return {
                "Gt": number > bound,
                "Lt": number < bound,
                "Gte": number >= bound,
                "Lte": number <= bound,
            }[operator]
