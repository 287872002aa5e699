"""Pools by risk: the newest forecast of each, with its interval, grade and verdict on its skill."""

from typing import Any

import polars as pl

from api.reports.market.asked import POOL, Asked
from api.reports.market.document import Chart, Column, Drawing, Figure, Kind, Section, table_of
from api.reports.market.movers import PLACE
from api.reports.market.words import count, number_of, place, share
from api.skill import kind_of, skill_rows, unskilled
from api.units import horizon_text

NAME = "risk"
SHOWN = 15
HORIZONS = {"1h": 3600.0, "24h": 86_400.0}
COLUMNS = (
    *PLACE,
    Column(field="probability_1h", heading="In 1\u00a0h", kind=Kind.SHARE),
    Column(field="low_1h", heading="from", kind=Kind.SHARE),
    Column(field="high_1h", heading="to", kind=Kind.SHARE),
    Column(field="probability_24h", heading="In 24\u00a0h", kind=Kind.SHARE),
    Column(field="low_24h", heading="from", kind=Kind.SHARE),
    Column(field="high_24h", heading="to", kind=Kind.SHARE),
    Column(field="grade", heading="Grade"),
    Column(field="made_from", heading="Made from", is_extra=True),
    Column(field="skill_1h", heading="Skill, 1 h"),
    Column(field="skill_24h", heading="Skill, 24 h"),
    Column(field="model_version", heading="Model", kind=Kind.SOURCE, fact="forecast"),
    Column(field="age_hours", heading="Issued", kind=Kind.AGE),
    Column(field="evidence_age_hours", heading="Evidence", kind=Kind.AGE, is_extra=True),
)

NOTE = (
    "Intervals are 90 %. Grade: how much evidence of the pool's own stands behind the "
    "forecast. Skill: whether such forecasts beat a plain rate on what happened later; "
    "without it nothing is acted on."
)
"""What to know when reading the section."""


def risk_section(asked: Asked) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary."""
    title = "Pools by risk"
    rows = risk_rows(asked)
    if not rows:
        why = "No forecast was issued in the period (`spotcast forecast`)."
        old = _only_old(asked)
        return Section(name=NAME, title=title, missing=(why, *old)), []
    verdicts = skill_rows(_asked_horizons(asked), asked.judge)
    mean = sum(row["age_hours"] for row in rows) / len(rows)
    return (
        Section(
            name=NAME,
            title=title,
            headline=next(iter(_ends(rows)), None),
            sentences=(
                (
                    f"{number_of(len(rows), 'pool')} have a forecast; they were issued "
                    f"{mean:.0f} h before the end of the period on average."
                ),
                *_ends(rows),
                *unskilled(verdicts),
                *_only_old(asked),
            ),
            charts=tuple(_chart(rows)),
            tables=(
                table_of("riskiest", "Riskiest pools first", COLUMNS, rows, shown=SHOWN),
                *(
                    [
                        table_of(
                            "safest", "Safest pools", COLUMNS, rows[: -SHOWN - 1 : -1], shown=SHOWN
                        )
                    ]
                    if len(rows) > SHOWN
                    else []
                ),
            ),
            notes=(NOTE,),
        ),
        _figures(rows),
    )


def _asked_horizons(asked: Asked) -> pl.DataFrame:
    return asked.forecasts.filter(pl.col("horizon_seconds").is_in(list(HORIZONS.values())))


def _only_old(asked: Asked) -> list[str]:
    """A sentence if there are forecasts that say nothing of the period."""
    every = asked.every_forecast.select(POOL).n_unique()
    old = every - asked.forecasts.select(POOL).n_unique()
    if not old:
        return []
    return [f"{number_of(old, 'pool')} with none but an older forecast are left out."]


def risk_rows(asked: Asked) -> list[dict[str, Any]]:
    """One row per pool, the riskiest within 24 h first; `COLUMNS`."""
    pools: dict[tuple[str, ...], dict[str, Any]] = {}
    names = {seconds: name for name, seconds in HORIZONS.items()}
    empty = dict.fromkeys(column.field for column in COLUMNS)
    for one in _asked_horizons(asked).iter_rows(named=True):
        name = names[one["horizon_seconds"]]
        row = pools.setdefault(tuple(one[part] for part in POOL), {**empty})
        row |= {part: one[part] for part in (*POOL, "grade", "made_from", "model_version")}
        row |= {
            f"probability_{name}": one["probability"],
            f"low_{name}": one["probability_low"],
            f"high_{name}": one["probability_high"],
            f"skill_{name}": asked.judge(kind_of(one)).value,
            "age_hours": asked.age_hours(one["issued_at"]),
            "evidence_age_hours": asked.age_hours(one["evidence_until"]),
        }
    return sorted(pools.values(), key=_riskiest)


def _riskiest(row: dict[str, Any]) -> tuple[Any, ...]:
    day, hour = row["probability_24h"], row["probability_1h"]
    return -(day or 0.0), -(hour or 0.0), *(row[part] for part in POOL)


def _ends(rows: list[dict[str, Any]]) -> list[str]:
    known = [row for row in rows if row["probability_24h"] is not None]
    if not known:
        return []
    top, low = known[0], known[-1]
    return [
        (
            f"Riskiest within {horizon_text(HORIZONS['24h'])}: {place(top)}, "
            f"{share(top['probability_24h'])} "
            f"({share(top['low_24h'])} to {share(top['high_24h'])}{_proof(top)}); "
            f"safest: {place(low)}, {share(low['probability_24h'])}."
        )
    ]


def _proof(row: dict[str, Any]) -> str:
    """What must be said of a forecast that has not proved its skill."""
    skill = row["skill_24h"]
    return "" if skill == "skill" else f", {skill}"


def _chart(rows: list[dict[str, Any]]) -> list[Chart]:
    known = [row for row in rows if row["probability_24h"] is not None]
    drawn = known if len(known) <= 2 * SHOWN else known[:SHOWN] + known[-SHOWN:]
    if not drawn:
        return []
    return [
        Chart(
            drawing=Drawing.RISKS,
            caption="Chance of interruption within 24 h, with its 90 % interval",
            text=f"{number_of(len(drawn), 'pool')}, the riskiest and the safest; the tables below "
            "have the figures.",
            rows=tuple(
                {
                    "place": place(row),
                    "probability": row["probability_24h"],
                    "low": row["low_24h"],
                    "high": row["high_24h"],
                    "skill": row["skill_24h"],
                }
                for row in drawn
            ),
        )
    ]


def _figures(rows: list[dict[str, Any]]) -> list[Figure]:
    may = sum("skill" in (row["skill_1h"], row["skill_24h"]) for row in rows)
    return [
        Figure(
            label="Forecasts to act on",
            value=may,
            kind=Kind.COUNT,
            about=f"of {count(len(rows))} pools with a forecast: those of proven skill",
        )
    ]
