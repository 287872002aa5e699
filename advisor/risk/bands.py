"""Forecasts of pools of which nothing is known but a published band: constant in time, and wide."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from advisor.hazards import Hazard
from advisor.published_risk import DEFINITIONS
from advisor.risk.drivers import Drivers, Note
from advisor.risk.grid import Floats
from advisor.risk.hazard import Z_90, Forecasts
from advisor.risk.horizons import HORIZONS_H
from advisor.risk.issuing import TIME, Stated, pools_frame
from advisor.risk.logistic import logit
from warehouse.records import Pool

PUBLISHED_BAND = "published_band"

BAND_SD = 1.28
"""Spread of the log hazard behind a closed band: a Gamma of alpha 1 (risk contract, section 5)."""

OPEN_BAND_HIGHEST_PER_HOUR = 1.7
"""The highest rate that was measured on pools of the open band (risk contract, section 5; the
lowest was .04). Middle and spread of an open band are those of a log normal whose 95 % lie
between the band's edge and this."""

SMALLEST_SHARE = 0.005
"""A share that was published as 0 is one that was rounded: below half a percent, not none."""

AGED_DAYS = (0.0, 7.0, 29.0, 87.0, 168.0, 365.0, 1100.0)
AGED_VARIANCE = (0.0, 0.10, 0.35, 0.51, 0.75, 0.83, 1.43)
"""Mean squared change of the log hazard behind a closed band after so many days, an open one
counted at its edge: pairs of the AWS Spot Advisor's snapshots of 2021 to 2025."""


def stated_by_bands(pools: Sequence[Pool], bands: Mapping[Pool, Hazard], now: datetime) -> Stated:
    """What their bands say of the pools: the band is the baseline, and nothing drives it."""
    known = [bands[pool] for pool in pools]
    hazard = np.array([band_log_hazard(band, now) for band in known]).reshape(-1, 2)
    middle, spread = hazard[:, 0], Z_90 * hazard[:, 1]
    hours = np.array(HORIZONS_H)[:, None]

    def within(log_hazard: Floats) -> Floats:
        risk: Floats = -np.expm1(-np.exp(log_hazard) * hours)
        return risk

    said = Forecasts(within(middle), within(middle - spread), within(middle + spread))
    words = [f"published band {band.band}" for band in known]
    note = Note(PUBLISHED_BAND, pl.Series(words, dtype=pl.String))
    return Stated(
        pools=pools_frame(pools),
        made_from=PUBLISHED_BAND,
        forecasts=said,
        grades=pl.Series(["prior"] * len(pools), dtype=pl.String),
        evidence_until=pl.Series([band.observed_at for band in known], dtype=TIME),
        drivers=tuple(
            Drivers(baseline, (), np.zeros((0, len(pools))), notes=(note,))
            for baseline in logit(said.probability)
        ),
    )


def band_log_hazard(band: Hazard, now: datetime) -> tuple[float, float]:
    """Middle and standard deviation of the log of the hazard per hour behind a band."""
    if band.share_high is None:
        low, high = np.log(band.low_per_hour), np.log(OPEN_BAND_HIGHEST_PER_HOUR)
        middle, sd = float(low + high) / 2, float(high - low) / (2 * 1.96)
    else:
        smallest = -np.log1p(-SMALLEST_SHARE) / DEFINITIONS[band.definition].window_hours
        middle, sd = float(np.log(max(band.per_hour, smallest))), BAND_SD
    age_days = max((now - band.observed_at) / timedelta(days=1), 0.0)
    return middle, float(np.sqrt(sd**2 + np.interp(age_days, AGED_DAYS, AGED_VARIANCE)))
