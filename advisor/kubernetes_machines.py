"""Which pool a node's machine is of, read from its labels, its provider's id and its node class.

The labels are Kubernetes', Karpenter's and the clouds' own; `collector.providers.kubernetes` reads
the same ones for the warehouse, so that both name a pool alike.
"""

import re
from collections.abc import Mapping

from advisor.karpenter.labels import (
    AWS_ZONE_ID,
    CAPACITY_TYPE,
    INSTANCE_TYPE,
    PROVIDERS,
    REGION,
    ZONE,
)
from warehouse.records import Pool

SPOT = {
    CAPACITY_TYPE: {"spot"},
    "eks.amazonaws.com/capacityType": {"SPOT"},
    "cloud.google.com/gke-spot": {"true"},
    "cloud.google.com/gke-preemptible": {"true"},
    "kubernetes.azure.com/scalesetpriority": {"spot"},
    "node.alibabacloud.com/spot-strategy": {"SpotAsPriceGo", "SpotWithPriceLimit"},
}
"""Labels of which one is enough, and their values: Karpenter's and the managed clusters'."""

DOMAINS = {
    "aws": ("eks.amazonaws.com/", "topology.k8s.aws/", "karpenter.k8s.aws/"),
    "gcp": ("cloud.google.com/", "topology.k8s.gcp/", "karpenter.k8s.gcp/"),
    "azure": ("kubernetes.azure.com/", "karpenter.azure.com/"),
    "alibaba": (
        *("node.alibabacloud.com/", "topology.k8s.alibabacloud/"),
        "karpenter.k8s.alibabacloud/",
    ),
}
"""How labels begin that only one cloud's nodes have."""

SCHEMES = {"aws": "aws", "gce": "gcp", "azure": "azure"}
"""Providers by the scheme of a node's ``spec.providerID``."""
ALIBABA_ID = re.compile(r"(?:[a-z]+://)?(?P<region>[a-z]{2,}-[a-z0-9-]+)\.i-[0-9a-z]+")
"""Alibaba Cloud writes ``cn-hangzhou.i-...``, with or without a scheme."""

AWS_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")
"""The region at the start of a zone's name; what follows is ``a``, or ``-lax-1a``."""


def pool_of(labels: Mapping[str, str], provider_id: str, node_class_group: str) -> Pool | None:
    """The pool of a machine; None if provider, region, zone or type cannot be told.

    ``provider_id`` and ``node_class_group`` are empty where there is none.
    """
    provider = provider_of(labels, provider_id, node_class_group)
    zone = labels.get(AWS_ZONE_ID) or labels.get(ZONE)
    if provider == "azure" and zone and zone.isdigit():
        # A machine outside all zones has the number of its fault domain there.
        zone = None
    region = labels.get(REGION) or _region_of(provider, labels.get(ZONE), provider_id)
    instance_type = labels.get(INSTANCE_TYPE)
    if provider and region and zone and instance_type:
        return Pool(provider, region, zone, instance_type)
    return None


def provider_of(labels: Mapping[str, str], provider_id: str, node_class_group: str) -> str | None:
    """Whose machine it is; None if nothing says so."""
    for one in PROVIDERS:
        if node_class_group == one.domain:
            return one.provider
    if found := SCHEMES.get(provider_id.partition("://")[0]):
        return found
    if ALIBABA_ID.fullmatch(provider_id):
        return "alibaba"
    for provider, domains in DOMAINS.items():
        if any(name.startswith(domains) for name in labels):
            return provider
    return None


def is_spot(labels: Mapping[str, str]) -> bool:
    """Whether the machine was bought on the spot market."""
    return any(labels.get(name) in values for name, values in SPOT.items())


def _region_of(provider: str | None, zone: str | None, provider_id: str) -> str | None:
    if provider == "alibaba" and (found := ALIBABA_ID.fullmatch(provider_id)):
        return found["region"]
    if not zone or provider is None:
        return None
    if provider == "aws":
        match = AWS_REGION.match(zone)
        return match[0] if match else None
    region, dash, _ = zone.rpartition("-")
    return region if dash else None
