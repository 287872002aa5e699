"""Whatever is chosen, the NodePool passes the provider's CRD and allows the choice."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.karpenter.manifests import to_yaml
from advisor.karpenter.nodepool import DisruptionBudget, NodePoolSettings, nodepool
from advisor.karpenter.requirements import cross_product_extras
from tests.support.crd import judge
from tests.support.offerings import offering
from warehouse.records import REGIONAL, CapacityType, Offering

TYPES = {
    "aws": (
        *("g4dn.xlarge", "g4ad.xlarge", "g5.xlarge", "g5.48xlarge", "g6f.large", "gr6.4xlarge"),
        *("p4d.24xlarge", "p5.4xlarge", "p6-b200.48xlarge", "trn1.2xlarge", "g99x.large"),
    ),
    "alibaba": (
        *("ecs.gn7i-c8g1.2xlarge", "ecs.gn6i-c4g1.xlarge", "ecs.ebmgn7ex.32xlarge"),
        *("ecs.vgn6i-m4-vws.xlarge", "ecs.gn8v.6xlarge", "ecs.turbo.large", "ecs.gn5"),
    ),
}
ZONES = {
    "aws": (
        (REGIONAL, "use1-az4", "use1-az6", "usw2-lax1-az1"),
        (REGIONAL, "us-east-1a", "us-east-1f"),
    ),
    "alibaba": ((REGIONAL, "cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-onebox-n"),),
}
CLOUD = {"aws": "aws", "alibaba": "alibabacloud"}
ONLY_IN_NEWER_CRDS = {"replicas", "Balanced", "Gte", "Lte"}

durations = st.sampled_from(["0s", "90s", "5m", "1h30m", "720h"])


@st.composite
def choices(draw: st.DrawFn, provider: str) -> list[Offering]:
    """One or more offerings of one region, in any order, with doubles."""
    zones = draw(st.sampled_from(ZONES[provider]))
    capacity_types = [CapacityType.SPOT, CapacityType.ON_DEMAND]
    architectures = ["amd64"]
    if provider == "aws":
        capacity_types.append(CapacityType.RESERVED)
        architectures.append("arm64")
    one = st.builds(
        offering,
        st.sampled_from(TYPES[provider]),
        st.sampled_from(zones),
        provider=st.just(provider),
        capacity_type=st.sampled_from(capacity_types),
        architecture=st.sampled_from(architectures),
        gpu_count=st.sampled_from([0, 1, 8]),
    )
    return draw(st.lists(one, min_size=1, max_size=12))


nodepool_settings = st.builds(
    NodePoolSettings,
    name=st.from_regex(r"[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True),
    node_class=st.just("gpu"),
    weight=st.none() | st.integers(1, 100),
    gpu_limit=st.none() | st.integers(1, 10_000),
    taint_gpu_nodes=st.booleans(),
    expire_after=durations | st.just("Never"),
    termination_grace_period=st.none() | durations,
    consolidate_after=durations | st.just("Never"),
    budgets=st.lists(
        st.builds(
            DisruptionBudget,
            st.integers(0, 100).map(lambda share: f"{share}%") | st.integers(0).map(str),
            st.lists(st.sampled_from(["Underutilized", "Empty", "Drifted"]), unique=True).map(
                tuple
            ),
        ),
        max_size=50,
    ).map(tuple),
    min_instance_types=st.none() | st.just(1),
    warming_taint=st.booleans(),
)


def values(manifest: dict[str, Any], key: str) -> list[str] | None:
    for requirement in manifest["spec"]["template"]["spec"]["requirements"]:
        if requirement["key"] == key:
            found: list[str] = requirement["values"]
            return found
    return None


def hold(provider: str, chosen: list[Offering], given_settings: NodePoolSettings) -> None:
    manifest = nodepool(chosen, given_settings, {"spotcast.io/data-as-of": "2026-11-01"})

    verdict = judge(CLOUD[provider], manifest)
    assert verdict.errors == ()
    assert len(verdict.rules) >= 7
    assert not ONLY_IN_NEWER_CRDS & set(to_yaml([manifest]).replace(":", " ").split())
    types = values(manifest, "node.kubernetes.io/instance-type") or []
    zones = values(manifest, "topology.k8s.aws/zone-id") or values(
        manifest, "topology.kubernetes.io/zone"
    )
    pools = {entry.pool for entry in chosen}
    assert types == list(dict.fromkeys(entry.pool.instance_type for entry in chosen))
    assert set(zones or []) == {pool.zone for pool in pools} - {REGIONAL}
    extras = cross_product_extras(chosen)
    assert {extra.instance_type for extra in extras} <= set(types)
    assert {extra.zone for extra in extras} <= set(zones or [REGIONAL])


@settings(max_examples=200, deadline=None)
@given(choices("aws"), nodepool_settings)
def test_every_choice_on_aws_makes_a_valid_nodepool(
    chosen: list[Offering], given_settings: NodePoolSettings
) -> None:
    hold("aws", chosen, given_settings)


@settings(max_examples=200, deadline=None)
@given(choices("alibaba"), nodepool_settings)
def test_every_choice_on_alibaba_cloud_makes_a_valid_nodepool(
    chosen: list[Offering], given_settings: NodePoolSettings
) -> None:
    hold("alibaba", chosen, given_settings)
