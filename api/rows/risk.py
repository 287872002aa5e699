"""A stored forecast as it is shown: with its verdict, its age and what drives it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from advisor.risk.drivers import driver_text
from advisor.risk.grades import hazard_per_hour, median_hours, restricted_mean_hours
from advisor.risk.verification import Verdict
from api.skill import Judge, kind_of

HORIZONS = {"15m": 15 * 60.0, "1h": 3600.0, "6h": 6 * 3600.0, "24h": 24 * 3600.0}
"""The horizons in the users' words, seconds."""

WORDS = {seconds: name for name, seconds in HORIZONS.items()}

POOL = ("provider", "region", "zone", "instance_type")

AS_STORED = (
    *(*POOL, "horizon_seconds", "probability", "probability_low", "probability_high", "grade"),
    *("evidence_until", "made_from", "recalibration", "model_version", "issued_at"),
)
"""Fields that are shown as `risk_forecast` has them."""

UNKNOWN_TIMES: Mapping[str, None] = dict.fromkeys(
    ("hazard_per_hour", "restricted_mean_hours", "median_hours", "median")
)


def forecast_row(row: Mapping[str, Any], now: datetime, judge: Judge) -> dict[str, Any]:
    """A row of `risk_forecast` with what must be known to use it; null is unknown.

    ``drivers`` are sentences, the strongest first. ``is_stale``: it has outlived its horizon.
    """
    verdict, until = judge(kind_of(row)), row["evidence_until"]
    expired = (now - row["issued_at"]).total_seconds() > row["horizon_seconds"]
    return {
        **{name: row[name] for name in AS_STORED},
        "horizon": WORDS.get(row["horizon_seconds"], f"{row['horizon_seconds']:g} s"),
        "skill": verdict.value,
        "may_act": verdict is Verdict.SKILL,
        "evidence_age_seconds": until and (row["issued_at"] - until).total_seconds(),
        "drivers": [driver_text(one) for one in json.loads(row["drivers"])["drivers"]],
        "is_stale": expired,
    }


def pool_times(found: pl.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Of each pool forecast at all horizons at once: hazard, mean time up of 24 h, and median."""
    whole = found.filter(
        (pl.len().over(POOL) == len(HORIZONS)) & (pl.col("issued_at").n_unique().over(POOL) == 1)
    ).sort(*POOL, "horizon_seconds")
    probability = whole["probability"].to_numpy().reshape(-1, len(HORIZONS)).T
    columns = (
        hazard_per_hour(probability).tolist(),
        restricted_mean_hours(probability).tolist(),
        [None if np.isnan(one) else one for one in median_hours(probability).tolist()],
    )
    pools = whole.select(POOL).unique(maintain_order=True).rows()
    return {
        pool: {
            "hazard_per_hour": hazard,
            "restricted_mean_hours": mean,
            "median_hours": median,
            "median": ">24 h" if median is None else hours_text(median),
        }
        for pool, hazard, mean, median in zip(pools, *columns, strict=True)
    }


def share_text(value: float) -> str:
    """``12.3%``."""
    return f"{100 * value:.1f}%"


def hours_text(value: float) -> str:
    """``5.2 h``."""
    return f"{value:.1f} h"
