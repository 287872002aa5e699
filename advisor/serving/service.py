"""A served model as its controller will run it: one record for both of KServe's kinds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from advisor.packing.quantities import amount
from advisor.serving.engine import Arguments, Engine
from advisor.serving.errors import ServingError
from advisor.serving.kserve_objects import INFERENCE_SERVICE, Manifest, name_of, title_of

NVIDIA, AMD = "nvidia.com/gpu", "amd.com/gpu"
WHOLE_GPUS = (NVIDIA, AMD)
PART_OF_GPU = (
    "nvidia.com/gpu.shared",
    "nvidia.com/mig-",
    "aliyun.com/gpu-mem",
    "aliyun.com/gpu-core",
)
"""Resources that are slices of a GPU, by their beginning."""
NO_GPU = ("aws.amazon.com/neuron", "google.com/tpu", "habana.ai/gaudi")
"""Accelerators of other kinds, by their beginning."""

GRACE_SECONDS = 30
"""Kubernetes' own terminationGracePeriodSeconds."""


class Mode(StrEnum):
    """How KServe runs a service; the words since v0.16, before: RawDeployment, Serverless."""

    STANDARD = "Standard"
    KNATIVE = "Knative"
    MODEL_MESH = "ModelMesh"


MODES = {
    "Standard": Mode.STANDARD,
    "RawDeployment": Mode.STANDARD,
    "Knative": Mode.KNATIVE,
    "Serverless": Mode.KNATIVE,
    "ModelMesh": Mode.MODEL_MESH,
}


class Weights(StrEnum):
    """Where the server reads its weights."""

    SERVER = "server"
    """It downloads them by itself."""
    INITIALIZER = "storage-initializer"
    """KServe's init container copies them to an emptyDir first."""
    VOLUME = "volume"
    FLUID = "fluid"
    """A volume of a Fluid dataset."""
    IMAGE = "image"
    """They are an OCI image."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Accelerators:
    """What a container asks of accelerators: the resource, and how many pieces of it."""

    resource: str
    count: int

    @property
    def is_whole(self) -> bool:
        """Whether the pieces are whole GPUs."""
        return self.resource in WHOLE_GPUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One served model. ``pod`` and ``container`` are what the controller makes of it.

    ``pod_path`` and ``container_path`` say where the manifest has what is its own;
    ``mode_from`` who says the mode, and ``unknown`` what could not be seen. Of ``tensor`` None is
    not known.
    """

    manifest: Manifest
    mode: Mode
    mode_from: str
    is_mode_said: bool
    autoscaler: str
    engine: Engine
    pod: Manifest
    container: Manifest
    own_container: Manifest
    pod_path: str
    container_path: str
    arguments: Arguments
    model_source: str | None
    weights: Weights
    tensor: int | None
    pipeline: int
    nodes: int
    """Machines of one replica."""
    replicas_least: int
    replicas_most: int
    replicas_now: int
    pod_labels: Mapping[str, str]
    is_effective: bool = True
    """Whether all that shapes the container was seen."""
    unknown: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """The object's name."""
        return name_of(self.manifest)[1]

    @property
    def namespace(self) -> str:
        """The object's namespace; '' if the manifest has none."""
        return name_of(self.manifest)[0]

    @property
    def title(self) -> str:
        """Kind, namespace and name."""
        return title_of(self.manifest)

    @property
    def is_llm(self) -> bool:
        """Whether it is an LLMInferenceService."""
        return self.manifest.get("kind") != INFERENCE_SERVICE

    @property
    def model_name(self) -> str:
        """By which name the server knows the model."""
        return self.arguments.model_name or self.name

    @property
    def grace_seconds(self) -> int | None:
        """How long a pod may take to end; None if it is not known."""
        given = self.pod.get("terminationGracePeriodSeconds")
        if isinstance(given, int):
            return given
        return GRACE_SECONDS if self.is_effective else None

    @property
    def accelerators(self) -> Accelerators | None:
        """What the container asks for; None if nothing, or nothing that was seen."""
        return accelerators_of(self.container.get("resources"), f"{self.title}: resources")

    @property
    def misplaced(self) -> Accelerators | None:
        """What the pod as a whole asks for, where Kubernetes takes no accelerators."""
        place = f"{self.title}: {self.pod_path}.resources"
        return accelerators_of(self.pod.get("resources"), place)

    @property
    def gpus(self) -> int | None:
        """Whole GPUs of one machine, wherever the manifest asks for them; None if not known."""
        found = self.accelerators or self.misplaced
        return found.count if found and found.is_whole else None


def amounts(resources: object, kind: str, place: str) -> dict[str, int]:
    """``requests`` or ``limits`` in the units of `packing.quantities`.

    Raises:
        ServingError: a quantity is none.
    """
    held: Any = resources.get(kind) if isinstance(resources, Mapping) else None
    if held is None:
        return {}
    if not isinstance(held, Mapping):
        raise ServingError(f"{place}.{kind}", f"an object is wanted, not {held!r}")
    found: dict[str, int] = {}
    for resource, value in held.items():
        try:
            found[str(resource)] = amount(str(resource), value)
        except ValueError as error:
            raise ServingError(f"{place}.{kind}.{resource}", str(error)) from error
    return found


def requests_of(resources: object, place: str) -> dict[str, int]:
    """What is asked for; a limit stands in where the request is absent."""
    return amounts(resources, "limits", place) | amounts(resources, "requests", place)


def accelerators_of(resources: object, place: str) -> Accelerators | None:
    """The accelerators of a container's (or a pod's) resources; None if there are none.

    Raises:
        ServingError: a quantity is none.
    """
    asked = requests_of(resources, place)
    for resource, count in asked.items():
        if count and is_accelerator(resource):
            return Accelerators(resource, count)
    return None


def is_accelerator(resource: str) -> bool:
    """Whether a resource is a GPU, a part of one, or a device like it."""
    return resource in WHOLE_GPUS or resource.startswith((*PART_OF_GPU, *NO_GPU))


def container_named(containers: Sequence[Manifest], name: str) -> Manifest:
    """The container of that name; empty if there is none."""
    return next((one for one in containers if one.get("name") == name), {})
