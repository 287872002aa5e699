"""A cluster as kubectl printed it: the same look as at a real one, at a file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from advisor.cluster import Manifest, of_kind
from advisor.kubernetes_api import Answer, KubeApi
from advisor.kubernetes_caches import Caches, look_at_caches
from advisor.kubernetes_snapshot import Seen, look
from advisor.replacement.records import Evidence, Snapshot
from api.errors import UsageError

KINDS = {
    "nodes": "Node",
    "pods": "Pod",
    "nodeclaims": "NodeClaim",
    "nodepools": "NodePool",
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
}
"""The kind of each list that is looked at; what the file lacks is not there."""

CACHES = {
    "datasets": "Dataset",
    "dataloads": "DataLoad",
    "localmodelcaches": "LocalModelCache",
}
"""The same of model caches; kubectl refuses to ask for what a cluster does not know."""

HOW = "kubectl get {} -A -o yaml".format(",".join(KINDS))

ENDED = {"Succeeded", "Failed"}


def look_at_file(
    manifests: Sequence[Any], now: datetime, name: str
) -> tuple[Snapshot, list[Evidence]]:
    """The snapshot of a file's objects, and what the clouds said on its nodes.

    Raises:
        UsageError: the file has no nodes, or objects that no API server printed.
        SnapshotError: something in it is no Kubernetes object.
    """
    api = _served(manifests, name)
    try:
        snapshot, seen = look(api, now, Seen(), {})
    except KeyError as error:
        raise _lacks(error, name) from error
    return snapshot, seen.evidence


def caches_in_file(manifests: Sequence[Any], name: str) -> Caches:
    """The model caches of a file's objects.

    Raises:
        UsageError: the file has no nodes, or objects that no API server printed.
        SnapshotError: something in it is no Kubernetes object.
    """
    try:
        return look_at_caches(_served(manifests, name))
    except KeyError as error:
        raise _lacks(error, name) from error


def _served(manifests: Sequence[Any], name: str) -> KubeApi:
    """The file's objects, as an API server would list them."""
    found = {resource: of_kind(manifests, kind) for resource, kind in (KINDS | CACHES).items()}
    if not found["nodes"]:
        raise UsageError(f"{name}: holds no Node. Make it by `{HOW}`")
    found["pods"] = [one for one in found["pods"] if _stands(one)]

    def ask(method: str, version: str, path: str, **given: Any) -> Answer:
        del method, version, given
        return Answer(200, {"items": found.get(path, []), "metadata": {}})

    return KubeApi(ask)


def _lacks(error: KeyError, name: str) -> UsageError:
    return UsageError(
        f"{name}: an object lacks {error}, which every API server prints. Make it by `{HOW}`"
    )


def _stands(pod: Manifest) -> bool:
    """Whether the pod takes room on a node."""
    spec: Mapping[str, Any] = pod.get("spec") or {}
    status: Mapping[str, Any] = pod.get("status") or {}
    return bool(spec.get("nodeName")) and status.get("phase") not in ENDED
