"""Pods and what owns them: workloads with their replicas, and the budgets that protect them."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from advisor.cluster import DO_NOT_DISRUPT, Manifest
from advisor.kubernetes_api import annotations_of, controller_of, is_true, labels_of
from advisor.replacement.records import DisruptionBudget, Pod, Workload, WorkloadName

DEPLOYMENT, STATEFUL_SET, INFERENCE_SERVICE = "Deployment", "StatefulSet", "InferenceService"

SURGED_FROM = "spotcast.io/surged-from"
"""Annotation of what we surged: a `Surged` as JSON, so that no crash loses what it was before."""

AUTOSCALER = "serving.kserve.io/autoscalerClass"
"""Annotation of an InferenceService, which KServe copies to its Deployment: who sizes that."""
OTHERS = frozenset({"external"})
"""Classes where KServe sizes nothing by its ``minReplicas``: to raise them adds no replica."""

MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a pod that stands for a static one of the kubelet."""

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
FIRST_TO_GO = "-100"
"""Below the 0 of every pod that says nothing: of Ready pods the cheapest goes first."""

_GO_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?(?:h|ms|m|s|us|ns))+")
_GO_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(h|ms|m|s|us|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

Owner = Callable[[Manifest], WorkloadName | None]


@dataclass(frozen=True, slots=True)
class Surged:
    """What `Surge` changed: each field of the spec before and after, None for a field not there.

    ``replicas`` is how many the workload had.
    """

    replicas: int
    before: Mapping[str, int | None]
    after: Mapping[str, int]

    def text(self) -> str:
        """As the annotation has it."""
        return json.dumps(
            {"replicas": self.replicas, "before": dict(self.before), "after": dict(self.after)},
            sort_keys=True,
        )

    def way_back(self, spec: Mapping[str, Any]) -> dict[str, int | None]:
        """The fields to set again; one that somebody has changed since stays as they want it."""
        return {
            name: self.before[name] for name, value in self.after.items() if spec.get(name) == value
        }


def surged(annotations: Mapping[str, str]) -> Surged | None:
    """What we changed, as the annotation says; None if there is none, or it is not ours to read."""
    try:
        given = json.loads(annotations.get(SURGED_FROM, ""))
        return Surged(int(given["replicas"]), dict(given["before"]), dict(given["after"]))
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class _Selecting:
    """A budget with the pods that it selects; ``is_lenient`` with those that are not Ready."""

    budget: DisruptionBudget
    selector: Mapping[str, Any]
    is_lenient: bool


@dataclass(frozen=True, slots=True)
class Budgets:
    """The PodDisruptionBudgets of a cluster, by namespace and by one label that they ask for.

    Those that ask for no label's value are under ``None``.
    """

    _of: Mapping[tuple[str, tuple[str, str] | None], Sequence[_Selecting]]

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> "Budgets":
        """Those of the manifests."""
        found: dict[tuple[str, tuple[str, str] | None], list[_Selecting]] = defaultdict(list)
        for one in manifests:
            about, spec, status = one["metadata"], one["spec"], one.get("status") or {}
            # One that its controller has not looked at since it changed lets nothing go.
            is_known = status.get("observedGeneration", 0) >= about.get("generation", 0)
            allowed = int(status.get("disruptionsAllowed") or 0) if is_known else 0
            budget = DisruptionBudget(about["namespace"], about["name"], max(0, allowed))
            is_lenient = spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
            if spec.get("selector") is not None:
                label = min((spec["selector"].get("matchLabels") or {}).items(), default=None)
                one_more = _Selecting(budget, spec["selector"], is_lenient)
                found[about["namespace"], label].append(one_more)
        return cls(found)

    def on(
        self, namespace: str, labels: Mapping[str, str], *, is_ready: bool
    ) -> tuple[DisruptionBudget, ...]:
        """What protects a pod with these labels.

        A pod of several budgets can never be evicted, so that none of them allows anything.
        """
        found = [
            one.budget
            for label in (None, *labels.items())
            for one in self._of.get((namespace, label), ())
            if selects(one.selector, labels) and (is_ready or not one.is_lenient)
        ]
        if len(found) > 1:
            found = [replace(one, allowed=0) for one in found]
        return tuple(sorted(found, key=lambda one: one.name))


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels; an empty one selects everything."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


@dataclass(slots=True)
class Workloads:
    """The workloads of a cluster, and by its uid which of them a ReplicaSet belongs to.

    ``unseen`` tells, once it is asked about a ReplicaSet that is not known, of all there are.
    """

    found: dict[WorkloadName, Workload] = field(default_factory=dict)
    _services: dict[tuple[str, str], WorkloadName] = field(default_factory=dict)

    def add_deployments(
        self,
        deployments: Iterable[Manifest],
        scaled: frozenset[tuple[str, str]],
        of_services: Mapping[WorkloadName, Surged],
    ) -> None:
        """Deployments; ``scaled`` are those that an autoscaler sizes, by namespace and name.

        An InferenceService in Standard mode has one for its predictor, and stands here in its
        place; ``of_services`` is what we surged of these.
        """
        for one in deployments:
            about = one["metadata"]
            where = about["namespace"], about["name"]
            owner = controller_of(one)
            if owner and owner["kind"] == INFERENCE_SERVICE and _is_predictor(one):
                name = WorkloadName(INFERENCE_SERVICE, where[0], owner["name"])
                self._services[where] = name
                is_sized = annotations_of(one).get(AUTOSCALER) not in OTHERS
                can_surge = is_sized and not _is_alone(one)
                self._add(name, one, of_services.get(name), can_surge=can_surge)
                continue
            # Who owns or sizes it would put our replicas back.
            can_surge = owner is None and where not in scaled and not _is_alone(one)
            name = WorkloadName(DEPLOYMENT, *where)
            self._add(name, one, surged(annotations_of(one)), can_surge=can_surge)

    def add_stateful_sets(self, sets: Iterable[Manifest]) -> None:
        """StatefulSets: their pods have names and volumes of their own, so that none is added."""
        for one in sets:
            name = WorkloadName(STATEFUL_SET, one["metadata"]["namespace"], one["metadata"]["name"])
            self._add(name, one, None, can_surge=False)

    def owned_by_deployment(self, namespace: str, name: str) -> WorkloadName:
        """What the pods of that Deployment count for."""
        return self._services.get((namespace, name), WorkloadName(DEPLOYMENT, namespace, name))

    def _add(
        self, name: WorkloadName, manifest: Manifest, ours: Surged | None, *, can_surge: bool
    ) -> None:
        replicas = manifest["spec"].get("replicas", 1)
        ready = (manifest.get("status") or {}).get("readyReplicas") or 0
        by = max(0, replicas - ours.replicas) if ours else 0
        self.found[name] = Workload(name, replicas, ready, can_surge, by, ours is not None)


def pods_by_node(
    pods: Iterable[Manifest], budgets: Budgets, owner: Owner, now: datetime
) -> dict[str, list[Pod]]:
    """The pods of each node, by name; those of daemons and mirrors are left out."""
    found: dict[str, list[Pod]] = defaultdict(list)
    for node, pod in _standing(pods, budgets, owner, now):
        found[node].append(pod)
    return found


def _standing(
    pods: Iterable[Manifest], budgets: Budgets, owner: Owner, now: datetime
) -> Iterator[tuple[str, Pod]]:
    for one in pods:
        about = one["metadata"]
        controller = controller_of(one)
        annotations = annotations_of(one)
        is_daemon = controller is not None and controller["kind"] in {"DaemonSet", "Node"}
        if is_daemon or MIRROR in annotations:
            continue
        # A pod that is ending serves no more, whatever its probe says.
        is_ready = is_true(one, "Ready") and not about.get("deletionTimestamp")
        yield (
            one["spec"]["nodeName"],
            Pod(
                about["namespace"],
                about["name"],
                is_ready=is_ready,
                is_held=is_held(one, now),
                workload=owner(one),
                budgets=budgets.on(about["namespace"], labels_of(one), is_ready=is_ready),
                goes_first=annotations.get(DELETION_COST) == FIRST_TO_GO,
            ),
        )


def is_held(pod: Manifest, now: datetime) -> bool:
    """Whether the pod must not be disrupted now.

    Karpenter takes ``true``, and since 1.12 a duration from the pod's start.
    """
    said = annotations_of(pod).get(DO_NOT_DISRUPT)
    if said is None or said == "true":
        return said is not None
    if not _GO_DURATION.fullmatch(said):
        return False
    started = (pod.get("status") or {}).get("startTime")
    seconds = sum(float(count) * _SECONDS[unit] for count, unit in _GO_PART.findall(said))
    since = datetime.fromisoformat(started) if started else now
    return now < since + timedelta(seconds=seconds)


def _is_alone(deployment: Manifest) -> bool:
    """Whether it says that there are never two of its pods at once."""
    return bool((deployment["spec"].get("strategy") or {}).get("type") == "Recreate")


def _is_predictor(deployment: Manifest) -> bool:
    """Whether it is a service's predictor, whose replicas its spec sizes, or another part."""
    component = labels_of(deployment).get("component")
    if component is None:
        template = deployment["spec"].get("template", {}).get("metadata") or {}
        component = (template.get("labels") or {}).get("component")
    return component == "predictor" or deployment["metadata"]["name"].endswith("-predictor")
