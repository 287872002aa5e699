"""A risk model of the user's own data, kept only if it proves better than the one in use.

The last two weeks are held out: a candidate is fitted on what had ended before them, and both
models forecast them. The kinds of evidence are compared apart, as they are never added up. If one
kind is forecast better and none worse, by 95 % intervals over days, the model is fitted again on
all there is and takes the place of the one in use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from advisor.risk.baselines import forecast_samples
from advisor.risk.dataset import Samples
from advisor.risk.errors import TooFewSamplesError
from advisor.risk.fitting import fit
from advisor.risk.grid import Bools, Floats
from advisor.risk.hazard import RiskModel
from advisor.risk.metrics import day_bootstrap_difference, per_row_log_loss
from advisor.risk.splits import DAY_S, ended_before
from advisor.risk.traces import Traces
from advisor.risk.verification import LEAST_BLOCKS, LEAST_EVENTS

HELD_OUT_DAYS = 14
"""Enough days for an interval (`LEAST_BLOCKS` is 7), and a month of the 45 days is left to learn
from."""

LEAST_GAIN = 0.01
"""Share of the log loss by which a model must be better for certain. A smaller gain can be certain
and worth nothing (0.3 % against a model that had seen the days held out), and the corrections that
the outcomes of a model's own forecasts give begin anew with another model."""

TOO_LITTLE = "too little was observed to tell which is better"


@dataclass(frozen=True, slots=True)
class Retrained:
    """What came of it.

    ``model`` and ``samples`` are None if the model in use stays. ``compared``: one object per kind
    of evidence with rows, losses, days, the log loss of the model in use and the difference to it
    (below 0 the candidate is better) with its 95 % interval, null with too little evidence.
    """

    reason: str
    compared: Sequence[Mapping[str, Any]] = ()
    model: RiskModel | None = None
    samples: Samples | None = None


def retrained(traces: Traces, current: RiskModel, rng: np.random.Generator) -> Retrained:
    """Fit on the traces and compare with the model in use."""
    try:
        rows = traces.samples()
        start = float(rows.time_s.max()) - HELD_OUT_DAYS * DAY_S
        testing = rows.take(rows.time_s >= start)
        # Before the fit, which takes long: without losses there is nothing to compare.
        if not any(_is_enough(testing, testing.kind == kind) for kind in _kinds(testing)):
            return Retrained(TOO_LITTLE)
        candidate = fit(ended_before(rows, start))
    except TooFewSamplesError as error:
        return Retrained(f"{TOO_LITTLE} ({error})")
    said = [_losses(model, testing) for model in (candidate, current)]
    compared = [_compared(testing, kind, said[0], said[1], rng) for kind in _kinds(testing)]
    known = [one for one in compared if one["difference_high"] is not None]
    if any(one["difference_low"] > 0 for one in known):
        return Retrained("the model in use is better", compared)
    if not any(one["difference_high"] < -LEAST_GAIN * one["log_loss_in_use"] for one in known):
        return Retrained("the new model is not better for certain", compared)
    return Retrained("the new model is better", compared, fit(rows), rows)


def _kinds(rows: Samples) -> list[int]:
    return sorted(set(rows.kind.tolist()))


def _is_enough(rows: Samples, chosen: Bools) -> bool:
    """Whether losses and days are enough for an interval."""
    dropped = np.nansum(rows.dropped_next[chosen])
    days = np.unique(np.floor(rows.time_s[chosen] / DAY_S)).size
    return bool(dropped >= LEAST_EVENTS and days >= LEAST_BLOCKS)


def _losses(model: RiskModel, rows: Samples) -> Floats:
    """Mean log loss of each row over its horizons; nan if all of them are cut."""
    loss = per_row_log_loss(rows.label, forecast_samples(model, rows).probability)
    known = ~np.isnan(rows.label)
    total = np.where(known, loss, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    mean: Floats = np.divide(total, count, out=np.full(rows.rows, np.nan), where=count > 0)
    return mean


def _compared(
    rows: Samples, kind: int, new: Floats, old: Floats, rng: np.random.Generator
) -> dict[str, Any]:
    """One kind of evidence."""
    chosen = (rows.kind == kind) & ~np.isnan(new)
    day = np.floor(rows.time_s[chosen] / DAY_S)
    told = {
        "kind": rows.kinds[kind],
        "rows": int(chosen.sum()),
        "losses": int(np.nansum(rows.dropped_next[chosen])),
        "days": int(np.unique(day).size),
        "log_loss_in_use": float(old[chosen].mean()) if chosen.any() else None,
        "difference": None,
        "difference_low": None,
        "difference_high": None,
    }
    if not _is_enough(rows, chosen):
        return told
    low, middle, high = day_bootstrap_difference(new[chosen], old[chosen], day, rng=rng)
    return {**told, "difference": middle, "difference_low": low, "difference_high": high}
