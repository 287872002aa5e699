"""Numbers and places in the words of a report."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from api.reports.market.document import Cell, Kind
from api.units import age_text

UNKNOWN = "unknown"
MINUS = "\u2212"

LEAST_PERCENT, MOST_PERCENT = 0.01, 99.9
"""Shares nearer to nothing and to all are not told apart."""

ROUNDING = 1e-7
"""Percent that sums of floats are off."""


def count(value: float) -> str:
    """``12,440``."""
    return f"{value:,.0f}"


def number_of(value: int, thing: str) -> str:
    """``1 pool``, ``3 pools``."""
    return f"{count(value)} {thing}" if value == 1 else f"{count(value)} {thing}s"


def share(value: float | None, *, signed: bool = False) -> str:
    """``4.2 %``; with its sign if that is asked for. What is not 0 or 1 is not shown as such."""
    if value is None:
        return UNKNOWN
    percent = 100 * abs(value)
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    if 0 < percent < LEAST_PERCENT:
        # What is left of two floats that are the same is no change.
        text = "0" if percent < ROUNDING and signed else f"<{LEAST_PERCENT:g}"
        return f"{text}\u00a0%"
    if MOST_PERCENT < percent < 100:  # noqa: PLR2004 - all of it
        return f"{sign}>{MOST_PERCENT:g}\u00a0%"
    digits = 0 if percent >= 100 or not percent else 1 if percent >= 1 else 2  # noqa: PLR2004
    return f"{sign}{percent:,.{digits}f}\u00a0%"


def place(row: Mapping[str, Any]) -> str:
    """``g5.xlarge in us-east-1a``: the zone where it has one, else the region."""
    zone = row["zone"]
    if zone in {None, "*"}:
        return f"{row['instance_type']} in {row['region']}"
    several = str(zone).endswith(" zones")
    return f"{row['instance_type']} in {row['region']} ({zone})" if several else (
        f"{row['instance_type']} in {zone}"
    )  # fmt: skip


def shown(value: Cell, kind: Kind) -> str:
    """A cell as people read it."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return _text(value, kind)
    if isinstance(value, bool):
        return "yes" if value else "no"
    show = SHOW.get(kind)
    return str(value) if show is None else show(value)


def _usd(value: float) -> str:
    return f"{MINUS if value < 0 else ''}{abs(value):,.4f}"


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", MINUS)


def _hours(value: float) -> str:
    return f"{value:,.1f}"


def _age(value: float) -> str:
    return age_text(timedelta(hours=value))


def _change(value: float) -> str:
    return share(value, signed=True)


SHOW: Mapping[Kind, Callable[[float], str]] = {
    Kind.COUNT: count,
    Kind.USD: _usd,
    Kind.SHARE: share,
    Kind.CHANGE: _change,
    Kind.NUMBER: _number,
    Kind.HOURS: _hours,
    Kind.AGE: _age,
}
"""How a number of each kind is shown; others as they are."""


def _text(value: str, kind: Kind) -> str:
    if kind is Kind.TIME:
        at = datetime.fromisoformat(value)
        return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"
    return "any" if value == "*" else value
