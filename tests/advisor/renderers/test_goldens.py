"""The outputs as files that a person has read; WRITE_GOLDENS=1 writes them anew."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from advisor.karpenter.manifests import to_yaml
from advisor.renderers.autoscaling_group import GroupSettings, create_auto_scaling_group
from advisor.renderers.choice import Provenance
from advisor.renderers.cluster_autoscaler import ExpanderSettings, priority_expander
from advisor.renderers.compute_class import ComputeClassSettings, compute_class
from advisor.renderers.ec2_fleet import FleetSettings, create_fleet
from advisor.renderers.eks_node_group import EksCluster, NodeGroupSettings, create_nodegroup
from advisor.renderers.hcl import to_hcl
from advisor.renderers.launch_template import LaunchTemplate
from advisor.renderers.one_line import one_line
from advisor.renderers.skypilot import SkyPilotSettings, resources
from advisor.renderers.subnets import Subnet
from advisor.renderers.terraform import eks_node_group, karpenter_manifests
from tests.support.renderers import NOW, PROVENANCE, some
from warehouse.records import CapacityType

FOLDER = Path(__file__).parents[2] / "fixtures" / "golden" / "renderers"
TEMPLATE = LaunchTemplate("gpu", "3")
SUBNETS = (Subnet("subnet-0a", "use1-az1"), Subnet("subnet-0b", "use1-az4"))
ZONED = [
    *some("aws", "g6.xlarge", zone="use1-az4"),
    *some("aws", "g5.xlarge", zone="use1-az1"),
    *some("aws", "g4dn.xlarge"),
]
NODES = NodeGroupSettings("gpu-spot", 8, labels={"workload": "inference"})
STALE = Provenance(NOW, "none", is_stale=True, pools=3, unknown_risk_pools=3)
NODEPOOL = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": "gpu-spot", "annotations": {"spotcast.io/stale": "false"}},
    "spec": {
        "limits": {"nvidia.com/gpu": "8"},
        "template": {
            "spec": {
                "expireAfter": "720h",
                "requirements": [
                    {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}
                ],
            }
        },
    },
}


def as_json(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"


def fleet() -> str:
    settings = FleetSettings(
        TEMPLATE, 8, on_demand_base=2, rebalance_after=timedelta(minutes=10), subnets=SUBNETS
    )
    return as_json(create_fleet(ZONED, settings, PROVENANCE).document)


def group() -> str:
    settings = GroupSettings(
        "gpu-spot",
        TEMPLATE,
        16,
        minimum=2,
        on_demand_base=1,
        on_demand_share=0.25,
        weigh_by_gpus=True,
        subnets=SUBNETS,
    )
    offerings = some("aws", "g5.xlarge", "g5.12xlarge")
    return as_json(create_auto_scaling_group(offerings, settings, PROVENANCE).document)


def node_group() -> str:
    cluster = EksCluster("prod", "arn:aws:iam::123456789012:role/nodes", SUBNETS)
    return as_json(create_nodegroup(ZONED, NODES, cluster, PROVENANCE).document)


def classes() -> str:
    spot = [
        *some("gcp", "g2-standard-4", zone="us-central1-a"),
        *some("gcp", "g2-standard-4", zone="us-central1-b"),
        *some("gcp", "a2-ultragpu-1g"),
    ]
    listed = [replace(spot[0], capacity_type=CapacityType.ON_DEMAND)]
    settings = ComputeClassSettings("gpu-spot")
    return to_yaml([compute_class([*spot, *listed], settings, PROVENANCE).document])


def expander() -> str:
    settings = ExpanderSettings(groups={"g4dn.xlarge": "^eks-turing-"}, last=("-on-demand-",))
    return to_yaml([priority_expander(ZONED, settings, STALE).document])


def task() -> str:
    offerings = [
        *some("gcp", "g2-standard-4", zone="us-central1-a"),
        *some("aws", "g6.xlarge", zone="us-east-1a"),
        *some("azure", "Standard_NC24ads_A100_v4", zone="eastus-1"),
    ]
    return to_yaml([resources(offerings, SkyPilotSettings()).document])


OUTPUTS: dict[str, Callable[[], str]] = {
    "ec2_fleet.json": fleet,
    "autoscaling_group.json": group,
    "eks_node_group.json": node_group,
    "eks_node_group.tf.json": lambda: as_json(eks_node_group(ZONED, NODES, STALE).document),
    "eks_node_group.tf": lambda: to_hcl(eks_node_group(ZONED, NODES, STALE).document),
    "nodepool.tf.json": lambda: as_json(karpenter_manifests([NODEPOOL], PROVENANCE).document),
    "nodepool.tf": lambda: to_hcl(karpenter_manifests([NODEPOOL], PROVENANCE).document),
    "nodepool_kubectl.tf": lambda: to_hcl(
        karpenter_manifests([NODEPOOL], PROVENANCE, "kubectl_manifest").document
    ),
    "priority_expander.yaml": expander,
    "compute_class.yaml": classes,
    "skypilot.yaml": task,
    "one_line.txt": lambda: f"{one_line(ZONED)}\n{one_line(ZONED, with_places=True)}\n",
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_is_as_it_was_read(name: str) -> None:
    made = OUTPUTS[name]()
    if os.environ.get("WRITE_GOLDENS"):
        (FOLDER / name).write_text(made, encoding="utf-8")

    assert made == (FOLDER / name).read_text(encoding="utf-8")


def test_no_golden_is_left_that_nothing_writes() -> None:
    assert {one.name for one in FOLDER.iterdir()} == set(OUTPUTS)
