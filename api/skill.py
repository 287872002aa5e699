"""Which stored forecasts have proved their skill: said the same way by every command."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from advisor.risk.acting import ForecastKind, verdict_on
from advisor.risk.recalibration import MEMORY_DAYS
from advisor.risk.verification import Verdict, Verification, verify
from api.output import Column
from api.units import horizon_text
from warehouse.forecasts import resolved_forecasts
from warehouse.store import Warehouse

SEED = 4
"""Of the bootstrap: the same forecasts and outcomes always give the same intervals."""

OUTCOMES_KEPT = timedelta(days=MEMORY_DAYS + 1)
"""How far back forecasts are read: those whose longest horizon ended within `MEMORY_DAYS`."""

NOTHING_ACTS = "nothing acts on it"

Judge = Callable[[ForecastKind], Verdict]

SKILL_COLUMNS = (
    Column("provider", "CLOUD"),
    Column("made_from", "MADE FROM"),
    Column("horizon_minutes", "WITHIN", lambda value: horizon_text(60 * value), is_right=True),
    Column("forecasts", "FORECASTS", "{:,}".format, is_right=True),
    Column("skill", "SKILL"),
    Column("may_act", "MAY ACT", "{:,}".format, is_right=True),
)


def recent_outcomes(warehouse: Warehouse, now: datetime) -> pl.DataFrame:
    """Forecasts of the last `OUTCOMES_KEPT` with what became of them, of every cloud and model."""
    return resolved_forecasts(warehouse, now, now - OUTCOMES_KEPT)


def judge_of(outcomes: pl.DataFrame, now: datetime) -> Judge:
    """The verdict on each kind of forecast; all are scored once, here."""
    return judge_by(scores_of(outcomes, now))


def scores_of(outcomes: pl.DataFrame, now: datetime) -> Verification:
    """The scores that the verdicts rest on."""
    return verify(outcomes, now=now, rng=np.random.default_rng(SEED))


def judge_by(verification: Verification) -> Judge:
    """The verdict on each kind of forecast, by scores that were made."""

    @cache
    def judge(kind: ForecastKind) -> Verdict:
        return verdict_on(verification, kind)

    return judge


def kind_of(row: Mapping[str, Any]) -> ForecastKind:
    """What decides the verdict on a row of `risk_forecast`."""
    return ForecastKind(row["provider"], row["made_from"], row["horizon_seconds"], row["grade"])


def skill_rows(frame: pl.DataFrame, judge: Judge) -> list[dict[str, Any]]:
    """One row per cloud, kind of evidence and horizon of the forecasts: `SKILL_COLUMNS`.

    ``skill`` is the verdict on those that rest on fresh evidence of their own; ``may_act`` counts
    the forecasts, of any grade, that may be acted on.
    """
    parts = ["provider", "made_from", "horizon_seconds", "grade"]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in frame.group_by(parts).len().sort(parts).iter_rows(named=True):
        row = rows.setdefault(
            (one["provider"], one["made_from"], one["horizon_seconds"]),
            {
                "provider": one["provider"],
                "made_from": one["made_from"],
                "horizon_minutes": one["horizon_seconds"] / 60,
                "forecasts": 0,
                "skill": judge(kind_of({**one, "grade": "established"})).value,
                "may_act": 0,
            },
        )
        row["forecasts"] += one["len"]
        row["may_act"] += one["len"] if judge(kind_of(one)) is Verdict.SKILL else 0
    return list(rows.values())


def unskilled(rows: list[dict[str, Any]]) -> list[str]:
    """A sentence per cloud, kind of evidence and verdict that is not skill."""
    horizons: dict[tuple[str, str, str], list[str]] = {}
    for one in rows:
        if one["skill"] != Verdict.SKILL.value:
            key = (one["provider"], one["made_from"], one["skill"])
            horizons.setdefault(key, []).append(horizon_text(60 * one["horizon_minutes"]))
    return [
        f"{provider}, made from {made_from}, within {', '.join(several)}: {verdict}; "
        f"{NOTHING_ACTS}."
        for (provider, made_from, verdict), several in horizons.items()
    ]
