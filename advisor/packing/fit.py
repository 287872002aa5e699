"""Which pod may run on which node, and if it may not, what keeps it off.

A node's labels are those that Karpenter and the cloud put on it, and those that the user says the
NodePool adds. Its taints are the user's, and on machines with accelerators the one that the
NodePools of `advisor.karpenter` carry: the resource's own name, without a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.karpenter import labels as words
from advisor.karpenter import shapes
from advisor.packing.overhead import accelerator_resource, allocatable
from advisor.packing.pods import Expression, Pod, Taint
from warehouse.records import Offering

REGION = "topology.kubernetes.io/region"

ALIASES = {
    "beta.kubernetes.io/arch": words.ARCH,
    "beta.kubernetes.io/os": words.OS,
    "beta.kubernetes.io/instance-type": words.INSTANCE_TYPE,
    "failure-domain.beta.kubernetes.io/zone": words.ZONE,
    "failure-domain.beta.kubernetes.io/region": REGION,
}
"""Old keys that Karpenter takes for the new ones (core pkg/apis/v1/labels.go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What the NodePool adds to every node."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: tuple[Taint, ...] = ()
    taint_accelerators: bool = True
    """Machines with accelerators carry the taint of their resource."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """One thing that can be bought: an offering in one zone, as pods see it.

    ``zone`` is None where the price holds for the region and no zone was named.
    """

    offering: Offering
    zone: str | None
    usd_per_hour: float
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    allocatable: Mapping[str, int]

    def refuses(self, pod: Pod) -> str | None:
        """What keeps the pod off an empty node of this kind, amounts last; None if nothing does."""
        for one in pod.node_selector:
            if not one.holds(self.labels):
                return f"it wants {one}"
        if pod.node_affinity and not any(
            all(one.holds(self.labels) for one in term) for term in pod.node_affinity
        ):
            wanted = " or ".join(" and ".join(map(str, term)) for term in pod.node_affinity)
            return f"it wants {wanted}"
        if (taint := pod.untolerated(self.taints)) is not None:
            return f"it does not tolerate the taint {taint}"
        return None

    def lacks(self, pod: Pod) -> str | None:
        """The resource that even an empty node of this kind has too little of; None if none."""
        for name, asked in pod.requests.items():
            if asked > self.allocatable.get(name, 0):
                return name
        return None


def node_kind(
    offering: Offering, zone: str | None, usd_per_hour: float, settings: NodeSettings
) -> NodeKind:
    """What a node of the offering in that zone is to pods, before its daemons."""
    resource = accelerator_resource(offering.instance_type)
    taints = settings.taints
    if resource is not None and settings.taint_accelerators:
        taints = (*taints, Taint(resource))
    return NodeKind(
        offering=offering,
        zone=zone,
        usd_per_hour=usd_per_hour,
        labels=_labels(offering, zone) | dict(settings.labels),
        taints=taints,
        allocatable=allocatable(offering.instance_type),
    )


def _labels(offering: Offering, zone: str | None) -> dict[str, str]:
    """The labels that hold on any cluster of the provider, under old keys as well."""
    shape, pool = offering.instance_type, offering.pool
    labels = {
        words.ARCH: shape.architecture,
        words.OS: "linux",
        words.INSTANCE_TYPE: pool.instance_type,
        words.CAPACITY_TYPE: offering.capacity_type.value,
        REGION: pool.region,
    }
    if zone is not None:
        is_id = pool.provider == "aws" and words.ZONE_ID.fullmatch(zone)
        labels[words.AWS_ZONE_ID if is_id else words.ZONE] = zone
    if pool.provider == "aws":
        labels |= _aws_labels(offering)
    return labels | {old: labels[new] for old, new in ALIASES.items() if new in labels}


def _aws_labels(offering: Offering) -> dict[str, str]:
    """What the AWS provider derives from a type and its size."""
    shape = offering.instance_type
    family, _, size = shape.instance_type.partition(".")
    labels = {
        words.AWS.key("instance-family"): family,
        words.AWS.key("instance-size"): size,
        words.AWS.key("instance-cpu"): f"{shape.vcpu:.0f}",
        words.AWS.key("instance-memory"): f"{shape.memory_gib * 1024:.0f}",
    }
    maker = shapes.AWS_GPU_MANUFACTURER.get(family)
    if shape.gpu_count and maker and shape.gpu_name and family not in shapes.AWS_FRACTIONAL_GPU:
        labels[words.AWS.key("instance-gpu-manufacturer")] = maker
        labels[words.AWS.key("instance-gpu-count")] = str(shape.gpu_count)
        name = shape.gpu_name.removeprefix("NVIDIA ").lower().replace(" ", "-")
        labels[words.AWS.key("instance-gpu-name")] = name
    return labels


def unknown_labels(pod: Pod, kinds: list[NodeKind]) -> list[Expression]:
    """What the pod wants of labels that no node has, so that nothing can meet it."""
    known = {key for kind in kinds for key in kind.labels}
    wanted = [*pod.node_selector, *(one for term in pod.node_affinity for one in term)]
    return [
        one
        for one in wanted
        if one.key not in known and one.operator in {"In", "Exists", "Gt", "Lt"}
    ]
