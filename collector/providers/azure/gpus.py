"""Which GPU an Azure size has: the API gives their number only, the size's name the rest.

Since 2020 a size's name holds the model between size and version (``Standard_NC4as_T4_v3``), by
Azure's own naming convention; older families are listed here. Memory and fractions are those of
the size pages on learn.microsoft.com; a size that is not listed has a GPU of unknown memory.
"""

import re

NAME = re.compile(r"Standard_N[A-Z]*\d+\w*?_(?P<model>[A-Z]\w*?)(?:_v\d+)?", re.ASCII)

TITLES = {
    "V620": "Radeon Pro V620",
    "V710": "Radeon Pro V710",
    "RTXPRO6000BSE": "RTX PRO 6000 Blackwell",
}
"""Models that other clouds write otherwise, and AMD's that do not say whose they are."""

OLDER = (
    (re.compile(r"Standard_NC\d+r?(_Promo)?"), "K80", 12.0),
    (re.compile(r"Standard_NC\d+r?s_v2(_Promo)?"), "P100", 16.0),
    (re.compile(r"Standard_NC\d+r?s_v3(_Promo)?"), "V100", 16.0),
    (re.compile(r"Standard_ND\d+r?s"), "P40", 24.0),
    (re.compile(r"Standard_ND40rs_v2"), "V100", 32.0),
    (re.compile(r"Standard_ND96asr_v4"), "A100", 40.0),
    (re.compile(r"Standard_NV\d+(_Promo)?"), "M60", 8.0),
    (re.compile(r"Standard_NV\d+s_v[23](_Promo)?"), "M60", 8.0),
    (re.compile(r"Standard_NV\d+as_v4"), "Radeon Instinct MI25", 16.0),
)

MEMORY_GIB = {
    "T4": 16.0,
    "A10": 24.0,
    "A100": 80.0,
    "H100": 80.0,
    "H200": 141.0,
    "MI300X": 192.0,
    "V620": 32.0,
    "V710": 28.0,
    "RTXPRO6000BSE": 96.0,
}
H100_NVL = re.compile(r"Standard_NC\w+_H100_v5")
H100_NVL_GIB = 94.0

SLICES = (
    (re.compile(r"Standard_NV(6|12|18)ads_A10_v5"), 36),
    (re.compile(r"Standard_NV(4|8|16)as_v4"), 32),
    (re.compile(r"Standard_NG(8|16)\w*_V620_v1"), 32),
    (re.compile(r"Standard_NV(4|8|12)ads_V710_v5"), 24),
)
"""Sizes that have a share of one GPU, and the vCPUs of the size that has all of it."""

NO_GPUS = re.compile(r"Standard_NP\d")
"""FPGAs, which the API counts as GPUs."""


def gpus(size: str, count: int) -> tuple[str | None, int, float | None]:
    """Model, number, and GiB of one GPU of a size of which the API says that it has ``count``.

    (None, 0, None) without GPUs. Of a share of a GPU the number is 0 and the memory the share's:
    nothing that asks for whole ones may count it. A model that the name does not tell is None,
    and so is a memory that is not listed here.
    """
    if count == 0 or NO_GPUS.match(size):
        return None, 0, None
    model, memory = _model(size)
    for pattern, vcpus in SLICES:
        if found := pattern.fullmatch(size):
            return model, 0, None if memory is None else memory * int(found[1]) / vcpus
    return model, count, memory


def _model(size: str) -> tuple[str | None, float | None]:
    for pattern, older, gib in OLDER:
        if pattern.fullmatch(size):
            return older, gib
    found = NAME.fullmatch(size)
    if not found:
        return None, None
    # Of Standard_ND128isr_NDR_GB200_v6 the last word is the model.
    model = found["model"].rpartition("_")[2]
    memory = H100_NVL_GIB if H100_NVL.fullmatch(size) else MEMORY_GIB.get(model)
    return TITLES.get(model, model), memory
