"""What metrics-server tells an autoscaler, as plain objects: no kubelet is there to be measured.

The autoscaler only lists ``pods.metrics.k8s.io``; whether an aggregated server or a CRD answers, it
does not see.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from advisor.cluster import Manifest
from tests.support.kube_api import KubeApi, said

VERSION, KIND = "metrics.k8s.io/v1beta1", "PodMetrics"
_ANYTHING: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "pods.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
    },
    "spec": {
        "group": "metrics.k8s.io",
        "names": {"kind": KIND, "plural": "pods", "singular": "podmetrics"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _ANYTHING},
            }
        ],
    },
}


def measure(api: KubeApi, pods: Iterable[Manifest], cpus: str) -> None:
    """Let each container of the pods be seen to use so many CPUs (``500m``) until now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for pod in pods:
        about = pod["metadata"]
        manifest = {
            "apiVersion": VERSION,
            "kind": KIND,
            "metadata": {key: about[key] for key in ("name", "namespace", "labels")},
            "timestamp": now,
            "window": "1s",
            "containers": [
                {"name": one["name"], "usage": {"cpu": cpus, "memory": "60Gi"}}
                for one in pod["spec"]["containers"]
            ],
        }
        said(api.apply(manifest))
