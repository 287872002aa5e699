"""What a cluster has of KServe: the services of a namespace, and what shapes and guards them."""

from collections.abc import Iterator

from advisor.cluster import ClusterDeniedError, ClusterError, Manifest
from advisor.kubernetes_api import KubeApi
from advisor.serving.kserve_objects import GROUP, KSERVE_NAMESPACE

KNATIVE_NAMESPACE = "knative-serving"

V1BETA1, V1ALPHA1, V1ALPHA2 = (f"{GROUP}{one}" for one in ("v1beta1", "v1alpha1", "v1alpha2"))
FLUID, POLICY, APPS = "data.fluid.io/v1alpha1", "policy/v1", "apps/v1"

CONFIG_MAPS = (
    (KSERVE_NAMESPACE, "inferenceservice-config"),
    (KNATIVE_NAMESPACE, "config-features"),
)
"""What decides about services that do not say it themselves."""


def serving_manifests(api: KubeApi, namespace: str) -> list[Manifest]:
    """The objects of one namespace that `serving.kserve_objects` reads, and the cluster's own.

    ConfigMaps that may not be read are left out: what they would say is then not known.

    Raises:
        ClusterError: the cluster has no KServe, or does not tell.
    """
    inside = f"namespaces/{namespace}"
    services = list(_kind(api, V1BETA1, f"{inside}/inferenceservices", "InferenceService"))
    if not services:
        _assert_kserve(api, namespace)
    return [
        *services,
        *_kind(api, V1ALPHA2, f"{inside}/llminferenceservices", "LLMInferenceService"),
        *_kind(api, V1ALPHA1, f"{inside}/servingruntimes", "ServingRuntime"),
        *_kind(api, V1ALPHA1, "clusterservingruntimes", "ClusterServingRuntime"),
        *_configs(api, namespace),
        *_kind(api, POLICY, f"{inside}/poddisruptionbudgets", "PodDisruptionBudget"),
        *_kind(api, APPS, f"{inside}/deployments", "Deployment"),
        *_kind(api, FLUID, f"{inside}/datasets", "Dataset"),
        *_config_maps(api),
    ]


def _kind(api: KubeApi, version: str, path: str, kind: str) -> Iterator[Manifest]:
    """The objects of a list, each with its kind, which lists leave out."""
    for one in api.every_if_served(version, path):
        yield {**one, "apiVersion": version, "kind": kind}


def _assert_kserve(api: KubeApi, namespace: str) -> None:
    path = f"namespaces/{namespace}/inferenceservices"
    if api.find(V1BETA1, path, "InferenceServices") is None:
        raise ClusterError("the cluster has no InferenceServices: is KServe installed?")


def _configs(api: KubeApi, namespace: str) -> Iterator[Manifest]:
    for one in dict.fromkeys((namespace, KSERVE_NAMESPACE)):
        path = f"namespaces/{one}/llminferenceserviceconfigs"
        yield from _kind(api, V1ALPHA2, path, "LLMInferenceServiceConfig")


def _config_maps(api: KubeApi) -> Iterator[Manifest]:
    for namespace, name in CONFIG_MAPS:
        try:
            found = api.find("v1", f"namespaces/{namespace}/configmaps/{name}", f"ConfigMap {name}")
        except ClusterDeniedError:
            continue
        if found is not None:
            yield {**found, "apiVersion": "v1", "kind": "ConfigMap"}
