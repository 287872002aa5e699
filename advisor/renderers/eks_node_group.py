"""EKS managed node group: the request CreateNodegroup, or one per shape of machine.

EKS makes the Auto Scaling group, asks for spot capacity by its own strategy and replaces machines
at elevated risk. It takes a list of types without order, and no zones but those of its subnets.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from advisor.demand import gpu_manufacturer
from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.karpenter.requirements import cross_product_extras
from advisor.renderers.choice import (
    Provenance,
    Rendered,
    at_most,
    instance_types,
    one_region,
    zones,
)
from advisor.renderers.shapes import by_shape, mixed_shapes
from advisor.renderers.subnets import Subnet, subnets_in
from warehouse.records import CapacityType, InstanceType, Offering

OUTPUT = "EKS node group"

MOST_TYPES = 20
"""Instance types of one node group (EKS API, CreateNodegroup, instanceTypes)."""

DISK_GIB = 100
"""EKS gives 20 GiB unless asked: one image with CUDA and a model server fills that."""

CAPACITY_TYPES = {CapacityType.SPOT: "SPOT", CapacityType.ON_DEMAND: "ON_DEMAND"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
"""EKS' rule for the names of node groups (EKS user guide, "Create a managed node group")."""


@dataclass(frozen=True, slots=True)
class NodeGroupSettings:
    """What a node group is called, how large it gets, and what its nodes carry.

    Raises:
        ManifestError: EKS would refuse a value.
    """

    name: str
    maximum: int
    minimum: int = 0
    desired: int | None = None
    """None: the minimum; Cluster Autoscaler scales from there."""
    disk_gib: int = DISK_GIB
    taint_gpu_nodes: bool = True
    """Keep pods without need of a GPU off the dear machines."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ManifestError(
                "name", f"{self.name!r} is no name of a node group (at most 63 of A-Z a-z 0-9 - _)"
            )
        desired = self.minimum if self.desired is None else self.desired
        if not 0 <= self.minimum <= desired <= self.maximum or self.maximum < 1:
            raise ManifestError(
                "size",
                f"minimum {self.minimum}, desired {desired}, maximum {self.maximum}: "
                f"each must not be below the one before, and the maximum 1 or more",
            )
        if self.disk_gib < 1:
            raise ManifestError("disk", f"{self.disk_gib} GiB is not 1 or more")
        for key, value in self.labels.items():
            words.check_qualified_name(key)
            words.check_label_value(value, key)


@dataclass(frozen=True, slots=True)
class EksCluster:
    """Where the node group goes."""

    name: str
    node_role: str
    """ARN of the IAM role of the nodes."""
    subnets: tuple[Subnet, ...]

    def __post_init__(self) -> None:
        if not self.name:
            raise ManifestError(OUTPUT, "the cluster has no name")
        if not self.node_role.startswith("arn:"):
            raise ManifestError("node role", f"{self.node_role!r} is no ARN (arn:aws:iam::...)")
        if not self.subnets:
            raise ManifestError(OUTPUT, "wants subnets, as EKS starts machines in no other place")


def create_nodegroup(
    offerings: Sequence[Offering],
    settings: NodeGroupSettings,
    cluster: EksCluster,
    provenance: Provenance,
) -> Rendered:
    """The request, as ``aws eks create-nodegroup --cli-input-json`` and boto3 take it.

    Raises:
        ManifestError: the offerings do not fit into one node group.
    """
    made = node_group(offerings, settings)
    places = subnets_in(zones(offerings), cluster.subnets)
    request = {
        "clusterName": cluster.name,
        "nodegroupName": settings.name,
        "nodeRole": cluster.node_role,
        "subnets": [one.subnet_id for one in places],
        **made.document,
        "tags": provenance.annotations(),
    }
    return Rendered(request, made.notes)


def one_per_shape(
    offerings: Sequence[Offering], settings: NodeGroupSettings
) -> list[tuple[list[Offering], NodeGroupSettings]]:
    """The offerings of each shape with settings of their own, best first.

    Names get the number of the group, from 1: ``gpu-spot-1`` holds the best offering.
    """
    return [
        (group, replace(settings, name=f"{settings.name}-{number}"))
        for number, group in enumerate(by_shape(offerings).values(), 1)
    ]


def node_group(offerings: Sequence[Offering], settings: NodeGroupSettings) -> Rendered:
    """The part of the request that follows from the choice: machines, image, size, labels, taints.

    Raises:
        ManifestError: spot and on demand, architectures, or machines with and without GPUs are
            mixed; or EKS has no image for them.
    """
    one_region(OUTPUT, offerings, "aws")
    kept, notes = at_most(
        instance_types(offerings), MOST_TYPES, f"An {OUTPUT} holds {MOST_TYPES} instance types"
    )
    chosen = [one for one in offerings if one.pool.instance_type in set(kept)]
    machines = [one.instance_type for one in chosen]
    part: dict[str, Any] = {
        "capacityType": _capacity_type(chosen),
        "instanceTypes": kept,
        "amiType": _ami_type(machines),
        "diskSize": settings.disk_gib,
        "scalingConfig": {
            "minSize": settings.minimum,
            "maxSize": settings.maximum,
            "desiredSize": settings.minimum if settings.desired is None else settings.desired,
        },
        "updateConfig": {"maxUnavailable": 1},
    }
    if settings.labels:
        part["labels"] = dict(settings.labels)
    if settings.taint_gpu_nodes and _maker(machines[0]):
        part["taints"] = [{"key": f"{_maker(machines[0])}.com/gpu", "effect": "NO_SCHEDULE"}]
    return Rendered(part, (*notes, *_notes(chosen)))


def _capacity_type(offerings: Sequence[Offering]) -> str:
    found = sorted({one.capacity_type for one in offerings})
    if len(found) > 1 or found[0] not in CAPACITY_TYPES:
        raise ManifestError(
            OUTPUT, f"is spot or on demand as a whole, not {' and '.join(found)}; make two"
        )
    return CAPACITY_TYPES[found[0]]


def _ami_type(machines: Sequence[InstanceType]) -> str:
    """EKS' image for all of the machines: Amazon Linux 2023, the only family still kept up."""
    architecture = _the_only("architecture", {one.architecture for one in machines})
    maker = _the_only("GPU", {_maker(one) or "none" for one in machines})
    chip = {"amd64": "x86_64", "arm64": "ARM_64"}.get(architecture)
    kind = {"none": "STANDARD", "nvidia": "NVIDIA"}.get(maker)
    if chip is None or kind is None:
        raise ManifestError(
            OUTPUT,
            f"EKS has no image for {machines[0].instance_type} ({architecture}, GPU: {maker}); "
            f"such nodes want a launch template with an image of their own",
        )
    return f"AL2023_{chip}_{kind}"


def _maker(machine: InstanceType) -> str | None:
    if machine.gpu_name is None:
        return None
    return gpu_manufacturer(machine) or machine.gpu_name


def _the_only(what: str, found: set[str]) -> str:
    if len(found) > 1:
        raise ManifestError(
            OUTPUT, f"has one image for all, and {what} is {' and '.join(sorted(found))}; choose"
        )
    return found.pop()


def _notes(offerings: Sequence[Offering]) -> list[str]:
    notes = []
    if offerings[0].capacity_type is CapacityType.SPOT:
        notes.append("EKS does not read the order of the types: it asks EC2 by capacity and price.")
    if extras := cross_product_extras(offerings):
        notes.append(
            f"The group may also start {len(extras)} pools that were not ranked: its lists of "
            f"types and subnets allow every pair."
        )
    return notes + mixed_shapes(offerings)
