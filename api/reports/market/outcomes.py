"""Forecast against what happened: what was said in the period, and what came of it."""

from typing import Any

import numpy as np
import polars as pl

from advisor.risk.verification import ACTION_THRESHOLD, Score, Verification, verify
from api.reports.market.asked import POOL, Asked
from api.reports.market.document import (
    Chart,
    Column,
    Drawing,
    Figure,
    Kind,
    Section,
    Table,
    table_of,
)
from api.reports.market.movers import PLACE
from api.reports.market.words import count, number_of, share
from api.skill import SEED
from api.units import horizon_text
from warehouse.reporting import rough_probes

NAME = "outcomes"
SHOWN_POOLS = 20
EVIDENCE = {
    "machine": "machines",
    "held_instance": "machines held as a probe",
    "launch_probe": "launch probes",
}
FORECAST = Column(field="model_version", heading="Model", kind=Kind.SOURCE, fact="forecast")
SCORES = (
    Column(field="evidence_kind", heading="Watched by"),
    Column(field="horizon", heading="Within"),
    Column(field="rows", heading="Forecasts", kind=Kind.COUNT),
    Column(field="censored_rows", heading="Untold", kind=Kind.COUNT),
    Column(field="losses", heading="Losses", kind=Kind.COUNT),
    Column(field="mean_probability", heading="We said", kind=Kind.SHARE),
    Column(field="base_rate", heading="Happened", kind=Kind.SHARE),
    Column(field="brier", heading="Brier", kind=Kind.NUMBER),
    Column(field="brier_skill", heading="Skill", kind=Kind.NUMBER),
    Column(field="brier_skill_low", heading="from", kind=Kind.NUMBER),
    Column(field="brier_skill_high", heading="to", kind=Kind.NUMBER),
    Column(field="precision", heading="Precision", kind=Kind.SHARE),
    Column(field="recall", heading="Recall", kind=Kind.SHARE),
    Column(field="median_lead_minutes", heading="Lead, min", kind=Kind.COUNT),
    Column(field="verdict", heading="Verdict"),
    FORECAST,
    Column(field="age_hours", heading="Newest", kind=Kind.AGE),
)
CALIBRATION = (
    Column(field="evidence_kind", heading="Watched by"),
    Column(field="horizon", heading="Within"),
    Column(field="mean_probability", heading="We said", kind=Kind.SHARE),
    Column(field="observed_share", heading="Happened", kind=Kind.SHARE),
    Column(field="low", heading="from", kind=Kind.SHARE),
    Column(field="high", heading="to", kind=Kind.SHARE),
    Column(field="rows", heading="Forecasts", kind=Kind.COUNT),
)
POOLS = (
    *PLACE,
    Column(field="evidence_kind", heading="Watched by"),
    Column(field="horizon", heading="Within"),
    Column(field="rows", heading="Forecasts", kind=Kind.COUNT),
    Column(field="mean_probability", heading="We said", kind=Kind.SHARE),
    Column(field="observed_share", heading="Happened", kind=Kind.SHARE),
    Column(field="difference_share", heading="Said less happened", kind=Kind.CHANGE),
    FORECAST,
    Column(field="age_hours", heading="Newest", kind=Kind.AGE),
)

NOTE = (
    "Skill is the Brier skill against a plain rate learned before (above 0 is better) "
    "with its 95 % interval; a span of few days cannot prove it, and the verdict says "
    f"so. Precision and recall are at {ACTION_THRESHOLD:.0%}, from where a replacement "
    "would be considered. Untold: what came of them cannot be known."
)
"""What to know when reading the section."""


def outcomes_section(asked: Asked) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary."""
    title = "Forecast against what happened"
    start = asked.span.start
    issued = asked.outcomes.filter(pl.col("issued_at") >= start)
    if issued.is_empty():
        return Section(name=NAME, title=title, missing=(_why_nothing(asked),)), []
    rng = np.random.default_rng(SEED)
    found = verify(asked.outcomes, now=asked.span.end, since=start, rng=rng)
    scores = [one for one in found.scores if one.provider is None and one.grade is None]
    return (
        Section(
            name=NAME,
            title=title,
            headline=_said(_foremost(scores)),
            sentences=tuple(_said(one) for one in scores),
            charts=tuple(_charts(scores)),
            tables=_tables(scores, issued, asked),
            notes=(NOTE,),
        ),
        _figures(scores, found),
    )


def _tables(scores: list[Score], issued: pl.DataFrame, asked: Asked) -> tuple[Table, ...]:
    return (
        table_of(
            "scores",
            "Forecasts issued in the period whose window has passed",
            SCORES,
            [_score_row(one, issued, asked) for one in scores],
            shown=len(scores),
        ),
        table_of(
            "calibration",
            "Calibration: forecasts of similar probability together",
            CALIBRATION,
            [row for one in scores for row in _bins(one)],
            shown=40,
            is_folded=True,
        ),
        table_of(
            "pools_scored",
            "We said, and it happened: by pool, the largest error first",
            POOLS,
            pool_rows(issued, asked),
            shown=SHOWN_POOLS,
        ),
    )


def _why_nothing(asked: Asked) -> str:
    if asked.every_forecast.is_empty():
        return "No forecast had been issued by the end of the period."
    why = (
        "No forecast issued in the period was for a pool in which anything was watched, with a "
        "window that has passed: nothing can be said of how good they were."
    )
    rough = rough_probes(asked.warehouse, asked.span.start, asked.span.end)
    if rough:
        why += f" {number_of(rough, 'probe')} of the period are dated by the day only: too roughly."
    return why


def _foremost(scores: list[Score]) -> Score:
    """The kind and window to speak of first: machines before probes, a day before less."""
    kinds = list(EVIDENCE)
    return min(scores, key=lambda one: (kinds.index(one.evidence_kind), -one.horizon_seconds))


def _said(one: Score) -> str:
    """What was said and what happened, in a sentence."""
    within = horizon_text(one.horizon_seconds)
    watched = EVIDENCE.get(one.evidence_kind, one.evidence_kind)
    if one.base_rate is None or one.mean_probability is None:
        return f"Of {watched}, within {within}: what happened cannot be told of any forecast yet."
    return (
        f"Of {watched}, within {within}, we said {share(one.mean_probability)} on average; "
        f"{share(one.base_rate)} of {count(one.rows)} were lost "
        f"({number_of(one.lead.events, 'separate event')})."
    )


def _score_row(one: Score, issued: pl.DataFrame, asked: Asked) -> dict[str, Any]:
    skill = one.comparison.brier_skill
    own = issued.filter(
        pl.col("evidence_kind") == one.evidence_kind,
        pl.col("horizon_seconds") == one.horizon_seconds,
    ).sort("issued_at", "model_version")
    return {
        "evidence_kind": one.evidence_kind,
        "horizon": horizon_text(one.horizon_seconds),
        "rows": one.rows,
        "censored_rows": one.censored_rows,
        "losses": one.lead.events,
        "mean_probability": one.mean_probability,
        "base_rate": one.base_rate,
        "brier": one.brier,
        "brier_skill": skill.middle,
        "brier_skill_low": skill.low,
        "brier_skill_high": skill.high,
        "precision": one.precision,
        "recall": one.recall,
        "median_lead_minutes": one.lead.median_minutes,
        "verdict": one.verdict.value,
        "model_version": own["model_version"][-1],
        "age_hours": asked.age_hours(own["issued_at"][-1]),
    }


def _bins(one: Score) -> list[dict[str, Any]]:
    within = horizon_text(one.horizon_seconds)
    return [
        {"evidence_kind": one.evidence_kind, "horizon": within, **each._asdict()}
        for each in one.reliability
    ]


def pool_rows(issued: pl.DataFrame, asked: Asked) -> list[dict[str, Any]]:
    """What was said of each pool and what happened, on average; the largest difference first."""
    group = [*POOL, "evidence_kind", "horizon_seconds"]
    found = (
        issued.drop_nulls("outcome")
        .sort("issued_at", "model_version")
        .group_by(group)
        .agg(
            pl.len().alias("rows"),
            pl.col("probability").mean().alias("mean_probability"),
            pl.col("outcome").mean().alias("observed_share"),
            pl.col("model_version").last(),
            pl.col("issued_at").max(),
        )
        .with_columns(difference_share=pl.col("mean_probability") - pl.col("observed_share"))
        .sort(-pl.col("difference_share").abs().round(12), *group)
    )
    return [
        {
            **row,
            "horizon": horizon_text(row["horizon_seconds"]),
            "age_hours": asked.age_hours(row["issued_at"]),
        }
        for row in found.to_dicts()
    ]


def _charts(scores: list[Score]) -> list[Chart]:
    kinds = dict.fromkeys(one.evidence_kind for one in scores)
    found = []
    for kind in kinds:
        own = [one for one in scores if one.evidence_kind == kind]
        rows = [
            {"horizon_minutes": one.horizon_seconds / 60, **each._asdict()}
            for one in own
            for each in one.reliability
        ]
        if rows:
            found.append(
                Chart(
                    drawing=Drawing.RELIABILITY,
                    caption=f"Said against happened: {EVIDENCE.get(kind, kind)}",
                    text=" ".join(_said(one) for one in own),
                    rows=tuple(rows),
                )
            )
    return found


def _figures(scores: list[Score], found: Verification) -> list[Figure]:
    rows = sum(one.rows for one in scores)
    alarms = len(found.alarms)
    return [
        Figure(
            label="Forecasts scored",
            value=rows,
            kind=Kind.COUNT,
            about=f"issued in the period; {number_of(alarms, 'alarm')} of drift",
        )
    ]
