"""Arrays to the warehouse's columns: places and times."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from advisor.simulation.hazard import Floats, Integers
from warehouse.records import Pool

SOURCE: Final = "simulated"
"""The source of every simulated fact: a name that no feed has."""

UTC_TIME: Final = pl.Datetime("us", "UTC")


def pool_columns(pools: Sequence[Pool], row: Integers) -> dict[str, pl.Series]:
    """``provider``, ``region``, ``zone`` and ``instance_type`` of ``pools[row]``."""
    index = pl.Series(row)
    return {
        name: pl.Series([getattr(pool, name) for pool in pools], dtype=pl.String).gather(index)
        for name in ("provider", "region", "zone", "instance_type")
    }


def times(start: datetime, hours: Floats) -> pl.Series:
    """``hours`` after ``start`` as times in UTC, to the millisecond, never rounded up."""
    begin = pl.Series([start], dtype=UTC_TIME).to_physical().item()
    # The small number keeps a whole millisecond whole: 5 minutes are 0.08333 hours.
    whole = np.floor(hours * 3_600_000 + 1e-4).astype(np.int64)
    return pl.Series(begin + whole * 1000).cast(UTC_TIME)


def hours_between(start: datetime, end: datetime) -> float:
    """Hours from ``start`` to ``end``."""
    return (end - start) / timedelta(hours=1)
