"""What a cluster says of its model caches: Fluid's Datasets and KServe's LocalModelCaches.

Only what is asked for is read, so that the rights of others stay small; what may not be read is
told and unknown, never warm, and ends nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from advisor.cluster import ClusterDeniedError, Manifest
from advisor.karpenter.labels import ZONE
from advisor.kubernetes_api import KubeApi, condition_of, labels_of
from advisor.replacement.records import Warmth
from advisor.serving import local_models
from advisor.serving.awaited import Awaited, Cache
from advisor.serving.fluid_state import (
    API_VERSION,
    DATASET_LABEL,
    DatasetState,
    Load,
    Worker,
    dataset_of,
    dataset_state,
    load_of,
)
from advisor.serving.fluid_warmth import CacheState, Verdict, zone_verdict

NO_ZONE = "no label of the node tells its zone"


@dataclass(frozen=True, slots=True)
class WorkerPod:
    """A cache worker as its pod tells: of which Dataset's id, where, and since when Ready."""

    dataset: str
    node: str
    ready_since: datetime | None


class WorkerPods:
    """The pods of cache workers, as they pass by."""

    def __init__(self) -> None:
        self._by_dataset: defaultdict[str, list[WorkerPod]] = defaultdict(list)

    def noted(self, pods: Iterable[Manifest]) -> Iterator[Manifest]:
        """The same pods; cache workers are noted."""
        for pod in pods:
            if dataset := dataset_of(pod):
                ready = condition_of(pod, "Ready") or {}
                since = ready.get("lastTransitionTime") if ready.get("status") == "True" else None
                at = datetime.fromisoformat(since) if since else None
                node = (pod.get("spec") or {}).get("nodeName")
                if node:
                    self._by_dataset[dataset].append(WorkerPod(dataset, node, at))
            yield pod

    def of(self, dataset: str) -> Iterable[WorkerPod]:
        """The workers of the Dataset with that id."""
        return self._by_dataset.get(dataset, ())


@dataclass(frozen=True, slots=True)
class Place:
    """What of a node counts for caches: its zone, and the labels that Fluid gave it."""

    zone: str | None
    fluid_labels: frozenset[str]


def place_of(node: Manifest) -> Place:
    """Where a node is, as its labels tell."""
    labels = labels_of(node)
    ours = frozenset(key for key in labels if key.startswith("fluid.io/"))
    return Place(labels.get(ZONE), ours)


@dataclass(slots=True)
class Caches:
    """The caches of a cluster; ``denied`` tells of each kind that may not be read why."""

    datasets: dict[tuple[str, str], DatasetState] = field(default_factory=dict)
    loads: defaultdict[tuple[str, str], list[Load]] = field(
        default_factory=lambda: defaultdict(list)
    )
    local_models: dict[str, Manifest] = field(default_factory=dict)
    denied: dict[Cache, str] = field(default_factory=dict)
    workers: WorkerPods = field(default_factory=WorkerPods)
    places: Mapping[str, Place] = field(default_factory=dict)

    def state(self, dataset: DatasetState) -> CacheState:
        """All that is known of a Dataset."""
        workers = [self._worker(one, dataset) for one in self.workers.of(dataset.id)]
        return CacheState(dataset, self.loads[dataset.namespace, dataset.name], workers)

    def verdict(self, what: Awaited, node: str) -> Verdict:
        """Whether that cache serves the node warm."""
        if why := self.trouble(what):
            return Verdict(Warmth.UNKNOWN, why)
        if what.cache is Cache.LOCAL_MODEL:
            return local_models.local_verdict(self.local_models[what.name], node)
        place = self.places.get(node)
        if place is None or place.zone is None:
            return Verdict(Warmth.UNKNOWN, NO_ZONE)
        return zone_verdict(self.state(self.datasets[what.namespace, what.name]), place.zone)

    def trouble(self, what: Awaited) -> str | None:
        """Why nothing at all can be said of it; None if it is there."""
        if what.cache in self.denied:
            return self.denied[what.cache]
        is_there = (
            what.name in self.local_models
            if what.cache is Cache.LOCAL_MODEL
            else (what.namespace, what.name) in self.datasets
        )
        return None if is_there else "it is not there"

    def _worker(self, pod: WorkerPod, dataset: DatasetState) -> Worker:
        place = self.places.get(pod.node)
        return Worker(
            pod.node,
            place.zone if place else None,
            pod.ready_since,
            bool(place and dataset.label in place.fluid_labels),
        )


def read_caches(api: KubeApi, kinds: Iterable[Cache]) -> Caches:
    """The caches of these kinds; none where the cluster does not know them."""
    found = Caches()
    for kind in sorted(set(kinds)):
        try:
            if kind is Cache.DATASET:
                _read_fluid(api, found)
            else:
                models = api.every_if_served(local_models.API_VERSION, "localmodelcaches")
                found.local_models = {one["metadata"]["name"]: one for one in models}
        except ClusterDeniedError as error:
            found.denied[kind] = str(error)
    return found


def _read_fluid(api: KubeApi, found: Caches) -> None:
    for one in api.every_if_served(API_VERSION, "datasets"):
        dataset = dataset_state(one)
        found.datasets[dataset.namespace, dataset.name] = dataset
    for one in api.every_if_served(API_VERSION, "dataloads"):
        if read := load_of(one):
            found.loads[read[0]].append(read[1])


def look_at_caches(api: KubeApi) -> Caches:
    """All caches of a cluster, with their workers and the nodes."""
    found = read_caches(api, Cache)
    pods = api.every("v1", "pods", params={"labelSelector": DATASET_LABEL})
    for _ in found.workers.noted(pods):
        pass
    found.places = {one["metadata"]["name"]: place_of(one) for one in api.every("v1", "nodes")}
    return found
