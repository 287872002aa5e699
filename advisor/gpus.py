"""GPU models side by side: memory, number formats, links, and how fast each is by its data sheet.

One table, so that "16 GiB, bf16" means the same on every cloud. A figure that its maker's data
sheet does not give is None and compares with nothing. Data sheets give peaks; what a workload
reaches of them depends on the workload, so they rank machines and promise no speed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from warehouse.records import InstanceType


class Work(StrEnum):
    """What a unit of work is measured by: an hour of the machine, or a peak of its GPUs."""

    HOUR = "hour"
    COMPUTE = "compute"
    """Dense 16-bit tensor operations: training, and the prefill of a language model."""
    BANDWIDTH = "bandwidth"
    """Bytes read from GPU memory: the decode of a language model, token by token."""


FORMATS = ("fp32", "fp16", "bf16", "int8", "fp8", "fp4")
"""Number formats that a demand may ask for. All others are made of these in software."""


@dataclass(frozen=True, slots=True)
class GpuArchitecture:
    """A generation of GPUs and the formats that it computes in hardware."""

    name: str
    manufacturer: str
    formats: frozenset[str]


def _generation(name: str, formats: str, manufacturer: str = "nvidia") -> GpuArchitecture:
    return GpuArchitecture(name, manufacturer, frozenset(formats.split()))


# Formats: NVIDIA, "CUDA C++ programming guide", arithmetic by compute capability, and the
# architecture white papers; AMD, "CDNA 3" white paper. Pascal's fp16 is P100's alone.
KEPLER = _generation("Kepler", "fp32")
MAXWELL = _generation("Maxwell", "fp32")
PASCAL = _generation("Pascal", "fp32 fp16")
PASCAL_INFERENCE = _generation("Pascal", "fp32 int8")
VOLTA = _generation("Volta", "fp32 fp16")
TURING = _generation("Turing", "fp32 fp16 int8")
AMPERE = _generation("Ampere", "fp32 fp16 bf16 int8")
ADA = _generation("Ada", "fp32 fp16 bf16 int8 fp8")
HOPPER = _generation("Hopper", "fp32 fp16 bf16 int8 fp8")
BLACKWELL = _generation("Blackwell", "fp32 fp16 bf16 int8 fp8 fp4")
CDNA3 = _generation("CDNA 3", "fp32 fp16 bf16 int8 fp8", "amd")


@dataclass(frozen=True, slots=True)
class GpuModel:
    """One model; None is a figure that no data sheet gives.

    ``tflops`` are dense 16-bit tensor TFLOPS (half of what is sold "with sparsity");
    ``bandwidth_gb_per_s`` is the memory's; ``nvlink_gb_per_s`` both ways together, 0 without.
    """

    name: str
    architecture: GpuArchitecture
    memory_gb: float
    """The maker's nominal size; catalogs tell up to 8 % less, as the driver keeps some."""
    bandwidth_gb_per_s: float | None
    tflops: float | None
    nvlink_gb_per_s: float | None
    source: str

    def throughput(self, work: Work) -> float | None:
        """How much of ``work`` one GPU does, in the figure's unit; 1 of an hour."""
        if work is Work.HOUR:
            return 1.0
        return self.tflops if work is Work.COMPUTE else self.bandwidth_gb_per_s


MODELS = (
    GpuModel("K80", KEPLER, 12, 240, None, 0, "NVIDIA Tesla K80 board specification; one of two"),
    GpuModel("M60", MAXWELL, 8, 160, None, 0, "NVIDIA Tesla M60 data sheet; one of two"),
    GpuModel("P4", PASCAL_INFERENCE, 8, 192, None, 0, "NVIDIA Tesla P4 data sheet"),
    GpuModel("P100", PASCAL, 16, 732, 18.7, 0, "NVIDIA Tesla P100 PCIe data sheet"),
    GpuModel("V100", VOLTA, 16, 900, 125, 300, "NVIDIA V100 data sheet, SXM2"),
    GpuModel("V100", VOLTA, 32, 900, 125, 300, "NVIDIA V100 data sheet, SXM2"),
    GpuModel("T4", TURING, 16, 320, 65, 0, "NVIDIA T4 data sheet"),
    GpuModel("T4G", TURING, 16, 320, 65, 0, "as T4; AWS: G5g instances"),
    GpuModel("A10", AMPERE, 24, 600, 125, 0, "NVIDIA A10 data sheet"),
    GpuModel("A10G", AMPERE, 24, 600, 70, 0, "NVIDIA A10G data sheet"),
    GpuModel("A100", AMPERE, 40, 1555, 312, 600, "NVIDIA A100 data sheet, SXM 40 GB"),
    GpuModel("A100", AMPERE, 80, 2039, 312, 600, "NVIDIA A100 data sheet, SXM 80 GB"),
    GpuModel("L4", ADA, 24, 300, 121, 0, "NVIDIA L4 data sheet"),
    GpuModel("L40S", ADA, 48, 864, 362, 0, "NVIDIA L40S data sheet"),
    GpuModel("H100", HOPPER, 80, 3350, 989, 900, "NVIDIA H100 data sheet, SXM"),
    GpuModel("H100 NVL", HOPPER, 94, 3900, 835, 600, "NVIDIA H100 data sheet, NVL"),
    GpuModel("H200", HOPPER, 141, 4800, 989, 900, "NVIDIA H200 data sheet, SXM"),
    GpuModel("B200", BLACKWELL, 180, 8000, 2250, 1800, "NVIDIA HGX B200 data sheet, one of eight"),
    GpuModel("B300", BLACKWELL, 270, 8000, 2250, 1800, "NVIDIA HGX B300 data sheet, one of eight"),
    GpuModel("GB200", BLACKWELL, 186, 8000, 2500, 1800, "NVIDIA GB200 NVL72 data sheet, one GPU"),
    GpuModel(
        "RTX PRO 6000",
        BLACKWELL,
        96,
        1597,
        None,
        0,
        "NVIDIA RTX PRO 6000 Server Edition data sheet",
    ),
    GpuModel("RTX PRO 4500", BLACKWELL, 32, None, None, 0, "AWS: G7 instances; memory alone"),
    GpuModel("MI300X", CDNA3, 192, 5300, 1307, 0, "AMD Instinct MI300X data sheet"),
)
"""Peaks as the makers' data sheets give them, none measured by us. `MI300X` links by Infinity
Fabric, which is no NVLink."""

SAME_MEMORY = 0.1
"""Share by which a catalog's memory may differ from the nominal one and still be that model: GB
against GiB is 7 %, and the driver's part comes on top. A smaller one is a slice of a GPU."""

_WORDS = re.compile(r"[a-z0-9]+")
_NOISE = re.compile(r"nvidia|tesla|amd|radeon|instinct|tensor|core|server|mega|sxm\d?|pcie|\d+gb")
_SHARE = re.compile(r"/|vgpu|\bslice\b|\bmig\b", re.IGNORECASE)


def _key(name: str) -> str:
    return "".join(word for word in _WORDS.findall(name.lower()) if not _NOISE.fullmatch(word))


_BY_KEY: dict[str, list[GpuModel]] = {}
for _one in MODELS:
    _BY_KEY.setdefault(_key(_one.name), []).append(_one)


def model_of(shape: InstanceType) -> GpuModel | None:
    """The model of a machine's GPUs; None without a whole GPU, or of a model not in `MODELS`.

    A slice (a vGPU, a part of a GPU) is none of them: nobody says how much of the throughput
    comes with it.
    """
    return _model(shape.gpu_name, shape.gpu_memory_gib) if shape.gpu_count else None


@cache
def _model(name: str | None, memory_gib: float | None) -> GpuModel | None:
    if not name or _SHARE.search(name):
        return None
    known = _BY_KEY.get(_key(name), [])
    if memory_gib is None:
        return known[0] if len(known) == 1 else None
    near = [one for one in known if abs(memory_gib / one.memory_gb - 1) <= SAME_MEMORY]
    return near[0] if near else None


def throughput(shape: InstanceType, work: Work) -> float | None:
    """What all GPUs of a machine do together; None where it is not known, or without GPU.

    An hour is an hour of any machine: 1.
    """
    if work is Work.HOUR:
        return 1.0
    model = model_of(shape)
    each = None if model is None else model.throughput(work)
    return None if each is None else each * shape.gpu_count
