"""New nodes that wait for model caches: the NodePool's annotation, and what the caches say."""

from datetime import timedelta
from typing import Any

import pytest

from advisor.kubernetes import KubernetesCluster
from advisor.replacement.records import Warmth
from tests.support import guarded_objects as of
from tests.support.caches import (
    DATASETS,
    LOADS,
    LOCAL_MODELS,
    a_dataset,
    a_load,
    a_local_model,
    a_worker_pod,
)
from tests.support.guarded_api import GuardedApi, status
from tests.support.guarded_cluster import AT, NOW

ZONE = "topology.kubernetes.io/zone"
LABEL = "fluid.io/s-serving-r1"
BOTH = "dataset/serving/r1, localmodelcache/r1"


def waits_for(api: GuardedApi, text: str | None) -> None:
    """Annotate the NodePool."""
    nodepool = of.a_nodepool()
    nodepool["metadata"]["annotations"] = {} if text is None else {"spotcast.io/warm-when": text}
    api.put(of.NODEPOOLS, nodepool)


def warm_dataset(api: GuardedApi, *zones: str, **dataset: Any) -> None:
    """A Dataset with a worker in each of these zones, loaded as often as there are workers."""
    api.put(DATASETS, a_dataset(**dataset))
    api.put(LOADS, a_load(replicas=len(zones)))
    for zone in zones:
        labels = {ZONE: zone, LABEL: "true"}
        api.put(of.NODES, of.a_node(f"cache-{zone}", labels=labels))
        api.put(of.PODS, a_worker_pod(f"r1-worker-{zone}", f"cache-{zone}"))


@pytest.fixture
def api(api: GuardedApi) -> GuardedApi:
    """With a node that warms, and with both kinds of cache served."""
    for resource in (DATASETS, LOADS, LOCAL_MODELS):
        api.objects[resource] = {}
    api.put(of.NODES, of.a_node("n1", taints=("spotcast.io/warming",)))
    return api


def asked(api: GuardedApi) -> set[str]:
    """The resources of model caches that were read."""
    return {path for _, path, _ in api.asked} & {DATASETS, LOADS, LOCAL_MODELS}


def test_nobody_who_waits_for_nothing_reads_any_cache(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    warm_dataset(api, "us-east-1a")

    seen = cluster.snapshot(NOW)

    assert (seen.nodes["n1"].warmth, seen.findings) == (Warmth.UNKNOWN, ())
    assert asked(api) == set()


@pytest.mark.parametrize(
    ("text", "read"),
    [("dataset/serving/r1", {DATASETS, LOADS}), ("localmodelcache/r1", {LOCAL_MODELS})],
)
def test_only_the_kind_that_is_waited_for_is_read(
    text: str, read: set[str], api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, text)
    cluster.snapshot(NOW)

    assert asked(api) == read


def test_a_node_is_warm_when_its_zone_is(api: GuardedApi, cluster: KubernetesCluster) -> None:
    waits_for(api, "dataset/serving/r1")
    warm_dataset(api, "us-east-1a", "us-east-1b")
    elsewhere = {**of.SPOT_LABELS, ZONE: "us-east-1c"}
    api.put(of.NODES, of.a_node("n3", taints=("spotcast.io/warming",), labels=elsewhere))

    seen = cluster.snapshot(NOW)

    assert seen.nodes["n1"].warmth is Warmth.WARM
    assert seen.nodes["n3"].warmth is Warmth.WARMING
    # It bears no taint of ours: nobody waits for it.
    assert seen.nodes["n2"].warmth is Warmth.UNKNOWN
    assert seen.findings == ()


THIN = [{"name": "r1", "type": "thin"}]
WORKER = a_worker_pod("r1-worker-us-east-1a", "cache-us-east-1a", ready="False")
UNLABELLED = of.a_node("cache-us-east-1a", labels={})


@pytest.mark.parametrize(
    ("resource", "thing", "warmth"),
    [
        (DATASETS, a_dataset(phase="Pending"), Warmth.WARMING),
        (LOADS, a_load(phase="Executing", conditions=[]), Warmth.WARMING),
        (DATASETS, a_dataset(runtimes=THIN), Warmth.UNKNOWN),
        (of.PODS, WORKER, Warmth.WARMING),
        (of.NODES, UNLABELLED, Warmth.WARMING),
    ],
)
def test_a_cache_that_lacks_something_leaves_the_node_waiting(
    resource: str,
    thing: dict[str, Any],
    warmth: Warmth,
    api: GuardedApi,
    cluster: KubernetesCluster,
) -> None:
    waits_for(api, "dataset/serving/r1")
    warm_dataset(api, "us-east-1a")
    api.put(resource, thing)

    assert cluster.snapshot(NOW).nodes["n1"].warmth is warmth


def test_a_node_in_no_zone_is_unknown(api: GuardedApi, cluster: KubernetesCluster) -> None:
    waits_for(api, "dataset/serving/r1")
    warm_dataset(api, "us-east-1a")
    labels = {"karpenter.sh/nodepool": "gpu"}
    api.put(of.NODES, of.a_node("n1", taints=("spotcast.io/warming",), labels=labels))

    assert cluster.snapshot(NOW).nodes["n1"].warmth is Warmth.UNKNOWN


@pytest.mark.parametrize(
    ("said", "warmth"),
    [
        ("NodeDownloaded", Warmth.WARM),
        ("NodeDownloading", Warmth.WARMING),
        (None, Warmth.UNKNOWN),
    ],
)
def test_all_that_is_waited_for_must_be_warm(
    said: str | None, warmth: Warmth, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, BOTH)
    warm_dataset(api, "us-east-1a")
    api.put(LOCAL_MODELS, a_local_model(**({"n1": said} if said else {})))

    assert cluster.snapshot(NOW).nodes["n1"].warmth is warmth


@pytest.mark.parametrize("is_ready", [True, False])
def test_pods_that_warm_speak_as_well(
    *, is_ready: bool, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, "localmodelcache/r1")
    api.put(LOCAL_MODELS, a_local_model(n1="NodeDownloaded"))
    labels = {"spotcast.io/warmer": "true"}
    api.put(of.PODS, of.a_pod("warmer", "n1", labels=labels, ready=is_ready))

    seen = cluster.snapshot(NOW).nodes["n1"].warmth

    assert seen is (Warmth.WARM if is_ready else Warmth.WARMING)


def test_pods_that_warm_other_nodes_may_be_yet_to_come(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, "localmodelcache/r1")
    api.put(LOCAL_MODELS, a_local_model(n1="NodeDownloaded"))

    def seen(seconds: int) -> Warmth:
        return cluster.snapshot(AT + timedelta(seconds=seconds)).nodes["n1"].warmth

    assert seen(1) is Warmth.WARM
    api.put(of.PODS, of.a_pod("warmer", "n2", labels={"spotcast.io/warmer": "true"}))
    assert [seen(29), seen(30)] == [Warmth.WARMING, Warmth.WARM]


@pytest.mark.parametrize(("word", "warmth"), [("true", Warmth.WARM), ("false", Warmth.WARMING)])
def test_the_nodes_own_annotation_goes_before_every_cache(
    word: str, warmth: Warmth, api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, "localmodelcache/r1")
    is_there = "NodeDownloading" if word == "true" else "NodeDownloaded"
    api.put(LOCAL_MODELS, a_local_model(n1=is_there))
    said = {"spotcast.io/warm": word}
    api.put(of.NODES, of.a_node("n1", taints=("spotcast.io/warming",), annotations=said))

    assert cluster.snapshot(NOW).nodes["n1"].warmth is warmth


def test_an_annotation_that_cannot_be_read_is_told_and_never_warm(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, "localmodelcache/r1, dataset/r1")
    api.put(LOCAL_MODELS, a_local_model(n1="NodeDownloaded"))
    labels = {"spotcast.io/warmer": "true"}
    api.put(of.PODS, of.a_pod("warmer", "n1", labels=labels))

    seen = cluster.snapshot(NOW)

    assert seen.nodes["n1"].warmth is Warmth.UNKNOWN
    assert asked(api) == set()
    [finding] = seen.findings
    assert finding == (
        "NodePool gpu: spotcast.io/warm-when: 'dataset/r1': names no model cache; write "
        "dataset/NAMESPACE/NAME or localmodelcache/NAME, several with commas between; no node of "
        "it is warm"
    )


def test_a_cache_that_is_not_there_is_told_and_unknown(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, BOTH)
    # Fluid is not installed at all; KServe is, without this model.
    del api.objects[DATASETS], api.objects[LOADS]

    seen = cluster.snapshot(NOW)

    assert seen.nodes["n1"].warmth is Warmth.UNKNOWN
    assert seen.findings == (
        "dataset/serving/r1, which NodePools wait for: it is not there",
        "localmodelcache/r1, which NodePools wait for: it is not there",
    )


def test_a_cache_that_may_not_be_read_is_told_and_ends_nothing_else(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    waits_for(api, BOTH)
    api.put(LOCAL_MODELS, a_local_model(n1="NodeDownloaded"))
    forbidden = status(403, "datasets is forbidden")
    api.before = lambda _method, path: forbidden if path == DATASETS else None

    seen = cluster.snapshot(NOW)

    assert seen.nodes["n1"].warmth is Warmth.UNKNOWN
    [finding] = seen.findings
    assert "datasets: the cluster does not allow to list it" in finding
    assert "deploy/rbac" in finding


def test_all_caches_of_a_cluster_are_found_with_their_workers(
    api: GuardedApi, cluster: KubernetesCluster
) -> None:
    warm_dataset(api, "us-east-1a")
    api.put(of.PODS, a_worker_pod("r1-master", "n1", role="jindofs-master"))
    api.put(LOCAL_MODELS, a_local_model(n1="NodeDownloaded"))

    found = cluster.caches()

    [dataset] = found.datasets.values()
    [worker] = found.state(dataset).workers
    assert (worker.node, worker.zone) == ("cache-us-east-1a", "us-east-1a")
    assert worker.is_labelled
    assert list(found.local_models) == ["r1"]
    assert found.places["n1"].zone == "us-east-1a"
