"""What the advisor needs of a cluster: a port, and plain snapshots of what is in it.

Plans and replacements decide on these records alone; `advisor.kubernetes` fills them from a real
cluster, a file or a test from what ``kubectl get -o yaml`` prints.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from advisor.errors import AdvisorError
from advisor.replacement.actions import Action
from advisor.replacement.records import Evidence, Snapshot

Manifest = Mapping[str, Any]
"""A Kubernetes object as its YAML says it; nothing is left out or renamed."""

NODEPOOL_LABEL = "karpenter.sh/nodepool"
"""Label of NodeClaims and Nodes: the NodePool that they belong to."""
DO_NOT_DISRUPT = "karpenter.sh/do-not-disrupt"
"""Annotation that holds back every voluntary disruption, drift among them."""


class ClusterError(AdvisorError):
    """The cluster did not do what was asked; says what and how to mend it."""


class ClusterDeniedError(ClusterError):
    """There are no credentials, or they do not suffice: a person must grant something."""


class ClusterUnavailableError(ClusterError):
    """The API server does not answer, or is in trouble: trying again later may help."""


class ClusterRefusedError(ClusterError):
    """The API server does not take the object: schema, CEL, a webhook or a quota forbids it."""


class ConflictError(ClusterError):
    """Other field managers own fields that were to be written.

    ``owners`` maps each field (``.spec.weight``) to its manager.
    """

    def __init__(self, subject: str, owners: Mapping[str, str]) -> None:
        named = ", ".join(f"{field} is owned by {owner}" for field, owner in owners.items())
        super().__init__(
            f"{subject}: {named or 'it was changed meanwhile'}. Leave the fields to them, "
            "or take them over with --force-conflicts"
        )
        self.owners = dict(owners)


class DisruptionBlockedError(ClusterError):
    """A PodDisruptionBudget does not let a pod go now: that is its right, and may pass."""


class SnapshotError(AdvisorError):
    """What should be a Kubernetes object is none; says which and where."""


@dataclass(frozen=True, slots=True)
class NodeClaim:
    """One machine that Karpenter bought, or is about to.

    ``node`` is None until it has joined. ``is_launched`` without which Karpenter judges no drift;
    ``is_drifted`` is Karpenter's own verdict, for whatever reason.
    """

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    node: str | None = None
    created_at: datetime | None = None
    is_launched: bool = True
    is_initialized: bool = True
    is_drifted: bool = False
    is_deleting: bool = False

    @property
    def nodepool(self) -> str | None:
        """Name of its NodePool; None if somebody made it without one."""
        return self.labels.get(NODEPOOL_LABEL)


@dataclass(frozen=True, slots=True)
class Node:
    """One node as the API server knows it."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    is_unschedulable: bool = False
    is_deleting: bool = False

    @property
    def is_held(self) -> bool:
        """Whether it must not be disrupted, as its annotation says."""
        return self.annotations.get(DO_NOT_DISRUPT) == "true"


class Cluster(Protocol):
    """A cluster with Karpenter in it. Every method raises a `ClusterError`."""

    def nodepools(self) -> list[Manifest]:
        """All NodePools, by name."""
        ...

    def nodepool(self, name: str) -> Manifest | None:
        """The NodePool of that name; None if there is none."""
        ...

    def node_claims(self) -> list[NodeClaim]:
        """All NodeClaims, by name."""
        ...

    def nodes(self) -> list[Node]:
        """All Nodes, by name."""
        ...

    def apply(self, nodepool: Manifest, *, dry_run: bool = False, force: bool = False) -> Manifest:
        """Write a NodePool under our field manager; the object as it then is (or would be).

        ``force`` takes over fields of other managers, else they are a `ConflictError`.
        """
        ...


class GuardedCluster(Protocol):
    """A cluster whose nodes are replaced before they die. Every method raises a `ClusterError`.

    `ClusterUnavailableError` asks to try later; a `DisruptionBlockedError` is no fault at all.
    """

    def snapshot(self, now: datetime) -> Snapshot:
        """What is there; ``now`` is when, and decides which disruption budgets are in force."""
        ...

    def evidence(self) -> list[Evidence]:
        """What the cloud has said of single machines, each word once, by node."""
        ...

    def do(self, action: Action) -> None:
        """Make it so; what is so already is left alone.

        What is gone (a node, a pod, a workload) needs nothing done to it any more.
        """
        ...

    def lease(self, name: str, holder: str, seconds: int, now: datetime) -> bool:
        """Whether ``holder`` leads for the next ``seconds``; asked again, it is renewed.

        Another's lease is taken over when it has not been renewed for as long as it says, by our
        own watch: clocks of two machines are never compared.
        """
        ...


def node_claim(manifest: Manifest) -> NodeClaim:
    """The NodeClaim that a manifest describes.

    Raises:
        SnapshotError: it is no NodeClaim with a name and labels.
    """
    about = _metadata(manifest, "NodeClaim")
    status = manifest.get("status") or {}
    return NodeClaim(
        name=about["name"],
        labels=about["labels"],
        annotations=about["annotations"],
        node=status.get("nodeName") or None,
        created_at=_time(about["created"], f"NodeClaim {about['name']}"),
        is_launched=_is_true(status, "Launched", bool(status.get("providerID"))),
        is_initialized=_is_true(status, "Initialized", False),
        is_drifted=_is_true(status, "Drifted", False),
        is_deleting=about["is_deleting"],
    )


def node(manifest: Manifest) -> Node:
    """The Node that a manifest describes.

    Raises:
        SnapshotError: it is no Node with a name.
    """
    about = _metadata(manifest, "Node")
    spec = manifest.get("spec") or {}
    return Node(
        name=about["name"],
        labels=about["labels"],
        annotations=about["annotations"],
        is_unschedulable=bool(spec.get("unschedulable")),
        is_deleting=about["is_deleting"],
    )


def of_kind(manifests: Iterable[Any], kind: str) -> list[Manifest]:
    """The objects of that kind, by name; the members of Lists count as well.

    Raises:
        SnapshotError: something is no Kubernetes object, or has no name.
    """
    found: list[Manifest] = []
    for manifest in manifests:
        if not isinstance(manifest, Mapping) or not isinstance(manifest.get("kind"), str):
            raise SnapshotError(f"{str(manifest)!r:.60} is no Kubernetes object: it has no kind")
        if manifest["kind"].endswith("List"):
            found += of_kind(_listed(manifest), kind)
        elif manifest["kind"] == kind:
            found.append(manifest)
    return sorted(found, key=lambda one: str(_metadata(one, kind)["name"]))


def _listed(manifest: Manifest) -> Sequence[Manifest]:
    items = manifest.get("items") or []
    if not isinstance(items, list):
        raise SnapshotError(f"{manifest['kind']}: items is no list")
    return items


def _metadata(manifest: Manifest, kind: str) -> dict[str, Any]:
    about = manifest.get("metadata")
    name = about.get("name") if isinstance(about, Mapping) else None
    if not isinstance(about, Mapping) or not isinstance(name, str) or not name:
        raise SnapshotError(f"a {kind} without metadata.name")
    return {
        "name": name,
        "labels": _words(about, "labels", f"{kind} {name}"),
        "annotations": _words(about, "annotations", f"{kind} {name}"),
        "created": about.get("creationTimestamp"),
        "is_deleting": bool(about.get("deletionTimestamp")),
    }


def _words(about: Manifest, field: str, subject: str) -> dict[str, str]:
    given = about.get(field) or {}
    if not isinstance(given, Mapping) or not all(
        isinstance(key, str) and isinstance(value, str) for key, value in given.items()
    ):
        raise SnapshotError(f"{subject}: metadata.{field} maps no text to text; quote the values")
    return dict(given)


def _is_true(status: Manifest, kind: str, otherwise: bool) -> bool:  # noqa: FBT001 - of a table
    for condition in status.get("conditions") or ():
        if condition.get("type") == kind:
            return bool(condition.get("status") == "True")
    return otherwise


def _time(given: object, subject: str) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return given
    try:
        return datetime.fromisoformat(str(given))
    except ValueError as error:
        raise SnapshotError(f"{subject}: creationTimestamp {given!r} is no time") from error
