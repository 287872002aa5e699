"""The forecasts of one pool over time, each with what became of the machines that it spoke of."""

from dataclasses import asdict
from datetime import datetime
from typing import NamedTuple

import polars as pl

from warehouse.forecasts import resolved_forecasts
from warehouse.records import Pool
from warehouse.store import Warehouse

KEY = ("issued_at", "horizon_seconds", "model_version")
"""What tells the forecasts of one pool apart."""

OUTCOMES = ("watched", "lost", "kept", "censored")
"""How many were watched, and what became of them."""

ISSUED = """
    select *
    from risk_forecast
    where provider = $provider and region = $region and zone = $zone
        and instance_type = $instance_type
        and issued_at >= $start and issued_at <= $end
        and (cast($horizon_seconds as double) is null or horizon_seconds = $horizon_seconds)
        and (
            cast($before_at as timestamptz) is null
            or issued_at < $before_at
            or (issued_at = $before_at and horizon_seconds > $before_horizon)
            or (
                issued_at = $before_at and horizon_seconds = $before_horizon
                and model_version > $before_model
            )
        )
    order by issued_at desc, horizon_seconds, model_version
    limit $limit
"""


class Place(NamedTuple):
    """Where a page ended: the values of `KEY` of its last row."""

    issued_at: datetime
    horizon_seconds: float
    model_version: str


def forecast_history(
    warehouse: Warehouse,
    pool: Pool,
    now: datetime,
    *,
    start: datetime,
    end: datetime,
    horizon_seconds: float | None = None,
    after: Place | None = None,
    limit: int,
) -> pl.DataFrame:
    """Forecasts issued between ``start`` and ``end``, the newest first, shortest horizon first.

    Columns: those of ``risk_forecast``; watched (machines and series of probes that were up when
    it was issued), lost and kept of them, and censored (it cannot be told). All four are null
    while the horizon has not passed by ``now``; 0 watched says that nobody looked.
    """
    at, horizon, model = after or (None, None, None)
    issued = warehouse.ask(
        ISSUED,
        {
            **asdict(pool),
            "start": start,
            "end": min(end, now),
            "horizon_seconds": horizon_seconds,
            "before_at": at,
            "before_horizon": horizon,
            "before_model": model,
            "limit": limit,
        },
    )
    if issued.is_empty():
        return issued.with_columns(*(pl.lit(None, pl.Int64).alias(name) for name in OUTCOMES))
    # The newest come first.
    oldest: datetime = issued["issued_at"][-1]
    resolved = resolved_forecasts(
        warehouse, now, oldest, horizon_seconds=horizon_seconds, pool=pool
    )
    has_passed = pl.col("issued_at") + pl.duration(seconds="horizon_seconds") <= now
    told = issued.join(_counted(resolved), on=KEY, how="left", maintain_order="left")
    return told.with_columns(
        pl.when(has_passed).then(pl.col(name).fill_null(0)).alias(name) for name in OUTCOMES
    )


def _counted(resolved: pl.DataFrame) -> pl.DataFrame:
    """By forecast, what became of those that were watched."""
    outcome = pl.col("outcome")
    return resolved.group_by(KEY).agg(
        watched=pl.len().cast(pl.Int64),
        lost=(outcome == 1).sum().cast(pl.Int64),
        kept=(outcome == 0).sum().cast(pl.Int64),
        censored=outcome.is_null().sum().cast(pl.Int64),
    )
