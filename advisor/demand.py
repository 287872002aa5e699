"""What a workload needs of one machine, and what an interruption costs it."""

import re
from dataclasses import dataclass
from datetime import timedelta

from warehouse.records import InstanceType

NOT_GPUS = re.compile(r"inferentia|trainium|gaudi|qualcomm|tpu", re.IGNORECASE)
"""Accelerators that catalogs list beside GPUs. Kubernetes and Karpenter count them under other
resource names (aws.amazon.com/neuron, habana.ai/gaudi): a pod that asks for a GPU gets none."""

AMD = re.compile(r"radeon|instinct|\bmi\d{3}", re.IGNORECASE)
"""How catalogs name AMD's GPUs; all others that are listed are NVIDIA's."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of one machine. None asks for nothing.

    ``gpus`` is exact, as a machine with more GPUs than are used is paid for in vain; the others
    are minima. ``gpu_manufacturer`` is nvidia unless said otherwise: a pod asks for
    ``nvidia.com/gpu`` or ``amd.com/gpu``, and no machine answers to both.

    An interruption costs ``restart`` (lost work and cold start) at the machine's own price, plus
    ``interruption_cost_usd`` for what else it does to the service.
    """

    gpus: int | None = None
    gpu_model: str | None = None
    gpu_manufacturer: str | None = "nvidia"
    gpu_memory_min_gib: float | None = None
    vcpus_min: float | None = None
    memory_min_gib: float | None = None
    architecture: str | None = None
    restart: timedelta = timedelta(minutes=15)
    interruption_cost_usd: float = 0.0

    def unmet_by(self, shape: InstanceType) -> str | None:
        """The first wish that a machine does not meet, in words; None if it meets all.

        An unknown GPU memory does not meet a minimum: missing is not enough.
        """
        wants_gpu = self.gpus or self.gpu_model or self.gpu_memory_min_gib
        if wants_gpu and (unmet := self._unmet_by_gpu(shape)):
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
        if self.gpu_memory_min_gib is not None:
            if shape.gpu_memory_gib is None:
                return "a known GPU memory"
            if shape.gpu_memory_gib < self.gpu_memory_min_gib:
                return f"at least {self.gpu_memory_min_gib:g} GiB per GPU"
        return None


def gpu_manufacturer(shape: InstanceType) -> str | None:
    """``nvidia`` or ``amd``; None for a machine without a GPU, or with another accelerator."""
    if not shape.gpu_name or NOT_GPUS.search(shape.gpu_name):
        return None
    return "amd" if AMD.search(shape.gpu_name) else "nvidia"


def is_model(gpu_name: str, wanted: str) -> bool:
    """Whether the words of ``wanted`` are all words of ``gpu_name``, in any case.

    ``A100`` is meant by "NVIDIA A100 40GB" and not by "A10" or "A100X".
    """
    words = set(re.findall(r"[a-z0-9]+", gpu_name.lower()))
    return set(re.findall(r"[a-z0-9]+", wanted.lower())) <= words
