"""What is trained on and what is scored: never a row whose outcome training could have seen.

Walking forward is the protocol of the risk contract: traces in calendar order, training on all
before the fold, its windows ended before the fold begins. Leaving out a zone or a campaign asks
whether what was learned holds elsewhere; it is not in the order of time.

Probes and single machines are learned from apart, each in splits of its own. On the public traces
a model of both was worse for both: log loss of launch probes at 1 h .446 against .443 and of held
instances at 6 h .528 against .503 walking forward; of machines of a source that was left out .518
against .496 at 1 h. Only where training has nothing of the one is it scored by the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from advisor.risk.dataset import Samples
from advisor.risk.errors import TooFewSamplesError
from advisor.risk.fleet import INSTANCE_LIFETIME
from advisor.risk.grid import STEP_S, Bools
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.traces import Traces

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

    Of probes and machines, those with less than two days are not scored.

    Raises:
        TooFewSamplesError: both have less than two days.
    """
    folds = [fold for part in apart(rows) for fold in _folds(part)]
    if not folds:
        raise TooFewSamplesError("backtest", "less than two days with a pool up")
    for start, end, part in sorted(folds, key=lambda fold: fold[0]):
        testing = (part.time_s >= start) & (part.time_s < end)
        yield Split(ended_before(part, start), part.take(testing))


def apart(rows: Samples) -> list[Samples]:
    """The rows of probes and those of single machines, as far as there are some."""
    machines = np.array([kind == INSTANCE_LIFETIME for kind in rows.kinds])[rows.kind]
    if machines.all() or not machines.any():
        return [rows]
    return [rows.take(~machines), rows.take(machines)]


def _folds(rows: Samples) -> list[tuple[float, float, Samples]]:
    """Start and end of each fold, seconds since 1970, and the rows; none in less than two days."""
    days = np.unique(np.floor(rows.time_s / DAY_S))
    starts = days[min(WARM_UP_DAYS, max(days.size // 3, 1)) :: FOLD_DAYS] * DAY_S
    ends = np.append(starts[1:], np.inf)[: starts.size]
    return [(start, end, rows) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def ended_before(rows: Samples, moment_s: float) -> Samples:
    """The rows before a moment, without labels of windows that reach it."""
    kept = rows.take(rows.time_s + STEP_S < moment_s)
    for place, minutes in enumerate(HORIZONS_MINUTES):
        kept.label[place, kept.time_s + 60.0 * minutes >= moment_s] = np.nan
    return kept


def leave_one_out(rows: Samples, by: Literal["zone", "trace"]) -> Iterator[Split]:
    """Each zone, or each campaign, scored by what was learned from all others.

    Of probes and machines, those with only one are not scored.

    Raises:
        TooFewSamplesError: both have only one.
    """
    grouped = [(part, part.zone if by == "zone" else part.campaign) for part in apart(rows)]
    if all(np.unique(group).size == 1 for _, group in grouped):
        raise TooFewSamplesError("backtest", f"only one {by}, so none can be left out")
    for part, group in grouped:
        groups = np.unique(group)
        for one in groups if groups.size > 1 else ():
            yield Split(part.take(group != one), part.take(group == one))


def train_and_test(train: pl.DataFrame, test: pl.DataFrame) -> Split:
    """Fit on one frame of ticks, score the other; see `splits_between`.

    Raises:
        TooFewSamplesError: no test row is up.
    """
    [split] = splits_between(Traces(train), Traces(test))
    return split


def splits_between(train: Traces, test: Traces) -> list[Split]:
    """Fit on some traces, score others; probes and machines apart.

    A trace or machine in both continues: what training has of it is history for its test rows,
    and only rows after the last of training are scored.

    Raises:
        TooFewSamplesError: no test row is up.
    """
    training = train.samples()
    everything = (train + test).samples()
    ended, tested = train.ended(), test.ended()
    last = np.array([ended.get(trace.trace_id, -np.inf) for trace in everything.traces])
    wanted = np.array([trace.trace_id in tested for trace in everything.traces])
    chosen: Bools = wanted[everything.trace] & (everything.offset_s > last[everything.trace])
    if not chosen.any():
        raise TooFewSamplesError("test", "no pool is up after the end of training")
    learned = {_is_of_machines(part): part for part in apart(training)}
    return [
        Split(learned.get(_is_of_machines(part), training), part)
        for part in apart(everything.take(chosen))
    ]


def _is_of_machines(part: Samples) -> bool:
    """Of rows that are `apart`: whether they are of machines."""
    return part.kinds[int(part.kind[0])] == INSTANCE_LIFETIME
