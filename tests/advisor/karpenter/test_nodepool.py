"""The NodePool as a whole: its fields, and what must never be among them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import ManifestError
from advisor.karpenter.budgets import DisruptionBudget, Reason
from advisor.karpenter.manifests import to_yaml
from advisor.karpenter.nodeclass import node_class
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.karpenter.requirements import Requirement
from tests.support.crd import judge
from tests.support.offerings import offering
from warehouse.records import CapacityType, Offering

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
SETTINGS = NodePoolSettings(name="gpu-spot", node_class="gpu")
PROVENANCE = {
    "spotcast.io/data-as-of": "2026-11-01T00:00:00Z",
    "spotcast.io/risk-basis": "forecast v1, 6 h",
}
A10G = [offering("g5.xlarge", "use1-az4")]


def template(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def aws_documents() -> list[dict[str, Any]]:
    chosen = [
        offering("g6.2xlarge", "use1-az6"),
        offering("g5.2xlarge", "use1-az4"),
        offering("g6.2xlarge", "use1-az4"),
        offering("g6.2xlarge", capacity_type=CapacityType.ON_DEMAND),
    ]
    settings = NodePoolSettings(
        name="gpu-spot",
        node_class="gpu",
        weight=50,
        gpu_limit=16,
        termination_grace_period="30m",
        min_instance_types=2,
    )
    return [
        node_class("aws", "gpu", cluster="demo", role="KarpenterNodeRole-demo"),
        nodepool(chosen, settings, PROVENANCE),
    ]


def alibaba_documents() -> list[dict[str, Any]]:
    chosen = [
        offering("ecs.gn7i-c8g1.2xlarge", "cn-hangzhou-i", provider="alibaba"),
        offering("ecs.gn6i-c8g1.2xlarge", "cn-hangzhou-h", provider="alibaba"),
    ]
    settings = NodePoolSettings(name="gpu-spot", node_class="gpu", warming_taint=True)
    return [node_class("alibaba", "gpu", cluster="demo"), nodepool(chosen, settings, PROVENANCE)]


@pytest.mark.parametrize(
    ("cloud", "golden", "render"),
    [
        ("aws", "nodepool_aws.yaml", aws_documents),
        ("alibabacloud", "nodepool_alibaba.yaml", alibaba_documents),
    ],
)
def test_the_golden_manifests_are_written_and_pass_the_crds(
    cloud: str, golden: str, render: Callable[[], list[dict[str, Any]]]
) -> None:
    documents = render()

    assert to_yaml(documents) == (GOLDEN / golden).read_text(encoding="utf-8")
    verdicts = [judge(cloud, document) for document in documents]
    assert [verdict.errors for verdict in verdicts] == [(), ()]
    assert all(verdict.rules for verdict in verdicts)


def test_without_settings_only_the_cautious_defaults_are_written() -> None:
    manifest = nodepool(A10G, SETTINGS, {})

    requirements = template(manifest).pop("requirements")
    assert requirements[-1] == {"key": "spotcast.io/retire", "operator": "DoesNotExist"}
    assert manifest == {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu-spot"},
        "spec": {
            "disruption": {
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": "5m",
                "budgets": [{"nodes": "10%"}, {"nodes": "1", "reasons": ["Drifted"]}],
            },
            "template": {
                "spec": {
                    "nodeClassRef": {
                        "group": "karpenter.k8s.aws",
                        "kind": "EC2NodeClass",
                        "name": "gpu",
                    },
                    "expireAfter": "720h",
                    "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
                }
            },
        },
    }


def test_annotations_are_the_nodepools_own_and_never_the_templates() -> None:
    manifest = nodepool(A10G, SETTINGS, PROVENANCE)

    assert manifest["metadata"]["annotations"] == PROVENANCE
    assert "metadata" not in manifest["spec"]["template"]


def test_a_new_date_changes_nothing_that_makes_nodes_drift() -> None:
    old = nodepool(A10G, SETTINGS, {"spotcast.io/data-as-of": "2026-11-01"})
    new = nodepool(A10G, SETTINGS, {"spotcast.io/data-as-of": "2026-11-02"})

    assert old["spec"] == new["spec"]


def test_an_annotation_needs_a_key_that_kubernetes_takes() -> None:
    with pytest.raises(ManifestError, match="'data as of'"):
        nodepool(A10G, SETTINGS, {"data as of": "today"})


def test_machines_without_gpus_are_not_tainted() -> None:
    manifest = nodepool([offering("m7i.large", gpu_name=None, gpu_count=0)], SETTINGS, {})

    assert "taints" not in template(manifest)


def test_a_part_of_a_gpu_is_tainted() -> None:
    manifest = nodepool([offering("g6f.large", gpu_name="L4", gpu_count=0)], SETTINGS, {})

    assert template(manifest)["taints"] == [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]


def test_machines_with_and_without_gpus_share_no_taint() -> None:
    mixed = [*A10G, offering("m7i.large", gpu_name=None, gpu_count=0)]
    untainted = NodePoolSettings(name="all", node_class="gpu", taint_gpu_nodes=False)

    with pytest.raises(ManifestError, match="with and without GPUs are mixed"):
        nodepool(mixed, SETTINGS, {})
    assert "taints" not in template(nodepool(mixed, untainted, {}))


def test_another_makers_gpus_are_limited_and_tainted_by_its_name() -> None:
    settings = NodePoolSettings(
        name="amd", node_class="gpu", gpu_resource="amd.com/gpu", gpu_limit=4
    )

    manifest = nodepool([offering("g4ad.xlarge")], settings, {})

    assert manifest["spec"]["limits"] == {"amd.com/gpu": "4"}
    assert template(manifest)["taints"][0]["key"] == "amd.com/gpu"


def test_the_users_own_requirements_reach_the_nodepool() -> None:
    own = Requirement("karpenter.k8s.aws/instance-local-nvme", "Gt", ("400",))

    manifest = nodepool(A10G, SETTINGS, {}, extra=[own])

    assert own.as_manifest() in template(manifest)["requirements"]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"name": "GPU"}, "NodePool: 'GPU' is no name"),
        ({"node_class": ""}, "node class: '' is no name"),
        ({"weight": 0}, "weight: 0 is not 1 to 100"),
        ({"weight": 101}, "weight: 101"),
        ({"gpu_limit": 0}, "gpu_limit: 0 is not 1 or more"),
        ({"gpu_resource": "a/b/c"}, "key 'a/b/c'"),
        ({"expire_after": "30d"}, "expire_after: '30d' is no duration"),
        ({"consolidate_after": "5 m"}, "consolidate_after"),
        ({"termination_grace_period": "Never"}, "termination_grace_period: 'Never'"),
        ({"budgets": (DisruptionBudget("1"),) * 51}, "budgets: 51 of at most 50"),
    ],
)
def test_settings_that_the_api_server_refuses_are_not_made(
    changed: dict[str, Any], complaint: str
) -> None:
    plain: dict[str, Any] = {"name": "gpu-spot", "node_class": "gpu"}

    with pytest.raises(ManifestError, match=complaint):
        NodePoolSettings(**(plain | changed))


def test_expiry_and_consolidation_can_be_switched_off() -> None:
    settings = NodePoolSettings(
        name="gpu-spot", node_class="gpu", expire_after="Never", consolidate_after="Never"
    )

    manifest = nodepool(A10G, settings, {})

    assert judge("aws", manifest).errors == ()


@pytest.mark.parametrize(
    ("nodes", "reasons"),
    [("150%", ()), ("-1", ()), ("1.5", ()), ("", ()), ("1", ("Empty", "Empty"))],
)
def test_a_budget_that_the_api_server_refuses_is_not_made(
    nodes: str, reasons: tuple[Reason, ...]
) -> None:
    with pytest.raises(ManifestError, match="budget"):
        DisruptionBudget(nodes, reasons)


def test_no_nodepool_is_made_of_nothing() -> None:
    nothing: list[Offering] = []

    with pytest.raises(ManifestError, match="no offering was chosen"):
        nodepool(nothing, SETTINGS, {})
