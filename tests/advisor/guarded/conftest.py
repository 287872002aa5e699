"""A guarded cluster over HTTP, with two nodes of one NodePool."""

from collections.abc import Iterator

import pytest

from advisor.kubernetes import KubernetesCluster
from tests.support import guarded_objects as of
from tests.support.guarded_api import GuardedApi, serving
from tests.support.guarded_cluster import NOW


@pytest.fixture
def api() -> GuardedApi:
    """Two nodes of one NodePool, with a pod of one Deployment on each."""
    made = GuardedApi({resource: {} for resource in of.RESOURCES})
    made.put(of.NODEPOOLS, of.a_nodepool())
    deployment = made.put(of.DEPLOYMENTS, of.a_workload("Deployment", "llm"))
    replicas = of.a_workload("ReplicaSet", "llm-1", owned_by=deployment)
    made.put(of.REPLICA_SETS, replicas)
    for node in ("n1", "n2"):
        made.put(of.NODES, of.a_node(node))
        made.put(of.CLAIMS, of.a_claim(f"claim-{node}", node))
        made.put(of.PODS, of.a_pod(f"llm-{node}", node, owned_by=replicas))
    return made


@pytest.fixture
def waited() -> list[float]:
    """The seconds that were waited."""
    return []


@pytest.fixture
def cluster(api: GuardedApi, waited: list[float]) -> Iterator[KubernetesCluster]:
    """The cluster behind that server."""
    with (
        serving(api) as url,
        KubernetesCluster(url=url, clock=lambda: NOW, sleep=waited.append) as found,
    ):
        yield found
