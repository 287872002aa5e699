"""Baselines of what the market says: the last price change, the published band, a rebalance signal.

Each needs what samples do not hold, so it is made from it first, and says nothing (nan) of a pool
of which the market said nothing.

- A price does not tell of a loss by itself: since 2017 AWS moves prices slowly, and machines are
  taken at any price. Whether the last change still comes before a loss is what this asks.
- A band is taken at its word, by the same conversion as the ranking's, however old it is.
- No public trace holds rebalance recommendations together with outcomes. They are drawn from the
  outcomes with the precision and recall of the one public measurement: an upper bound made from
  the future, and no forecast that anybody could have had.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from advisor.published_risk import DEFINITIONS, published_hazards
from advisor.risk.baselines import BASELINES, Fit, Predict, logistic
from advisor.risk.dataset import Samples
from advisor.risk.grid import STEP_S, Bools, Floats, Integers
from advisor.risk.horizons import HORIZONS_H
from advisor.simulation.rebalance_signal import SignalQuality
from warehouse.records import Pool, Signal

PRICE = "spot_usd_h"
"""The column of ticks with the spot price, USD per hour; null where it is not known."""

PRICE_CHANGES_H = (1.0, 24.0)
"""Over how many hours a change is measured."""

REBALANCE = "rebalance_simulated"

SIGNAL_COLUMNS = (
    *("provider", "region", "zone", "instance_type", "observed_at", "definition"),
    *("value_low", "value_high", "source"),
)
"""What a frame of published signals must have, as ``import signals`` takes it."""

FROM_THE_FUTURE = frozenset({REBALANCE})
"""Baselines that know outcomes: bounds to look at, not forecasts to beat."""

SEED = 20_221_026
"""Draws the simulated signals; the same samples always get the same ones."""


def all_baselines(
    ticks: pl.DataFrame | None = None, signals: Iterable[Signal] = ()
) -> Mapping[str, Fit]:
    """`BASELINES` and the three of the market.

    Args:
        ticks: all probes of the backtest, of training and test; `PRICE` is read if it is there.
        signals: what was published; only `DEFINITIONS` count.
    """
    return {
        **BASELINES,
        "price_change": price_change(ticks),
        "published_band": published_band(signals),
        REBALANCE: rebalance_simulated,
    }


@dataclass(frozen=True, slots=True)
class Prices:
    """What a trace's price was: ``offset_s``, rising, the ``log_price`` there and its sum so far.

    The sums are over time, [observation]: the log price times the seconds that it was in force.
    """

    offset_s: Floats
    log_price: Floats
    summed: Floats

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Prices":
        """The prices of one trace."""
        offset, log_price = rows["offset_s"].to_numpy(), np.log(rows[PRICE].to_numpy())
        summed = np.append(0.0, np.cumsum(log_price[:-1] * np.diff(offset)))
        return cls(offset, log_price, summed)

    def at(self, offset_s: Floats) -> Floats:
        """The log price in force at each moment, the first one for moments before it."""
        place = np.searchsorted(self.offset_s, offset_s, side="right") - 1
        return self.log_price[np.maximum(place, 0)]

    def moves(self, offset_s: Floats) -> Floats:
        """The change over each of `PRICE_CHANGES_H`, and the level over its mean so far, in logs.

        [row, column]; nan before the first price.
        """
        now = self.at(offset_s)
        place = np.maximum(np.searchsorted(self.offset_s, offset_s, side="right") - 1, 0)
        passed = offset_s - self.offset_s[place]
        seconds = np.maximum(offset_s - self.offset_s[0], 1e-9)
        mean = (self.summed[place] + passed * self.log_price[place]) / seconds
        level = np.where(seconds < STEP_S, 0.0, now - mean)
        changes = [now - self.at(offset_s - 3600 * hours) for hours in PRICE_CHANGES_H]
        table = np.stack([*changes, level], axis=1)
        table[offset_s < self.offset_s[0]] = np.nan
        return table


def price_change(ticks: pl.DataFrame | None) -> Fit:
    """A regression on how the price has moved of late and how high it is for the pool."""
    by_trace = _prices(ticks)

    def columns(samples: Samples) -> Floats:
        table = np.full((samples.rows, len(PRICE_CHANGES_H) + 1), np.nan)
        for place, trace in enumerate(samples.traces):
            if prices := by_trace.get(trace.trace_id):
                rows = samples.trace == place
                table[rows] = prices.moves(samples.offset_s[rows])
        return table

    return lambda training: logistic(training, columns)


def _prices(ticks: pl.DataFrame | None) -> dict[str, Prices]:
    if ticks is None or PRICE not in ticks.columns:
        return {}
    known = ticks.filter(pl.col(PRICE).cast(pl.Float64) > 0).select(
        "trace_id", pl.col("offset_s", PRICE).cast(pl.Float64)
    )
    unique = known.sort("trace_id", "offset_s", PRICE).unique(
        ["trace_id", "offset_s"], keep="first", maintain_order=True
    )
    parts = unique.partition_by("trace_id", maintain_order=True)
    return {str(part["trace_id"][0]): Prices.of(part) for part in parts}


def published_band(signals: Iterable[Signal]) -> Fit:
    """The newest hazard that was published of each pool by the moment of the row."""
    known = sorted(
        (one for one in signals if one.definition in DEFINITIONS), key=lambda one: one.observed_at
    )
    moments = sorted({one.observed_at for one in known})

    def hazards(samples: Samples) -> Floats:
        pools = [
            Pool(pool.provider, pool.region, pool.zone, pool.instance_type)
            for pool in samples.pools
        ]
        types = {(pool.provider, pool.instance_type) for pool in pools}
        near = [one for one in known if (one.pool.provider, one.pool.instance_type) in types]
        # Before the first moment nothing was published.
        table = np.full((len(moments) + 1, len(pools)), np.nan)
        for place, moment in enumerate(moments):
            said = published_hazards(pools, [one for one in near if one.observed_at <= moment])
            table[place + 1] = [said[pool].per_hour if pool in said else np.nan for pool in pools]
        since = np.array([moment.timestamp() for moment in moments])
        return table[np.searchsorted(since, samples.time_s, side="right"), samples.pool]

    def predict(samples: Samples, place: int) -> Floats:
        risk: Floats = -np.expm1(-hazards(samples) * HORIZONS_H[place])
        return risk

    return lambda _: predict


def rebalance_simulated(training: Samples) -> Predict:
    """The rate of pools with and without a simulated signal in the last 15 minutes.

    Made from the future, as good as the real signal was measured to be: an upper bound.
    """
    return logistic(training, lambda samples: signalled(samples)[:, None].astype(np.float64))


def signalled(samples: Samples, quality: SignalQuality | None = None) -> Bools:
    """Whether a simulated signal came within ``lead`` before each row, in its present spell.

    Each loss has one with a chance of ``recall``, up to ``lead`` ahead; others come where no loss
    follows within 15 minutes, until only a share of ``precision`` is true.
    """
    quality = quality or SignalQuality()
    rng = np.random.default_rng(SEED)
    lead = round(quality.lead.total_seconds() / STEP_S)
    order = np.lexsort((samples.offset_s, samples.trace))
    begins = _spell_begins(samples.trace[order], samples.offset_s[order])
    last = np.flatnonzero(samples.dropped_next[order] == 1)
    warned = last[rng.random(last.size) < quality.recall]
    ahead = rng.integers(1, lead, size=warned.size, endpoint=True)
    comes = np.zeros(samples.rows, dtype=np.bool_)
    comes[np.maximum(warned + 1 - ahead, begins[warned])] = True
    quiet = np.flatnonzero(samples.label[0, order] == 0)
    wanted = round(int(comes.sum()) * (1 - quality.precision) / quality.precision)
    comes[rng.choice(quiet, size=min(wanted, quiet.size), replace=False)] = True
    newest = np.maximum.accumulate(np.where(comes, np.arange(samples.rows), -1))
    flag = np.empty(samples.rows, dtype=np.bool_)
    flag[order] = (newest >= begins) & (np.arange(samples.rows) - newest < lead)
    return flag


def _spell_begins(trace: Integers, offset_s: Floats) -> Integers:
    """The row at which the run of steps without a gap began that each row is in."""
    steps_on = np.diff(offset_s, prepend=-np.inf) <= 1.5 * STEP_S
    same = np.diff(trace, prepend=-1) == 0
    rows = np.arange(trace.size)
    return np.maximum.accumulate(np.where(steps_on & same, 0, rows))


def signal_records(frame: pl.DataFrame) -> list[Signal]:
    """The published shares of a frame in the columns of ``import signals``."""
    known = frame.filter(pl.col("definition").is_in(list(DEFINITIONS))).select(
        "provider",
        "region",
        "zone",
        "instance_type",
        pl.col("observed_at").cast(pl.Datetime("us", "UTC")),
        "definition",
        pl.col("value_low", "value_high").cast(pl.Float64),
        "source",
    )
    return [
        Signal(Pool(*row[:4]), _aware(row[4]), row[5], row[6], row[7], row[8])
        for row in known.iter_rows()
    ]


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
