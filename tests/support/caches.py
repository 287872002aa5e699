"""Model caches: what Fluid's and KServe's controllers leave in a cluster, and manifests of ours."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from advisor.karpenter.nodeclass import node_class
from advisor.serving.fluid import FluidCache, Medium
from advisor.serving.fluid_mounts import Runtime
from advisor.serving.fluid_state import DatasetState, Load, Worker
from advisor.serving.fluid_warmth import CacheState
from advisor.serving.images import Fast, System, Way
from advisor.serving.images_aws import snapshot, soci
from advisor.serving.images_elsewhere import (
    artifact_streaming,
    nydus,
    overlaybd,
    secondary_disk,
)
from advisor.serving.local_models import LocalModel

DATASETS = "/apis/data.fluid.io/v1alpha1/datasets"
LOADS = "/apis/data.fluid.io/v1alpha1/dataloads"
LOCAL_MODELS = "/apis/serving.kserve.io/v1alpha1/localmodelcaches"

READY_AT = datetime(2026, 1, 1, tzinfo=UTC)
LOADED_AT = READY_AT + timedelta(seconds=30)
GIB = 1024.0**3
TOTAL = 61 * GIB

names = st.from_regex(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?", fullmatch=True)
sizes_gb = st.floats(0.1, 2000)
keys = st.from_regex(r"([a-z]{1,9}\.io/)?[a-z]{1,9}", fullmatch=True)

MOUNTS: Mapping[Runtime, tuple[tuple[str, dict[str, str], str | None], ...]] = {
    Runtime.JINDO: (
        ("s3://models/r1", {"fs.s3.region": "us-east-1"}, None),
        ("oss://models/r1/", {"fs.oss.endpoint": "oss-cn-beijing-internal.aliyuncs.com"}, "keys"),
        ("pvc://models/r1", {}, None),
    ),
    Runtime.ALLUXIO: (
        ("s3://models/r1", {"alluxio.underfs.s3.region": "us-east-1"}, "keys"),
        ("gs://models/r1", {"fs.gcs.credential.path": "/var/secrets/key.json"}, None),
        ("https://example.com/r1/", {}, None),
    ),
    Runtime.JUICEFS: (("juicefs:///r1", {}, "keys"), ("juicefs:///", {"bucket": "b"}, "keys")),
}
"""Addresses that each runtime mounts, with the options and the Secret that they need."""


@st.composite
def fluid_caches(draw: st.DrawFn) -> FluidCache:
    """Caches of every runtime, address, medium and number of zones."""
    runtime = draw(st.sampled_from(Runtime))
    uri, options, secret = draw(st.sampled_from(MOUNTS[runtime]))
    zones = draw(
        st.sampled_from(
            [("us-east-1a", "us-east-1b", "us-east-1c"), ("use1-az4", "use1-az6"), ("westus2-1",)]
        )
    )
    return FluidCache(
        name=draw(names),
        namespace=draw(names),
        model_uri=uri,
        weights_gb=draw(sizes_gb),
        zones=zones[: draw(st.integers(1, len(zones)))],
        runtime=runtime,
        medium=draw(st.sampled_from(Medium)),
        path=draw(st.none() | st.just("/mnt/k8s-disks/0/cache")),
        options=options,
        secret=secret,
        secret_keys=draw(st.none() | st.just(("token",))) if secret else None,
        node_labels=draw(st.dictionaries(keys, names, max_size=2)),
        is_exclusive=draw(st.booleans()),
    )


local_models = st.builds(
    LocalModel,
    name=names,
    model_uri=st.sampled_from(["hf://org/name", "s3://models/r1"]),
    weights_gb=sizes_gb,
    nodepools=st.lists(names, min_size=1, max_size=3, unique=True),
    storage_gb=st.none() | st.floats(2000, 9000),
)

FASTS: Mapping[str, st.SearchStrategy[Fast]] = {
    "aws": st.builds(
        soci,
        st.sampled_from(System),
        image_gb=st.floats(0.1, 60),
        weights_gb=st.floats(0, 1500),
        throughput_mib=st.integers(125, 1000),
    )
    | st.builds(
        snapshot,
        st.from_regex(r"snap-[0-9a-f]{17}", fullmatch=True),
        image_gb=st.floats(0.1, 60),
        rate_mib=st.integers(100, 300),
        throughput_mib=st.integers(125, 1000),
    ),
    "alibaba": st.sampled_from([overlaybd(), nydus()]),
    "gcp": st.builds(
        secondary_disk,
        st.sampled_from(["global/images/vllm-1", "projects/my-project/global/images/vllm-1"]),
        image_gb=st.floats(0.1, 60),
        category=st.sampled_from(["pd-balanced", "hyperdisk-balanced"]),
    ),
    "azure": st.just(artifact_streaming()),
}
"""Every way to have images sooner that a node class has a field for, by cloud."""


def a_node_class(fast: Fast) -> dict[str, Any]:
    """Our own node class of the fast way's cloud, as this way wants its image."""
    given: dict[str, Any] = {}
    if fast.provider in {"aws", "alibaba"}:
        given["cluster"] = "demo"
    if fast.provider == "aws":
        is_al2023 = fast.way is Way.SOCI and fast.node_config is not None
        given |= {"role": "nodes", "image": "al2023@v1" if is_al2023 else "bottlerocket@v1.50.0"}
    made = node_class(fast.provider, "gpu", **given)
    if fast.way is Way.SNAPSHOT:
        del made["spec"]["instanceStorePolicy"]
    return made


def a_dataset(name: str = "r1", namespace: str = "serving", **status: Any) -> dict[str, Any]:
    """A Dataset of Jindo whose whole model is cached twice."""
    return {
        "apiVersion": "data.fluid.io/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"mounts": [{"mountPoint": "s3://models/r1", "name": name}]},
        "status": {
            "phase": "Bound",
            "ufsTotal": "61.00GiB",
            "cacheStates": {"cached": "122.00GiB", "cachedPercentage": "100.0%"},
            "runtimes": [
                {"name": name, "namespace": namespace, "category": "Accelerate", "type": "jindo"}
            ],
            "conditions": [{"type": "Ready", "status": "True"}],
            **status,
        },
    }


def a_load(
    name: str = "r1-warm", dataset: str = "r1", namespace: str = "serving", **given: Any
) -> dict[str, Any]:
    """A DataLoad of two copies, which was complete at `LOADED_AT`."""
    done = {
        "type": "Complete",
        "status": "True",
        "lastTransitionTime": given.pop("ended_at", LOADED_AT.isoformat()),
    }
    return {
        "apiVersion": "data.fluid.io/v1alpha1",
        "kind": "DataLoad",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "dataset": {"name": dataset, "namespace": namespace},
            "target": [{"path": "/", "replicas": given.pop("replicas", 2)}],
        },
        "status": {"phase": "Complete", "duration": "2m51s", "conditions": [done], **given},
    }


def a_worker_pod(name: str, node: str, dataset: str = "serving-r1", **given: Any) -> dict[str, Any]:
    """The pod of a cache worker, Ready since `READY_AT`."""
    ready = {
        "type": "Ready",
        "status": given.get("ready", "True"),
        "lastTransitionTime": given.get("since", READY_AT.isoformat()),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "serving",
            "labels": {"fluid.io/dataset": dataset, "role": given.get("role", "jindofs-worker")},
        },
        "spec": {"nodeName": node, "containers": [{"name": "worker", "image": "example.com/w:1"}]},
        "status": {"phase": "Running", "conditions": [ready]},
    }


def a_local_model(name: str = "r1", **nodes: str) -> dict[str, Any]:
    """A LocalModelCache that says this of each node."""
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "LocalModelCache",
        "metadata": {"name": name},
        "spec": {"sourceModelUri": "hf://org/r1", "modelSize": "66G", "nodeGroups": ["gpu"]},
        "status": {"nodeStatus": nodes},
    }


def a_state(**given: Any) -> CacheState:
    """A Dataset that is warm in zones a and b, but for what is given of it."""
    dataset = DatasetState(
        namespace="serving",
        name="r1",
        uid="uid-r1",
        phase=given.get("phase", "Bound"),
        is_ready=given.get("is_ready", True),
        runtime=given.get("runtime", "jindo"),
        is_community=given.get("is_community", False),
        total_bytes=given.get("total_bytes", TOTAL),
        cached_bytes=given.get("cached_bytes", 2 * TOTAL),
        cached_share=given.get("cached_share", 1.0),
    )
    loads = given.get("loads", [Load("r1-warm", "Complete", given.get("copies", 2), LOADED_AT)])
    return CacheState(dataset, loads, given.get("workers", [a_worker("a"), a_worker("b")]))


def a_worker(zone: str | None, **given: Any) -> Worker:
    """A Ready worker on a labelled node of that zone."""
    return Worker(
        given.get("node", f"node-{zone}"),
        zone,
        given.get("ready_since", READY_AT),
        given.get("is_labelled", True),
    )
