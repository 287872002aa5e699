"""Which GPUs a pod may land on by its own constraints, and on which of them its model fits."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from advisor.demand import words_of
from advisor.gpus import MODELS, GpuModel
from advisor.karpenter import labels as words
from advisor.karpenter.machine_labels import machine_labels
from advisor.packing.constraints import Reader
from advisor.packing.pods import Expression
from advisor.serving.kserve_objects import Manifest
from advisor.units import MIB_PER_GIB
from warehouse.records import Offering

LABEL_MIB = {24: 22_888, 48: 45_776}
"""Memory of one GPU as AWS tells it, where it is less than the nominal GiB
(karpenter-provider-aws, website/content/en/v1.14/reference/instance-types.md)."""

MEMORY_KEYS = (
    "nvidia.com/gpu.memory",
    *(f"{one.domain}/instance-gpu-memory" for one in words.PROVIDERS),
)
NAME_KEYS = (
    *("nvidia.com/gpu.product", "cloud.google.com/gke-accelerator"),
    *(f"{one.domain}/instance-gpu-name" for one in words.PROVIDERS),
    f"{words.AZURE.domain}/sku-gpu-name",
)
_NOISE = re.compile(r"nvidia|tesla|amd|instinct|sxm\d?|pcie|\d+gb")

Terms = Sequence[Sequence[Expression]]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU model that a pod may land on; ``memory_gib`` is what it can use of it."""

    model: GpuModel

    @property
    def memory_mib(self) -> int:
        """As node labels tell it."""
        nominal = round(self.model.memory_gb)
        return LABEL_MIB.get(nominal, nominal * MIB_PER_GIB)

    @property
    def memory_gib(self) -> float:
        """In GiB."""
        return self.memory_mib / MIB_PER_GIB

    @property
    def title(self) -> str:
        """As people call it: ``A100 80 GB``."""
        return f"{self.model.name} {self.model.memory_gb:g} GB"


def terms_of(title: str, pod: Manifest) -> Terms:
    """What a node must be like: one of the terms, each with all of its conditions.

    Raises:
        PodError: Kubernetes would refuse the constraints.
    """
    reader = Reader(title, {})
    chosen = reader.node_selector(pod)
    return [(*chosen, *term) for term in reader.node_affinity(pod) or ((),)]


def is_constrained(terms: Terms) -> bool:
    """Whether anything in them is about the GPU or the machine's type."""
    keys = {*MEMORY_KEYS, *NAME_KEYS, words.INSTANCE_TYPE}
    return any(
        one.key in keys or one.key.endswith("instance-family") for term in terms for one in term
    )


def allowed_gpus(terms: Terms, maker: str | None) -> list[Gpu]:
    """The known GPUs of that maker that the terms let through, smallest first.

    A condition on anything but the GPU lets all through.
    """
    known = [Gpu(one) for one in MODELS if maker in {None, one.architecture.manufacturer}]
    found = [one for one in known if any(_lets(term, one) for term in terms)]
    return sorted(found, key=lambda one: (one.memory_gib, one.model.name))


def _lets(term: Iterable[Expression], gpu: Gpu) -> bool:
    for one in term:
        if one.key in MEMORY_KEYS:
            if not one.holds({one.key: str(gpu.memory_mib)}):
                return False
        elif one.key in NAME_KEYS and one.operator in {"In", "NotIn"}:
            is_named = any(_is_named(value, gpu) for value in one.values)
            if is_named is (one.operator == "NotIn"):
                return False
    return True


def _is_named(label: str, gpu: Gpu) -> bool:
    """Whether a label's value (``NVIDIA-A100-SXM4-80GB``, ``l4``) means that model."""
    said = words_of(label)
    sizes = {int(one.removesuffix("gb")) for one in said if re.fullmatch(r"\d+gb", one)}
    named = frozenset(one for one in said if not _NOISE.fullmatch(one))
    own = words_of(gpu.model.name)
    is_model = named == own or "".join(sorted(named)) == "".join(sorted(own))
    return is_model and (not sizes or round(gpu.model.memory_gb) in sizes)


def lets_machine(terms: Terms, offering: Offering) -> bool:
    """Whether the terms let a pod onto that machine; a label that is not known lets it."""
    shape = offering.instance_type
    labels: Mapping[str, str] = machine_labels(offering)
    if shape.gpu_memory_gib is not None:
        nominal = round(shape.gpu_memory_gib)
        mib = str(LABEL_MIB.get(nominal, nominal * MIB_PER_GIB))
        labels = dict.fromkeys(MEMORY_KEYS, mib) | dict(labels)
    return any(all(one.key not in labels or one.holds(labels) for one in term) for term in terms)
