"""Score the model and its baselines on what they had not seen.

Pure: frames in, results out; randomness is passed in. The results are one object per kind of
probe, campaign and horizon, and one per kind and horizon over all campaigns (``trace`` "all");
kinds are never added up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from advisor.risk import metrics
from advisor.risk.baselines import BASELINES, REFERENCE, Fit, forecast_samples
from advisor.risk.dataset import Samples
from advisor.risk.fitting import fit
from advisor.risk.grid import STEP_S, Bools, Floats
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.metrics import Cells, day_bootstrap_difference, per_row_log_loss, summary
from advisor.risk.recalibration import Issued, grouped, shifted, shifts_by_day
from advisor.risk.settings import FitSettings
from advisor.risk.splits import DAY_S, Split

ALL = "all"
"""The trace of a result over all campaigns of a kind."""

BLOCK_DAYS = (1, 1, 1, 3)
"""Days that are resampled together, by horizon: windows of 24 h reach into the next day."""

DRAWS = 1000

CELL_WINDOWS = 72
LEAST_CELL_WINDOWS = 24
"""Length of a cell of the coverage in windows of the horizon, and how much of it the pool must be
up: three days at 1 h. With fewer windows a cell's observed share is mostly chance: cells of three
days hold 3 windows of 24 h, and no interval of a mean holds 3 in 3. At 24 h hardly a pool of the
public traces is up for the 24 days that a cell takes."""


def cells(minutes: int) -> Cells:
    """The cells of the coverage at a horizon; at least `metrics.BLOCK_DAYS` long."""
    days = max(CELL_WINDOWS * minutes / (24 * 60), metrics.BLOCK_DAYS)
    return Cells(days, LEAST_CELL_WINDOWS * 60 * minutes / STEP_S)


@dataclass(frozen=True, slots=True)
class Scored:
    """Forecasts of one split's test rows; arrays are [horizon, row]."""

    testing: Samples
    probability: Floats
    low: Floats
    high: Floats
    baselines: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a backtest found.

    ``results``: the list that the command prints as JSON. ``predictions``: one row per forecast
    that has an outcome, by horizon in the order of the splits; columns probe_kind, trace_id,
    zone, instance_type, offset_s, horizon_minutes, probability, low, high, outcome.
    """

    results: list[dict[str, Any]]
    predictions: pl.DataFrame


def backtest(
    splits: Iterable[Split],
    rng: np.random.Generator,
    *,
    horizons_minutes: tuple[int, ...] = HORIZONS_MINUTES,
    baselines: Mapping[str, Fit] = BASELINES,
    settings: FitSettings | None = None,
) -> Backtest:
    """Fit and score on every split, and add up.

    Args:
        splits: what to train on and what to score, from `splits`.
        rng: draws the days of the intervals.
        horizons_minutes: which horizons to score, of `HORIZONS_MINUTES`.
        baselines: what to compare with; `REFERENCE` must be among them.
        settings: of the model; its own if None.
    """
    scored = _recalibrated([_score(split, baselines, settings) for split in splits])
    frame = pl.concat([_frame(one) for one in scored])
    results, predictions = list[dict[str, Any]](), list[pl.DataFrame]()
    for place, minutes in enumerate(HORIZONS_MINUTES):
        if minutes in horizons_minutes:
            rows = frame.filter(pl.col("horizon") == place)
            results += _results(rows, place, tuple(baselines), rng)
            predictions.append(rows)
    order = {one: place for place, one in enumerate(HORIZONS_MINUTES)}
    results.sort(
        key=lambda one: (
            one["probe_kind"],
            one["trace"] == ALL,
            one["trace"],
            order[one["horizon_minutes"]],
        )
    )
    return Backtest(results, _public(pl.concat(predictions)))


def _score(split: Split, baselines: Mapping[str, Fit], settings: FitSettings | None) -> Scored:
    model = fit(split.training, settings=settings)
    said = forecast_samples(model, split.testing)
    others = {}
    for name, make in baselines.items():
        predict = make(split.training)
        others[name] = np.stack(
            [predict(split.testing, place) for place in range(len(HORIZONS_MINUTES))]
        )
    return Scored(split.testing, said.probability, said.low, said.high, others)


def _recalibrated(scored: list[Scored]) -> list[Scored]:
    """The same with the shifts that outcomes known at the start of each day gave."""
    issued = Issued(
        probability=np.concatenate([one.probability for one in scored], axis=1),
        outcome=np.concatenate([one.testing.label for one in scored], axis=1),
        time_s=np.concatenate([one.testing.time_s for one in scored]),
        group=grouped([name for one in scored for name in _providers_and_kinds(one.testing)]),
    )
    ends = np.cumsum([one.testing.rows for one in scored])[:-1]
    added = np.split(shifts_by_day(issued), ends, axis=1)
    return [
        replace(
            one,
            probability=shifted(one.probability, more),
            low=shifted(one.low, more),
            high=shifted(one.high, more),
        )
        for one, more in zip(scored, added, strict=True)
    ]


def _providers_and_kinds(rows: Samples) -> list[tuple[str, str]]:
    provider = [rows.pools[place].provider for place in rows.pool.tolist()]
    kind = [rows.kinds[place] for place in rows.kind.tolist()]
    return list(zip(provider, kind, strict=True))


def _frame(scored: Scored) -> pl.DataFrame:
    """One row per forecast with an outcome; baselines in columns named after them."""
    rows = scored.testing
    traces = rows.traces
    trace_id = np.array([trace.trace_id for trace in traces])
    campaign = np.array([trace.campaign for trace in traces])
    parts = []
    for place in range(len(HORIZONS_MINUTES)):
        kept: Bools = ~np.isnan(rows.label[place])
        trace = rows.trace[kept]
        parts.append(
            pl.DataFrame(
                {
                    "horizon": np.full(trace.size, place, dtype=np.int64),
                    "probe_kind": np.array(rows.kinds)[rows.kind[kept]],
                    "campaign": campaign[trace],
                    "trace_id": trace_id[trace],
                    "zone": np.array([one.pool.zone for one in traces])[trace],
                    "instance_type": np.array([one.pool.instance_type for one in traces])[trace],
                    "offset_s": rows.offset_s[kept],
                    "day": np.floor(rows.time_s[kept] / DAY_S).astype(np.int64),
                    "probability": scored.probability[place, kept],
                    "low": scored.low[place, kept],
                    "high": scored.high[place, kept],
                    "outcome": rows.label[place, kept],
                    **{name: said[place, kept] for name, said in scored.baselines.items()},
                }
            )
        )
    return pl.concat(parts)


def _results(
    rows: pl.DataFrame, place: int, names: tuple[str, ...], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """The results of one horizon: each campaign of each kind, then all of the kind."""
    results = []
    for (kind,), of_kind in rows.group_by("probe_kind", maintain_order=True):
        for (campaign,), of_campaign in of_kind.group_by("campaign", maintain_order=True):
            one = _result(str(kind), str(campaign), of_campaign, place=place, names=names, rng=rng)
            results.append(one)
        results.append(_result(str(kind), ALL, of_kind, place=place, names=names, rng=rng))
    return results


def _result(
    kind: str,
    trace: str,
    rows: pl.DataFrame,
    *,
    place: int,
    names: tuple[str, ...],
    rng: np.random.Generator,
) -> dict[str, Any]:
    outcome, said = rows["outcome"].to_numpy(), rows["probability"].to_numpy()
    block = rows["day"].to_numpy() // BLOCK_DAYS[place]
    loss = per_row_log_loss(outcome, said)
    nothing = np.full(outcome.size, np.nan)
    against = {}
    for name in names:
        other = rows[name].to_numpy()
        given = ~np.isnan(other)
        difference = day_bootstrap_difference(
            loss[given],
            per_row_log_loss(outcome[given], other[given]),
            block[given],
            draws=DRAWS,
            rng=rng,
        )
        against[name] = {
            **_figures(rows.filter(given), other[given], nothing[given], nothing[given]),
            "log_loss_difference": [None if np.isnan(one) else one for one in difference],
        }
    return {
        "probe_kind": kind,
        "trace": trace,
        "horizon_minutes": HORIZONS_MINUTES[place],
        "n": rows.height,
        "base_rate": float(outcome.mean()),
        "model": _figures(rows, said, rows["low"].to_numpy(), rows["high"].to_numpy()),
        "baselines": against,
    }


def _figures(
    rows: pl.DataFrame, said: Floats, low: Floats, high: Floats
) -> dict[str, float | None]:
    pool = rows.select(pl.struct("zone", "instance_type").rank("dense")).to_series().to_numpy()
    return summary(
        rows["outcome"].to_numpy(),
        said,
        low,
        high,
        rows[REFERENCE].to_numpy(),
        pool.astype(np.int64),
        rows["day"].to_numpy(),
        cells=cells(HORIZONS_MINUTES[rows["horizon"][0]]) if rows.height else metrics.DEFAULT_CELLS,
    )


def _public(rows: pl.DataFrame) -> pl.DataFrame:
    minutes = pl.col("horizon").replace_strict(
        list(range(len(HORIZONS_MINUTES))), list(HORIZONS_MINUTES), return_dtype=pl.Int64
    )
    return rows.select(
        "probe_kind",
        "trace_id",
        "zone",
        "instance_type",
        "offset_s",
        minutes.alias("horizon_minutes"),
        "probability",
        "low",
        "high",
        "outcome",
    )
