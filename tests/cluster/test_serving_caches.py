"""A real API server takes our model caches and node classes, and the guard waits for the caches."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from advisor.kubernetes import KubernetesCluster
from advisor.replacement.records import Warmth
from advisor.serving.fluid import FluidCache, fluid_manifests
from advisor.serving.images import Fast, merged
from advisor.serving.local_models import LocalModel, local_model_manifests
from tests.support import guarded_objects as of
from tests.support.caches import (
    FASTS,
    LOADED_AT,
    a_dataset,
    a_load,
    a_local_model,
    a_node_class,
    a_worker_pod,
    fluid_caches,
    local_models,
)
from tests.support.control_plane import ControlPlane, running
from tests.support.crd import FOLDER as CRDS

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
ZONE = "topology.kubernetes.io/zone"
MANY = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def caching(_binaries: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with Fluid's, KServe's and Karpenter's CRDs."""
    with running(tmp_path_factory.mktemp("caching")) as plane:
        for folder in ("aws", "fluid", "localmodel"):
            plane.api.install_crds(CRDS / folder)
        for name in ("serving", "cache"):
            where = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            plane.api.create(where)
        account = {"name": "default", "namespace": "serving"}
        plane.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        plane.api.create(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {**account, "namespace": "default"},
            }
        )
        yield plane


def refusals(plane: ControlPlane, manifests: list[dict[str, Any]]) -> list[str]:
    """What the server says against them, as ``kubectl apply --dry-run=server`` sends them."""
    answers = [plane.api.apply(one, dry_run=True) for one in manifests]
    return [answer.json()["message"] for answer in answers if not answer.is_success]


@MANY
@given(fluid_caches())
def test_every_cache_of_fluid_is_accepted(caching: ControlPlane, cache: FluidCache) -> None:
    made = fluid_manifests(cache)
    for one in made:
        one["metadata"]["namespace"] = "cache"

    assert refusals(caching, made) == []


@MANY
@given(local_models)
def test_every_local_model_is_accepted(caching: ControlPlane, model: LocalModel) -> None:
    assert refusals(caching, local_model_manifests(model)) == []


def test_every_fast_node_class_is_accepted(provider_plane: ControlPlane, provider: str) -> None:
    @MANY
    @given(FASTS[provider])
    def hold(fast: Fast) -> None:
        assert refusals(provider_plane, [merged(a_node_class(fast), fast)]) == []

    hold()


def put(plane: ControlPlane, manifest: dict[str, Any]) -> None:
    """Create an object and set its status, as its controller would."""
    status = {"status": manifest["status"]}
    made = {key: value for key, value in manifest.items() if key != "status"}
    plane.api.create(made)
    plane.api.merge(made, status, "/status")


def test_a_node_waits_until_fluid_and_kserve_say_that_the_model_is_there(
    caching: ControlPlane,
) -> None:
    nodepool = of.a_nodepool()
    caches = "dataset/serving/r1,localmodelcache/r1"
    nodepool["metadata"]["annotations"] = {"spotcast.io/warm-when": caches}
    labels = {ZONE: "us-east-1a", "fluid.io/s-serving-r1": "true"}
    for one in (
        nodepool,
        of.a_node("gpu", taints=("spotcast.io/warming",)),
        of.a_node("cache", labels=labels),
        a_worker_pod("r1-worker-0", "cache"),
    ):
        caching.api.create(one)
    cluster = KubernetesCluster(kubeconfig=str(caching.kubeconfig()))

    def seen() -> tuple[Warmth, int]:
        snapshot = cluster.snapshot(NOW)
        return snapshot.nodes["gpu"].warmth, len(snapshot.findings)

    with cluster:
        assert seen() == (Warmth.UNKNOWN, 2)

        put(caching, a_dataset(phase="NotBound"))
        put(caching, a_local_model(gpu="NodeDownloading"))
        assert seen() == (Warmth.WARMING, 0)

        bound = a_dataset()
        caching.api.merge(bound, {"status": bound["status"]}, "/status")
        local = a_local_model(gpu="NodeDownloaded")
        caching.api.merge(local, {"status": local["status"]}, "/status")
        assert seen() == (Warmth.WARMING, 0)

        put(caching, a_load(replicas=1, phase="Executing", duration="1m", conditions=[]))
        assert seen() == (Warmth.WARMING, 0)

        done = a_load(replicas=1, ended_at=LOADED_AT.isoformat())
        caching.api.merge(done, {"status": done["status"]}, "/status")
        pod = a_worker_pod("r1-worker-0", "cache")
        # The server starts a pod's status anew.
        caching.api.merge(pod, {"status": {"phase": "Pending", "conditions": []}}, "/status")
        assert seen() == (Warmth.WARMING, 0)

        caching.api.merge(pod, {"status": pod["status"]}, "/status")
        assert seen() == (Warmth.WARM, 0)
