"""KServe's own cache: a model's files on the disks of the nodes that serve it.

Of all caches the only one that says of each node whether the model is there. It downloads to a node
once that has come, so a new node waits for the whole model: it saves the second start on a node,
not the first. `serving.kserve.io/v1alpha1`, KServe 0.15 and newer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.replacement.records import Warmth
from advisor.serving.fluid_warmth import Verdict

API_VERSION = "serving.kserve.io/v1alpha1"

MODELS_PATH = "/models"
STORAGE_CLASS = "local-storage"
"""As in KServe's guide: a StorageClass without a provisioner, bound when the first pod comes."""

DOWNLOADED = "NodeDownloaded"
SAID = {
    "NodeDownloadPending": "the download has not begun",
    "NodeDownloading": "it is being downloaded",
    "NodeDownloadError": "the download failed",
    "NodeNotReady": "KServe says that the node is not Ready",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model on the nodes of some NodePools.

    ``weights_gb`` is the size of its files; ``storage_gb`` what all models may take on a node
    together, None for this one alone.
    """

    name: str
    model_uri: str
    weights_gb: float
    nodepools: Sequence[str]
    path: str = MODELS_PATH
    storage_gb: float | None = None

    def __post_init__(self) -> None:
        """Refuse what KServe or Kubernetes would refuse, or take and never fill."""
        words.check_object_name(self.name, "name")
        if "://" not in self.model_uri:
            raise ManifestError(f"model {self.model_uri!r}", "is no address such as hf://org/name")
        if not math.isfinite(self.weights_gb) or self.weights_gb <= 0:
            raise ManifestError("weights", f"{self.weights_gb:g} GB is no size of a model")
        if not self.nodepools:
            raise ManifestError("nodepools", "name the NodePools whose nodes serve the model")
        for nodepool in self.nodepools:
            words.check_object_name(nodepool, "nodepool")
        if self.storage_gb is not None and self.storage_gb < self.weights_gb:
            raise ManifestError(
                "storage", f"{self.storage_gb:g} GB do not hold {self.weights_gb:g} GB of weights"
            )


def local_model_manifests(model: LocalModel) -> list[dict[str, Any]]:
    """LocalModelNodeGroup and LocalModelCache, in the order in which they are created."""
    size = f"{math.ceil(model.weights_gb)}G"
    room = f"{math.ceil(model.storage_gb or model.weights_gb)}G"
    where = {"key": words.NODEPOOL, "operator": "In", "values": list(model.nodepools)}
    volume = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": STORAGE_CLASS,
        "volumeMode": "Filesystem",
    }
    group = {
        "storageLimit": room,
        "persistentVolumeSpec": {
            **volume,
            "capacity": {"storage": room},
            "local": {"path": model.path},
            "persistentVolumeReclaimPolicy": "Delete",
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}},
        },
        "persistentVolumeClaimSpec": {**volume, "resources": {"requests": {"storage": room}}},
    }
    cache = {
        "sourceModelUri": model.model_uri,
        "modelSize": size,
        "nodeGroups": [model.name],
    }
    return [
        _object("LocalModelNodeGroup", model.name, group),
        _object("LocalModelCache", model.name, cache),
    ]


def local_verdict(manifest: Mapping[str, Any], node: str) -> Verdict:
    """Whether a LocalModelCache says that the model is on the node."""
    said = ((manifest.get("status") or {}).get("nodeStatus") or {}).get(node)
    if said == DOWNLOADED:
        return Verdict(Warmth.WARM, "it is downloaded")
    if said in SAID:
        return Verdict(Warmth.WARMING, SAID[said])
    return Verdict(Warmth.UNKNOWN, "KServe says nothing of the node: is it in a node group?")


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    about = {"name": name, "labels": dict(words.MANAGED_BY)}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": about, "spec": dict(spec)}
