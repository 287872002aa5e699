"""Objects of a guarded cluster, as a real API server takes them and the fake one keeps them."""

from collections.abc import Mapping
from typing import Any

Manifest = dict[str, Any]

NODES, PODS, CORE_EVENTS = "/api/v1/nodes", "/api/v1/pods", "/api/v1/events"
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
NODEPOOLS = "/apis/karpenter.sh/v1/nodepools"
DEPLOYMENTS, REPLICA_SETS = "/apis/apps/v1/deployments", "/apis/apps/v1/replicasets"
STATEFUL_SETS = "/apis/apps/v1/statefulsets"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
SCALERS = "/apis/autoscaling/v2/horizontalpodautoscalers"
LEASES = "/apis/coordination.k8s.io/v1/leases"
EVENTS = "/apis/events.k8s.io/v1/events"
SERVICES = "/apis/serving.kserve.io/v1beta1/inferenceservices"
RESOURCES = (
    *(NODES, PODS, CORE_EVENTS, CLAIMS, NODEPOOLS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS),
    *(BUDGETS, SCALERS, LEASES, EVENTS, SERVICES),
)

AT = "2026-01-01T00:00:00Z"

SPOT_LABELS = {
    "karpenter.sh/nodepool": "gpu",
    "karpenter.sh/capacity-type": "spot",
    "node.kubernetes.io/instance-type": "g5.xlarge",
    "topology.kubernetes.io/region": "us-east-1",
    "topology.kubernetes.io/zone": "us-east-1a",
    "topology.k8s.aws/zone-id": "use1-az4",
}


def condition(kind: str, status: str = "True", **given: str) -> dict[str, str]:
    """A condition since `AT`."""
    return {"type": kind, "status": status, "reason": kind, "message": "", **given} | {
        "lastTransitionTime": given.get("lastTransitionTime", AT)
    }


def a_node(
    name: str,
    *,
    taints: tuple[str, ...] = (),
    conditions: tuple[dict[str, str], ...] = (),
    unschedulable: bool = False,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """An initialized spot node of Karpenter's on AWS."""
    done = {"karpenter.sh/registered": "true", "karpenter.sh/initialized": "true"}
    spec: dict[str, Any] = {"providerID": f"aws:///us-east-1a/i-{name}"}
    if taints:
        spec["taints"] = [{"key": key, "effect": "NoSchedule"} for key in taints]
    if unschedulable:
        spec["unschedulable"] = True
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**SPOT_LABELS, **done} if labels is None else dict(labels),
            "annotations": dict(annotations or {}),
        },
        "spec": spec,
        "status": {"conditions": [condition("Ready"), *conditions]},
    }


def a_claim(
    name: str,
    node: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    drifted: bool = False,
) -> Manifest:
    """The NodeClaim of that node."""
    wanted = {"karpenter.sh/capacity-type": "spot", "node.kubernetes.io/instance-type": "g5.xlarge"}
    conditions = [condition("Launched"), condition("Initialized")]
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "labels": {**SPOT_LABELS, **(labels or {})},
            "annotations": dict(annotations or {}),
        },
        "spec": {
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
            "requirements": [
                {"key": key, "operator": "In", "values": [value]} for key, value in wanted.items()
            ],
        },
        "status": {
            "nodeName": node,
            "providerID": f"aws:///us-east-1a/i-{node}",
            "conditions": [*conditions, condition("Drifted")] if drifted else conditions,
        },
    }


def a_nodepool(name: str = "gpu", *, budgets: list[Manifest] | None = None) -> Manifest:
    """A NodePool with our switch and our startup taint."""
    disruption: Manifest = {"consolidateAfter": "Never"}
    if budgets is not None:
        disruption["budgets"] = budgets
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name},
        "spec": {
            "disruption": disruption,
            "template": {
                "spec": {
                    "nodeClassRef": {
                        "group": "karpenter.k8s.aws",
                        "kind": "EC2NodeClass",
                        "name": "gpu",
                    },
                    "requirements": [{"key": "spotcast.io/retire", "operator": "DoesNotExist"}],
                    "startupTaints": [{"key": "spotcast.io/warming", "effect": "NoSchedule"}],
                }
            },
        },
    }


def owner(thing: Mapping[str, Any]) -> dict[str, Any]:
    """A reference to the object that controls another."""
    about = thing["metadata"]
    return {
        "apiVersion": thing["apiVersion"],
        "kind": thing["kind"],
        "name": about["name"],
        "uid": about.get("uid", f"uid-{about['name']}"),
        "controller": True,
    }


def a_workload(
    kind: str,
    name: str,
    replicas: int = 2,
    *,
    owned_by: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Manifest:
    """A Deployment, ReplicaSet or StatefulSet, all of whose replicas are Ready."""
    about: Manifest = {"name": name, "namespace": "default", "annotations": dict(annotations or {})}
    if owned_by:
        about["ownerReferences"] = [owner(owned_by)]
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "server", "image": "example.com/server:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": about,
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
        "status": {"replicas": replicas, "readyReplicas": replicas},
    }


def a_pod(
    name: str,
    node: str,
    *,
    owned_by: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    ready: bool = True,
) -> Manifest:
    """A running pod on that node."""
    about: Manifest = {
        "name": name,
        "namespace": "default",
        "labels": dict(labels or {"app": "llm"}),
        "annotations": dict(annotations or {}),
    }
    if owned_by:
        about["ownerReferences"] = [owner(owned_by)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": about,
        "spec": {
            "nodeName": node,
            "containers": [{"name": "server", "image": "example.com/server:1"}],
        },
        "status": {
            "phase": "Running",
            "startTime": AT,
            "conditions": [condition("Ready", "True" if ready else "False")],
        },
    }


def a_budget(name: str, allowed: int, selector: Manifest | None = None, **spec: Any) -> Manifest:
    """A PodDisruptionBudget whose controller allows so many evictions."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "default", "generation": 1},
        "spec": {"maxUnavailable": 1, "selector": selector or {"matchLabels": {"app": "llm"}}}
        | spec,
        "status": {
            "disruptionsAllowed": allowed,
            "observedGeneration": 1,
            "currentHealthy": 2,
            "desiredHealthy": 1,
            "expectedPods": 2,
        },
    }


def a_scaler(target: str) -> Manifest:
    """A HorizontalPodAutoscaler of a Deployment."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": target, "namespace": "default"},
        "spec": {"maxReplicas": 5, "scaleTargetRef": reference},
    }


def a_service(name: str, **predictor: int) -> Manifest:
    """A KServe InferenceService."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "vllm"}}, **predictor}},
    }


def an_event(name: str, reason: str, kind: str, subject: str, **given: Any) -> Manifest:
    """An Event as Karpenter's recorder writes it."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "default"},
        "involvedObject": {"kind": kind, "name": subject, "namespace": "default"},
        "reason": reason,
        "type": "Warning",
        "message": "",
        "firstTimestamp": AT,
        "lastTimestamp": AT,
        "source": {"component": "karpenter"},
    } | given
