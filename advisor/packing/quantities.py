"""Kubernetes' quantities ("250m", "1.5Gi", "2e3") as whole numbers of the smallest unit packed in.

Rounded up, as Kubernetes does: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import math
import re
from decimal import Decimal

SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
"""What each suffix multiplies by."""

QUANTITY = re.compile(r"(?P<number>\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)(?P<suffix>[a-zA-Z]*)")

LARGEST = Decimal(2) ** 63
"""What Kubernetes holds in a quantity, at most."""

MILLI = Decimal("1e-3")
MIB = Decimal(1024) ** 2

UNITS = {"cpu": MILLI, "memory": MIB, "ephemeral-storage": MIB}
"""The unit in which a resource is packed; all others are counted."""


def amount(resource: str, value: object) -> int:
    """``value`` of ``resource`` in thousandths of a core, MiB, or pieces.

    Raises:
        ValueError: it is no quantity, or a part of what comes in pieces.
    """
    text = str(value).strip()
    match = None if isinstance(value, bool) else QUANTITY.fullmatch(text)
    if match is None or match["suffix"] not in SUFFIXES:
        raise ValueError(f"{value!r} is no quantity: write 250m, 2, 512Mi or 1.5Gi")
    exact = Decimal(match["number"]) * SUFFIXES[match["suffix"]]
    if exact > LARGEST:
        raise ValueError(f"{value!r} is more than a quantity can hold")
    unit = UNITS.get(resource, Decimal(1))
    if unit == 1 and exact != exact.to_integral_value():
        raise ValueError(f"{value!r}: {resource} comes in whole pieces")
    return math.ceil(exact / unit)
