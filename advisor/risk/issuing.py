"""From what a model or a published band says to the rows that are stored.

On the way the live signals and the outcomes of earlier forecasts are added, in log odds. What is
stored tells them apart, so that a later fit can take off what was added, and so that the drivers
of each row sum to the log odds of its probability.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from advisor.risk.drivers import RECALIBRATION, Drivers
from advisor.risk.grid import Floats
from advisor.risk.hazard import SHORTER_HORIZON, Z_90, Forecasts
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.logistic import logit, sigmoid
from advisor.risk.signal_offsets import Offsets, Readings, added_by
from warehouse.records import Pool

POOL = ("provider", "region", "zone", "instance_type")

COLUMNS = (
    *POOL,
    *("issued_at", "horizon_seconds", "probability", "probability_low", "probability_high"),
    *("model_version", "grade", "evidence_until", "drivers"),
    *("made_from", "recalibration", "signals"),
)
"""Of the table `risk_forecast`."""

Shifts = Mapping[tuple[str, str, float], float]
"""Log odds to add, by provider, kind of evidence and horizon in seconds; 0 where there is none."""

TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Stated:
    """What is said of some pools before live signals and earlier outcomes; one row per pool.

    ``pools`` has the columns `POOL`. ``made_from`` is as in the table. ``grades`` and
    ``evidence_until`` have one value per row, ``drivers`` one entry per horizon.
    """

    pools: pl.DataFrame
    made_from: str
    forecasts: Forecasts
    grades: pl.Series
    evidence_until: pl.Series
    drivers: tuple[Drivers, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """What is added to log odds, and to their variance; arrays are [horizon, row]."""

    signals: Floats
    signals_variance: Floats
    shift: Floats


def pools_frame(pools: Sequence[Pool]) -> pl.DataFrame:
    """The pools as a frame with the columns `POOL`."""
    return pl.DataFrame(
        {name: [getattr(pool, name) for pool in pools] for name in POOL},
        schema=dict.fromkeys(POOL, pl.String()),
    )


def issued(
    stated: Stated,
    readings: Readings,
    *,
    version: str,
    now: datetime,
    shifts: Shifts,
    offsets: Offsets,
) -> pl.DataFrame:
    """One row per pool and horizon with `COLUMNS`, horizon by horizon.

    Args:
        stated: what the model or a band says.
        readings: the live signals of the same pools, row by row.
        version: what the model is called in the rows.
        now: when they are issued.
        shifts: what earlier forecasts teach of the level.
        offsets: what was fitted of the signals.
    """
    mean, variance = added_by(readings, offsets, stated.made_from)
    added = Added(mean, variance, _shift_of(stated, shifts))
    base = stated.pools.with_columns(
        pl.lit(now, dtype=TIME).alias("issued_at"),
        pl.lit(version).alias("model_version"),
        stated.grades.alias("grade"),
        stated.evidence_until.cast(TIME).alias("evidence_until"),
        pl.lit(stated.made_from).alias("made_from"),
    )
    model = np.stack([one.log_odds for one in stated.drivers])
    unshifted = np.maximum.accumulate(model + added.signals, axis=0)
    final = np.maximum.accumulate(model + added.signals + added.shift, axis=0)
    low, high = _interval(stated.forecasts, final, added)
    frames = []
    for place, minutes in enumerate(HORIZONS_MINUTES):
        # What an earlier horizon took along is told as such; so shares and shift both stay exact.
        risen = unshifted[place] - model[place] - added.signals[place]
        recalibration = final[place] - unshifted[place]
        shares = readings.shares(offsets, stated.made_from, place)
        drivers = stated.drivers[place].plus(
            {**shares, SHORTER_HORIZON: risen, RECALIBRATION: recalibration},
            words=readings.words_of(shares, offsets, stated.made_from, place),
            notes=readings.notes(offsets, stated.made_from, place),
        )
        frames.append(
            base.with_columns(
                pl.lit(60.0 * minutes).alias("horizon_seconds"),
                pl.Series("probability", sigmoid(final[place])),
                pl.Series("probability_low", low[place]),
                pl.Series("probability_high", high[place]),
                drivers.as_json().alias("drivers"),
                pl.Series("recalibration", recalibration),
                readings.as_json(added.signals[place]).alias("signals"),
            ).select(COLUMNS)
        )
    return pl.concat(frames)


def _shift_of(stated: Stated, shifts: Shifts) -> Floats:
    """The shift of each row, [horizon, row]."""
    providers = stated.pools["provider"]
    shift = np.zeros((len(HORIZONS_MINUTES), providers.len()))
    for provider in providers.unique().to_list():
        here = (providers == provider).to_numpy()
        for place, minutes in enumerate(HORIZONS_MINUTES):
            shift[place, here] = shifts.get((provider, stated.made_from, 60.0 * minutes), 0.0)
    return shift


def _interval(said: Forecasts, final: Floats, added: Added) -> tuple[Floats, Floats]:
    """The ends of the interval: moved with the forecast, and wider where signals are unsure."""
    middle, low, high = logit(said.probability), logit(said.low), logit(said.high)
    moved = final - middle
    sd = (high - low) / (2 * Z_90)
    wider = Z_90 * (np.sqrt(np.square(sd) + added.signals_variance) - sd)
    ends = (sigmoid(low + moved - wider), sigmoid(high + moved + wider))
    return np.maximum.accumulate(ends[0], axis=0), np.maximum.accumulate(ends[1], axis=0)
