"""Karpenter itself takes what we write and does what we mean, on a market of our offerings."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from advisor import Demand, Hazard, Policy, rank
from advisor.karpenter.labels import AWS, RETIRE
from advisor.karpenter.nodeclaim import node_claim
from advisor.karpenter.nodeoverlay import OverlaySettings, node_overlays, premium
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.offerings import on_demand
from tests.support.control_plane import missing
from tests.support.kwok_market import Manifest
from tests.support.offerings import offering
from tests.support.processes import never, wait_for
from tests.support.rig import PROGRAMS, Rig, deployment, is_true, pool_of, rig
from warehouse.records import CapacityType, Offering

SETTINGS = NodePoolSettings("inference", "gpu")
SECONDS = 240.0
"""Each step takes some seconds on two idle cores; the machine may be busy."""


def priced(instance_type: str, zone: str, usd: float, provider: str = "aws") -> Offering:
    """A spot machine with one GPU at that price, and twice that on demand."""
    made = offering(instance_type, zone, provider=provider)
    return replace(made, price_per_hour=usd, usd_per_hour=usd, on_demand_usd_per_hour=2 * usd)


CHEAP = priced("g6.xlarge", "use1-az6", 0.30)
MIDDLE = priced("g5.xlarge", "use1-az6", 0.35)
DEAR = priced("g5.xlarge", "use1-az4", 0.45)
POOLS = [CHEAP, MIDDLE, DEAR]
ELSEWHERE = {
    "alibaba": priced("ecs.gn7i-c8g1.2xlarge", "cn-hangzhou-i", 0.4, "alibaba"),
    "gcp": priced("g2-standard-4", "us-central1-a", 0.4, "gcp"),
    "azure": priced("Standard_NC4as_T4_v3", "westus2-1", 0.4, "azure"),
}
"""One machine of each other provider: their NodePools ask for it in their own labels."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Rig]:
    """A cluster of one test's own whose market has `POOLS`, spot and on demand."""
    if why := missing(*PROGRAMS):
        pytest.skip(why)
    fallback = [twin for one in POOLS if (twin := on_demand(one))]
    with rig(tmp_path / "rig", [*POOLS, *fallback, *ELSEWHERE.values()]) as made:
        yield made


def bought(cluster: Rig) -> list[tuple[str, str, CapacityType]]:
    return sorted(pool_of(one) for one in cluster.nodes())


def in_pool(one: Offering) -> tuple[str, str, CapacityType]:
    return one.pool.instance_type, one.pool.zone, one.capacity_type


def serve(cluster: Rig, replicas: int) -> None:
    """Run that many pods, and wait until all are Ready."""
    cluster.use(deployment("llm", replicas))
    wait_for(lambda: len(cluster.ready_pods("llm")) == replicas, f"{replicas} Ready", SECONDS)


@pytest.mark.smoke
def test_pending_pods_get_nodes_from_our_nodepool(cluster: Rig) -> None:
    cluster.use(nodepool(POOLS, SETTINGS, {}))

    serve(cluster, 2)

    assert bought(cluster) == [in_pool(CHEAP)] * 2
    (found,) = cluster.api.every("karpenter.sh/v1", "NodePool")
    assert is_true(found, "Ready")
    labels = cluster.nodes()[0]["metadata"]["labels"]
    assert labels[AWS.key("instance-gpu-count")] == "1"


@pytest.mark.parametrize("provider", ELSEWHERE)
def test_a_nodepool_of_another_provider_brings_a_node_as_well(cluster: Rig, provider: str) -> None:
    cluster.use(nodepool([ELSEWHERE[provider]], SETTINGS, {}))

    serve(cluster, 1)

    assert bought(cluster) == [in_pool(ELSEWHERE[provider])]


@pytest.mark.smoke
def test_with_overlays_it_buys_the_pool_that_the_ranking_puts_first(cluster: Rig) -> None:
    now = datetime.now(UTC)
    hazards = {CHEAP.pool: hourly(0.5), MIDDLE.pool: hourly(0.02), DEAR.pool: hourly(0.001)}
    ranked = rank(POOLS, hazards, Demand(gpus=1, interruption_cost_usd=4.0), Policy()).ranked
    premiums = [premium(one.offering, one.cost_usd_per_hour) for one in ranked]
    first = ranked[0].offering
    assert first != CHEAP
    overlays = node_overlays(
        premiums,
        OverlaySettings("risk"),
        {},
        data_as_of=now,
        expires_at=now + timedelta(hours=1),
    )
    cluster.use(nodepool(POOLS, SETTINGS, {}), *overlays)
    wait_for(lambda: all(is_true(one, "Ready") for one in found_overlays(cluster)), "overlays")

    serve(cluster, 1)

    assert bought(cluster) == [in_pool(first)]


def hourly(per_hour: float) -> Hazard:
    """A published rate, known now."""
    now = datetime.now(UTC)
    return Hazard(per_hour, per_hour, per_hour, 0.0, 1.0, "test.rate", "test", now)


def found_overlays(cluster: Rig) -> list[Manifest]:
    return cluster.api.every("karpenter.sh/v1alpha1", "NodeOverlay")


def test_a_pool_without_capacity_is_passed_over(cluster: Rig) -> None:
    cluster.sell_out(CHEAP)
    cluster.use(nodepool(POOLS, SETTINGS, {}))

    serve(cluster, 1)

    assert bought(cluster) == [in_pool(MIDDLE)]


def test_where_all_spot_is_gone_nothing_is_bought_and_the_event_says_so(cluster: Rig) -> None:
    cluster.sell_out(*POOLS)
    cluster.use(nodepool(POOLS, SETTINGS, {}), deployment("llm", 1))

    def refused() -> bool:
        events = cluster.api.every("v1", "Event", fieldSelector="involvedObject.kind=NodeClaim")
        return any(one["reason"] == "InsufficientCapacityError" for one in events)

    wait_for(refused, "an event InsufficientCapacityError", SECONDS)
    assert cluster.nodes() == []


def test_a_claim_of_ours_is_bought_in_exactly_its_pool(cluster: Rig) -> None:
    owner = nodepool(POOLS, SETTINGS, {})
    cluster.use(owner)
    (found,) = cluster.api.every("karpenter.sh/v1", "NodePool")
    owner["metadata"]["uid"] = found["metadata"]["uid"]

    cluster.use(node_claim(owner, DEAR, name="inference-exact"))

    wait_for(lambda: len(cluster.nodes()) == 1, "a node", SECONDS)
    assert bought(cluster) == [in_pool(DEAR)]


def test_what_the_cloud_takes_is_replaced(cluster: Rig) -> None:
    cluster.use(nodepool(POOLS, SETTINGS, {}))
    serve(cluster, 2)
    cluster.sell_out(CHEAP)
    lost = cluster.nodes()[0]["metadata"]["name"]

    cluster.announce(lost)
    cluster.take(lost)

    wait_for(lambda: len(cluster.ready_pods("llm")) == 2, "both Ready again", SECONDS)
    assert bought(cluster) == sorted([in_pool(CHEAP), in_pool(MIDDLE)])


def test_a_retired_claim_goes_when_its_replacement_is_ready(cluster: Rig) -> None:
    cluster.use(nodepool(POOLS, SETTINGS, {}))
    serve(cluster, 1)
    (old,) = cluster.nodes()
    cluster.sell_out(CHEAP)
    retire(cluster)
    had_another: list[bool] = []

    def is_gone() -> bool:
        found = {one["metadata"]["uid"]: one for one in cluster.nodes()}
        old_one = found.pop(old["metadata"]["uid"], None)
        if old_one is None or "deletionTimestamp" in old_one["metadata"]:
            had_another.append(any(is_true(one, "Ready") for one in found.values()))
        return old_one is None

    wait_for(is_gone, "the old node gone", SECONDS)
    assert all(had_another)
    assert bought(cluster) == [in_pool(MIDDLE)]


def test_the_warming_taint_holds_the_old_node_until_it_is_taken_away(cluster: Rig) -> None:
    cluster.use(nodepool(POOLS, replace(SETTINGS, warming_taint=True), {}))
    cluster.use(deployment("llm", 1))
    wait_for(lambda: len(cluster.nodes()) == 1, "the first node", SECONDS)
    (old,) = cluster.nodes()

    def serves() -> bool:
        # Karpenter puts the taint on when it registers the node, which may be after this.
        cluster.warm(old["metadata"]["name"])
        return len(cluster.ready_pods("llm")) == 1

    wait_for(serves, "the pod Ready", SECONDS)
    retire(cluster)

    wait_for(lambda: len(cluster.nodes()) == 2, "a replacement", SECONDS)
    (new,) = (one["metadata"]["name"] for one in cluster.nodes() if not same(one, old))
    wait_for(lambda: is_true(cluster.node(new), "Ready"), "the replacement Ready", SECONDS)
    # Karpenter looks every ten seconds; after two looks it would have begun.
    held = never(lambda: is_going(cluster, old), seconds=21.0)
    cluster.warm(new)

    assert held
    wait_for(lambda: len(cluster.nodes()) == 1, "the old node gone", SECONDS)
    assert cluster.nodes()[0]["metadata"]["name"] == new


def retire(cluster: Rig) -> None:
    """Label the one claim there is as `advisor.karpenter.labels.RETIRE` says."""
    (claim,) = cluster.api.every("karpenter.sh/v1", "NodeClaim")
    about = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": claim["metadata"]}
    cluster.api.merge(about, {"metadata": {"labels": {RETIRE: "risk"}}})


def same(one: Manifest, other: Manifest) -> bool:
    return bool(one["metadata"]["uid"] == other["metadata"]["uid"])


def is_going(cluster: Rig, old: Manifest) -> bool:
    found = [one for one in cluster.nodes() if same(one, old)]
    return not found or "deletionTimestamp" in found[0]["metadata"]
