"""Nodes: which are counted, what is announced on them, and how they end."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.providers.kubernetes import nodes
from collector.providers.kubernetes.nodes import FEED, NAME
from collector.providers.kubernetes.told import REBALANCE
from tests.support.kubernetes import (
    NODES,
    Clock,
    FakeCluster,
    a_node,
    api_server,
    expired,
    replayed,
    run_at,
)
from tests.support.loopback import NOW
from warehouse.records import (
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    Record,
    RunOutcome,
    Signal,
)
from warehouse.store import Warehouse

GKE = "example-project/us-central1-a/gke-prod-spot-1a2b3c4d-x1yz"
AKS = "aks-spot-12345678-vmss_3"
AWS = "i-0b662ef9931388ba0"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{text}").replace(tzinfo=UTC)


def announced(machine: tuple[str, ...], since: datetime, notice: float) -> Interruption:
    provider, region, zone, instance_type, node = machine
    return Interruption(
        provider,
        region,
        zone,
        instance_type,
        node,
        InterruptionKind.ANNOUNCED,
        since,
        notice,
        NAME,
        NOW,
    )


def running(machine: tuple[str, ...], launched: datetime, alive: datetime) -> Exposure:
    provider, region, zone, instance_type, node = machine
    return Exposure(
        provider,
        region,
        zone,
        instance_type,
        node,
        launched,
        alive,
        None,
        EndedBy.STILL_RUNNING,
        "still_running",
        NAME,
    )


def parsed(*given: Any) -> list[Record]:
    return list(nodes.parse({"items": list(given)}, observed_at=NOW))


def interruptions(*given: Any) -> list[Interruption]:
    return [one for one in parsed(*given) if isinstance(one, Interruption)]


def test_the_recorded_nodes_become_lifetimes_and_interruptions() -> None:
    ack = ("alibaba", "cn-hangzhou", "cn-hangzhou-i", "ecs.g7.large", "i-bp1ecr00000000005go2")
    aks = ("azure", "eastus", "eastus-1", "Standard_D4s_v5", AKS)
    gke = ("gcp", "us-central1", "us-central1-a", "n2-standard-4", GKE)
    aws = ("aws", "us-east-1", "use1-az4", "m7g.xlarge", AWS)

    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        announced(ack, at("04:18:40"), 300.0),
        announced(aks, at("18:30:02"), 30.0),
        announced(gke, at("17:42:12"), 30.0),
        running(aks, at("10:20:00"), NOW),
        running(aws, at("12:02:04"), NOW),
        running(gke, at("09:15:00"), NOW),
    ]


def test_the_recorded_watch_goes_on_where_the_list_ended() -> None:
    with replayed() as source:
        first = list(FEED.collect(source))
        second = list(FEED.collect(source))

    taken = [one for one in second if isinstance(one, Interruption)]
    ended = [one for one in second if isinstance(one, Exposure)]
    assert len(first) == 6
    assert [(one.node, one.occurred_at, one.notice_seconds) for one in taken] == [
        (AWS, at("17:42:12"), 120.0)
    ]
    assert [(one.node, one.ended_by, one.end_reason) for one in ended] == [
        (GKE, EndedBy.INTERRUPTED, "node is shutting down")
    ]
    assert [one.definition for one in second if isinstance(one, Signal)] == [REBALANCE]
    assert json.loads(source.progress.cursor or "")["version"] == "918020"


def test_a_second_run_over_the_same_cluster_stores_nothing_new(warehouse: Warehouse) -> None:
    cluster = FakeCluster(objects={NODES: {}})
    cluster.put(NODES, a_node(conditions=(expired(NOW),)))

    with api_server(cluster) as url:
        results = [run_at(warehouse, FEED, url, Clock()).result for _ in range(3)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2),
        (RunOutcome.OK, 0),
        (RunOutcome.OK, 0),
    ]


def test_a_node_that_lives_on_is_stored_once_an_hour(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()
    cluster.put(NODES, a_node())

    with api_server(cluster) as url:
        for _ in range(130):
            run_at(warehouse, FEED, url, clock)
            clock.pass_by(minutes=1)

    alive = warehouse.rows("select last_alive_at from exposure order by all")
    assert [row[0] for row in alive] == [NOW + timedelta(hours=hour) for hour in range(3)]


def test_a_node_that_no_longer_answers_is_not_called_alive(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()
    cluster.put(NODES, a_node())

    with api_server(cluster) as url:
        run_at(warehouse, FEED, url, clock)
        clock.pass_by(minutes=10)
        heard = NOW + timedelta(minutes=3)
        cluster.put(NODES, a_node(ready="Unknown", heard=heard))
        run_at(warehouse, FEED, url, clock)
        clock.pass_by(minutes=10)
        cluster.delete(NODES, "node-1")
        run_at(warehouse, FEED, url, clock)

    ended = "select last_alive_at, ended_at, ended_by, end_reason from exposure order by all"
    rows = [row for row in warehouse.rows(ended) if row[1] is not None]
    reason = "deleted when it no longer answered"
    assert rows == [(heard, NOW + timedelta(minutes=20), "user", reason)]


@pytest.mark.parametrize(
    "labels",
    [
        {"karpenter.sh/capacity-type": "spot"},
        {"eks.amazonaws.com/capacityType": "SPOT"},
        {"cloud.google.com/gke-spot": "true"},
        {"cloud.google.com/gke-preemptible": "true"},
        {"kubernetes.azure.com/scalesetpriority": "spot"},
        {"node.alibabacloud.com/spot-strategy": "SpotAsPriceGo"},
    ],
)
def test_each_clouds_own_label_makes_a_spot_node(labels: dict[str, str]) -> None:
    shape = {"node.kubernetes.io/instance-type": "any.type"}

    assert [type(one) for one in parsed(a_node(labels={**shape, **labels}))] == [Exposure]


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"karpenter.sh/capacity-type": "on-demand"},
        {"karpenter.sh/capacity-type": "reserved"},
        {"eks.amazonaws.com/capacityType": "ON_DEMAND"},
        {"cloud.google.com/gke-spot": "false"},
        {"kubernetes.azure.com/scalesetpriority": "regular"},
        {"node.alibabacloud.com/spot-strategy": "NoSpot"},
    ],
)
def test_other_nodes_are_not_counted(labels: dict[str, str]) -> None:
    shape = {"node.kubernetes.io/instance-type": "any.type"}

    assert parsed(a_node(labels={**shape, **labels})) == []


def test_a_node_that_its_cloud_has_not_described_yet_waits() -> None:
    taint = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true"}

    assert parsed(a_node(taints=(taint,))) == []


def test_a_node_of_no_cloud_is_not_counted() -> None:
    labels = {"karpenter.sh/capacity-type": "spot", "node.kubernetes.io/instance-type": "big"}

    assert parsed(a_node(provider_id="kwok://node-1", labels=labels)) == []


def test_an_announcement_on_a_node_that_is_not_called_spot_is_kept_but_not_counted() -> None:
    labels = {"node.kubernetes.io/instance-type": "ecs.g7.large"}

    records = parsed(a_node(labels=labels, conditions=(expired(NOW),)))

    assert [type(one) for one in records] == [Interruption]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "deleted"),
        ({"unschedulable": True}, "deleted after a cordon"),
        ({"taints": ({"key": "karpenter.sh/disrupted"},)}, "deleted by Karpenter"),
        (
            {"taints": ({"key": "ToBeDeletedByClusterAutoscaler"},)},
            "deleted by the cluster autoscaler",
        ),
    ],
)
def test_an_end_that_was_not_announced_is_the_users(
    warehouse: Warehouse, change: dict[str, Any], reason: str
) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()
    cluster.put(NODES, a_node())

    with api_server(cluster) as url:
        run_at(warehouse, FEED, url, clock)
        clock.pass_by(minutes=1)
        cluster.put(NODES, a_node(**change))
        cluster.delete(NODES, "node-1")
        run_at(warehouse, FEED, url, clock)

    assert warehouse.rows(
        "select ended_by, end_reason from exposure where ended_at is not null"
    ) == [("user", reason)]


def test_an_announcement_that_is_taken_back_does_not_explain_a_later_end(
    warehouse: Warehouse,
) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()

    with api_server(cluster) as url:
        for conditions in ((expired(NOW),), ()):
            cluster.put(NODES, a_node(conditions=conditions))
            run_at(warehouse, FEED, url, clock)
            clock.pass_by(minutes=30)
        cluster.delete(NODES, "node-1")
        run_at(warehouse, FEED, url, clock)

    assert warehouse.rows("select ended_by from exposure where ended_at is not null") == [("user",)]


def test_a_name_that_is_used_again_is_another_machine(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODES: {}}), Clock()
    cluster.put(NODES, a_node(uid="one", provider_id="cn-hangzhou.i-one"))

    with api_server(cluster) as url:
        run_at(warehouse, FEED, url, clock)
        clock.pass_by(minutes=5)
        cluster.delete(NODES, "node-1")
        cluster.put(NODES, a_node(uid="two", provider_id="cn-hangzhou.i-two", created=clock.now))
        cluster.forget()
        run_at(warehouse, FEED, url, clock)

    lives = "select node, end_reason from exposure where ended_at is not null or node = 'i-two'"
    assert sorted(warehouse.rows(lives)) == [
        ("i-one", "gone between two lists of the nodes"),
        ("i-two", "still_running"),
    ]


@pytest.mark.parametrize(
    ("part", "field", "value", "words"),
    [
        ("metadata", "uid", None, "a node: uid is None, not a text"),
        ("metadata", "name", 5, "a node: name is 5, not a text"),
        ("metadata", "creationTimestamp", None, "node-1: creationTimestamp is None"),
        ("metadata", "creationTimestamp", "noon", "node-1: Invalid isoformat"),
        ("metadata", "labels", [1], r"labels is \[1\], not an object"),
        ("spec", "providerID", 5, "providerID is 5, not a text"),
        ("spec", "taints", "none", "taints is 'none', not a list"),
        ("status", "conditions", [1], "not a list of objects"),
    ],
)
def test_a_node_of_another_form_is_told_with_its_place(
    part: str, field: str, value: object, words: str
) -> None:
    node = a_node()
    node[part][field] = value

    with pytest.raises(SourceChangedError, match=f"^kubernetes.nodes: .*{words}"):
        parsed(node)


@pytest.mark.parametrize("field", ["uid", "name", "creationTimestamp"])
def test_a_node_without_what_every_object_has_is_told(field: str) -> None:
    node = a_node()
    del node["metadata"][field]

    with pytest.raises(SourceChangedError, match=f"missing '{field}'"):
        parsed(node)
