"""Fluid's FilePrefetcher: the model goes into the memory of the pod's own node before it starts.

For Fluid 1.0.6 and newer (`pkg/webhook/plugins/fileprefetcher/labels.go`,
`docs/zh/samples/file_prefetcher.md` at v1.0.8). It only looks at pods with its label, and only at
claims of Fluid that the pod mounts.
"""

import math
from dataclasses import dataclass

FUSE_INJECT = "fuse.serverful.fluid.io/inject"
PREFIX = "file-prefetcher.fluid.io/"

WEIGHTS_FILES = "*.safetensors"
SLOW_GB_PER_SECOND = 0.21
"""A warm Fluid cache on a bad day (p10): as fast as reading from the bucket. Published, not
measured here: the talk's 9 GiB in 46 s."""
SHORTEST_SECONDS = 120
"""The webhook's own default: a 32B model would not be through, and the server start on a cold
page cache."""


@dataclass(frozen=True, slots=True)
class Prefetch:
    """What the serving pods bear, and the memory in GiB that their node needs for it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    memory_gib: int


def prefetch(dataset: str, weights_gb: float, *, files: str = WEIGHTS_FILES) -> Prefetch:
    """Labels and annotations for pods that mount the claim of that Dataset.

    The server waits until the files are in memory, or as long as `SLOW_GB_PER_SECOND` would take.
    """
    seconds = max(SHORTEST_SECONDS, math.ceil(weights_gb / SLOW_GB_PER_SECOND))
    return Prefetch(
        labels={FUSE_INJECT: "true"},
        annotations={
            f"{PREFIX}inject": "true",
            f"{PREFIX}file-list": f"pvc://{dataset}/{files}",
            f"{PREFIX}async-prefetch": "false",
            f"{PREFIX}prefetch-timeout-seconds": str(seconds),
        },
        memory_gib=math.ceil(weights_gb * 1e9 / 2**30),
    )
