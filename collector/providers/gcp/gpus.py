"""What Google calls an accelerator, as other clouds name the GPU: ``nvidia-tesla-t4`` is a T4."""

import re

MAKER = re.compile(r"^nvidia-(?:tesla-)?")
SIZE = re.compile(r"-(?P<gb>\d+)gb$")
TPU = re.compile(r"^(?:ct\d|tpu)")

MEMORY_GB = {
    "nvidia-tesla-k80": 12.0,
    "nvidia-tesla-p4": 8.0,
    "nvidia-tesla-p100": 16.0,
    "nvidia-tesla-v100": 16.0,
    "nvidia-tesla-t4": 16.0,
    "nvidia-tesla-a100": 40.0,
    "nvidia-l4": 24.0,
    "nvidia-b200": 180.0,
    "nvidia-rtx-pro-6000": 96.0,
}
"""Memory of one GPU where the name does not tell it, from cloud.google.com/compute/docs/gpus. It
is the maker's nominal size in GB, which is within a few percent of GiB; the API tells none."""

SPOKEN = {"rtx-pro-6000": "RTX PRO 6000"}


def is_gpu(accelerator: str) -> bool:
    """Whether it is a GPU: a TPU is an accelerator, but no GPU."""
    return not TPU.match(accelerator)


def gpu_name(accelerator: str) -> str:
    """The model without maker and size: ``nvidia-h100-80gb`` is H100."""
    model = SIZE.sub("", MAKER.sub("", accelerator))
    return SPOKEN.get(model) or model.removesuffix("-mega").replace("-", " ").upper()


def gpu_memory_gib(accelerator: str) -> float | None:
    """Memory of one GPU: what the name says, else what is documented; None if neither."""
    if said := SIZE.search(accelerator):
        return float(said["gb"])
    return MEMORY_GB.get(accelerator)
