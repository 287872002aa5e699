"""The actions of a hand-over on a real cluster: each small, and done twice as good as once.

What is not ours is left: a taint of another key, a cordon that a person made, replicas that
somebody changed meanwhile. What is gone needs nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, assert_never

from advisor.cluster import DO_NOT_DISRUPT, DisruptionBlockedError, Manifest
from advisor.karpenter.labels import CORDONED_BY, HELD_BY, OURS, RETIRE, WARMING
from advisor.kubernetes_api import CONFLICT, NOT_FOUND, KubeApi, annotations_of, good
from advisor.kubernetes_pods import DELETION_COST, FIRST_TO_GO
from advisor.kubernetes_snapshot import KARPENTER
from advisor.kubernetes_surges import Surges
from advisor.replacement.actions import (
    Action,
    Cordon,
    CreateClaim,
    DeleteClaim,
    Evict,
    LiftWarming,
    PreferToDelete,
    PreferToKeep,
    Release,
    Retire,
    Surge,
    Tell,
    Uncordon,
    Unretire,
    Unsurge,
)
from advisor.replacement.records import WorkloadName

EVENTS = "events.k8s.io/v1"
EVENTS_NAMESPACE = "default"
"""Where Events of objects without a namespace must be."""
LONGEST_NOTE = 1024
"""The API's limit on an Event's note, in bytes."""


@dataclass(slots=True)
class Acting:
    """Carries actions out. ``uids``, ``replicas`` and what is ``surged`` are of the last look."""

    api: KubeApi
    surges: Surges
    holder: str
    clock: Callable[[], datetime]
    uids: dict[tuple[str, str, str], str] = field(default_factory=dict)
    replicas: dict[WorkloadName, int] = field(default_factory=dict)
    surged: frozenset[WorkloadName] = frozenset()

    def do(self, action: Action) -> None:  # noqa: C901, PLR0912 - a table: a line for each action
        """Make it so.

        Raises:
            ClusterError: it could not be done; a `DisruptionBlockedError` where a budget says no.
        """
        match action:
            case Retire(claim, value):
                self._label(claim, value)
            case Unretire(claim):
                self._label(claim, None)
            case LiftWarming(node):
                self.api.take_out("v1", f"nodes/{node}", f"Node {node}", _TAINTS, _is_warming)
            case Surge(workload):
                self.surges.surge(action, self.replicas.get(workload))
            case Unsurge():
                is_back = action.workload not in self.surged
                self.surges.unsurge(action, self.clock(), is_back=is_back)
            case PreferToDelete(namespace, pod):
                self._cost(namespace, pod, FIRST_TO_GO)
            case PreferToKeep(namespace, pod):
                self._cost(namespace, pod, None)
            case Release(node):
                self.api.change("v1", f"nodes/{node}", f"Node {node}", _released)
            case Cordon(node):
                self.api.change("v1", f"nodes/{node}", f"Node {node}", _cordon)
            case Uncordon(node):
                self.api.change("v1", f"nodes/{node}", f"Node {node}", _uncordon)
            case Evict(namespace, pod):
                self._evict(namespace, pod)
            case CreateClaim(manifest):
                self._create_claim(manifest)
            case DeleteClaim(name):
                self._delete_claim(name)
            case Tell():
                self._tell(action)
            case _:
                assert_never(action)

    def _label(self, claim: str, value: str | None) -> None:
        change = {"metadata": {"labels": {RETIRE: value}}}
        self.api.merge(KARPENTER, f"nodeclaims/{claim}", change, f"NodeClaim {claim}")

    def _cost(self, namespace: str, pod: str, cost: str | None) -> None:
        change = {"metadata": {"annotations": {DELETION_COST: cost}}}
        path = f"namespaces/{namespace}/pods/{pod}"
        self.api.merge("v1", path, change, f"Pod {namespace}/{pod}")

    def _evict(self, namespace: str, pod: str) -> None:
        """Ask for the eviction of the pod that was seen; another of its name is left alone."""
        thing: dict[str, Any] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        if uid := self.uids.get(("Pod", namespace, pod)):
            thing["deleteOptions"] = {"preconditions": {"uid": uid}}
        path = f"namespaces/{namespace}/pods/{pod}/eviction"
        answer = self.api.ask("POST", "v1", path, json=thing)
        if answer.is_by_budget:
            raise DisruptionBlockedError(f"Pod {namespace}/{pod} is not evicted: {answer.message}")
        if answer.status not in {NOT_FOUND, CONFLICT}:
            good(answer, f"Pod {namespace}/{pod}", verb="evict")

    def _create_claim(self, manifest: Manifest) -> None:
        answer = self.api.ask("POST", KARPENTER, "nodeclaims", json=dict(manifest))
        if answer.status != CONFLICT:
            name = manifest["metadata"]["name"]
            good(answer, f"NodeClaim {name}", verb="create")

    def _delete_claim(self, name: str) -> None:
        answer = self.api.ask("DELETE", KARPENTER, f"nodeclaims/{name}")
        if answer.status != NOT_FOUND:
            good(answer, f"NodeClaim {name}", verb="delete")

    def _tell(self, said: Tell) -> None:
        self._event(said, {"apiVersion": "v1", "kind": "Node", "name": said.node})
        if said.claim:
            about = {"apiVersion": KARPENTER, "kind": "NodeClaim", "name": said.claim}
            self._event(said, about)

    def _event(self, said: Tell, about: dict[str, str]) -> None:
        """One Event; the same words on the same object are one for as long as it is kept."""
        if uid := self.uids.get((about["kind"], "", about["name"])):
            about["uid"] = uid
        words = "\n".join((about["kind"], about.get("uid", ""), said.reason, said.message))
        mark = hashlib.sha256(words.encode()).hexdigest()[:16]
        thing = {
            "apiVersion": EVENTS,
            "kind": "Event",
            "metadata": {"name": f"{about['name'][:200]}.{mark}", "namespace": EVENTS_NAMESPACE},
            "eventTime": self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "spotcast.io/guard",
            "reportingInstance": self.holder[:128],
            "action": "Replacing",
            "reason": said.reason,
            "regarding": about,
            "note": said.message.encode()[:LONGEST_NOTE].decode(errors="ignore"),
            "type": "Warning" if said.is_warning else "Normal",
        }
        path = f"namespaces/{EVENTS_NAMESPACE}/events"
        answer = self.api.ask("POST", EVENTS, path, json=thing)
        if answer.status != CONFLICT:
            good(answer, f"Event on {about['kind']} {about['name']}", verb="create")


_TAINTS = ("spec", "taints")


def _is_warming(taint: Manifest) -> bool:
    return bool(taint["key"] == WARMING)


def _cordon(node: Manifest) -> Manifest | None:
    if node["spec"].get("unschedulable"):
        return None
    return {
        "metadata": {"annotations": {CORDONED_BY: OURS}},
        "spec": {"unschedulable": True},
    }


def _uncordon(node: Manifest) -> Manifest | None:
    if annotations_of(node).get(CORDONED_BY) != OURS:
        return None
    return {
        "metadata": {"annotations": {CORDONED_BY: None}},
        "spec": {"unschedulable": None},
    }


def _released(node: Manifest) -> Manifest | None:
    if annotations_of(node).get(HELD_BY) != OURS:
        return None
    return {"metadata": {"annotations": {HELD_BY: None, DO_NOT_DISRUPT: None}}}
