"""Hypothesis strategies: choices and settings of every provider, and all manifests made of them.

`every_manifest` is what the cluster tests send to a real API server; the tests without a cluster
hold the same manifests against the CRDs (tests/support/crd.py).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import product
from typing import Any

from hypothesis import strategies as st

from advisor.karpenter.budgets import CAUTIOUS_BUDGETS, budget
from advisor.karpenter.buffer import Spare, capacity_buffer, pause_pods
from advisor.karpenter.labels import provider_labels
from advisor.karpenter.nodeclaim import node_claim
from advisor.karpenter.nodeclass import AWS_IMAGE, node_class
from advisor.karpenter.nodeoverlay import OverlaySettings, Premium, node_overlays
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.karpenter.nodepools import nodepools
from advisor.offerings import on_demand
from tests.support.offerings import NOW, offering
from warehouse.records import REGIONAL, CapacityType, Offering

PROVIDERS = ("aws", "alibaba", "gcp", "azure")
CRD_FOLDER = {"aws": "aws", "alibaba": "alibabacloud", "gcp": "gcp", "azure": "azure"}
"""Where the CRDs of each provider lie, under tests/fixtures/crds."""

TYPES = {
    "aws": (
        *("g4dn.xlarge", "g4ad.xlarge", "g5.xlarge", "g5.48xlarge", "g6f.large", "gr6.4xlarge"),
        *("p4d.24xlarge", "p5.4xlarge", "p6-b200.48xlarge", "trn1.2xlarge", "g99x.large"),
    ),
    "alibaba": (
        *("ecs.gn7i-c8g1.2xlarge", "ecs.gn6i-c4g1.xlarge", "ecs.ebmgn7ex.32xlarge"),
        *("ecs.vgn6i-m4-vws.xlarge", "ecs.gn8v.6xlarge", "ecs.turbo.large", "ecs.gn5"),
    ),
    "gcp": (
        *("g2-standard-4", "g2-standard-96", "a2-highgpu-1g", "a2-ultragpu-8g", "a3-megagpu-8g"),
        *("a4-highgpu-8g", "g4-standard-48", "n2-standard-8"),
    ),
    "azure": (
        *("Standard_NC4as_T4_v3", "Standard_NC24ads_A100_v4", "Standard_ND96isr_H100_v5"),
        *("Standard_NV6ads_A10_v5", "Standard_NG32ads_V620_v1", "Standard_D4s_v5"),
    ),
}
ZONES = {
    "aws": (
        (REGIONAL, "use1-az4", "use1-az6", "use1-lax1-az1"),
        (REGIONAL, "us-east-1a", "us-east-1f"),
    ),
    "alibaba": ((REGIONAL, "cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-onebox-n"),),
    "gcp": ((REGIONAL, "us-central1-a", "us-central1-b", "us-central1-f"),),
    "azure": ((REGIONAL, "westus2-1", "westus2-2", "westus2-3"),),
}
ANNOTATIONS = {"spotcast.io/data-as-of": "2026-11-01T00:00:00Z", "spotcast.io/risk-basis": "x, 1 h"}

durations = st.sampled_from(["0s", "90s", "5m", "1h30m", "720h"])
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True)
shares = st.lists(st.none() | st.floats(0, 0.3) | st.floats(0, 1000), min_size=12, max_size=12)
SPOT = (CapacityType.SPOT,)

Manifest = dict[str, Any]


@cache
def choices(
    provider: str, *, capacity_types: tuple[CapacityType, ...] | None = None
) -> st.SearchStrategy[list[Offering]]:
    """One or more offerings of one region, in any order, with doubles."""
    kinds = capacity_types or tuple(sorted(provider_labels(provider).capacity_types))
    return st.one_of(
        [
            st.lists(st.sampled_from(_offerings(provider, zones, kinds)), min_size=1, max_size=12)
            for zones in ZONES[provider]
        ]
    )


def _offerings(
    provider: str, zones: tuple[str, ...], capacity_types: tuple[CapacityType, ...]
) -> list[Offering]:
    """Everything that can be chosen from: one draw takes one."""
    one_architecture = provider_labels(provider).one_architecture
    return [
        offering(
            instance_type,
            zone,
            provider=provider,
            capacity_type=capacity_type,
            architecture=architecture,
            gpu_count=gpu_count,
        )
        for instance_type, zone, capacity_type, architecture, gpu_count in product(
            TYPES[provider],
            zones,
            capacity_types,
            ("amd64",) if one_architecture else ("amd64", "arm64"),
            (0, 1, 8),
        )
    ]


BUDGETS = (
    CAUTIOUS_BUDGETS,
    (),
    tuple(map(budget, ("0%", "100%; reasons=Underutilized,Empty,Drifted", "1099511627776"))),
    (budget("0; schedule=@daily; duration=8h"),),
    (
        budget("0; schedule=0 8 * * mon-fri; duration=1h30m"),
        budget("5%; reasons=Empty; schedule=*/15 0-6,22 1 JAN ?; duration=10h0s"),
    ),
    (budget("1; reasons=Drifted"),) * 50,
)

nodepool_settings: st.SearchStrategy[NodePoolSettings] = st.builds(
    NodePoolSettings,
    name=names,
    node_class=st.just("gpu"),
    weight=st.none() | st.integers(2, 100),
    gpu_limit=st.none() | st.integers(1, 10_000),
    gpu_resource=st.sampled_from(["nvidia.com/gpu", "amd.com/gpu"]),
    taint_gpu_nodes=st.booleans(),
    expire_after=durations | st.just("Never"),
    termination_grace_period=st.none() | durations,
    consolidate_after=durations | st.just("Never"),
    budgets=st.sampled_from(BUDGETS),
    min_instance_types=st.none() | st.just(1),
    warming_taint=st.booleans(),
)


def overlay_premiums(provider: str) -> st.SearchStrategy[list[Premium]]:
    """Premiums of distinct spot pools, one of them known at least."""

    def distinct(chosen: list[Offering], drawn: list[float | None]) -> list[Premium]:
        pools = {one.pool: one for one in chosen}
        told = [Premium(one, share) for one, share in zip(pools.values(), drawn, strict=False)]
        return [replace(told[0], share=told[0].share or 0.0), *told[1:]]

    return st.builds(distinct, choices(provider, capacity_types=SPOT), shares)


def nodepool_manifests(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """One NodePool of a choice."""

    def render(chosen: list[Offering], settings: NodePoolSettings) -> list[Manifest]:
        return [nodepool(chosen, _fitting(chosen, settings), ANNOTATIONS)]

    return st.builds(render, choices(provider), nodepool_settings)


def nodepool_sets(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """NodePools by zone, as a pair, or both."""

    def render(
        chosen: list[Offering], settings: NodePoolSettings, *, per_zone: bool, with_fallback: bool
    ) -> list[Manifest]:
        twins = [twin for one in chosen if with_fallback and (twin := on_demand(one))]
        return nodepools(
            chosen + twins,
            _fitting(chosen, settings),
            ANNOTATIONS,
            per_zone=per_zone,
            with_fallback=with_fallback,
        )

    spot = choices(provider, capacity_types=SPOT)
    return st.builds(
        render, spot, nodepool_settings, per_zone=st.booleans(), with_fallback=st.booleans()
    )


NODE_CLASSES: dict[str, list[dict[str, Any]]] = {
    "aws": [
        {"cluster": "demo", "role": "nodes", "image": image}
        for image in (None, AWS_IMAGE, "bottlerocket@v1.50.0")
    ],
    "alibaba": [{"cluster": "demo", "image": image} for image in (None, "ContainerOS")],
    "gcp": [
        {"image": image, "disk": disk}
        for image in (
            *(None, "ContainerOptimizedOS@regular", "ContainerOptimizedOS@125.19216.104.126"),
            *("Ubuntu2404@v20260416", "Ubuntu2204@latest"),
        )
        for disk in (None, "hyperdisk-balanced", "pd-ssd")
    ],
    "azure": [{"image": image} for image in (None, "Ubuntu2204", "Ubuntu2404", "AzureLinux")],
}


def node_class_manifests(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """A stub, with the images and the sizes that the provider takes."""

    def render(given: dict[str, Any], name: str, size: int) -> list[Manifest]:
        return [node_class(provider, name, root_volume_gib=size, **given)]

    return st.builds(render, st.sampled_from(NODE_CLASSES[provider]), names, st.integers(30, 2048))


overlay_settings: st.SearchStrategy[OverlaySettings] = st.builds(
    OverlaySettings,
    name=names,
    nodepools=st.lists(names, max_size=3, unique=True).map(tuple),
    band_share=st.sampled_from([0.001, 0.05, 0.25]),
    unknown_share=st.none() | st.floats(0, 10),
)


def overlay_manifests(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """A set of NodeOverlays (AWS and Azure); [] where no pool has a premium."""
    return st.builds(overlays, overlay_premiums(provider), overlay_settings)


def overlays(premiums: list[Premium], settings: OverlaySettings) -> list[Manifest]:
    """The overlays of these premiums, of today's data."""
    return node_overlays(
        premiums,
        settings,
        ANNOTATIONS,
        data_as_of=NOW,
        expires_at=NOW + timedelta(hours=24),
    )


def node_claim_manifests(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """A NodeClaim of one of the pools that a NodePool allows, with or without its uid."""

    def render(
        chosen: list[Offering], settings: NodePoolSettings, name: str, *, is_from_cluster: bool
    ) -> list[Manifest]:
        owner = nodepool(chosen, _fitting(chosen, settings), ANNOTATIONS)
        if is_from_cluster:
            owner["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
            owner["metadata"]["annotations"]["karpenter.sh/nodepool-hash"] = "123"
        owner["spec"]["template"]["metadata"] = {"labels": {"example.com/team": "serving"}}
        return [node_claim(owner, chosen[-1], name=name, annotations=ANNOTATIONS)]

    return st.builds(
        render, choices(provider), nodepool_settings, names, is_from_cluster=st.booleans()
    )


spares: st.SearchStrategy[Spare] = st.builds(
    Spare,
    name=names,
    nodepools=st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
    replicas=st.integers(1, 1000),
    requests=st.sampled_from(
        [
            {"nvidia.com/gpu": "1"},
            {"amd.com/gpu": "8", "cpu": "3500m", "memory": "16Gi"},
            {"cpu": "0.5"},
        ]
    ),
)
"""Room for replicas of a service."""


def buffer_manifests(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """A PodTemplate and its CapacityBuffer (AWS and GCP)."""
    return spares.map(lambda spare: capacity_buffer(provider, spare))


def pause_pod_manifests(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """A PriorityClass and its Deployment; the same for every provider."""
    del provider
    return spares.map(pause_pods)


OUTPUTS: dict[str, Callable[[str], st.SearchStrategy[list[Manifest]]]] = {
    "nodepool": nodepool_manifests,
    "nodepools": nodepool_sets,
    "nodeclass": node_class_manifests,
    "nodeoverlay": overlay_manifests,
    "nodeclaim": node_claim_manifests,
    "capacitybuffer": buffer_manifests,
    "pausepods": pause_pod_manifests,
}
"""What is written, by name: strategies of the manifests of one provider."""


def outputs_of(provider: str) -> list[str]:
    """The names of `OUTPUTS` that are written for the provider."""
    labels = provider_labels(provider)
    lacking = set()
    if not labels.has_node_overlay:
        lacking.add("nodeoverlay")
    if not labels.has_capacity_buffer:
        lacking.add("capacitybuffer")
    return [name for name in OUTPUTS if name not in lacking]


def every_manifest(provider: str) -> st.SearchStrategy[list[Manifest]]:
    """Manifests of every output of the provider, made of one draw: some of each kind."""
    return st.tuples(*(OUTPUTS[name](provider) for name in outputs_of(provider))).map(
        lambda lists: [manifest for manifests in lists for manifest in manifests]
    )


def _fitting(chosen: list[Offering], settings: NodePoolSettings) -> NodePoolSettings:
    """The settings without the taint, where the choice mixes machines with and without GPUs."""
    found = {bool(one.instance_type.gpu_count or one.instance_type.gpu_name) for one in chosen}
    return settings if len(found) == 1 else replace(settings, taint_gpu_nodes=False)
