"""NodeClaims: machines that never became nodes, and claims without a machine."""

import json
from datetime import timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.providers.kubernetes import nodeclaims
from collector.providers.kubernetes.nodeclaims import FEED, NAME
from collector.providers.kubernetes.told import UNLAUNCHED
from tests.support.kubernetes import (
    NODECLAIMS,
    NODES,
    Clock,
    FakeCluster,
    api_server,
    replayed,
    run_at,
    stamp,
)
from tests.support.loopback import NOW
from warehouse.records import EndedBy, Exposure, Pool, RunOutcome, Signal
from warehouse.store import Warehouse

IN = "In"


def a_claim(name: str = "default-1", *, spot: str = "spot", **states: str) -> dict[str, Any]:
    """A NodeClaim of Karpenter on AWS; ``states`` are its conditions."""
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": stamp(NOW),
            "labels": {
                "karpenter.sh/capacity-type": spot,
                "node.kubernetes.io/instance-type": "g5.xlarge",
                "topology.kubernetes.io/zone": "us-east-1a",
            },
        },
        "spec": {"nodeClassRef": {"group": "karpenter.k8s.aws"}},
        "status": {
            "providerID": "aws:///us-east-1a/i-1",
            "conditions": [
                {"type": kind, "status": state, "lastTransitionTime": stamp(NOW)}
                for kind, state in states.items()
            ],
        },
    }


def unlaunched(name: str, **requirements: list[str]) -> dict[str, Any]:
    claim = a_claim(name)
    keys = {"types": "node.kubernetes.io/instance-type", "zones": "topology.kubernetes.io/zone"}
    claim["spec"]["requirements"] = [
        {"key": keys[key], "operator": IN, "values": values} for key, values in requirements.items()
    ]
    claim["status"]["conditions"] = [
        {
            "type": "Launched",
            "status": "False",
            "reason": "InsufficientCapacity",
            "lastTransitionTime": stamp(NOW),
        }
    ]
    return claim


def parsed(*claims: Any) -> list[Any]:
    return list(nodeclaims.parse({"items": list(claims)}, observed_at=NOW))


def test_the_recorded_claims_tell_of_what_no_node_tells() -> None:
    with replayed() as source:
        first = list(FEED.collect(source))
        second = list(FEED.collect(source))

    assert [(type(one), one.pool, one.definition) for one in first if isinstance(one, Signal)] == [
        (Signal, Pool("aws", "*", "*", "g5.xlarge"), UNLAUNCHED)
    ]
    assert len(first) == 1
    assert second == [
        Exposure(
            provider="aws",
            region="us-east-1",
            zone="use1-az4",
            instance_type="m7g.xlarge",
            node="i-0b662ef9931388ba2",
            launched_at=NOW.replace(hour=17, minute=50, second=2),
            last_alive_at=NOW,
            ended_at=NOW,
            ended_by=EndedBy.USER,
            end_reason="never became a node",
            source=NAME,
        )
    ]


def test_a_claim_that_became_a_node_is_left_to_the_nodes(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODECLAIMS: {}}), Clock()

    with api_server(cluster) as url:
        for states in ({"Launched": "True"}, {"Launched": "True", "Registered": "True"}):
            cluster.put(NODECLAIMS, a_claim(**states))
            run_at(warehouse, FEED, url, clock)
            clock.pass_by(minutes=1)
        cluster.delete(NODECLAIMS, "default-1")
        result = run_at(warehouse, FEED, url, clock).result

    assert result.outcome is RunOutcome.OK
    assert warehouse.rows("from exposure") == []


@pytest.mark.parametrize("how", ["deleted", "forgotten"])
@pytest.mark.parametrize(("spot", "count"), [("spot", 1), ("on-demand", 0)])
def test_a_spot_machine_that_never_became_a_node_is_told_when_it_is_gone(
    warehouse: Warehouse, how: str, spot: str, count: int
) -> None:
    cluster, clock = FakeCluster(objects={NODECLAIMS: {}}), Clock()
    cluster.put(NODECLAIMS, a_claim(spot=spot, Launched="True", Registered="Unknown"))

    with api_server(cluster) as url:
        run_at(warehouse, FEED, url, clock)
        clock.pass_by(minutes=15)
        cluster.delete(NODECLAIMS, "default-1")
        if how == "forgotten":
            cluster.forget()
        run_at(warehouse, FEED, url, clock)

    lives = warehouse.rows("select launched_at, last_alive_at, ended_at, ended_by from exposure")
    assert lives == [(NOW, NOW, NOW + timedelta(minutes=15), "user")] * count


def test_a_claim_without_capacity_is_told_once(warehouse: Warehouse) -> None:
    cluster, clock = FakeCluster(objects={NODECLAIMS: {}}), Clock()

    with api_server(cluster) as url:
        for _ in range(3):
            cluster.put(NODECLAIMS, unlaunched("one"))
            run_at(warehouse, FEED, url, clock)
            cluster.forget()

    assert warehouse.rows("select count(*) from signal") == [(1,)]


@pytest.mark.parametrize(
    ("requirements", "pool"),
    [
        ({}, Pool("aws", "*", "*", "*")),
        ({"types": ["g5.xlarge"]}, Pool("aws", "*", "*", "g5.xlarge")),
        (
            {"types": ["g5.xlarge", "g6.xlarge"], "zones": ["us-east-1a"]},
            Pool("aws", "us-east-1", "us-east-1a", "*"),
        ),
    ],
)
def test_a_claim_names_a_pool_only_where_it_left_no_choice(
    requirements: dict[str, list[str]], pool: Pool
) -> None:
    (signal,) = parsed(unlaunched("one", **requirements))

    assert signal.pool == pool


def test_two_claims_refused_in_the_same_second_are_told_apart() -> None:
    signals = parsed(unlaunched("one"), unlaunched("two"))

    assert {(one.pool, one.observed_at, one.value_low) for one in signals} == {
        (signals[0].pool, signals[0].observed_at, 1.0)
    }
    abouts = [json.loads(one.detail) for one in signals]
    assert [one["nodeclaim"] for one in abouts] == ["one", "two"]
    assert [one.subject for one in signals] == [one["id"] for one in abouts]


def test_a_claim_that_waits_for_another_reason_is_not_refused() -> None:
    claim = unlaunched("one")
    claim["status"]["conditions"][0]["reason"] = "NodeClassNotReady"

    assert parsed(claim) == []


def test_a_cluster_without_karpenter_is_skipped(warehouse: Warehouse) -> None:
    with api_server(FakeCluster(objects={NODES: {}})) as url:
        result = run_at(warehouse, FEED, url, Clock()).result

    assert result.outcome is RunOutcome.SKIPPED
    assert result.error == f"{NAME}: the cluster has no nodeclaims.karpenter.sh"


def test_a_claim_of_another_form_is_told_with_its_place() -> None:
    claim = a_claim(Launched="True")
    claim["status"]["providerID"] = 7

    with pytest.raises(SourceChangedError, match="NodeClaim default-1: providerID is 7"):
        parsed(claim)
