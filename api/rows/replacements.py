"""A hand-over as it is shown: how long it took, and what two machines at once cost."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.settings import Settings


def hand_over_row(row: Mapping[str, Any], settings: Settings, now: datetime) -> dict[str, Any]:
    """A row of `warehouse.replacements.history` with how long it took and what it cost at most."""
    seconds, price = row["overlap_seconds"], row["price_per_hour"]
    usd = settings.usd_per_unit.get(row["currency"] or "")
    cost = None
    if seconds is not None and price is not None and usd is not None:
        cost = price * usd * seconds / 3600
    took = (row["ended_at"] or now) - row["planned_at"]
    return {
        **row,
        "took_seconds": took.total_seconds(),
        "overlap_usd": cost,
    }
