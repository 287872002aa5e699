"""Which pool refused, as far as the text of a Karpenter event tells.

The text is the cloud's error message, cut at some length. Only the phrase in which a cloud names
what it lacks is read: AWS goes on to name zones that do have capacity.
"""

import re
from collections.abc import Iterator

from collector.providers.kubernetes.machines import region_of
from warehouse.records import REGIONAL, Pool

CAPACITY_CODES = {
    "aws": ("InsufficientInstanceCapacity", "UnfulfillableCapacity", "InsufficientCapacity:"),
    "gcp": ("ZONE_RESOURCE_POOL_EXHAUSTED", "does not have enough resources available"),
    "azure": (
        "SkuNotAvailable",
        "AllocationFailed",
        "OverconstrainedAllocationRequest",
        "OverconstrainedZonalAllocationRequest",
    ),
    "alibaba": ("OperationDenied.NoStock", "NoStock"),
}
"""What each cloud says when it has no machine."""

LIMIT_CODES = (
    "MaxSpotInstanceCountExceeded",
    "MaxFleetCountExceeded",
    "VcpuLimitExceeded",
    "InsufficientFreeAddressesInSubnet",
    "QUOTA_EXCEEDED",
    "QuotaExceeded",
    "OperationNotAllowed",
)
"""What Karpenter calls want of capacity as well, though it is a limit of the user's account."""

LACKING = {
    "aws": re.compile(
        r"sufficient (?P<type>[a-z][a-z0-9-]*\.[a-z0-9-]+) capacity"
        r"(?: in the Availability Zone you requested \((?P<zone>[a-z0-9-]+)\))?"
    ),
    "gcp": re.compile(r"zones/(?P<zone>[a-z]+-[a-z]+\d+-[a-z])"),
    "azure": re.compile(r"(?P<type>Standard_[A-Za-z0-9_-]+)"),
    "alibaba": re.compile(r"(?P<type>ecs\.[a-z0-9-]+\.[a-z0-9]+)"),
}
"""Where the message names a type or a zone that lacks capacity."""


def provider_in(message: str) -> str | None:
    """The cloud whose words these are, None if they are nobody's."""
    for provider, codes in CAPACITY_CODES.items():
        if any(code in message for code in codes):
            return provider
    return None


def is_only_a_limit(message: str) -> bool:
    """Whether the account's limits refused, and no pool did."""
    return provider_in(message) is None and any(code in message for code in LIMIT_CODES)


def pools_in(message: str) -> list[Pool]:
    """The pools that lack capacity, in order; one with ``*`` for what is not told."""
    provider = provider_in(message)
    if provider is None:
        return [Pool(REGIONAL, REGIONAL, REGIONAL, REGIONAL)]
    found = sorted(set(_named(provider, message)))
    return found or [Pool(provider, REGIONAL, REGIONAL, REGIONAL)]


def _named(provider: str, message: str) -> Iterator[Pool]:
    for found in LACKING[provider].finditer(message):
        named = found.groupdict()
        zone = named.get("zone")
        region = region_of(provider, zone)
        yield Pool(provider, region or REGIONAL, zone or REGIONAL, named.get("type") or REGIONAL)
