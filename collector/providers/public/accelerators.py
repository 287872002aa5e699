"""The accelerators of SkyPilot's catalog in the words of the other feeds.

The catalog counts all accelerators alike. Kubernetes and Karpenter do not count Inferentia,
Trainium, Gaudi, TPUs or FPGAs as GPUs, and so their machines have none here.
"""

import json
import re
from collections.abc import Mapping

NO_GPU = re.compile(r"inferentia|trainium|gaudi|tpu|qualcomm|fpga|xilinx|u30", re.IGNORECASE)
MEMORY_IN_NAME = re.compile(r"(?:-MEGA)?-(?P<gib>\d+)GB$", re.IGNORECASE)
"""``A100-80GB`` is an A100; the memory has a column of its own with us."""
MIB_PER_GIB = 1024


def gpus(
    name: str | None, count: float | None, details: str | None
) -> tuple[str | None, int, float | None]:
    """Model, number, and GiB of one GPU; (None, 0, None) without one.

    A share of a GPU (a count below 1) is not one: it is named, and its number is 0.
    """
    if not name or NO_GPU.search(name):
        return None, 0, None
    if count is None:
        raise ValueError(f"AcceleratorCount is blank beside {name}")
    in_name = MEMORY_IN_NAME.search(name)
    memory = _memory_gib(details or "")
    if memory is None and in_name:
        memory = float(in_name["gib"])
    return MEMORY_IN_NAME.sub("", name), int(count), memory


def _memory_gib(details: str) -> float | None:
    """Memory of one GPU from the ``GpuInfo`` column, a Python dict's text; None if it is none."""
    try:
        told = json.loads(details.replace("'", '"'))
        size = told["Gpus"][0]["MemoryInfo"]["SizeInMiB"]
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return float(size) / MIB_PER_GIB if isinstance(size, (int, float)) and size > 0 else None


def architecture(provider: str, instance_type: str, told: str | None) -> str:
    """Kubernetes' word for the machine's architecture.

    The catalog tells it for AWS; elsewhere the cloud's rules of naming do.
    """
    if told:
        return "amd64" if told == "x86_64" else told
    return "arm64" if _ARM_NAMES[provider].match(instance_type) else "amd64"


_ARM_NAMES: Mapping[str, re.Pattern[str]] = {
    "aws": re.compile(r"(?:a1|[a-z]+\d+g[a-z]*)\."),
    "gcp": re.compile(r"(?:t2a|c4a|n4a|a4x)-"),
    # The additive feature p in a size's name: Standard_D4ps_v5.
    "azure": re.compile(r"Standard_[A-Z]+\d+(?:-\d+)?[a-z]*p[a-z]*(?:_|$)"),
}
