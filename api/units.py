"""Quantities as people write them, and ages as people read them."""

import re
from datetime import timedelta

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

DURATION = re.compile(r"^(?P<number>\d+(?:\.\d+)?) ?(?P<unit>min|m|h|d)$")
SECONDS_PER_UNIT = {"min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def gib(text: str) -> float:
    """``"64 GiB"``, ``"65536Mi"`` or ``"64"`` in GiB.

    Raises:
        ValueError: it is no size; says how to write one.
    """
    match = QUANTITY.match(text)
    if not match or match["unit"].lower() not in GIB_PER_UNIT:
        raise ValueError(f"{text!r} is no size: write 64 GiB, 65536 MiB or 1.5 TiB")
    return float(match["number"]) * GIB_PER_UNIT[match["unit"].lower()]


def duration_seconds(text: str) -> float | None:
    """``15m``, ``6 h`` or ``30d`` in seconds; None if it is no duration."""
    match = DURATION.match(text.strip())
    return float(match["number"]) * SECONDS_PER_UNIT[match["unit"]] if match else None


def age_text(age: timedelta) -> str:
    """The age in its largest sensible unit: ``40 s``, ``12 min``, ``5 h``, ``238 d``."""
    seconds = max(0.0, age.total_seconds())
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def horizon_text(seconds: float) -> str:
    """``15 min``, ``1 h``."""
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"  # noqa: PLR2004 - an hour
