"""What is read from a cluster or a file: objects as they are, and sentences about what is none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from advisor.cluster import SnapshotError, node, node_claim, of_kind
from advisor.planning import provenance
from advisor.planning.plan import way_back
from tests.support.planning import NOW, a_nodepool


def a_thing(kind: str = "NodeClaim", **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "a", **metadata}}


def test_lists_are_opened_and_objects_come_by_name() -> None:
    listed = {"kind": "List", "items": [a_thing(name="b"), a_thing("Pod")]}

    assert [one["metadata"]["name"] for one in of_kind([listed, a_thing()], "NodeClaim")] == [
        "a",
        "b",
    ]


def test_a_node_claim_that_has_no_machine_is_not_launched() -> None:
    assert not node_claim(a_thing()).is_launched
    assert node_claim({**a_thing(), "status": {"providerID": "aws:///i-1"}}).is_launched


def test_times_and_deletion_are_read() -> None:
    found = node_claim(
        a_thing(creationTimestamp="2026-11-24T09:00:00Z", deletionTimestamp="2026-11-24T10:00:00Z")
    )

    assert found.created_at == datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert found.is_deleting


def test_a_cordoned_node_is_unschedulable() -> None:
    assert node({**a_thing("Node"), "spec": {"unschedulable": True}}).is_unschedulable


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("text", "has no kind"),
        ({"kind": "NodeClaim"}, "without metadata.name"),
        (a_thing(labels={"a": 1}), "quote the values"),
        (a_thing(creationTimestamp="yesterday"), "is no time"),
        ({"kind": "List", "items": {"a": 1}}, "items is no list"),
    ],
)
def test_what_is_no_object_gets_a_sentence(thing: Any, said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        [node_claim(one) for one in of_kind([thing], "NodeClaim")]


@pytest.mark.parametrize(
    ("kept", "said"), [("{", "is no JSON"), ("[]", "holds no spec"), ('{"spec": {}}', "no spec")]
)
def test_a_way_back_that_was_changed_by_hand_is_not_taken(kept: str, said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        way_back(a_nodepool(annotations={provenance.PREVIOUS: kept}))


@pytest.mark.parametrize(
    ("text", "said"), [("soon", "is no time"), ("2026-11-24T09:00:00", "names no time zone")]
)
def test_a_date_that_is_none_gets_a_sentence(text: str, said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        provenance.is_stale(
            a_nodepool(annotations={provenance.DATA_AS_OF: text}), NOW, datetime.resolution
        )


def test_a_way_back_that_is_too_long_is_not_kept() -> None:
    assert provenance.packed({"a": "x" * provenance.PREVIOUS_BYTES}, {}) is None
