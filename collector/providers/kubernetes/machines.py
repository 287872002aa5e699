"""Which machine of which cloud a node is: read from its labels and its provider's id.

The labels are Kubernetes', Karpenter's and the clouds' own. The id is spelled so that it is the one
in the cloud's own events.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collector.payload import mapping, text
from warehouse.records import REGIONAL, Pool

TYPES = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
REGIONS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
ZONES = (
    # AWS' zone id comes first: a zone name is another place in each account.
    "topology.k8s.aws/zone-id",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
)

SPOT_LABELS = {
    "karpenter.sh/capacity-type": {"spot"},
    "eks.amazonaws.com/capacityType": {"SPOT"},
    "cloud.google.com/gke-spot": {"true"},
    "cloud.google.com/gke-preemptible": {"true"},
    "kubernetes.azure.com/scalesetpriority": {"spot"},
    # Not in the contract; from ACK's public documentation of node labels.
    "node.alibabacloud.com/spot-strategy": {"SpotAsPriceGo", "SpotWithPriceLimit"},
}
"""Labels of which one is enough, and their values."""

LABELS_OF = {
    "aws": ("eks.amazonaws.com/", "topology.k8s.aws/", "karpenter.k8s.aws/"),
    "gcp": ("cloud.google.com/", "topology.k8s.gcp/", "karpenter.k8s.gcp/"),
    "azure": ("kubernetes.azure.com/", "karpenter.azure.com/"),
    "alibaba": (
        "node.alibabacloud.com/",
        "topology.k8s.alibabacloud/",
        "karpenter.k8s.alibabacloud/",
    ),
}
"""How labels begin that only one cloud's nodes have, for a node without a provider's id."""

AWS_ID = re.compile(r"aws:///(?P<zone>[^/]*)/(?P<node>i-[0-9a-z]+)")
GCP_ID = re.compile(r"gce://(?P<node>[^/]+/(?P<zone>[^/]+)/[^/]+)")
AZURE_ID = re.compile(
    r"azure:///.*?(?:/virtualmachinescalesets/(?P<set>[^/]+))?/virtualmachines/(?P<name>[^/]+)",
    re.IGNORECASE,
)
ALIBABA_ID = re.compile(r"(?:[a-z]+://)?(?P<region>[a-z]{2,}-[a-z0-9-]+)\.(?P<node>i-[0-9a-z]+)")

AWS_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
"""The region at the start of a zone's name; what follows is ``a``, or ``-lax-1a``."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, as far as it is known. ``node`` is the provider's id, or the object's name."""

    provider: str | None
    region: str | None
    zone: str | None
    instance_type: str | None
    node: str
    is_spot: bool

    @property
    def pool(self) -> Pool:
        """Its pool, with ``*`` for what is not known."""
        return Pool(
            self.provider or REGIONAL,
            self.region or REGIONAL,
            self.zone or REGIONAL,
            self.instance_type or REGIONAL,
        )


def machine_of_node(node: Mapping[str, Any]) -> Machine:
    """The machine that the Node is."""
    spec = mapping(node, "spec") if node.get("spec") else {}
    return _machine(node, spec)


def machine_of_claim(claim: Mapping[str, Any]) -> Machine:
    """The machine that Karpenter launched for the NodeClaim."""
    status = mapping(claim, "status") if claim.get("status") else {}
    return _machine(claim, status)


def _machine(thing: Mapping[str, Any], holder: Mapping[str, Any]) -> Machine:
    """``holder`` is the part that has the provider's id."""
    about = mapping(thing, "metadata")
    labels = mapping(about, "labels") if about.get("labels") else {}
    provider_id = text(holder, "providerID") if holder.get("providerID") else None
    return machine_of(labels, provider_id, text(about, "name"))


def machine_of(labels: Mapping[str, Any], provider_id: str | None, name: str) -> Machine:
    """The machine behind a Node or a NodeClaim called ``name``."""
    provider, node, region, zone = _from_id(provider_id or "")
    provider = provider or _from_labels(labels)
    zone = _first(labels, ZONES) or zone
    if provider == "azure" and zone and zone.isdigit():
        # A machine outside all zones has the number of its fault domain there.
        zone = None
    return Machine(
        provider=provider,
        region=_first(labels, REGIONS) or region or region_of(provider, zone),
        zone=zone,
        instance_type=_first(labels, TYPES),
        node=node or name,
        is_spot=any(labels.get(name) in values for name, values in SPOT_LABELS.items()),
    )


def _from_id(provider_id: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Provider, node, region and zone, each None if the id does not say it."""
    if found := AWS_ID.fullmatch(provider_id):
        zone = found["zone"] or None
        return "aws", found["node"], region_of("aws", zone), zone
    if found := GCP_ID.fullmatch(provider_id):
        return "gcp", found["node"], region_of("gcp", found["zone"]), found["zone"]
    if found := AZURE_ID.fullmatch(provider_id):
        # As Azure's scheduled events name it, which do not tell the group: ``set_3`` is machine 3
        # of a scale set. The same name is spelled in different cases in different places.
        parts = [one for one in (found["set"], found["name"]) if one]
        return "azure", "_".join(parts).lower(), None, None
    if found := ALIBABA_ID.fullmatch(provider_id):
        return "alibaba", found["node"], found["region"], None
    return None, None, None, None


def _from_labels(labels: Mapping[str, Any]) -> str | None:
    for provider, starts in LABELS_OF.items():
        if any(name.startswith(starts) for name in labels):
            return provider
    return None


def region_of(provider: str | None, zone: str | None) -> str | None:
    """The region whose name the zone's name begins with; None if that is not known."""
    if not zone:
        return None
    if provider == "aws":
        found = AWS_REGION.match(zone)
        return found[0] if found else None
    region, dash, _ = zone.rpartition("-")
    return region if provider and dash else None


def _first(labels: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((text(labels, name) for name in names if labels.get(name)), None)
