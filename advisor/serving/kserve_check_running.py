"""Checks of how a service runs and ends: mode, scaling, budgets, drain, and what it lies on."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from advisor.kubernetes_pods import selects
from advisor.serving.engine import Engine
from advisor.serving.errors import ServingError
from advisor.serving.kserve import MODE
from advisor.serving.kserve_finding import Finding, Severity, Subject
from advisor.serving.kserve_objects import Manifest, mapping_at, name_of, title_of
from advisor.serving.service import NVIDIA, Mode, Service, Weights

GRACE_LIMIT_SECONDS = {"aws": 100, "alibaba": 240, "gcp": 15, "azure": 15}
"""What of each cloud's notice a pod may use to end: the notice less 20 s, and on Alibaba Cloud a
minute; of 30 s a half (serving contract, section 1.6)."""

KNATIVE_FLAGS = {
    "tolerations": "kubernetes.podspec-tolerations",
    "affinity": "kubernetes.podspec-affinity",
    "nodeSelector": "kubernetes.podspec-nodeselector",
    "topologySpreadConstraints": "kubernetes.podspec-topologyspreadconstraints",
    "priorityClassName": "kubernetes.podspec-priorityclassname",
    "schedulerName": "kubernetes.podspec-schedulername",
    "runtimeClassName": "kubernetes.podspec-runtimeclassname",
}
"""Flags without which Knative refuses a field; all are off by default (knative/serving@98e5ef90aa70
config/core/configmaps/features.yaml)."""
LEGACY = {
    Mode.STANDARD: "RawDeployment",
    Mode.KNATIVE: "Serverless",
    Mode.MODEL_MESH: "ModelMesh",
}
"""The modes' names up to KServe 0.15, which takes the newer ones for none."""
KNATIVE_VOLUME = "kubernetes.podspec-persistent-volume-claim"

METRICS = {
    "hpa": ("cpu", "memory"),
    "keda": (),
    "kpa": ("concurrency", "rps"),
}
"""What ``scaleMetric`` may be, by autoscaler (kserve v0.20.0
pkg/apis/serving/v1beta1/inference_service_validation.go)."""
KNATIVE_AUTOSCALER = "autoscaling.knative.dev/class"


def check_mode(subject: Subject) -> Iterator[Finding]:
    """The deployment mode is left to the cluster; or a field does nothing in it."""
    service = subject.service
    if service.is_llm:
        return
    predictor = mapping_at(service.manifest, "spec", "predictor")
    if not service.is_mode_said:
        yield subject.finding(
            "MODE-UNSAID",
            Severity.INFO,
            f'metadata.annotations["{MODE}"]',
            "the cluster's inferenceservice-config decides how it runs, and KServe installs with "
            f"Knative (v0.20.0); the checks took {service.mode.value}, {service.mode_from}",
            f"Say it: {MODE}: {service.mode.value} (before KServe 0.16 {LEGACY[service.mode]}).",
        )
    if service.mode is Mode.STANDARD and predictor.get("containerConcurrency") is not None:
        yield subject.finding(
            "CONCURRENCY-INERT",
            Severity.WARNING,
            "spec.predictor.containerConcurrency",
            "it is read in Knative mode alone: in Standard mode nothing limits the requests",
            "Take it out, and limit the engine with --max-num-seqs.",
        )
    if service.mode is Mode.KNATIVE:
        yield from _check_knative(subject, predictor)


def _check_knative(subject: Subject, predictor: Manifest) -> Iterator[Finding]:
    service, features = subject.service, subject.objects.knative_features
    fields = {name: flag for name, flag in KNATIVE_FLAGS.items() if service.pod.get(name)}
    if service.weights in {Weights.VOLUME, Weights.FLUID}:
        fields["storageUri"] = KNATIVE_VOLUME
    off = {name: flag for name, flag in fields.items() if (features or {}).get(flag) != "enabled"}
    if off:
        yield subject.finding(
            "KNATIVE-FLAGS",
            Severity.WARNING if features is None else Severity.ERROR,
            "spec.predictor",
            f"Knative refuses {', '.join(off)} unless flags allow it, and they are off by default",
            "Set to enabled in ConfigMap knative-serving/config-features: "
            f"{', '.join(off.values())}.",
            mended=False,
        )
    if service.container.get("lifecycle"):
        yield subject.finding(
            "KNATIVE-LIFECYCLE",
            Severity.ERROR,
            f"{service.container_path}.lifecycle",
            "Knative refuses lifecycle: a revision ends by its timeout",
            "Take it out, or run in Standard mode.",
        )
    if predictor.get("deploymentStrategy"):
        yield subject.finding(
            "KNATIVE-STRATEGY",
            Severity.ERROR,
            "spec.predictor.deploymentStrategy",
            "KServe's webhook refuses it outside Standard mode",
            "Take it out, or run in Standard mode.",
        )


def check_scaling(subject: Subject) -> Iterator[Finding]:
    """A metric that the autoscaler refuses; several nodes with one that sizes them."""
    service = subject.service
    predictor = mapping_at(service.manifest, "spec", "predictor")
    metric = predictor.get("scaleMetric")
    known = METRICS.get(_autoscaler(service))
    if not service.is_llm and metric is not None and known is not None and metric not in known:
        takes = f"takes {' and '.join(known)} alone" if known else "takes no scaleMetric"
        yield subject.finding(
            "SCALE-METRIC",
            Severity.ERROR,
            "spec.predictor.scaleMetric",
            f"the autoscaler {_autoscaler(service)} {takes}, not {metric}: KServe refuses the "
            "service, or scales by CPU instead",
            "Take scaleMetric and scaleTarget out, or scale with keda and autoScaling.metrics.",
        )
    is_several = "workerSpec" in predictor
    if is_several and not service.is_llm and service.autoscaler != "none":
        yield subject.finding(
            "MULTINODE-AUTOSCALER",
            Severity.ERROR,
            'metadata.annotations["serving.kserve.io/autoscalerClass"]',
            "a service of several nodes is refused unless its autoscaler is none",
            "Set the annotation to none.",
        )


def _autoscaler(service: Service) -> str:
    if service.mode is not Mode.KNATIVE:
        return service.autoscaler
    annotations = mapping_at(service.manifest, "metadata", "annotations")
    is_hpa = str(annotations.get(KNATIVE_AUTOSCALER) or "").startswith("hpa")
    return "hpa" if is_hpa else "kpa"


def check_budget(subject: Subject) -> Iterator[Finding]:
    """A PodDisruptionBudget that lets no pod go, or none at all."""
    service, found = subject.service, budgets_of(subject)
    replicas = service.replicas_least
    if len(found) > 1:
        yield subject.finding(
            "PDB-BLOCKS",
            Severity.ERROR,
            ", ".join(title_of(one) for one in found),
            "two budgets select its pods, and Kubernetes then evicts none of them",
            "Keep one.",
            mended=False,
        )
    for one in found:
        if replicas and allowed_by(one, replicas) < 1:
            yield subject.finding(
                "PDB-BLOCKS",
                Severity.ERROR,
                f"{title_of(one)}: spec",
                f"with {replicas} replica{'s' if replicas > 1 else ''} it allows no disruption: no "
                "node of it can be drained, and the cloud takes it without one",
                "Set maxUnavailable: 1 in place of minAvailable; a replica that is brought first "
                "keeps the service up.",
            )
    if not found and subject.objects.is_whole and replicas > 1:
        yield subject.finding(
            "NO-PDB",
            Severity.WARNING,
            "PodDisruptionBudget",
            "KServe makes none: two nodes that are drained at once take two replicas",
            "Apply one with maxUnavailable: 1.",
        )
    if replicas <= 1:
        yield subject.finding(
            "SINGLE-REPLICA",
            Severity.INFO,
            "spec.replicas" if service.is_llm else "spec.predictor.minReplicas",
            "no more than one is kept: an interruption without warning is an outage for a whole "
            "cold start",
            "Keep two, or let the guard bring a second one when the risk is high.",
            mended=False,
        )


def budgets_of(subject: Subject) -> list[Manifest]:
    """The budgets that select the service's pods."""
    service = subject.service
    labels = dict(service.pod_labels)
    if not service.is_llm:
        labels |= {"serving.kserve.io/inferenceservice": service.name, "component": "predictor"}
    found: list[Manifest] = []
    for one in subject.objects.budgets:
        selector = mapping_at(one, "spec", "selector")
        if name_of(one)[0] != service.namespace or not selector:
            continue
        try:
            is_its = selects(selector, labels)
        except (KeyError, TypeError, AttributeError) as error:
            raise ServingError(f"{title_of(one)}: spec.selector", "no label selector") from error
        if is_its:
            found.append(one)
    return found


def allowed_by(budget: Manifest, replicas: int) -> int:
    """How many of so many pods may go at once when all are Ready.

    Percentages are rounded up, as Kubernetes does for both fields.
    """
    spec = mapping_at(budget, "spec")
    if spec.get("maxUnavailable") is not None:
        return min(replicas, _scaled(spec["maxUnavailable"], replicas))
    return replicas - _scaled(spec.get("minAvailable", 0), replicas)


def _scaled(value: object, replicas: int) -> int:
    text = str(value)
    if text.endswith("%") and text.removesuffix("%").isdigit():
        return math.ceil(int(text.removesuffix("%")) * replicas / 100)
    return int(text) if text.isdigit() else 0


def check_drain(subject: Subject) -> Iterator[Finding]:
    """A pod that takes longer to end than the cloud gives, or cuts its requests off."""
    service = subject.service
    limit, grace = grace_limit(subject.provider), service.grace_seconds
    if grace is not None and grace > limit:
        cloud = subject.provider or "no cloud"
        gives = f"{cloud} leaves {'' if subject.provider else 'more than '}{limit} s"
        yield subject.finding(
            "GRACE-NOTICE",
            Severity.WARNING,
            f"{service.pod_path}.terminationGracePeriodSeconds",
            f"a pod may take {grace} s to end, and {gives} of its notice: what is being answered "
            "then is cut off",
            f"Set it to {limit} or less.",
        )
    is_server = service.engine is not Engine.OTHER and service.is_effective
    hook = service.container.get("lifecycle")
    has_hook = isinstance(hook, Mapping) and bool(hook.get("preStop"))
    if is_server and service.mode is Mode.STANDARD and not has_hook:
        yield subject.finding(
            "NO-PRESTOP",
            Severity.INFO,
            f"{service.container_path}.lifecycle.preStop",
            "requests still arrive for seconds after a pod was told to end, and are refused",
            "Sleep 15 s in preStop, until routes have forgotten the pod.",
        )


def check_rollout(subject: Subject) -> Iterator[Finding]:
    """A rollout that takes a Ready replica before the new one is."""
    service = subject.service
    if service.mode is not Mode.STANDARD or service.is_llm:
        return
    strategy = mapping_at(service.manifest, "spec", "predictor", "deploymentStrategy")
    rolling = mapping_at({"strategy": strategy}, "strategy", "rollingUpdate")
    if strategy.get("type") == "Recreate":
        severity, why = Severity.WARNING, "Recreate ends all replicas before a new one starts"
    elif _scaled(rolling.get("maxUnavailable", "25%"), 100):
        severity = Severity.INFO
        why = "a rollout may take Ready replicas before the new ones have loaded their model"
    else:
        return
    yield subject.finding(
        "ROLLOUT",
        severity,
        "spec.predictor.deploymentStrategy",
        why,
        "Roll with maxSurge: 1 and maxUnavailable: 0.",
    )


def grace_limit(provider: str | None) -> int:
    """The longest grace period in seconds; of an unknown cloud the most that any leaves."""
    return GRACE_LIMIT_SECONDS.get(provider or "", max(GRACE_LIMIT_SECONDS.values()))


def check_placement(subject: Subject) -> Iterator[Finding]:
    """All replicas in one zone, pods that GPU nodes keep off, nodes that have no Fluid."""
    service = subject.service
    is_knative = service.mode is Mode.KNATIVE
    spread = service.pod.get("topologySpreadConstraints")
    affinity = mapping_at({"affinity": service.pod.get("affinity")}, "affinity", "podAntiAffinity")
    is_server = service.replicas_most > 1 or service.engine is not Engine.OTHER
    if is_server and not is_knative and not spread and not affinity:
        yield subject.finding(
            "NO-SPREAD",
            Severity.INFO,
            f"{service.pod_path}.topologySpreadConstraints",
            "nothing spreads the replicas, nor one that the guard brings for a while: spot "
            "interruptions come by zone and type, in bursts",
            "Spread over zones with ScheduleAnyway and matchLabelKeys: [pod-template-hash].",
        )
    if service.gpus and not is_knative and not tolerates_gpus(service.pod):
        yield subject.finding(
            "NO-TOLERATION",
            Severity.INFO,
            f"{service.pod_path}.tolerations",
            f"GPU nodes are usually tainted {NVIDIA}:NoSchedule, and the pod does not bear that",
            f"Tolerate {NVIDIA} with operator Exists.",
        )
    yield from _check_node_classes(subject)


def tolerates_gpus(pod: Manifest) -> bool:
    """Whether the pod bears a GPU node's taint."""
    tolerations = pod.get("tolerations")
    return any(
        isinstance(one, Mapping) and (not one.get("key") or one["key"] == NVIDIA)
        for one in (tolerations if isinstance(tolerations, list) else ())
    )


def _check_node_classes(subject: Subject) -> Iterator[Finding]:
    """ack-fluid (accelerated host directories) does not run on ContainerOS: help.aliyun.com."""
    has_fluid = subject.service.weights is Weights.FLUID or bool(subject.objects.datasets)
    for one in subject.objects.node_classes:
        given: Any = mapping_at(one, "spec").get("imageSelectorTerms")
        terms = given if isinstance(given, list) else []
        names = [str(term.get("alias") or "") for term in terms if isinstance(term, Mapping)]
        if any(name.partition("@")[0] == "ContainerOS" for name in names):
            yield subject.finding(
                "CONTAINEROS-FLUID",
                Severity.ERROR if has_fluid else Severity.WARNING,
                f"{title_of(one)}: spec.imageSelectorTerms",
                "nodes of ContainerOS cannot mount Fluid's cache on ACK: ack-fluid does not "
                "support it",
                "Take alias AlibabaCloudLinux3 for the nodes that serve from Fluid.",
                mended=False,
            )
