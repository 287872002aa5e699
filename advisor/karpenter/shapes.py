"""What the providers read out of the name of an instance type, derived as they derive it."""

import re
from dataclasses import dataclass

ALIBABA_TYPE = re.compile(r"ecs\.([a-z]+)(-[0-9]+tb)?([0-9]+).*")
"""The provider's own pattern (karpenter-provider-alibabacloud, pkg/providers/instancetype)."""

AWS_GPU_MANUFACTURER = {
    "g4ad": "amd",
    **dict.fromkeys(
        (
            *("g4dn", "g5", "g5g", "g6", "g6e", "g6f", "g7", "g7e", "gr6", "gr6f"),
            *("p3", "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"),
        ),
        "nvidia",
    ),
}
"""GPU families by manufacturer, as the AWS provider's instance-type reference labels them.

A family that is not here (a new one, Trainium, Inferentia) gets no GPU requirement.
"""

AWS_FRACTIONAL_GPU = frozenset({"g6f", "gr6f"})
"""Families that sell parts of a GPU: Karpenter labels them with instance-gpu-count 0."""


def aws_family(instance_type: str) -> str:
    """Karpenter's instance-family of an AWS type: ``p6-b200`` of ``p6-b200.48xlarge``."""
    return instance_type.partition(".")[0]


@dataclass(frozen=True, slots=True)
class AlibabaShape:
    """The labels that the Alibaba Cloud provider derives from a type's name."""

    category: str
    generation: str
    family: str
    """With the ``ecs.`` in front: ``ecs.gn7i-c8g1``."""
    size: str | None
    """None unless the name has exactly three parts."""


def alibaba_shape(instance_type: str) -> AlibabaShape | None:
    """What the provider derives from the name; None if it derives nothing."""
    match = ALIBABA_TYPE.fullmatch(instance_type)
    if match is None:
        return None
    parts = instance_type.split(".")
    return AlibabaShape(
        category=match[1],
        generation=match[3],
        family=".".join(parts[:2]),
        size=parts[2] if len(parts) == 3 else None,  # noqa: PLR2004 - ecs, family, size
    )


GCP_HYPERDISK_ONLY = frozenset(
    {
        *("a3-ultragpu", "a4-highgpu", "a4x-highgpu", "g4-standard"),
        *("c4", "c4a", "c4d", "h4d", "m4", "n4", "n4d", "x4"),
    }
)
"""Series (or series and shape) that boot from Hyperdisk alone, as Google's pages on machine
families say; pd-balanced is refused when the machine is made."""


def gcp_family(instance_type: str) -> str:
    """Karpenter's instance-family of a machine type: ``a2`` of ``a2-highgpu-1g``."""
    return instance_type.partition("-")[0]


def needs_hyperdisk(instance_type: str) -> bool:
    """Whether a machine type of GCP boots from Hyperdisk alone."""
    series, _, rest = instance_type.partition("-")
    return bool({series, f"{series}-{rest.partition('-')[0]}"} & GCP_HYPERDISK_ONLY)


AZURE_SIZE = re.compile(r"(Standard|Basic)_[A-Za-z0-9_-]+")
"""How Azure names sizes, and AKS its nodes' instance-type label; ``NC4as_T4_v3`` alone matches
nothing."""
