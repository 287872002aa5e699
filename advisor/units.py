"""Sizes and durations as people write them."""

import re
from datetime import timedelta

MIB_PER_GIB = 1024
GB_PER_GIB = 2**30 / 1e9

GIB_PER_UNIT = {
    "": 1.0,
    "gib": 1.0,
    "gi": 1.0,
    "g": 1.0,
    "mib": 1 / 1024,
    "mi": 1 / 1024,
    "tib": 1024.0,
    "ti": 1024.0,
    "gb": 1e9 / 2**30,
    "mb": 1e6 / 2**30,
    "tb": 1e12 / 2**30,
}
"""GiB in one unit; a bare number is GiB, and so is G, as cloud catalogs use it."""

QUANTITY = re.compile(r"^\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-zA-Z]*)\s*$")

DURATION = re.compile(r"^(?P<number>\d+(?:\.\d+)?) ?(?P<unit>s|min|m|h|d)$")
SECONDS_PER_UNIT = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def gib(text: str) -> float:
    """``"64 GiB"``, ``"65536Mi"`` or ``"64"`` in GiB.

    Raises:
        ValueError: it is no size; says how to write one.
    """
    match = QUANTITY.match(text)
    if not match or match["unit"].lower() not in GIB_PER_UNIT:
        raise ValueError(f"{text!r} is no size: write 64 GiB, 65536 MiB or 1.5 TiB")
    return float(match["number"]) * GIB_PER_UNIT[match["unit"].lower()]


def gigabytes(text: str) -> float:
    """``"65.5 GB"``, ``"61 GiB"`` or ``"65.5"`` in GB of 10^9 bytes, as models and images are told.

    Raises:
        ValueError: it is no size above 0; says how to write one.
    """
    bare = re.fullmatch(r"\s*\d+(\.\d+)?\s*", text)
    found = float(text) if bare else gib(text) * GB_PER_GIB
    if not found:
        raise ValueError(f"{text!r}: a size is above 0")
    return found


def duration(text: str) -> timedelta | None:
    """``90s``, ``15m``, ``6 h`` or ``30d``; None if it is no duration."""
    match = DURATION.match(text.strip())
    if match is None:
        return None
    return timedelta(seconds=float(match["number"]) * SECONDS_PER_UNIT[match["unit"]])
