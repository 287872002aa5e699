"""Google's money: whole units as a text and billionths as a number. Exact until it is stored."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from collector.payload import text, whole_number

NANO = Decimal("1e-9")


def amount(money: Mapping[str, Any]) -> Decimal:
    """What a ``Money`` is worth, in its own currency.

    Google's JSON leaves out a part that is 0, so one part may be missing, but not both.

    Raises:
        KeyError, TypeError, ValueError: it is not of the known form; see `collector.payload`.
    """
    if "units" not in money and "nanos" not in money:
        raise KeyError("units")
    units = int(text(money, "units")) if "units" in money else 0
    nanos = whole_number(money, "nanos") if "nanos" in money else 0
    return units + nanos * NANO
