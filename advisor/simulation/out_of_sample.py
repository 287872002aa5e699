"""Forecasts for a replay, each from what had ended before it was made.

A policy that acts on a forecast is only worth what it shows on days the forecast was not fitted
on. So a forecast is fitted on one part of the data and asked about another: walking forward
through a folder (`advisor.risk.splits.walk_forward`), or fitted on one folder for another.
Each grid point at which a pool is up gets one, whether or not its outcome is known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.risk import baselines
from advisor.risk.dataset import Samples
from advisor.risk.fitting import fit
from advisor.risk.grid import STEP_S, Bools, Floats, Timeline, Trace
from advisor.risk.hazard import RiskModel
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.splits import Split

Predict = Callable[[Samples], Floats]
"""P(lost) of each row at each of `HORIZONS_MINUTES`, [horizon, row]; nan is unknown."""

Fit = Callable[[Samples], Predict]


@dataclass(frozen=True, slots=True)
class Forecasted:
    """A timeline and what was forecast along it.

    ``probability``: [horizon, time, pool] of `HORIZONS_MINUTES`, nan where nothing was said.
    ``asked``: [time, pool], where a forecast was asked for, whatever it said.
    """

    line: Timeline
    probability: Floats
    asked: Bools


def fitted_model(training: Samples) -> Predict:
    """The risk model with its own settings."""
    return given_model(fit(training))


def given_model(model: RiskModel) -> Predict:
    """A model that is already fitted; on what, its maker knows."""
    return lambda rows: baselines.forecast_samples(model, rows).probability


def _nothing(_: Samples) -> Predict:
    return lambda rows: np.full((len(HORIZONS_MINUTES), rows.rows), np.nan)


def _baseline(make: baselines.Fit) -> Fit:
    def fitted(training: Samples) -> Predict:
        predict = make(training)
        return lambda rows: np.stack([predict(rows, at) for at in range(len(HORIZONS_MINUTES))])

    return fitted


SOURCES: Mapping[str, Fit] = {
    "model": fitted_model,
    "decayed": _baseline(baselines.decayed_rate),
    "pool-rate": _baseline(baselines.pool_gamma_poisson),
    "none": _nothing,
}
"""Where forecasts come from: the model; the losses of a pool with a half-life of 6 h; the losses of
a pool over all its past; nowhere, for what the policies do without any."""


def forecasted(
    lines: Sequence[Timeline],
    splits: Iterable[Split],
    fitted: Fit,
    wanted: Callable[[Trace, str], bool] = lambda _, __: True,
) -> list[Forecasted]:
    """What is forecast along each timeline, in their order.

    Args:
        lines: all timelines that a test row of a split is on.
        splits: what to fit on, and what to forecast.
        fitted: one of `SOURCES`, or another one that fits.
        wanted: from a trace and its kind of probe; a split without a test row of a wanted trace
            is not fitted.
    """
    made = [
        Forecasted(
            line,
            np.full((len(HORIZONS_MINUTES), *line.up.shape), np.nan),
            np.zeros(line.up.shape, dtype=np.bool_),
        )
        for line in lines
    ]
    places = {
        trace.trace_id: (number, line.pools.index(trace.pool))
        for number, line in enumerate(lines)
        for trace in line.traces
    }
    asked = {
        trace.trace_id for line in lines for trace in line.traces if wanted(trace, line.probe_kind)
    }
    for split in splits:
        rows = split.testing
        if any(rows.traces[place].trace_id in asked for place in np.unique(rows.trace)):
            _put(made, places, rows, fitted(split.training)(rows))
    return made


def _put(
    made: Sequence[Forecasted],
    places: Mapping[str, tuple[int, int]],
    rows: Samples,
    probability: Floats,
) -> None:
    """Write the forecasts of some rows to where they belong."""
    for number in np.unique(rows.trace).tolist():
        trace = rows.traces[number]
        line, column = places[trace.trace_id]
        own = rows.trace == number
        point = np.rint((rows.offset_s[own] - trace.first_offset_s) / STEP_S).astype(np.int64)
        made[line].probability[:, point, column] = probability[:, own]
        made[line].asked[point, column] = True
