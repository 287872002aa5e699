"""Spare room that stands ready: as a CapacityBuffer, or as pods that do nothing and yield.

Both keep nodes for pods that are not there yet. A CapacityBuffer exists in Karpenter's memory only:
no pod, no image. It needs Karpenter 1.14 with the gate ``CapacityBuffer``, and the CRD, which the
providers for AWS and GCP ship. Pause pods run anywhere: real pods of a priority below all others,
which the scheduler removes as soon as a real pod needs their place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
"""Kubernetes' own container that waits."""

PRIORITY = -10
"""Below 0, which pods have that name no class: any of them takes the place of a pause pod."""

ACTIVE_CAPACITY = "buffer.x-k8s.io/active-capacity"
"""The one strategy that there is: nodes are bought for the buffer."""


@dataclass(frozen=True, slots=True)
class Spare:
    """How much is kept free: ``replicas`` times what one pod of the service asks for.

    Raises:
        ManifestError: a value is none that Kubernetes would take.
    """

    name: str
    nodepools: tuple[str, ...]
    """The NodePools in which it is kept."""
    replicas: int
    requests: Mapping[str, str]
    """What one replica asks for, Kubernetes' quantities: ``{"nvidia.com/gpu": "1"}``."""
    namespace: str = "default"
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words.check_object_name(self.name, "buffer")
        words.check_object_name(self.namespace, "namespace")
        if not self.nodepools:
            raise ManifestError("buffer", "no NodePool was named in which to keep room")
        for nodepool in self.nodepools:
            words.check_object_name(nodepool, "NodePool")
        if self.replicas < 1:
            raise ManifestError("replicas", f"{self.replicas} is not 1 or more")
        if not self.requests:
            raise ManifestError("requests", "without any, every node has room already")
        for resource, amount in self.requests.items():
            words.check_quantity(amount, resource)

    @property
    def extended(self) -> tuple[str, ...]:
        """The resources of device plugins (GPUs): their limit must equal the request."""
        return tuple(resource for resource in self.requests if "/" in resource)


def capacity_buffer(provider: str, spare: Spare) -> list[dict[str, Any]]:
    """The PodTemplate and the CapacityBuffer that keep room for it, as manifests.

    Raises:
        ManifestError: the provider does not ship the CRD; says what to use in its place.
    """
    labels = words.provider_labels(provider)
    if not labels.has_capacity_buffer:
        raise ManifestError(
            "CapacityBuffer",
            f"Karpenter for {provider} does not ship it; pause pods do the same everywhere",
        )
    return [
        {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": _metadata(spare),
            "template": {"metadata": {"labels": _selector(spare)}, "spec": _pod(spare)},
        },
        {
            "apiVersion": "autoscaling.x-k8s.io/v1beta1",
            "kind": "CapacityBuffer",
            "metadata": _metadata(spare),
            "spec": {
                "provisioningStrategy": ACTIVE_CAPACITY,
                "podTemplateRef": {"name": spare.name},
                "replicas": spare.replicas,
            },
        },
    ]


def pause_pods(spare: Spare) -> list[dict[str, Any]]:
    """The PriorityClass and the Deployment of pods that hold the room, as manifests."""
    priority = f"{spare.name}-pause"
    words.check_object_name(priority, "PriorityClass")
    pod = _pod(spare) | {"priorityClassName": priority}
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": priority, "labels": dict(words.MANAGED_BY)},
            "value": PRIORITY,
            "globalDefault": False,
            # They wait for room, and never take it from others.
            "preemptionPolicy": "Never",
            "description": "Pods that hold room for others and yield to all.",
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _metadata(spare),
            "spec": {
                "replicas": spare.replicas,
                "selector": {"matchLabels": _selector(spare)},
                "template": {"metadata": {"labels": _selector(spare)}, "spec": pod},
            },
        },
    ]


def _metadata(spare: Spare) -> dict[str, Any]:
    for key in spare.annotations:
        words.check_qualified_name(key)
    told = {"annotations": dict(spare.annotations)} if spare.annotations else {}
    return {
        "name": spare.name,
        "namespace": spare.namespace,
        "labels": dict(words.MANAGED_BY),
        **told,
    }


def _selector(spare: Spare) -> dict[str, str]:
    return {"app.kubernetes.io/name": spare.name, "app.kubernetes.io/component": "headroom"}


def _pod(spare: Spare) -> dict[str, Any]:
    resources: dict[str, Any] = {"requests": dict(spare.requests)}
    if spare.extended:
        resources["limits"] = {resource: spare.requests[resource] for resource in spare.extended}
    expression = {"key": words.NODEPOOL, "operator": "In", "values": list(spare.nodepools)}
    return {
        # Nothing to end: the place is free the moment it is wanted.
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [expression]}]
                }
            }
        },
        "tolerations": [{"key": resource, "operator": "Exists"} for resource in spare.extended],
        "containers": [{"name": "pause", "image": PAUSE_IMAGE, "resources": resources}],
    }
