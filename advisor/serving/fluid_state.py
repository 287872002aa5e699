"""What Fluid's objects say of a model's cache, as far as they say it.

Read in Fluid v1.0.8 (github.com/fluid-cloudnative/fluid@de578cd2): Dataset and DataLoad in
`api/v1alpha1`, labels in `pkg/utils/label.go`, the workers in `charts/*/templates/worker`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Manifest = Mapping[str, Any]

API_VERSION = "data.fluid.io/v1alpha1"

BOUND, COMPLETE = "Bound", "Complete"
DATASET_LABEL, ROLE_LABEL = "fluid.io/dataset", "role"
WORKER_ROLE = "-worker"
"""How the role of a cache worker's pod ends: ``jindofs-worker``, ``alluxio-worker``."""
WORKER_ON_NODE = "fluid.io/s-"
"""Prefix of the label of a node that a worker was put on. It says nothing of its being Ready."""
LONGEST_LABEL = 63
"""`validation.DNS1035LabelMaxLength`: at that length Fluid writes the Dataset's UID instead."""

METADATA_URL = "metaurl"
"""Encrypted option that only JuiceFS' community edition has (`pkg/ddc/juicefs/transform.go`)."""

WHOLE = "/"

SIZE = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>[KMGTP]?)i?B", re.IGNORECASE)
UNITS = {unit: 1024.0**power for power, unit in enumerate(("", "K", "M", "G", "T", "P"))}
"""Bytes in each unit; Fluid counts in 1024s whether it writes GB or GiB."""
PERCENTAGE = re.compile(r"(?P<number>\d+(\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class DatasetState:
    """A Dataset as its controller sees it.

    ``runtime`` is ``jindo``, ``alluxio``, ``juicefs`` and so on, None if there is none or several.
    ``total_bytes``, ``cached_bytes`` (all copies together) and ``cached_share`` (by each runtime's
    own meaning; 1.0 is 100 %) are None where Fluid does not tell.
    """

    namespace: str
    name: str
    uid: str
    phase: str
    is_ready: bool
    runtime: str | None
    is_community: bool
    total_bytes: float | None
    cached_bytes: float | None
    cached_share: float | None

    @property
    def id(self) -> str:
        """How pods of its runtime are labelled `fluid.io/dataset`."""
        return self._with_prefix("")

    @property
    def label(self) -> str:
        """The label of the nodes that its workers were put on."""
        return self._with_prefix(WORKER_ON_NODE)

    def _with_prefix(self, prefix: str) -> str:
        readable = f"{prefix}{self.namespace}-{self.name}"
        return readable if len(readable) < LONGEST_LABEL else f"{prefix}{self.uid}"


@dataclass(frozen=True, slots=True)
class Load:
    """A DataLoad of a whole Dataset; ``copies`` of each block were asked for.

    ``ended_at`` is None while none was completed; ``phase`` is that of the last run.
    """

    name: str
    phase: str
    copies: int
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Worker:
    """The pod of a cache worker; ``ready_since`` is None while it is not Ready.

    ``is_labelled``: its node bears the Dataset's label. ``zone`` is None where no label tells it.
    """

    node: str
    zone: str | None
    ready_since: datetime | None
    is_labelled: bool


def dataset_state(manifest: Manifest) -> DatasetState:
    """What a Dataset says."""
    about, status = manifest["metadata"], manifest.get("status") or {}
    states = status.get("cacheStates") or {}
    kinds = {one.get("type", "") for one in status.get("runtimes") or ()}
    ready = [one for one in status.get("conditions") or () if one.get("type") == "Ready"]
    return DatasetState(
        namespace=about.get("namespace", "default"),
        name=about["name"],
        uid=about.get("uid", ""),
        phase=status.get("phase", ""),
        is_ready=all(one.get("status") == "True" for one in ready),
        runtime=kinds.pop() if len(kinds) == 1 else None,
        is_community=METADATA_URL in _encrypted(manifest.get("spec") or {}),
        total_bytes=size_bytes(status.get("ufsTotal", "")),
        cached_bytes=size_bytes(states.get("cached", "")),
        cached_share=_share(states.get("cachedPercentage", "")),
    )


def load_of(manifest: Manifest) -> tuple[tuple[str, str], Load] | None:
    """Namespace and name of the Dataset that a DataLoad loads, and what it says.

    None if it loads only a part of it, or names none (its schema lets it).
    """
    about, status = manifest["metadata"], manifest.get("status") or {}
    spec = manifest.get("spec") or {}
    dataset = (spec.get("dataset") or {}).get("name")
    targets: Sequence[Manifest] = spec.get("target") or ({"path": WHOLE},)
    copies = [int(one.get("replicas") or 1) for one in targets if one["path"] == WHOLE]
    if not (copies and dataset):
        return None
    namespace = about.get("namespace", "default")
    load = Load(about["name"], status.get("phase", ""), max(copies), _ended_at(status))
    return (namespace, dataset), load


def dataset_of(pod: Manifest) -> str | None:
    """The id of the Dataset whose cache worker the pod is; None if it is none."""
    labels = pod["metadata"].get("labels") or {}
    is_worker = str(labels.get(ROLE_LABEL, "")).endswith(WORKER_ROLE)
    return labels.get(DATASET_LABEL) if is_worker else None


def size_bytes(text: str) -> float | None:
    """``61.03GiB`` in bytes; None of ``[Calculating]``, ``N/A`` or nothing."""
    match = SIZE.fullmatch(text.strip())
    return float(match["number"]) * UNITS[match["unit"].upper()] if match else None


def _share(text: str) -> float | None:
    match = PERCENTAGE.fullmatch(text.strip())
    return float(match["number"]) / 100 if match else None


def _ended_at(status: Manifest) -> datetime | None:
    """When data was last loaded to the end: a plain DataLoad's condition, or its schedule's."""
    times = [status.get("lastSuccessfulTime")]
    if status.get("phase") == COMPLETE:
        times += [
            one.get("lastTransitionTime")
            for one in status.get("conditions") or ()
            if one.get("type") == COMPLETE and one.get("status") == "True"
        ]
    return max((datetime.fromisoformat(one) for one in times if one), default=None)


def _encrypted(spec: Manifest) -> set[str]:
    options = list(spec.get("sharedEncryptOptions") or ())
    for mount in spec.get("mounts") or ():
        options += mount.get("encryptOptions") or ()
    return {one.get("name", "") for one in options}
