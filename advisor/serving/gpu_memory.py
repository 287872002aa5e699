"""GPU memory that serving a language model takes: weights, key-value cache, and the rest.

The formula of the serving contract, section 1.5. vLLM takes a share of each GPU's memory
(``--gpu-memory-utilization``), puts the weights there, and cuts the cache from what remains.
"""

from dataclasses import dataclass

GIB = 2**30

UTILIZATION = 0.9
"""vLLM's own default for the share of a GPU's memory that it takes."""

REST_GIB = 3.0
"""Activations and CUDA graphs on each GPU; assumed."""


@dataclass(frozen=True, slots=True)
class Split:
    """How one replica is spread.

    ``tensor`` is over GPUs that share each layer, ``pipeline`` over stages of some layers each.
    """

    tensor: int = 1
    pipeline: int = 1

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor * self.pipeline


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """What one of a replica's GPUs must have, GiB, and of what it is made."""

    weights_gib: float
    cache_gib: float
    rest_gib: float
    utilization: float

    @property
    def gib(self) -> float:
        """Memory of the GPU."""
        return (self.weights_gib + self.cache_gib + self.rest_gib) / self.utilization


def gpu_memory(
    *,
    weights_gb: float,
    kv_bytes_per_token: float,
    context_tokens: int,
    concurrency: int,
    split: Split,
    kv_heads: int | None = None,
    utilization: float = UTILIZATION,
) -> GpuMemory:
    """Memory per GPU for ``concurrency`` sequences that each fill the context.

    GPUs beyond the number of key-value heads hold copies of them, so that the cache is not split
    further.
    """
    tensor_of_cache = min(split.tensor, kv_heads or split.tensor)
    cache_bytes = kv_bytes_per_token * context_tokens * concurrency
    return GpuMemory(
        weights_gib=weights_gb * 1e9 / GIB / split.gpus,
        cache_gib=cache_bytes / GIB / (tensor_of_cache * split.pipeline),
        rest_gib=REST_GIB,
        utilization=utilization,
    )
