"""One more replica for a while, and back: what it was before is kept in the cluster itself.

A Deployment keeps it in an annotation, written with the replicas in one patch. An InferenceService
cannot: KServe copies its annotations to its pods, and would start them all anew (serving contract,
section 1). What it was stands in a Lease of ours, written before anything is changed, and kept
until its Deployment has come back to it: that is for an autoscaler to do, which takes its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from advisor.cluster import ClusterRefusedError, Manifest
from advisor.karpenter.labels import MANAGED_BY
from advisor.kubernetes_api import CONFLICT, NOT_FOUND, KubeApi, annotations_of, good
from advisor.kubernetes_lease import COORDINATION, micro
from advisor.kubernetes_pods import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    SURGED_FROM,
    Surged,
    surged,
)
from advisor.replacement.actions import Surge, Unsurge
from advisor.replacement.records import WorkloadName

APPS, KSERVE = "apps/v1", "serving.kserve.io/v1beta1"
KEPT_FOR = "spotcast.io/surged"
"""Annotation of the Lease: the InferenceService that it keeps the replicas of."""
COMES_BACK_WITHIN = timedelta(minutes=6)
"""From the old ``minReplicas`` to the old size: an autoscaler goes down only when it has wanted
that for 5 minutes, by Kubernetes' default, and looks every 15 s. What stays longer is wanted."""
SELECTOR = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())


@dataclass(frozen=True, slots=True)
class Surges:
    """Surging and going back; ``namespace`` is where our Leases are."""

    api: KubeApi
    namespace: str

    def of_services(self) -> dict[WorkloadName, Surged]:
        """The InferenceServices that are surged."""
        found: dict[WorkloadName, Surged] = {}
        asked = {"labelSelector": SELECTOR}
        for one in self.api.every(COORDINATION, self._leases, params=asked):
            namespace, _, name = annotations_of(one).get(KEPT_FOR, "").partition("/")
            if kept := surged(annotations_of(one)):
                found[WorkloadName(INFERENCE_SERVICE, namespace, name)] = kept
        return found

    def surge(self, action: Surge, replicas: int | None) -> None:
        """Ask for more; ``replicas`` is how many the workload had when it was last seen."""
        if action.workload.kind == INFERENCE_SERVICE:
            self._surge_service(action, replicas)
            return
        version, path = _where(action.workload)
        wanted = action.replicas

        def patch(found: Manifest) -> Manifest | None:
            now = found["spec"].get("replicas", 1)
            kept = surged(annotations_of(found))
            # What somebody has changed since our last surge is what they want to go back to.
            is_ours = kept is not None and kept.after.get("replicas") == now
            if now == wanted or (now > wanted and not is_ours):
                return None
            base = kept.replicas if kept and is_ours else now
            note = Surged(base, {"replicas": base}, {"replicas": wanted})
            about = {"annotations": {SURGED_FROM: note.text()}}
            return {"metadata": about, "spec": {"replicas": wanted}}

        self.api.change(version, path, _subject(action.workload), patch)

    def unsurge(self, action: Unsurge, now: datetime, *, is_back: bool) -> None:
        """Go back, unless somebody has changed the replicas since; then they stay.

        ``is_back``: by the last look the workload has no more replicas than before.
        """
        if action.workload.kind == INFERENCE_SERVICE:
            self._unsurge_service(action.workload, now, is_back=is_back)
            return
        version, path = _where(action.workload)

        def patch(found: Manifest) -> Manifest | None:
            if SURGED_FROM not in annotations_of(found):
                return None
            kept = surged(annotations_of(found))
            change: dict[str, Any] = {"metadata": {"annotations": {SURGED_FROM: None}}}
            back = kept.way_back(found["spec"]) if kept else {}
            return {**change, "spec": back} if back else change

        self.api.change(version, path, _subject(action.workload), patch)

    def _surge_service(self, action: Surge, replicas: int | None) -> None:
        version, path = _where(action.workload)
        found = self.api.find(version, path, _subject(action.workload))
        if found is None:
            return
        predictor, wanted = _predictor(found), action.replicas
        least, kept = predictor.get("minReplicas") or 1, self.of_services().get(action.workload)
        is_ours = kept is not None and kept.after.get("minReplicas") == least
        if least == wanted or (least > wanted and not is_ours):
            return
        after = {"minReplicas": wanted}
        if predictor.get("maxReplicas") and predictor["maxReplicas"] < wanted:
            after["maxReplicas"] = wanted
        before: dict[str, int | None] = {name: predictor.get(name) for name in after}
        base = replicas or least
        if kept and is_ours:
            base, before = kept.replicas, {**before, **kept.before}
            after = {**kept.after, **after}
        self._keep(action.workload, Surged(base, before, after))
        self._set(action.workload, {name: (predictor.get(name), after[name]) for name in after})

    def _unsurge_service(self, name: WorkloadName, now: datetime, *, is_back: bool) -> None:
        lease = f"{self._leases}/{_lease(name)}"
        note = self.api.find(COORDINATION, lease, f"Lease {_lease(name)}")
        if note is None:
            return
        since = (note.get("spec") or {}).get("renewTime")
        if since is None:
            is_there = self._restore(name, surged(annotations_of(note)))
            if is_there and not is_back:
                change = {"spec": {"renewTime": micro(now)}}
                self.api.merge(COORDINATION, lease, change, f"Lease {_lease(name)}")
                return
        elif not is_back and now - datetime.fromisoformat(since) < COMES_BACK_WITHIN:
            return
        answer = self.api.ask("DELETE", COORDINATION, lease)
        if answer.status != NOT_FOUND:
            good(answer, f"Lease {_lease(name)}", verb="delete")

    def _restore(self, name: WorkloadName, kept: Surged | None) -> bool:
        """Set what we set to what it was; whether the InferenceService is there at all."""
        version, path = _where(name)
        found = self.api.find(version, path, _subject(name))
        if found is not None and kept is not None:
            back = kept.way_back(_predictor(found))
            self._set(name, {one: (kept.after[one], value) for one, value in back.items()})
        return found is not None

    def _set(self, name: WorkloadName, fields: Mapping[str, tuple[object, int | None]]) -> None:
        """Set fields of the predictor, each from what it is now; another writer's value stays."""
        version, path = _where(name)

        def patch(found: Manifest) -> Manifest | None:
            predictor = _predictor(found)
            change = {
                one: after
                for one, (before, after) in fields.items()
                if predictor.get(one) == before and before != after
            }
            return {"spec": {"predictor": change}} if change else None

        self.api.change(version, path, _subject(name), patch)

    def _keep(self, name: WorkloadName, kept: Surged) -> None:
        """Write down what it was."""
        about = {
            "name": _lease(name),
            "namespace": self.namespace,
            "labels": dict(MANAGED_BY),
            "annotations": {KEPT_FOR: f"{name.namespace}/{name.name}", SURGED_FROM: kept.text()},
        }
        thing = {"apiVersion": COORDINATION, "kind": "Lease", "metadata": about, "spec": {}}
        answer = self.api.ask("POST", COORDINATION, self._leases, json=thing)
        if answer.status != CONFLICT:
            good(answer, f"Lease {_lease(name)}", verb="create")
            return

        # The time says since when one surged before is set back.
        note = {"annotations": {SURGED_FROM: kept.text()}}
        change = {"metadata": note, "spec": {"renewTime": None}}
        path = f"{self._leases}/{_lease(name)}"
        self.api.merge(COORDINATION, path, change, f"Lease {_lease(name)}")

    @property
    def _leases(self) -> str:
        return f"namespaces/{self.namespace}/leases"


def _where(name: WorkloadName) -> tuple[str, str]:
    """Version and path of a workload.

    Raises:
        ClusterRefusedError: it is of a kind that cannot be surged.
    """
    inside = f"namespaces/{name.namespace}"
    match name.kind:
        case "Deployment":
            return APPS, f"{inside}/deployments/{name.name}"
        case "InferenceService":
            return KSERVE, f"{inside}/inferenceservices/{name.name}"
        case _:
            known = f"a {DEPLOYMENT} or an {INFERENCE_SERVICE}"
            raise ClusterRefusedError(f"{_subject(name)} cannot be given a replica: only {known}")


def _subject(name: WorkloadName) -> str:
    return f"{name.kind} {name.namespace}/{name.name}"


def _predictor(service: Manifest) -> Mapping[str, Any]:
    return service["spec"].get("predictor") or {}


def _lease(name: WorkloadName) -> str:
    """A name of its own: no namespace has a dot."""
    return f"spotcast-surge.{name.namespace}.{name.name}"
