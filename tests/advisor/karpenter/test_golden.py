"""Every output of every provider, as it was read by a person and kept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from advisor.karpenter.budgets import budget
from advisor.karpenter.buffer import Spare, capacity_buffer, pause_pods
from advisor.karpenter.manifests import to_yaml
from advisor.karpenter.nodeclaim import node_claim
from advisor.karpenter.nodeclass import node_class
from advisor.karpenter.nodeoverlay import OverlaySettings, Premium, node_overlays
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.karpenter.nodepools import nodepools
from advisor.offerings import on_demand
from tests.support.crd import has_crd, judge
from tests.support.karpenter import CRD_FOLDER
from tests.support.offerings import NOW, offering
from warehouse.records import Offering

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
PROVENANCE = {
    "spotcast.io/data-as-of": "2026-11-01T00:00:00Z",
    "spotcast.io/risk-basis": "forecast",
}
SETTINGS = NodePoolSettings(name="gpu-spot", node_class="gpu", gpu_limit=16)
SPARE = Spare(
    name="gpu-headroom",
    nodepools=("gpu-spot", "gpu-spot-on-demand"),
    replicas=2,
    requests={"nvidia.com/gpu": "1", "cpu": "3500m", "memory": "14Gi"},
)
CHOSEN = {
    "aws": [
        offering("g6.2xlarge", "use1-az6"),
        offering("g5.2xlarge", "use1-az4"),
        offering("g6.2xlarge", "use1-az4"),
    ],
    "alibaba": [
        offering("ecs.gn7i-c8g1.2xlarge", "cn-hangzhou-i", provider="alibaba"),
        offering("ecs.gn6i-c8g1.2xlarge", "cn-hangzhou-h", provider="alibaba"),
        offering("ecs.gn7i-c8g1.2xlarge", "cn-hangzhou-h", provider="alibaba"),
    ],
    "gcp": [
        offering("g2-standard-8", "us-central1-a", provider="gcp", gpu_name="L4"),
        offering("a2-highgpu-1g", "us-central1-b", provider="gcp", gpu_name="A100"),
        offering("g2-standard-8", "us-central1-b", provider="gcp", gpu_name="L4"),
    ],
    "azure": [
        offering("Standard_NC4as_T4_v3", "westus2-1", provider="azure", gpu_name="T4"),
        offering("Standard_NC24ads_A100_v4", "westus2-2", provider="azure", gpu_name="A100"),
        offering("Standard_NC4as_T4_v3", "westus2-2", provider="azure", gpu_name="T4"),
    ],
}

Manifests = list[dict[str, Any]]


def nodepool_and_class(provider: str) -> Manifests:
    """One NodePool of the whole choice, with the node class that it names."""
    given: dict[str, Any] = {
        "aws": {"cluster": "demo", "role": "nodes"},
        "alibaba": {"cluster": "demo"},
    }.get(provider, {})
    busy = replace(
        SETTINGS,
        termination_grace_period="30m",
        warming_taint=True,
        budgets=(budget("0; schedule=0 8 * * mon-fri; duration=10h"), budget("1; reasons=Drifted")),
    )
    return [
        node_class(provider, "gpu", **given),
        nodepool(CHOSEN[provider], busy, PROVENANCE),
    ]


def pairs_by_zone(provider: str) -> Manifests:
    """Spot and its fallback on demand, exactly in the zones that were chosen."""
    spot = CHOSEN[provider]
    fallback = [twin for one in spot if (twin := on_demand(one))]
    return nodepools(spot + fallback, SETTINGS, PROVENANCE, per_zone=True, with_fallback=True)


def overlays(provider: str) -> Manifests:
    """Premiums of 12 %, 3 % and an unknown one."""
    shares = (0.12, 0.03, None)
    return node_overlays(
        [Premium(one, share) for one, share in zip(CHOSEN[provider], shares, strict=True)],
        OverlaySettings(name="spotcast-risk", nodepools=("gpu-spot",)),
        {"spotcast.io/risk-basis": "forecast"},
        data_as_of=NOW,
        expires_at=NOW + timedelta(hours=24),
    )


def claim(provider: str) -> Manifests:
    """A machine of the second pool, of a NodePool as a cluster has it."""
    owner = nodepool(CHOSEN[provider], SETTINGS, PROVENANCE)
    owner["metadata"]["uid"] = "0b0c9f5e-0000-4000-8000-000000000000"
    owner["metadata"]["annotations"] |= {
        "karpenter.sh/nodepool-hash": "12345",
        "karpenter.sh/nodepool-hash-version": "v3",
    }
    wanted: Offering = CHOSEN[provider][1]
    return [node_claim(owner, wanted, name="gpu-spot-1", annotations=PROVENANCE)]


EVERYWHERE = ("aws", "alibaba", "gcp", "azure")
OUTPUTS: dict[str, tuple[tuple[str, ...], Callable[[str], Manifests]]] = {
    "nodepool": (EVERYWHERE, nodepool_and_class),
    "pairs_by_zone": (EVERYWHERE, pairs_by_zone),
    "nodeoverlay": (("aws", "azure"), overlays),
    "nodeclaim": (EVERYWHERE, claim),
    "capacitybuffer": (("aws", "gcp"), lambda provider: capacity_buffer(provider, SPARE)),
    "pausepods": (("aws",), lambda _: pause_pods(SPARE)),
}


@pytest.mark.parametrize(
    ("output", "provider"),
    [(output, provider) for output, (providers, _) in OUTPUTS.items() for provider in providers],
)
def test_the_golden_manifests_are_written_and_pass_the_crds(output: str, provider: str) -> None:
    manifests = OUTPUTS[output][1](provider)

    golden = GOLDEN / f"karpenter_{output}_{provider}.yaml"
    assert to_yaml(manifests) == golden.read_text(encoding="utf-8")
    cloud = CRD_FOLDER[provider]
    judged = [judge(cloud, one).errors for one in manifests if has_crd(cloud, one)]
    assert judged == [()] * len(judged)
    assert judged or output == "pausepods"
