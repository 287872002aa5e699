"""A model's cache in Fluid: Dataset, runtime and DataLoad, on machines that are not taken away.

One worker on demand in each zone in use, and as many copies as workers: every zone then has the
whole model, a GPU node that comes only mounts it, and no spot interruption loses any of it. The two
other designs do not hold: a worker on the GPU node dies with it, and a DataLoad with affinity to
the new node only places the *loader's* pod there: the data goes to the workers, wherever they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.serving.fluid_mounts import Runtime, mount
from advisor.serving.fluid_state import API_VERSION, WHOLE
from advisor.units import GB_PER_GIB
from warehouse.records import CapacityType

KINDS = {
    Runtime.JINDO: "JindoRuntime",
    Runtime.ALLUXIO: "AlluxioRuntime",
    Runtime.JUICEFS: "JuiceFSRuntime",
}

QUOTA_PER_WEIGHTS = 1.15
"""Room of a worker for each byte of the model: runtimes begin to evict at `HIGH`, round files up
to blocks, and a model brings its tokenizer. Assumed."""
HIGH, LOW = "0.95", "0.7"
"""Shares of the quota at which eviction begins and ends: Fluid's own samples."""
WORKER_GIB = 4
"""Memory of a worker beside what it caches. Assumed; the runtimes' own defaults ask for nothing."""

CACHE_PATH = "/mnt/fluid-cache"
MEMORY_PATH = "/dev/shm"  # noqa: S108 - the path that all runtimes use for memory


class Medium(StrEnum):
    """What a worker caches on."""

    MEMORY = "MEM"
    SSD = "SSD"
    HDD = "HDD"


@dataclass(frozen=True, slots=True, kw_only=True)
class FluidCache:
    """The cache of one model.

    ``weights_gb`` is the size of its files in GB (1e9 bytes). ``zones`` are those where it is
    served, as nodes are labelled: names, or on AWS zone ids. ``path`` is the folder of the cache on
    a worker's machine, None for the medium's own. ``secret`` holds ``secret_keys`` (None: all that
    the runtime knows). ``node_labels`` are more that the workers' machines must have.
    ``is_exclusive``: no worker of another Dataset on the same machine, Fluid's own default.
    """

    name: str
    namespace: str
    model_uri: str
    weights_gb: float
    zones: Sequence[str]
    runtime: Runtime = Runtime.JINDO
    medium: Medium = Medium.SSD
    path: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    secret: str | None = None
    secret_keys: Sequence[str] | None = None
    node_labels: Mapping[str, str] = field(default_factory=dict)
    is_exclusive: bool = True

    def __post_init__(self) -> None:
        """Refuse what Fluid or Kubernetes would refuse, or take and never serve."""
        for subject, name in (("name", self.name), ("namespace", self.namespace)):
            words.check_object_name(name, subject)
            if "." in name:
                raise ManifestError(subject, f"{name!r} becomes part of a service's name: no dots")
        if not math.isfinite(self.weights_gb) or self.weights_gb <= 0:
            raise ManifestError("weights", f"{self.weights_gb:g} GB is no size of a model")
        if not self.zones or len(set(self.zones)) < len(self.zones):
            raise ManifestError("zones", "name each zone where the model is served once")
        for zone in self.zones:
            words.check_label_value(zone, "zone")
        for key, value in self.node_labels.items():
            words.check_qualified_name(key)
            words.check_label_value(value, key)

    @property
    def quota_gib(self) -> int:
        """Room of one worker: for the whole model, as each zone has a copy of its own."""
        return math.ceil(self.weights_gb / GB_PER_GIB * QUOTA_PER_WEIGHTS)

    @property
    def workers(self) -> int:
        """One in each zone."""
        return len(self.zones)


def fluid_manifests(cache: FluidCache) -> list[dict[str, Any]]:
    """Dataset, runtime and DataLoad, in the order in which they are created.

    Raises:
        ManifestError: the runtime cannot mount the model's address.
    """
    return [_dataset(cache), _runtime(cache), data_load(cache)]


def data_load(cache: FluidCache, name: str | None = None) -> dict[str, Any]:
    """Loads the whole model once; a new one, of another name, after a worker has changed.

    It has no time to live: one that is deleted when it is done leaves nothing that proves the
    cache to be filled. It has no affinity either, as that would place the loader, not the data.
    """
    return _object(
        "DataLoad",
        cache,
        {
            "dataset": {"name": cache.name, "namespace": cache.namespace},
            "loadMetadata": True,
            "target": [{"path": WHOLE, "replicas": cache.workers}],
        },
        name=name or f"{cache.name}-warm",
    )


def _dataset(cache: FluidCache) -> dict[str, Any]:
    where = [
        {"key": _zone_key(cache.zones), "operator": "In", "values": list(cache.zones)},
        {
            "key": words.CAPACITY_TYPE,
            "operator": "In",
            "values": [CapacityType.ON_DEMAND.value],
        },
        *(
            {"key": key, "operator": "In", "values": [value]}
            for key, value in sorted(cache.node_labels.items())
        ),
    ]
    return _object(
        "Dataset",
        cache,
        {
            "mounts": [
                mount(
                    cache.name,
                    cache.model_uri,
                    cache.runtime,
                    options=cache.options,
                    secret=cache.secret,
                    secret_keys=cache.secret_keys,
                )
            ],
            "accessModes": ["ReadOnlyMany"],
            "placement": "Exclusive" if cache.is_exclusive else "Shared",
            # Places the workers, and so the data.
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": where}]}},
        },
    )


def _runtime(cache: FluidCache) -> dict[str, Any]:
    memory_gib = WORKER_GIB + (cache.quota_gib if cache.medium is Medium.MEMORY else 0)
    requests = {"cpu": "2", "memory": f"{memory_gib}Gi"}
    if cache.medium is not Medium.MEMORY:
        # A folder of the host is nobody's account; the request makes the scheduler count it.
        requests["ephemeral-storage"] = f"{cache.quota_gib}Gi"
    level = {
        "mediumtype": cache.medium.value,
        "path": cache.path or (MEMORY_PATH if cache.medium is Medium.MEMORY else CACHE_PATH),
        "quota": f"{cache.quota_gib}Gi",
        "high": HIGH,
        "low": LOW,
    }
    on_demand = {words.CAPACITY_TYPE: CapacityType.ON_DEMAND.value}
    # The Dataset's affinity is for workers alone; JuiceFS has no master.
    master = {} if cache.runtime is Runtime.JUICEFS else {"master": {"nodeSelector": on_demand}}
    return _object(
        KINDS[cache.runtime],
        cache,
        {
            "replicas": cache.workers,
            "tieredstore": {"levels": [level]},
            **master,
            "worker": {"resources": {"requests": requests}},
            # A client that goes with its last pod would have to start anew for each hand-over.
            "fuse": {"cleanPolicy": "OnRuntimeDeleted"},
        },
    )


def _object(
    kind: str, cache: FluidCache, spec: Mapping[str, Any], *, name: str | None = None
) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name or cache.name,
            "namespace": cache.namespace,
            "labels": dict(words.MANAGED_BY),
        },
        "spec": dict(spec),
    }


def _zone_key(zones: Sequence[str]) -> str:
    """The label that nodes bear these zones in: zone ids are AWS' alone."""
    kinds = {bool(words.ZONE_ID.fullmatch(zone)) for zone in zones}
    if len(kinds) > 1:
        raise ManifestError("zones", "zone ids and zone names are mixed; give one kind")
    return words.AWS_ZONE_ID if kinds == {True} else words.ZONE
