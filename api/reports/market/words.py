"""Numbers and places in the words of a report."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from api.reports.market.document import Cell, Kind
from api.units import age_text

UNKNOWN = "unknown"
MINUS = "\u2212"


def count(value: float) -> str:
    """``12,440``."""
    return f"{value:,.0f}"


def number_of(value: int, thing: str) -> str:
    """``1 pool``, ``3 pools``."""
    return f"{count(value)} {thing}" if value == 1 else f"{count(value)} {thing}s"


def share(value: float | None, *, signed: bool = False) -> str:
    """``4.2 %``; with its sign if that is asked for."""
    if value is None:
        return UNKNOWN
    percent = 100 * abs(value)
    digits = 0 if percent >= 100 else 1 if percent >= 1 else 2  # noqa: PLR2004 - three figures
    text = f"{percent:,.{digits}f}\u00a0%"
    if not float(text.removesuffix("\u00a0%").replace(",", "")):
        return "0\u00a0%"
    if value < 0:
        return f"{MINUS}{text}"
    return f"+{text}" if signed and value > 0 else text


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
    match kind:
        case Kind.COUNT:
            return count(value)
        case Kind.USD:
            return f"{MINUS if value < 0 else ''}{abs(value):,.4f}"
        case Kind.SHARE:
            return share(value)
        case Kind.CHANGE:
            return share(value, signed=True)
        case Kind.NUMBER:
            return f"{value:.3f}".replace("-", MINUS)
        case Kind.HOURS:
            return f"{value:,.1f}"
        case Kind.AGE:
            return age_text(timedelta(hours=value))
        case _:
            return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _text(value: str, kind: Kind) -> str:
    if kind is Kind.TIME:
        at = datetime.fromisoformat(value)
        return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"
    return "any" if value == "*" else value
