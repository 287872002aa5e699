"""What is read of KServe in a cluster: one namespace, and what the cluster decides for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.cluster import ClusterError
from advisor.kubernetes import KubernetesCluster
from advisor.serving.kserve_objects import objects_of
from advisor.serving.kserve_services import services_of
from advisor.serving.service import Mode, Weights
from tests.support.apiserver import ApplyServer, kubeconfig, serving
from tests.support.kserve import sample

GROUP = "/apis/serving.kserve.io"
SERVICES = f"{GROUP}/v1beta1/namespaces/serving/inferenceservices"


@pytest.fixture
def server() -> ApplyServer:
    """A server with the corrected sample in it."""
    made = ApplyServer()
    service, budget = sample("corrected")
    del service["metadata"]["annotations"]
    made.put(SERVICES, service)
    made.put("/apis/policy/v1/namespaces/serving/poddisruptionbudgets", budget)
    about = {"name": "deepseek-r1-32b", "namespace": "serving"}
    made.put("/apis/data.fluid.io/v1alpha1/namespaces/serving/datasets", {"metadata": about})
    return made


@pytest.fixture
def cluster(server: ApplyServer, tmp_path: Path) -> Iterator[KubernetesCluster]:
    """The cluster, found through a kubeconfig."""
    with (
        serving(server) as url,
        KubernetesCluster(kubeconfig=str(kubeconfig(tmp_path, url))) as found,
    ):
        yield found


def test_services_come_with_what_shapes_and_guards_them(
    server: ApplyServer, cluster: KubernetesCluster
) -> None:
    config = {
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {"deploy": '{"defaultDeploymentMode": "Knative"}'},
    }
    server.put("/api/v1/namespaces/kserve/configmaps", config)

    objects = objects_of(cluster.serving("serving"), is_whole=True)

    (service,) = services_of(objects)
    assert (service.mode, service.weights) == (Mode.KNATIVE, Weights.FLUID)
    assert len(objects.budgets) == 1


def test_nothing_is_written(server: ApplyServer, cluster: KubernetesCluster) -> None:
    cluster.serving("serving")

    assert {method for method, *_ in server.asked} == {"GET"}


def test_a_namespace_without_services_has_none(
    server: ApplyServer, cluster: KubernetesCluster
) -> None:
    server.objects[f"{GROUP}/v1beta1/namespaces/empty/inferenceservices"] = {}

    assert services_of(objects_of(cluster.serving("empty"), is_whole=True)) == []


def test_a_cluster_without_kserve_is_told_apart(cluster: KubernetesCluster) -> None:
    with pytest.raises(ClusterError, match="is KServe installed"):
        cluster.serving("elsewhere")
