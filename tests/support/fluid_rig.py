"""The cache of a model as Fluid keeps one: its objects, their status, and pods for its workers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from advisor.karpenter.labels import WARM_WHEN
from advisor.serving.fluid import FluidCache, fluid_manifests
from tests.support.caches import a_dataset, a_load, a_worker_pod
from tests.support.kwok_market import Manifest
from tests.support.processes import wait_for
from tests.support.rig import Rig, is_true

NAMESPACE, DATASET = "serving", "deepseek-r1-32b"
"""Of the corrected sample."""
WARM_WITH_CACHE = {WARM_WHEN: f"dataset/{NAMESPACE}/{DATASET}"}
"""Annotation of a NodePool whose nodes wait for the cache."""


class FluidCacheRig:
    """What Fluid's controllers would make of our manifests: nobody runs them here."""

    def __init__(self, rig: Rig, zones: Sequence[str]) -> None:
        """Place a worker on a machine of its own in each zone; nothing is cached yet."""
        self._api = rig.api
        for zone in zones:
            self._api.create(_cache_node(zone))
            self.start_worker(zone)
        for one in fluid_manifests(_cache(zones)):
            self._api.create(one)

    def start_worker(self, zone: str) -> None:
        """Start the worker of a zone; one that runs is started anew, with nothing in it."""
        worker = a_worker_pod(f"worker-{zone}", f"cache-{zone}", f"{NAMESPACE}-{DATASET}")
        del worker["status"]
        if self._api.find(worker):
            about = self._api.path_of(worker)
            self._api.http.delete(about, params={"gracePeriodSeconds": "0"}).raise_for_status()
            wait_for(lambda: self._api.find(worker) is None, "the old worker gone")
        self._api.create(worker)
        wait_for(lambda: is_true(self._api.find(worker) or {}, "Ready"), f"the worker in {zone}")

    def load(self, name: str) -> None:
        """Let a DataLoad of that name have loaded a copy for each worker, just now."""
        load = a_load(name, DATASET, ended_at=datetime.now(UTC).isoformat(timespec="seconds"))
        self._api.create(load)
        dataset = a_dataset(DATASET)
        self._api.merge(dataset, {"status": dataset["status"]}, "/status")


def volume() -> list[Manifest]:
    """The volume and its claim, as Fluid makes them for a Dataset."""
    about = {"name": DATASET, "namespace": NAMESPACE}
    size, name = {"storage": "100Pi"}, f"{NAMESPACE}-{DATASET}"
    of_both: dict[str, Any] = {"accessModes": ["ReadOnlyMany"], "storageClassName": "fluid"}
    held = of_both | {
        "capacity": size,
        "claimRef": about,
        "csi": {"driver": "fuse.csi.fluid.io", "volumeHandle": name},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    wanted = of_both | {"resources": {"requests": size}, "volumeName": name}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": held,
        },
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": about, "spec": wanted},
    ]


def _cache(zones: Sequence[str]) -> FluidCache:
    return FluidCache(
        name=DATASET,
        namespace=NAMESPACE,
        model_uri="s3://models/deepseek-r1-distill-qwen-32b/",
        weights_gb=65.53,
        zones=zones,
        options={"fs.s3.region": "us-east-1"},
    )


def _cache_node(zone: str) -> Manifest:
    """A machine for a cache worker, with the label that Fluid gives it."""
    labels = {
        "topology.kubernetes.io/zone": zone,
        "karpenter.sh/capacity-type": "on-demand",
        f"fluid.io/s-{NAMESPACE}-{DATASET}": "true",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": f"cache-{zone}",
            "labels": labels,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": [{"key": "cache", "effect": "NoSchedule"}]},
    }
