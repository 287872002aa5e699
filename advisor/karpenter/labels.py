"""The words each Karpenter provider uses for a machine: label keys, zone keys, node classes.

The providers agree on Karpenter's own labels and on nothing else. AWS' CRD refuses a key of its
domain that it does not know; Alibaba Cloud's takes any key, and a misspelt one matches no machine
without a word. Both are checked here, against the same list of keys as the provider's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from advisor.errors import ManifestError
from warehouse.records import CapacityType

ARCH = "kubernetes.io/arch"
OS = "kubernetes.io/os"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
ZONE = "topology.kubernetes.io/zone"
AWS_ZONE_ID = "topology.k8s.aws/zone-id"

RETIRE = "spotcast.io/retire"
"""Label of a NodeClaim that is to be replaced; a NodePool's requirement forbids it."""
WARMING = "spotcast.io/warming"
"""Startup taint of a node whose images and models are not there yet."""

ZONE_ID = re.compile(r"[a-z]+[0-9]*(-[a-z0-9]+)*-(az|wlz)[0-9]+")
"""AWS zone ids (use1-az4, usw2-lax1-az1, use1-wl1-bos-wlz1); names end otherwise (us-east-1a)."""

ALIBABA_TYPE = re.compile(r"ecs\.([a-z]+)(-[0-9]+tb)?([0-9]+).*")
"""The provider's own pattern (karpenter-provider-alibabacloud, pkg/providers/instancetype)."""

LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
LABEL_VALUE_LENGTH = 63
DOMAIN_LENGTH = 253

_DNS_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
OBJECT_NAME = re.compile(_DNS_NAME)
_QUALIFIED = re.compile(rf"({_DNS_NAME}/)?([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9]")

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

_INSTANCE_KEYS = (
    *("instance-category", "instance-family", "instance-generation", "instance-size"),
    *("instance-cpu", "instance-memory", "instance-gpu-name", "instance-gpu-manufacturer"),
    *("instance-gpu-count", "instance-gpu-memory"),
)
_AWS_KEYS = (
    *("instance-tenancy", "capacity-reservation-type", "capacity-reservation-id"),
    *("capacity-reservation-interruptible", "ec2nodeclass", "nitro-sandbox"),
    *("instance-encryption-in-transit-supported", "instance-hypervisor", "instance-local-nvme"),
    *("instance-cpu-manufacturer", "instance-cpu-sustained-clock-speed-mhz"),
    *("instance-ebs-bandwidth", "instance-network-bandwidth", "instance-accelerator-name"),
    *("instance-accelerator-manufacturer", "instance-accelerator-count"),
    *("instance-capability-flex", "placement-group-id", "placement-group-partition"),
)


@dataclass(frozen=True, slots=True)
class ProviderLabels:
    """What one provider calls things; ``keys`` are the names it knows in its ``domain``."""

    provider: str
    domain: str
    keys: frozenset[str]
    node_class_kind: str
    node_class_version: str
    capacity_types: frozenset[CapacityType]
    one_architecture: bool
    """The provider takes the image from the first type: one architecture per NodePool."""

    @property
    def node_class_api_version(self) -> str:
        """Group and version of the node class; the group is the domain of the labels."""
        return f"{self.domain}/{self.node_class_version}"

    def key(self, name: str) -> str:
        """The provider's label key of that name.

        Raises:
            ManifestError: the provider has no such key, so that no machine would match.
        """
        if name not in self.keys:
            raise ManifestError(f"{self.domain}/{name}", "no label key of this provider")
        return f"{self.domain}/{name}"


AWS = ProviderLabels(
    provider="aws",
    domain="karpenter.k8s.aws",
    keys=frozenset(_INSTANCE_KEYS + _AWS_KEYS),
    node_class_kind="EC2NodeClass",
    node_class_version="v1",
    capacity_types=frozenset(CapacityType),
    one_architecture=False,
)
ALIBABA = ProviderLabels(
    provider="alibaba",
    domain="karpenter.k8s.alibabacloud",
    keys=frozenset((*_INSTANCE_KEYS, "instance-cpu-model", "ecsnodeclass")),
    node_class_kind="ECSNodeClass",
    node_class_version="v1alpha1",
    # Its Karpenter core is 1.2, which does not know reserved capacity.
    capacity_types=frozenset({CapacityType.SPOT, CapacityType.ON_DEMAND}),
    one_architecture=True,
)


def provider_labels(provider: str) -> ProviderLabels:
    """The words of the provider with that name.

    Raises:
        ManifestError: no NodePool can be written for it.
    """
    for labels in (AWS, ALIBABA):
        if labels.provider == provider:
            return labels
    raise ManifestError(f"provider {provider}", "NodePools are written for aws and alibaba")


def zone_key(labels: ProviderLabels, zones: Iterable[str]) -> str:
    """The label key that holds these zones: of zone ids on AWS, else of zone names.

    Raises:
        ManifestError: zone ids and zone names are mixed; two keys would both have to hold,
            and no machine need be in both lists.
    """
    kinds = {bool(labels is AWS and ZONE_ID.fullmatch(zone)) for zone in zones}
    if len(kinds) > 1:
        raise ManifestError("zones", "zone ids and zone names are mixed; give one kind")
    return AWS_ZONE_ID if kinds == {True} else ZONE


def check_key(labels: ProviderLabels, key: str) -> None:
    """Accept a requirement's key that some machine of the provider can match.

    Raises:
        ManifestError: the syntax is wrong, Karpenter keeps the key to itself, or the provider
            has no such key in its domain.
    """
    check_qualified_name(key)
    domain, _, name = key.partition("/")
    reserved = domain.endswith("karpenter.sh") and key != CAPACITY_TYPE
    if reserved or key == "kubernetes.io/hostname":
        raise ManifestError(key, "Karpenter does not allow this key in a NodePool")
    for other in (AWS, ALIBABA):
        if domain.endswith(other.domain) and key != f"{labels.domain}/{name}":
            raise ManifestError(key, f"{labels.provider} has no labels of that domain")
    if domain == labels.domain:
        labels.key(name)


def check_qualified_name(name: str) -> None:
    """Accept a key that Kubernetes takes for a label or an annotation.

    Raises:
        ManifestError: it would be refused.
    """
    if not _QUALIFIED.fullmatch(name) or len(name.rpartition("/")[0]) > DOMAIN_LENGTH:
        raise ManifestError(f"key {name!r}", "not of the form domain/name")


def check_label_value(value: str, subject: str) -> None:
    """Accept what a node's label can hold; the CRDs admit more and Karpenter then stops.

    Raises:
        ManifestError: too long, or of characters that no label value has.
    """
    if len(value) > LABEL_VALUE_LENGTH or not LABEL_VALUE.fullmatch(value):
        raise ManifestError(subject, f"{value!r} is no label value (63 of A-Z a-z 0-9 - _ .)")


def check_object_name(name: str, subject: str) -> None:
    """Accept a name of a NodePool or node class; it becomes a label's value on each node.

    Raises:
        ManifestError: no DNS name, or longer than a label's value may be.
    """
    if len(name) > LABEL_VALUE_LENGTH or not OBJECT_NAME.fullmatch(name):
        raise ManifestError(subject, f"{name!r} is no name (at most 63 of a-z 0-9 - .)")


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
