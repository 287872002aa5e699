"""The baseline patch: once, by a person, what a served model needs to live on spot machines.

It is for one time only. In Standard mode every change of the pod's template (tolerations,
affinity, labels, arguments) starts all pods anew, each a cold start on a GPU, and in Knative mode
even ``minReplicas`` does. What changes with the market goes to the NodePool, and never here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.serving.engine import Engine
from advisor.serving.kserve import AUTOSCALER, MODE
from advisor.serving.kserve_check_running import allowed_by, budgets_of, grace_limit
from advisor.serving.kserve_check_starting import PERIOD_SECONDS, PROGRESS, good_path, port_of
from advisor.serving.kserve_finding import Finding, Subject
from advisor.serving.kserve_objects import Manifest, name_of
from advisor.serving.service import NVIDIA, is_accelerator
from advisor.units import MIB_PER_GIB

PRESTOP_SECONDS = 15
"""How long routes take to forget a pod: the preset of KServe's LLMInferenceService."""
STARTUP_FAILURES = 120
"""Twenty minutes of 10 s: the least that is given to a start."""
CPU_LIMIT_FACTOR, CPU_LIMIT_MORE = 2, 2
"""CPUs of the limit by those of the request; assumed."""
GPU_MEMORY = "karpenter.k8s.aws/instance-gpu-memory"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What mends a service.

    ``mended`` is the whole manifest after it; ``budget`` a PodDisruptionBudget to create, None if
    there is one; ``budget_patches`` what mends those that let nothing go, by name. ``left`` are the
    findings that a person has to mend.
    """

    before: Manifest
    mended: Manifest
    budget: Manifest | None
    budget_patches: Mapping[str, Manifest]
    left: tuple[Finding, ...]


def baseline(
    subject: Subject,
    found: Sequence[Finding],
    *,
    replicas: int | None = None,
    gpus: int | None = None,
) -> Baseline:
    """What mends the findings of a service.

    ``replicas`` also sets the least of its replicas, ``gpus`` the GPUs of each container.
    """
    draft = _Draft(subject)
    ids = {one.id.removeprefix("KSERVE-") for one in found if one.is_mended}
    for name, mend in MENDS.items():
        if name in ids:
            mend(draft)
    if replicas is not None:
        draft.replicas(replicas)
    if gpus is not None:
        draft.set_gpus(gpus)
    existing = budgets_of(subject)
    blocking = [
        one for one in existing if allowed_by(one, max(1, subject.service.replicas_least)) < 1
    ]
    change = {"spec": {"minAvailable": None, "maxUnavailable": 1}}
    return Baseline(
        before=subject.service.manifest,
        mended=draft.manifest,
        budget=None if existing else disruption_budget(subject),
        budget_patches={name_of(one)[1]: change for one in blocking},
        left=tuple(one for one in found if not one.is_mended),
    )


def disruption_budget(subject: Subject) -> dict[str, Any]:
    """A budget that lets one pod go at a time, and those that are not Ready always."""
    service = subject.service
    about = {"name": f"{service.name}-predictor"}
    if service.is_llm:
        about = {"name": f"{service.name}-kserve"}
    if service.namespace:
        about["namespace"] = service.namespace
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": about,
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": dict(service.pod_labels)},
        },
    }


class _Draft:
    """A copy of the manifest that is being mended."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.service = subject, subject.service
        self.manifest: dict[str, Any] = _unshared(self.service.manifest)

    def at(self, *path: str) -> dict[str, Any]:
        """The object at that path, made where it is not there."""
        found = self.manifest
        for step in path:
            if not isinstance(found.get(step), dict):
                found[step] = {}
            found = found[step]
        return found

    @property
    def pod(self) -> dict[str, Any]:
        """The pod's own part of the manifest."""
        return self.at(*self.service.pod_path.split("."))

    @property
    def container(self) -> dict[str, Any]:
        """The server's own part of the manifest."""
        path, bracket, index = self.service.container_path.partition(".containers[")
        if not bracket:
            return self.at(*path.split("."))
        containers = self.at(*path.split(".")).setdefault("containers", [])
        at = int(index.removesuffix("]"))
        if at >= len(containers):
            containers.append({"name": "main"})
        found: dict[str, Any] = containers[at]
        return found

    def resources(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Requests and limits of the container."""
        held = self.container.setdefault("resources", {})
        return held.setdefault("requests", {}), held.setdefault("limits", {})

    def move_accelerators(self) -> None:
        """From the pod to the container; what the container says of its own stands."""
        requests, limits = self.resources()
        own = {*requests, *limits}
        of_pod = self.pod["resources"]
        for kind in ("requests", "limits"):
            held = of_pod.get(kind) or {}
            for name in [one for one in held if is_accelerator(one)]:
                value = held.pop(name)
                if name not in own:
                    requests[name] = limits[name] = value
            if not held:
                of_pod.pop(kind, None)
        if not of_pod:
            del self.pod["resources"]

    def set_gpus(self, count: int) -> None:
        """So many GPUs in requests and limits; of the kind that is there, else NVIDIA's."""
        requests, limits = self.resources()
        named = [one for one in {**requests, **limits} if is_accelerator(one)]
        requests[named[0] if named else NVIDIA] = limits[named[0] if named else NVIDIA] = str(count)

    def same_limits(self) -> None:
        """As many accelerators in the limits as in the requests."""
        requests, limits = self.resources()
        for name in [one for one in {**requests, **limits} if is_accelerator(one)]:
            value = str(max(int(requests.get(name, 0)), int(limits.get(name, 0))))
            requests[name] = limits[name] = value

    def fill_resources(self) -> None:
        """CPU and memory as they were derived, where the manifest says none."""
        need = self.subject.need
        requests, limits = self.resources()
        if need.cpus is not None and "cpu" not in {**requests, **limits}:
            requests["cpu"] = str(need.cpus)
            limits["cpu"] = str(need.cpus * CPU_LIMIT_FACTOR + CPU_LIMIT_MORE)
        if need.memory_request_gib is not None:
            request = math.ceil(need.memory_request_gib)
            limit = max(request, math.ceil(need.memory_limit_gib or 0))
            requests.setdefault("memory", f"{request}Gi")
            limits.setdefault("memory", f"{limit}Gi")

    def add_argument(self, flag: str, value: int) -> None:
        """One more argument of the engine."""
        self.container["args"] = [*(self.container.get("args") or ()), f"--{flag}={value}"]

    def limit_context(self) -> None:
        """The context that the demand was made for."""
        self.add_argument("max-model-len", self.subject.need.context_tokens)

    def limit_engine(self) -> None:
        """What containerConcurrency was to do."""
        most = self.pod.pop("containerConcurrency")
        is_told = self.service.arguments.text("max-num-seqs") is not None
        if self.service.engine is not Engine.OTHER and not is_told and most:
            self.add_argument("max-num-seqs", most)

    def probe(self) -> dict[str, Any]:
        """The request that only a loaded model answers."""
        return {"httpGet": {"path": good_path(self.service), "port": port_of(self.service)}}

    def probe_readiness(self) -> None:
        """Ready when it can answer."""
        self.container["readinessProbe"] = {**self.probe(), "periodSeconds": 5}

    def probe_startup(self) -> None:
        """Time enough to load, twice over."""
        needed = 2 * (self.subject.load_seconds or 0)
        given = self.container.get("startupProbe") or self.probe()
        period = given.get("periodSeconds", PERIOD_SECONDS)
        failures = max(STARTUP_FAILURES, math.ceil(needed / period))
        self.container["startupProbe"] = {
            **given,
            "periodSeconds": period,
            "failureThreshold": failures,
        }

    def give_progress(self) -> None:
        """Time enough for a rollout of Knative's."""
        seconds = math.ceil(2 * (self.subject.cold_start_seconds or 0))
        self.pod.setdefault("annotations", {})[PROGRESS] = f"{seconds}s"

    def annotate(self, key: str, value: str) -> None:
        """An annotation of the service."""
        self.at("metadata", "annotations")[key] = value

    def drop(self, *names: str) -> None:
        """Fields of the predictor that do harm."""
        for name in names:
            self.pod.pop(name, None)

    def end_in_time(self) -> None:
        """No longer than the notice."""
        self.pod["terminationGracePeriodSeconds"] = grace_limit(self.subject.provider)

    def sleep_before_stop(self) -> None:
        """Until routes have forgotten the pod; a third of the grace period at most."""
        grace = self.pod.get("terminationGracePeriodSeconds", self.service.grace_seconds or 30)
        seconds = str(min(PRESTOP_SECONDS, max(1, int(grace) // 2)))
        hook = {"exec": {"command": ["/bin/sleep", seconds]}}
        self.container.setdefault("lifecycle", {})["preStop"] = hook

    def roll_by_surge(self) -> None:
        """A new replica first."""
        self.pod["deploymentStrategy"] = {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        }

    def spread(self) -> None:
        """Over zones, as far as there is room."""
        self.pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(self.service.pod_labels)},
                "matchLabelKeys": ["pod-template-hash"],
            }
        ]

    def tolerate(self) -> None:
        """The taint of GPU nodes; with what the runtime says, as a list is replaced."""
        borne = self.service.pod.get("tolerations") or ()
        more = {"key": NVIDIA, "operator": "Exists", "effect": "NoSchedule"}
        self.pod["tolerations"] = [*_unshared(borne), more]

    def require_memory(self) -> None:
        """Only GPUs on which the model loads, in every term of the affinity."""
        least = self.subject.need.least_memory
        if least is None:
            return
        mib = math.floor(least.gib * MIB_PER_GIB)
        wish = {"key": GPU_MEMORY, "operator": "Gt", "values": [str(mib)]}
        affinity = self.pod.setdefault("affinity", _unshared(self.service.pod.get("affinity", {})))
        node = affinity.setdefault("nodeAffinity", {})
        required = node.setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
        terms = required.setdefault("nodeSelectorTerms", []) or [{}]
        required["nodeSelectorTerms"] = [
            {**one, "matchExpressions": [*(one.get("matchExpressions") or ()), wish]}
            for one in terms
        ]

    def replicas(self, least: int) -> None:
        """So many replicas at least."""
        if not self.service.is_llm:
            held, name = self.pod, "minReplicas"
        elif "scaling" in self.at("spec"):
            held, name = self.at("spec", "scaling"), "minReplicas"
        else:
            held, name = self.at("spec"), "replicas"
        held[name] = max(least, held.get(name) or 0)
        if held.get("maxReplicas") and held["maxReplicas"] < held[name]:
            held["maxReplicas"] = held[name]


def _unshared(value: Any) -> Any:
    """A copy of which no part stands in two places: what YAML's aliases shared is two things."""
    if isinstance(value, Mapping):
        return {key: _unshared(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_unshared(one) for one in value]
    return value


MENDS: Mapping[str, Callable[[_Draft], None]] = {
    "MODE-UNSAID": lambda one: one.annotate(MODE, one.service.mode.value),
    "RESOURCES-LEVEL": _Draft.move_accelerators,
    "RUNTIME-RESOURCES": _Draft.fill_resources,
    "GPU-LIMITS": _Draft.same_limits,
    "CONTEXT-LENGTH": _Draft.limit_context,
    "CONCURRENCY-INERT": _Draft.limit_engine,
    "READINESS": _Draft.probe_readiness,
    "STARTUP": _Draft.probe_startup,
    "PROGRESS-DEADLINE": _Draft.give_progress,
    "KNATIVE-LIFECYCLE": lambda one: (one.container.pop("lifecycle", None), None)[1],
    "KNATIVE-STRATEGY": lambda one: one.drop("deploymentStrategy"),
    "SCALE-METRIC": lambda one: one.drop("scaleMetric", "scaleTarget", "scaleMetricType"),
    "MULTINODE-AUTOSCALER": lambda one: one.annotate(AUTOSCALER, "none"),
    "GRACE-NOTICE": _Draft.end_in_time,
    "NO-PRESTOP": _Draft.sleep_before_stop,
    "ROLLOUT": _Draft.roll_by_surge,
    "NO-SPREAD": _Draft.spread,
    "NO-TOLERATION": _Draft.tolerate,
    "GPU-TOO-SMALL": _Draft.require_memory,
}
"""What mends each finding, in an order in which later ones see what earlier ones did."""
