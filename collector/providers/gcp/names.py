"""Google's names: resources are URLs, a zone is its region and a letter, a node is a path."""

import re
from collections.abc import Mapping
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import text
from collector.provider import Source

PROVIDER_NAME = "gcp"

INSTANCE = re.compile(
    r"(?:^|/)projects/(?P<project>[^/]+)/zones/(?P<zone>[^/]+)/instances/(?P<name>[^/]+)$"
)
ZONE = re.compile(r"[a-z]+-[a-z]+\d+-[a-z0-9]+")
PLACE = re.compile(r"[a-z0-9-]+")
MACHINE_TYPE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")
"""No dot, no capital and no underscore: so one list of watched types serves all clouds."""


def last_part(url: str) -> str:
    """``us-central1-a`` of a full or partial URL, or of the bare name."""
    return url.rsplit("/", 1)[-1]


def region_of(zone: str) -> str:
    """The region of a zone.

    Raises:
        ValueError: it is not named as zones are.
    """
    if not ZONE.fullmatch(zone):
        raise ValueError(f"{zone!r:.40} is not the name of a zone")
    return zone.rpartition("-")[0]


def instance_at(holder: Mapping[str, Any], field: str) -> tuple[str, str]:
    """Node and zone of the machine whose URL or resource name is under ``field``.

    The node is ``project/zone/name``, as in the providerID of a Kubernetes node
    (``gce://project/zone/name``), so that reports of one machine from anywhere are one. The
    numeric id is not used: a Kubernetes node does not carry it.
    """
    found = INSTANCE.search(text(holder, field))
    if not found:
        raise ValueError(f"{field} is {holder[field]!r:.80}, not the path of a machine")
    region_of(found["zone"])
    return "/".join(found.group("project", "zone", "name")), found["zone"]


def watched_types(source: Source, feed: str) -> tuple[str, ...]:
    """The watched types that are Google Cloud's.

    Raises:
        NotOfferedError: none is.
    """
    own = tuple(one for one in source.instance_types if MACHINE_TYPE.fullmatch(one))
    if not own:
        given = f": {', '.join(source.instance_types)}" if source.instance_types else ""
        raise NotOfferedError(feed, f"no watched type is Google Cloud's{given}")
    return own
