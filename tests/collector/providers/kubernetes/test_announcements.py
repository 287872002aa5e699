"""What stands on a node when its cloud is about to take it, and what only looks like it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.providers.kubernetes import nodes
from collector.providers.kubernetes.nodes import FEED
from tests.support.kubernetes import (
    NODES,
    Clock,
    FakeCluster,
    a_node,
    api_server,
    expired,
    run_at,
    stamp,
)
from tests.support.loopback import NOW
from warehouse.records import Interruption, Pool, Record, Signal
from warehouse.store import Warehouse

SPOT = {"node.kubernetes.io/instance-type": "n2-standard-4", "cloud.google.com/gke-spot": "true"}
SHUTDOWN = {
    "type": "Ready",
    "status": "False",
    "reason": "KubeletNotReady",
    "message": "node is shutting down",
    "lastTransitionTime": stamp(NOW),
}


def parsed(*given: Any) -> list[Record]:
    return list(nodes.parse({"items": list(given)}, observed_at=NOW))


def interruptions(*given: Any) -> list[Interruption]:
    return [one for one in parsed(*given) if isinstance(one, Interruption)]


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_condition_that_is_not_true_announces_nothing(status: str) -> None:
    assert interruptions(a_node(conditions=({**expired(NOW), "status": status},))) == []


def test_a_condition_in_an_unknown_state_is_a_changed_source() -> None:
    with pytest.raises(
        SourceChangedError, match=r"node node-1: status of InstanceExpired is 'Yes'"
    ):
        parsed(a_node(conditions=({**expired(NOW), "status": "Yes"},)))


def test_a_taint_without_a_time_is_of_when_it_was_seen_and_told_once(
    warehouse: Warehouse,
) -> None:
    taint = {"key": "aws-node-termination-handler/spot-itn", "value": "1"}
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()

    with api_server(cluster) as url:
        for _ in range(3):
            cluster.put(NODES, a_node(provider_id="aws:///us-east-1a/i-1", taints=(taint,)))
            run_at(warehouse, FEED, url, clock)
            clock.pass_by(minutes=1)

    assert warehouse.rows("select node, occurred_at, notice_seconds from interruption") == [
        ("i-1", NOW, 120.0)
    ]


def test_a_recommendation_is_a_signal_and_no_interruption() -> None:
    taint = {
        "key": "aws-node-termination-handler/rebalance-recommendation",
        "timeAdded": stamp(NOW - timedelta(minutes=1)),
    }
    labels = {
        "eks.amazonaws.com/capacityType": "SPOT",
        "node.kubernetes.io/instance-type": "m7g.xlarge",
        "topology.kubernetes.io/zone": "us-east-1a",
    }
    given = [
        a_node(f"n-{one}", provider_id=f"aws:///us-east-1a/i-{one}", labels=labels, taints=(taint,))
        for one in (1, 2)
    ]

    records = parsed(*given)

    signals = [one for one in records if isinstance(one, Signal)]
    assert not [one for one in records if isinstance(one, Interruption)]
    pool = Pool("aws", "us-east-1", "us-east-1a", "m7g.xlarge")
    assert [(one.pool, one.value_low, one.observed_at, one.subject) for one in signals] == [
        (pool, 1.0, NOW - timedelta(minutes=1), node) for node in ("i-1", "i-2")
    ]
    assert [json.loads(one.detail or "")["node"] for one in signals] == ["i-1", "i-2"]


def gke(**given: Any) -> dict[str, Any]:
    """A GKE node that shuts down."""
    given.setdefault("labels", SPOT)
    node = a_node(provider_id="gce://p/us-central1-a/n", **given)
    node["status"]["conditions"] = [SHUTDOWN]
    return node


def test_a_gke_spot_node_that_shuts_down_by_itself_is_taken() -> None:
    assert [one.notice_seconds for one in interruptions(gke())] == [30.0]


@pytest.mark.parametrize(
    "given",
    [
        {"unschedulable": True},
        {"taints": ({"key": "ToBeDeletedByClusterAutoscaler"},)},
        {"taints": ({"key": "karpenter.sh/disrupted"},)},
        {"labels": {"node.kubernetes.io/instance-type": "n2-standard-4"}},
    ],
    ids=["cordoned", "autoscaler", "karpenter", "no spot"],
)
def test_a_gke_node_that_somebody_retires_is_not(given: dict[str, Any]) -> None:
    assert interruptions(gke(**given)) == []


@pytest.mark.parametrize(("after", "count"), [(-10, 0), (10, 1)])
def test_a_gke_node_deleted_before_it_shut_down_was_the_users(after: int, count: int) -> None:
    node = gke(taints=({"key": "karpenter.sh/disrupted"},))
    node["metadata"]["deletionTimestamp"] = stamp(NOW + timedelta(seconds=after))

    assert len(interruptions(node)) == count


def test_a_gke_node_that_is_not_ready_for_another_reason_is_not_taken() -> None:
    node = gke()
    node["status"]["conditions"] = [{**SHUTDOWN, "message": "container runtime is down"}]

    assert interruptions(node) == []
