"""The words each Karpenter provider uses for a machine: label keys, zone keys, node classes.

The providers agree on Karpenter's own labels and on nothing else. The CRDs of AWS and Azure refuse
a key of their domain that they do not know; those of Alibaba Cloud and GCP take any key, and a
misspelt one matches no machine without a word. All are checked here, against the same list of keys
as the provider's. One provider is one entry below.
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
REGION = "topology.kubernetes.io/region"
AWS_ZONE_ID = "topology.k8s.aws/zone-id"

NODEPOOL = "karpenter.sh/nodepool"

RETIRE = "spotcast.io/retire"
"""Label of a NodeClaim that is to be replaced; a NodePool's requirement forbids it."""
WARMING = "spotcast.io/warming"
"""Startup taint of a node whose images and models are not there yet."""
WARMER = "spotcast.io/warmer"
"""Label of pods that bring image or model to a node: when all of them are Ready, it is warm."""
WARM = "spotcast.io/warm"
"""Annotation of a node, for whoever knows: ``true`` or ``false``; it goes before the pods."""
WARM_WHEN = "spotcast.io/warm-when"
"""Annotation of a NodePool: the model caches that its new nodes wait for."""
HELD_BY, CORDONED_BY, OURS = "spotcast.io/held-by", "spotcast.io/cordoned-by", "spotcast"
"""Annotations of a node that we keep from disruption, or whose cordon is ours; what they say."""
DATA_AS_OF = "spotcast.io/data-as-of"
"""Annotation: when the oldest fact behind a manifest was last known to be true."""
MANAGED_BY = {"app.kubernetes.io/managed-by": "spotcast"}
"""Label of what is ours to change and to delete."""

ZONE_ID = re.compile(r"[a-z]+[0-9]*(-[a-z0-9]+)*-(az|wlz)[0-9]+")
"""AWS zone ids (use1-az4, usw2-lax1-az1, use1-wl1-bos-wlz1); names end otherwise (us-east-1a)."""

LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
LABEL_VALUE_LENGTH = 63
DOMAIN_LENGTH = 253

QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?([KMGTPE]i|[numkMGTPE])?")
"""An amount as Kubernetes writes it, of those that need no sign and no exponent."""

_DNS_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
OBJECT_NAME = re.compile(_DNS_NAME)
_QUALIFIED = re.compile(rf"({_DNS_NAME}/)?([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9]")

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


_GCP_KEYS = (
    *("instance-family", "instance-shape", "instance-generation", "instance-size"),
    *("instance-cpu", "instance-memory", "instance-gpu-name", "instance-gpu-count"),
    "gcenodeclass",
)
_AZURE_KEYS = (
    *("aksnodeclass", "sku-name", "sku-family", "sku-series", "sku-version", "sku-cpu"),
    *("sku-memory", "sku-networking-accelerated", "sku-storage-premium-capable"),
    *("sku-storage-ultra-ssd", "sku-storage-ephemeralos-maxsize", "sku-gpu-name"),
    *("sku-gpu-manufacturer", "sku-gpu-count", "placement-scope"),
)
AKS_DOMAIN = "kubernetes.azure.com"
_AKS_KEYS = frozenset(
    (
        *("mode", "scalesetpriority", "priority", "fips_enabled", "os-sku", "cluster", "sku-cpu"),
        *("sku-memory", "ebpf-dataplane", "ebpf-host-routing", "network-policy", "hostedvm"),
    )
)
_BANNED_ON_AKS = frozenset({"agentpool", "storageprofile", "storagetier", "accelerator"})
"""Labels that AKS keeps to itself; the CRDs refuse them."""

SPOT_AND_ON_DEMAND = frozenset({CapacityType.SPOT, CapacityType.ON_DEMAND})


@dataclass(frozen=True, slots=True)
class ProviderLabels:
    """What one provider calls things, and which of Karpenter's objects do something there."""

    provider: str
    domain: str
    keys: frozenset[str]
    """The names it knows in its ``domain``."""
    node_class_kind: str
    node_class_version: str
    capacity_types: frozenset[CapacityType]
    zone_name: re.Pattern[str]
    """What the zone label of a node can hold."""
    zone_example: str
    empty_keys: frozenset[str] = frozenset()
    """Names that it registers and never writes on a node: a requirement on them matches none."""
    one_architecture: bool = False
    """The provider takes the image from the first type: one architecture per NodePool."""
    has_node_overlay: bool = False
    """It asks Karpenter for overlaid prices; where not, a NodeOverlay changes nothing."""
    has_capacity_buffer: bool = False
    """It ships the CapacityBuffer CRD."""
    most_types: int | None = None
    """Types that one launch takes into account, the cheapest; None if there is no such limit."""

    @property
    def node_class_api_version(self) -> str:
        """Group and version of the node class; the group is the domain of the labels."""
        return f"{self.domain}/{self.node_class_version}"

    def key(self, name: str) -> str:
        """The provider's label key of that name.

        Raises:
            ManifestError: the provider has no such key, or never writes it on a node, so that no
                machine would match.
        """
        if name in self.empty_keys:
            raise ManifestError(f"{self.domain}/{name}", "no node of this provider ever has it")
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
    zone_name=re.compile(r"[a-z]+[0-9]*(-[a-z0-9]+)+"),
    zone_example="use1-az4 or us-east-1a",
    has_node_overlay=True,
    has_capacity_buffer=True,
    # CreateFleet is sent the 60 cheapest (pkg/providers/instance/instance.go, 1.14).
    most_types=60,
)
ALIBABA = ProviderLabels(
    provider="alibaba",
    domain="karpenter.k8s.alibabacloud",
    keys=frozenset((*_INSTANCE_KEYS, "instance-cpu-model", "ecsnodeclass")),
    node_class_kind="ECSNodeClass",
    node_class_version="v1alpha1",
    # Its Karpenter core is 1.2, which knows neither reserved capacity nor overlays nor buffers.
    capacity_types=SPOT_AND_ON_DEMAND,
    zone_name=re.compile(r"[a-z]+(-[a-z0-9]+)+"),
    zone_example="cn-hangzhou-i",
    one_architecture=True,
    # An auto provisioning group is sent the 20 cheapest (pkg/providers/instance/instance.go).
    most_types=20,
)
GCP = ProviderLabels(
    provider="gcp",
    domain="karpenter.k8s.gcp",
    keys=frozenset(_GCP_KEYS),
    empty_keys=frozenset({"instance-gpu-manufacturer", "instance-gpu-memory"}),
    node_class_kind="GCENodeClass",
    node_class_version="v1alpha1",
    capacity_types=SPOT_AND_ON_DEMAND,
    zone_name=re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z0-9]+"),
    zone_example="us-central1-a",
    # The CRD of overlays is shipped and their status is set, but 0.5 never asks for the prices.
    has_node_overlay=False,
    has_capacity_buffer=True,
)
AZURE = ProviderLabels(
    provider="azure",
    domain="karpenter.azure.com",
    keys=frozenset(_AZURE_KEYS),
    node_class_kind="AKSNodeClass",
    node_class_version="v1beta1",
    capacity_types=SPOT_AND_ON_DEMAND,
    zone_name=re.compile(r"[a-z0-9]+-[0-9]+"),
    zone_example="westus2-1",
    has_node_overlay=True,
)
PROVIDERS = (AWS, ALIBABA, GCP, AZURE)


def provider_labels(provider: str) -> ProviderLabels:
    """The words of the provider with that name.

    Raises:
        ManifestError: no NodePool can be written for it.
    """
    for labels in PROVIDERS:
        if labels.provider == provider:
            return labels
    raise ManifestError(
        f"provider {provider}", "Karpenter's objects are written for aws, alibaba, gcp and azure"
    )


def zone_key(labels: ProviderLabels, zones: Iterable[str]) -> str:
    """The label key that holds these zones: of zone ids on AWS, else of zone names.

    Raises:
        ManifestError: a zone is not named as the provider labels its nodes; or zone ids and zone
            names are mixed: two keys would both have to hold, and no machine need be in both
            lists.
    """
    kinds: set[bool] = set()
    for zone in zones:
        if not labels.zone_name.fullmatch(zone):
            raise ManifestError(
                f"zone {zone}", f"{labels.provider} has no such zone; write {labels.zone_example}"
            )
        kinds.add(bool(labels is AWS and ZONE_ID.fullmatch(zone)))
    if len(kinds) > 1:
        raise ManifestError("zones", "zone ids and zone names are mixed; give one kind")
    return AWS_ZONE_ID if kinds == {True} else ZONE


def check_key(labels: ProviderLabels, key: str) -> None:
    """Accept a requirement's key that some machine of the provider can match.

    Raises:
        ManifestError: the syntax is wrong, Karpenter or the provider keeps the key to itself, or
            the provider has no such key in its domain.
    """
    check_qualified_name(key)
    domain, _, name = key.partition("/")
    reserved = domain.endswith("karpenter.sh") and key != CAPACITY_TYPE
    if reserved or key == "kubernetes.io/hostname":
        raise ManifestError(key, "Karpenter does not allow this key in a NodePool")
    for other in PROVIDERS:
        if domain.endswith(other.domain) and key != f"{labels.domain}/{name}":
            raise ManifestError(key, f"{labels.provider} has no labels of that domain")
    if domain == labels.domain:
        labels.key(name)
    if labels is AZURE:
        _check_aks_key(key, domain, name)


def _check_aks_key(key: str, domain: str, name: str) -> None:
    if key in _BANNED_ON_AKS:
        raise ManifestError(key, "AKS keeps this label to itself")
    if domain.endswith(AKS_DOMAIN) and not (domain == AKS_DOMAIN and name in _AKS_KEYS):
        raise ManifestError(key, "no label key of AKS that a NodePool may ask for")


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


def check_quantity(amount: str, resource: str) -> None:
    """Accept an amount of a resource; one of a device plugin (GPUs) comes in whole numbers only.

    Raises:
        ManifestError: Kubernetes would not take it.
    """
    check_qualified_name(resource)
    if not QUANTITY.fullmatch(amount):
        raise ManifestError(resource, f"{amount!r} is no quantity such as 1, 500m or 16Gi")
    if "/" in resource and not amount.isdigit():
        raise ManifestError(resource, f"{amount!r} is no whole number, which it must be")
