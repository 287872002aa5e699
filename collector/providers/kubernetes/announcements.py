"""What stands on a node when its cloud is about to take it.

Each cloud's own agent writes it in another place: a condition (ACK, AKS), a taint (AWS' node
termination handler), the kubelet's word that it shuts down (GKE).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.payload import instant, mapping, members, text

AWS_NOTICE, ALIBABA_NOTICE, GCP_NOTICE, AZURE_NOTICE = 120.0, 300.0, 30.0, 30.0
"""Seconds between the announcement and the loss, as each cloud documents it."""

CONDITIONS = {
    "InstanceExpired": ("alibaba", ALIBABA_NOTICE),
    "PreemptionScheduled": ("azure", AZURE_NOTICE),
}
"""Conditions that are True when the machine will be taken."""

SPOT_TAINT = "aws-node-termination-handler/spot-itn"
REBALANCE_TAINT = "aws-node-termination-handler/rebalance-recommendation"

SHUTTING_DOWN = ("KubeletNotReady", "node is shutting down")
"""Reason and message of Ready=False while the kubelet ends its pods, for whatever reason."""

RETIRING_TAINTS = ("ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted")
"""Who puts these is about to delete the node, and not because the cloud takes it."""

STATES = ("True", "False", "Unknown")


@dataclass(frozen=True, slots=True)
class Announcement:
    """The cloud's word. ``since`` is None if the node does not say when it was given."""

    word: str
    provider: str
    notice_seconds: float
    since: datetime | None


def announcement_on(node: Mapping[str, Any]) -> Announcement | None:
    """What the node says of its end; None if it says nothing."""
    for name, (provider, notice) in CONDITIONS.items():
        condition = condition_of(node, name)
        if condition and _state(condition) == "True":
            return Announcement(name, provider, notice, _time(condition, "lastTransitionTime"))
    if taint := taint_of(node, SPOT_TAINT):
        return Announcement("spot-itn", "aws", AWS_NOTICE, _time(taint, "timeAdded"))
    return _shutdown(node)


def rebalance_on(node: Mapping[str, Any]) -> tuple[bool, datetime | None]:
    """Whether AWS recommends to leave the machine, and since when if that is told."""
    taint = taint_of(node, REBALANCE_TAINT)
    return taint is not None, _time(taint, "timeAdded") if taint else None


def is_answering(node: Mapping[str, Any]) -> bool:
    """Whether the kubelet still reports: Ready is True or False, not Unknown."""
    ready = condition_of(node, "Ready")
    return ready is not None and _state(ready) != "Unknown"


def heard_at(node: Mapping[str, Any]) -> datetime | None:
    """When the kubelet last reported; None if it never did."""
    ready = condition_of(node, "Ready")
    return _time(ready, "lastHeartbeatTime") if ready else None


def retired_by(node: Mapping[str, Any]) -> str:
    """In words, what ended a node that its cloud did not announce to take."""
    if taint_of(node, "karpenter.sh/disrupted"):
        return "deleted by Karpenter"
    if taint_of(node, "ToBeDeletedByClusterAutoscaler"):
        return "deleted by the cluster autoscaler"
    if _spec(node).get("unschedulable"):
        return "deleted after a cordon"
    return "deleted" if is_answering(node) else "deleted when it no longer answered"


def condition_of(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The object's condition of that type, None if it has none."""
    status = mapping(thing, "status") if thing.get("status") else {}
    conditions = members(status, "conditions") if status.get("conditions") else ()
    return next((one for one in conditions if text(one, "type") == kind), None)


def taint_of(node: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """The node's taint of that key, None if it has none."""
    spec = _spec(node)
    taints: Sequence[Mapping[str, Any]] = members(spec, "taints") if spec.get("taints") else ()
    return next((one for one in taints if text(one, "key") == key), None)


def _shutdown(node: Mapping[str, Any]) -> Announcement | None:
    """A GKE spot node that shuts down though nobody had begun to retire it.

    The kubelet says the same when a person, an upgrade or an autoscaler deletes the machine; they
    cordon, taint or delete the node before.
    """
    labels = mapping(node, "metadata").get("labels") or {}
    names = ("cloud.google.com/gke-spot", "cloud.google.com/gke-preemptible")
    ready = condition_of(node, "Ready")
    if not ready or not any(labels.get(name) == "true" for name in names):
        return None
    said = (ready.get("reason"), ready.get("message"))
    if _state(ready) == "True" or said != SHUTTING_DOWN:
        return None
    since = _time(ready, "lastTransitionTime")
    if _is_retiring(node, since):
        return None
    return Announcement("node is shutting down", "gcp", GCP_NOTICE, since)


def _is_retiring(node: Mapping[str, Any], since: datetime | None) -> bool:
    """Whether somebody was retiring the node before it began to shut down at ``since``."""
    deleted = _time(mapping(node, "metadata"), "deletionTimestamp")
    if deleted is not None and since is not None:
        # Deleted afterwards, it is Karpenter's answer to the shutdown.
        return deleted < since
    is_tainted = any(taint_of(node, one) is not None for one in RETIRING_TAINTS)
    return deleted is not None or is_tainted or bool(_spec(node).get("unschedulable"))


def _state(condition: Mapping[str, Any]) -> str:
    state = text(condition, "status")
    if state not in STATES:
        raise ValueError(f"status of {condition.get('type')} is {state!r:.40}")
    return state


def _spec(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(node, "spec") if node.get("spec") else {}


def _time(holder: Mapping[str, Any], field: str) -> datetime | None:
    """The time under ``field``; Kubernetes writes one that is not set as null or leaves it out."""
    return instant(holder, field) if holder.get(field) else None
