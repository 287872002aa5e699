"""The level of a model's forecasts, corrected by what became of its own earlier ones.

`recalibration` has the rule and its measurement; this applies it to forecasts that were stored.
Only forecasts that were made from a kind of evidence and resolved on the same kind teach about
that kind: how launch probes and machines differ is not a model's error of level.
"""

from datetime import datetime

import polars as pl

from advisor.risk.drift import MOST_CENSORED
from advisor.risk.issuing import Shifts
from advisor.risk.logistic import logit, sigmoid
from advisor.risk.recalibration import faded, shift
from advisor.risk.resolved import ISSUE, floats, partition, window_weight


def shifts_of(resolved: pl.DataFrame, now: datetime) -> Shifts:
    """The log odds to add, by provider, kind of evidence and horizon.

    A kind of which too many rows are censored teaches nothing: a loss is always seen, a survival
    only where the machine is kept.

    Args:
        resolved: forecasts of one model version, as `warehouse.forecasts.resolved_forecasts`
            gives them.
        now: the moment; the older an outcome, the less it counts.
    """
    own = resolved.filter(pl.col("made_from") == pl.col("evidence_kind"))
    shifts = {}
    for part in partition(own, "provider", *ISSUE):
        told = part.drop_nulls("outcome")
        if part.height - told.height > MOST_CENSORED * part.height:
            continue
        key = (
            str(told["provider"][0]),
            str(told["evidence_kind"][0]),
            float(told["horizon_seconds"][0]),
        )
        shifts[key] = _shift_of(told, now)
    return shifts


def _shift_of(told: pl.DataFrame, now: datetime) -> float:
    age_days = (pl.lit(now) - pl.col("resolved_at")).dt.total_seconds() / 86_400
    rows = told.select(
        "outcome", "probability", "recalibration", window_weight().alias("weight"), age=age_days
    )
    before = sigmoid(logit(floats(rows["probability"])) - floats(rows["recalibration"]))
    weight = floats(rows["weight"]) * faded(floats(rows["age"]))
    return shift(floats(rows["outcome"]), before, weight)
