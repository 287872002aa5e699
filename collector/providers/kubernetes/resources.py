"""The three kinds of objects that are watched, and how they are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object. ``name`` is as a ClusterRole names it, with its group.

    ``selection`` is added to lists and watches. A resource that ``is_optional`` comes with an
    add-on: a cluster without it answers 404, and that is no fault.
    """

    name: str
    path: str
    selection: Mapping[str, str] = field(default_factory=dict)
    is_optional: bool = False


NODES = Resource("nodes", "/api/v1/nodes")

NODECLAIMS = Resource(
    "nodeclaims.karpenter.sh", "/apis/karpenter.sh/v1/nodeclaims", is_optional=True
)

EVENTS = Resource(
    "events",
    "/api/v1/events",
    # Most of a cluster's events are of pods and what makes them: they need not cross the network.
    {"fieldSelector": "involvedObject.kind!=Pod,involvedObject.kind!=ReplicaSet"},
)

VERBS = ("get", "list", "watch")
"""What the feeds do. ``get`` is for people: kubectl needs it to show one object."""


def permissions(*resources: Resource) -> tuple[str, ...]:
    """What a role must allow, as kubectl says it: ``list nodes``."""
    return tuple(f"{verb} {one.name}" for one in resources for verb in ("list", "watch"))
