"""What is trained on and what is scored: never a row whose outcome training could have seen.

Walking forward is the protocol of the risk contract: traces in calendar order, training on all
before the fold, its windows ended before the fold begins. Leaving out a zone or a campaign asks
whether what was learned holds elsewhere; it is not in the order of time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from advisor.risk.dataset import Samples, samples
from advisor.risk.errors import TooFewSamplesError
from advisor.risk.grid import STEP_S, Bools, Integers
from advisor.risk.horizons import HORIZONS_MINUTES

DAY_S = 86_400.0

WARM_UP_DAYS = 12
"""Days of data before the first fold; with it 53 of 65 days of the 2022 traces are scored."""

FOLD_DAYS = 7
"""Days of data between two fits. 127 days in 14 folds in the prototype are 9."""


@dataclass(frozen=True, slots=True)
class Split:
    """Samples to fit on and samples to score. Pools are told by name: places may differ."""

    training: Samples
    testing: Samples


def walk_forward(rows: Samples) -> Iterator[Split]:
    """Folds in calendar order; each is trained on what had ended before it begins.

    Raises:
        TooFewSamplesError: less than two days of data.
    """
    days = np.unique(np.floor(rows.time_s / DAY_S))
    warm_up = min(WARM_UP_DAYS, max(days.size // 3, 1))
    if days.size <= warm_up:
        raise TooFewSamplesError("backtest", "less than two days with a pool up")
    starts = days[warm_up::FOLD_DAYS] * DAY_S
    for start, end in zip(starts, np.append(starts[1:], np.inf), strict=True):
        testing = (rows.time_s >= start) & (rows.time_s < end)
        yield Split(ended_before(rows, float(start)), rows.take(testing))


def ended_before(rows: Samples, moment_s: float) -> Samples:
    """The rows before a moment, without labels of windows that reach it."""
    kept = rows.take(rows.time_s + STEP_S < moment_s)
    for place, minutes in enumerate(HORIZONS_MINUTES):
        kept.label[place, kept.time_s + 60.0 * minutes >= moment_s] = np.nan
    return kept


def leave_one_out(rows: Samples, by: Literal["zone", "trace"]) -> Iterator[Split]:
    """Each zone, or each campaign, scored by what was learned from all others.

    Raises:
        TooFewSamplesError: there is only one.
    """
    group: Integers = rows.zone if by == "zone" else rows.campaign
    groups = np.unique(group)
    if groups.size == 1:
        raise TooFewSamplesError("backtest", f"only one {by}, so none can be left out")
    for one in groups:
        yield Split(rows.take(group != one), rows.take(group == one))


def train_and_test(train: pl.DataFrame, test: pl.DataFrame) -> Split:
    """Fit on one frame of ticks, score the other.

    A trace in both continues: what training has of it is history for its test rows, and only
    rows after the last of training are scored.

    Raises:
        TooFewSamplesError: no test row is up.
    """
    training = samples(train)
    everything = samples(pl.concat([train, test], how="diagonal_relaxed"))
    ended = dict(train.group_by("trace_id").agg(pl.col("offset_s").max()).iter_rows())
    tested = set(test["trace_id"].unique())
    last = np.array([ended.get(trace.trace_id, -np.inf) for trace in everything.traces])
    wanted = np.array([trace.trace_id in tested for trace in everything.traces])
    chosen: Bools = wanted[everything.trace] & (everything.offset_s > last[everything.trace])
    if not chosen.any():
        raise TooFewSamplesError("test", "no pool is up after the end of training")
    return Split(training, everything.take(chosen))
