"""What a workload needs of one machine, and what an interruption costs it."""

import re
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from advisor.errors import DemandError
from advisor.gpus import FORMATS, Work, model_of
from advisor.hazards import NOTICE
from warehouse.records import InstanceType

NOT_GPUS = re.compile(r"inferentia|trainium|gaudi|qualcomm|tpu", re.IGNORECASE)
"""Accelerators that catalogs list beside GPUs. Kubernetes and Karpenter count them under other
resource names (aws.amazon.com/neuron, habana.ai/gaudi): a pod that asks for a GPU gets none."""

AMD = re.compile(r"radeon|instinct|\bmi\d{3}", re.IGNORECASE)
"""How catalogs name AMD's GPUs; all others that are listed are NVIDIA's."""

ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of one machine. None asks for nothing.

    ``gpus`` is exact, as a machine with more GPUs than are used is paid for in vain; the others
    are minima. ``gpu_manufacturer`` is nvidia unless said otherwise: a pod asks for
    ``nvidia.com/gpu`` or ``amd.com/gpu``, and no machine answers to both. ``precision`` is the
    number format that the GPU must compute in hardware, one of `gpus.FORMATS`.

    An interruption costs ``restart`` (lost work and cold start) at the machine's own price, plus
    ``interruption_cost_usd`` for what else it does to the service. A service is hurt by what comes
    before a replacement is ready, ``lead_time``; a job by what comes while it runs, ``runs_for``.

    Raises:
        DemandError: what is asked contradicts itself, or is not a quantity.
    """

    gpus: int | None = None
    gpu_model: str | None = None
    gpu_manufacturer: str | None = "nvidia"
    gpu_memory_min_gib: float | None = None
    gpu_memory_total_min_gib: float | None = None
    """Of all GPUs of the machine together."""
    precision: str | None = None
    nvlink: bool = False
    """The GPUs of a machine must be joined by NVLink: models that are split over several."""
    vcpus_min: float | None = None
    memory_min_gib: float | None = None
    architecture: str | None = None
    restart: timedelta = timedelta(minutes=15)
    interruption_cost_usd: float = 0.0
    lead_time: timedelta | None = None
    """From asking for a machine to serving on it. None: as long as ``restart``."""
    runs_for: timedelta | None = None
    """How long a job runs; None for a service, which has no end."""
    count: int = 1
    """How many such machines the workload runs on."""
    work: Work = Work.HOUR
    """By what costs are compared: per hour, or per unit of work done in it."""

    def __post_init__(self) -> None:
        for name in (
            *("gpus", "gpu_memory_min_gib", "gpu_memory_total_min_gib", "vcpus_min"),
            *("memory_min_gib", "interruption_cost_usd"),
        ):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise DemandError(name, f"{value} is not a number of 0 or more")
        if self.count < 1:
            raise DemandError("count", f"{self.count} is not 1 or more machines")
        if self.restart < timedelta(0) or (self.lead_time or timedelta(0)) < timedelta(0):
            raise DemandError("restart, lead_time", "a duration is negative")
        if self.runs_for is not None and self.runs_for <= timedelta(0):
            raise DemandError("runs_for", "a job runs longer than 0")
        if self.architecture is not None and self.architecture not in ARCHITECTURES:
            raise DemandError("architecture", f"{self.architecture!r} is not amd64 or arm64")
        if self.precision is not None and self.precision not in FORMATS:
            raise DemandError("precision", f"{self.precision!r} is none of {', '.join(FORMATS)}")
        if self.gpus == 0 and self.wants_gpu:
            raise DemandError("gpus", "0 GPUs are asked for, and something of a GPU as well")

    @property
    def wants_gpu(self) -> bool:
        """Whether anything is asked of a GPU."""
        return bool(
            self.gpus
            or self.gpu_model
            or self.gpu_memory_min_gib
            or self.gpu_memory_total_min_gib
            or self.precision
            or self.nvlink
        )

    def of_machine(self) -> "Demand":
        """The wishes of the machine itself, as of a demand that says nothing else."""
        return replace(self, **COSTS)

    def looks_ahead(self, provider: str) -> timedelta:
        """For how long an interruption must be foreseen on that cloud.

        A job's whole run. A service's lead time less the cloud's notice, in which it can act; of a
        cloud that is not known, without notice.
        """
        if self.runs_for is not None:
            return self.runs_for
        lead = self.restart if self.lead_time is None else self.lead_time
        return max(timedelta(0), lead - NOTICE.get(provider, timedelta(0)))

    def unmet_by(self, shape: InstanceType) -> str | None:
        """The first wish that a machine does not meet, in words; None if it meets all.

        An unknown GPU memory does not meet a minimum: missing is not enough.
        """
        if self.wants_gpu and (unmet := self._unmet_by_gpu(shape)):
            return unmet
        if self.gpus == 0 and shape.gpu_count > 0:
            return "no GPU"
        if self.vcpus_min is not None and shape.vcpu < self.vcpus_min:
            return f"at least {self.vcpus_min:g} vCPU"
        if self.memory_min_gib is not None and shape.memory_gib < self.memory_min_gib:
            return f"at least {self.memory_min_gib:g} GiB of memory"
        if self.architecture is not None and shape.architecture != self.architecture:
            return f"architecture {self.architecture}"
        return None

    def _unmet_by_gpu(self, shape: InstanceType) -> str | None:
        maker = gpu_manufacturer(shape)
        if shape.gpu_count == 0 or maker is None:
            return "a GPU"
        if self.gpus is not None and shape.gpu_count != self.gpus:
            return f"exactly {self.gpus} GPU"
        if self.gpu_manufacturer is not None and maker != self.gpu_manufacturer:
            return f"a GPU of {self.gpu_manufacturer}"
        if self.gpu_model is not None and not is_model(shape.gpu_name or "", self.gpu_model):
            return f"GPU model {self.gpu_model}"
        return self._unmet_by_gpu_memory(shape) or self._unmet_by_gpu_kind(shape)

    def _unmet_by_gpu_memory(self, shape: InstanceType) -> str | None:
        each, total = self.gpu_memory_min_gib, self.gpu_memory_total_min_gib
        if each is None and total is None:
            return None
        if shape.gpu_memory_gib is None:
            return "a known GPU memory"
        if each is not None and shape.gpu_memory_gib < each:
            return f"at least {each:g} GiB per GPU"
        if total is not None and shape.gpu_memory_gib * shape.gpu_count < total:
            return f"at least {total:g} GiB of GPU memory in all"
        return None

    def _unmet_by_gpu_kind(self, shape: InstanceType) -> str | None:
        if self.precision is None and not self.nvlink:
            return None
        model = model_of(shape)
        if model is None:
            return "a GPU model whose data sheet is known"
        if self.precision is not None and self.precision not in model.architecture.formats:
            return f"{self.precision} in the GPU's hardware"
        if self.nvlink and not model.nvlink_gb_per_s:
            return "NVLink between the GPUs"
        return None


COSTS: dict[str, Any] = {
    one.name: one.default
    for one in fields(Demand)
    if one.name in {"restart", "interruption_cost_usd", "lead_time", "runs_for", "count", "work"}
}
"""The fields that say nothing of the machine, and what they are where nothing is said."""


def gpu_manufacturer(shape: InstanceType) -> str | None:
    """``nvidia`` or ``amd``; None for a machine without a GPU, or with another accelerator."""
    if not shape.gpu_name or NOT_GPUS.search(shape.gpu_name):
        return None
    return "amd" if AMD.search(shape.gpu_name) else "nvidia"


def is_model(gpu_name: str, wanted: str) -> bool:
    """Whether the words of ``wanted`` are all words of ``gpu_name``, in any case.

    ``A100`` is meant by "NVIDIA A100 40GB" and not by "A10" or "A100X".
    """
    return words_of(wanted) <= words_of(gpu_name)


@lru_cache(maxsize=1_000)
def words_of(gpu_name: str) -> frozenset[str]:
    """The words of a GPU's name, in small letters; there are few names, asked for often."""
    return frozenset(re.findall(r"[a-z0-9]+", gpu_name.lower()))
