"""Are the forecasts that were issued any good? Scored against what happened, with a verdict.

Kinds of evidence and horizons are different quantities, so no figure is over two of them. Rows
share their luck: one loss is seen by every forecast whose horizon it falls into, and by all
machines of the pool. So losses are counted by pool and five minutes, and intervals resample days.
docs/verification.md has the definitions and the limits.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import polars as pl

from advisor.risk import metrics
from advisor.risk.drift import MOST_CENSORED, Alarm, drift_alarms
from advisor.risk.metrics import ReliabilityBin
from advisor.risk.resolved import (
    BASELINE_WINDOW,
    ISSUE,
    POOL,
    blocks,
    events,
    floats,
    partition,
    with_baseline,
)

ACTION_THRESHOLD = 0.15
"""The probability from which somebody would act: where the prototype's replay replaced replicas
ahead of time (1 h horizon)."""

LEAST_EVENTS, LEAST_BLOCKS = 30, 7
"""Losses, and blocks of days, below which an interval of the skill means nothing. A bootstrap of
10 days is too narrow already (`metrics.day_bootstrap_difference`)."""


class Verdict(StrEnum):
    """What may be said of the skill over the baseline; only the first one may be acted on."""

    SKILL = "skill"
    WITHOUT_SKILL = "without skill"
    TOO_LITTLE_EVIDENCE = "too little evidence"


class Interval(NamedTuple):
    """A figure with its 95 % interval; None where the rows cannot give it."""

    low: float | None
    middle: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """Minutes from the first alert whose horizon held the event to the event itself.

    ``without`` counts the events that no forecast at or above the threshold announced; the
    quantiles (10, 50, 90 %) are of the others, None if there are none.
    """

    events: int
    without: int
    low_minutes: float | None
    median_minutes: float | None
    high_minutes: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The forecast against the baseline, over the ``rows`` that have one.

    ``blocks`` are of one day, or of three for 24 h. Skill above 0 is better than the baseline,
    and so is a ``log_loss_difference`` (nats) below 0. ``hindsight_skill`` is the Brier skill
    against each provider's own rate over these same rows, which nobody could have known: no
    constant forecast passes it, however slowly the baseline learned.
    """

    rows: int
    events: int
    blocks: int
    brier_skill: Interval
    log_loss_difference: Interval
    hindsight_skill: float | None

    @property
    def is_better(self) -> bool:
        """Whether both intervals are on the good side of 0, and so is the hindsight skill."""
        worse_by = self.log_loss_difference.high
        skills = (self.brier_skill.low, self.hindsight_skill)
        is_skilled = all(skill is not None and skill > metrics.ROUNDING for skill in skills)
        return is_skilled and worse_by is not None and worse_by < 0


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one slice; ``provider`` or ``grade`` None stands for all of them.

    ``rows`` have an outcome, ``censored_rows`` have none. ``auc`` and ``ece`` (the calibration
    error) are those of `advisor.risk.metrics`. Precision and recall are at the action
    threshold. What the rows cannot give is None.
    """

    evidence_kind: str
    horizon_seconds: float
    provider: str | None
    grade: str | None
    rows: int
    censored_rows: int
    base_rate: float | None
    mean_probability: float | None
    log_loss: float | None
    brier: float | None
    auc: float | None
    ece: float | None
    comparison: Comparison
    precision: float | None
    recall: float | None
    lead: LeadTimes
    reliability: tuple[ReliabilityBin, ...]

    @property
    def verdict(self) -> Verdict:
        """Skill, no skill, or too little evidence to tell."""
        compared = self.comparison
        if compared.events < LEAST_EVENTS or compared.blocks < LEAST_BLOCKS:
            return Verdict.TOO_LITTLE_EVIDENCE
        if self.censored_rows > MOST_CENSORED * (self.rows + self.censored_rows):
            return Verdict.TOO_LITTLE_EVIDENCE
        return Verdict.SKILL if compared.is_better else Verdict.WITHOUT_SKILL


@dataclass(frozen=True, slots=True)
class Verification:
    """Scores by kind of evidence and horizon: all, then each provider, then each grade."""

    scores: tuple[Score, ...]
    alarms: tuple[Alarm, ...]

    def score(
        self,
        provider: str | None,
        evidence_kind: str,
        horizon_seconds: float,
        grade: str | None = None,
    ) -> Score | None:
        """The score of one slice; None if nothing in it has resolved."""
        wanted = (evidence_kind, horizon_seconds, provider, grade)
        for one in self.scores:
            if (one.evidence_kind, one.horizon_seconds, one.provider, one.grade) == wanted:
                return one
        return None


def may_act(
    verification: Verification, provider: str, evidence_kind: str, horizon_seconds: float
) -> bool:
    """Whether a forecast for the provider, kind and horizon may cause anything: only with skill.

    What was never verified may not.
    """
    found = verification.score(provider, evidence_kind, horizon_seconds)
    return found is not None and found.verdict is Verdict.SKILL


def verify(
    resolved: pl.DataFrame,
    *,
    now: datetime,
    rng: np.random.Generator,
    since: datetime | None = None,
    action_threshold: float = ACTION_THRESHOLD,
    baseline_window: timedelta = BASELINE_WINDOW,
) -> Verification:
    """Score the rows issued from ``since`` on: overall, by provider and by grade.

    ``resolved`` has the columns of `warehouse.forecasts.resolved_forecasts`. Rows before
    ``since`` feed the baseline only. A column ``baseline_probability`` (null where there is
    none) is taken as it is; without the column, it is that of `with_baseline`. ``now`` ends the
    window of the alarms.
    """
    if "baseline_probability" not in resolved.columns:
        resolved = with_baseline(resolved, baseline_window)
    if since is not None:
        resolved = resolved.filter(pl.col("issued_at") >= since)
    scores = tuple(
        _score(one, provider, grade, action_threshold, rng)
        for provider, grade, one in _slices(resolved.sort(*ISSUE, maintain_order=True))
    )
    return Verification(scores, drift_alarms(resolved, now=now, rng=rng))


def _slices(frame: pl.DataFrame) -> Iterator[tuple[str | None, str | None, pl.DataFrame]]:
    """Each slice that is scored, with its provider and grade; None for all."""
    for every in partition(frame, *ISSUE):
        yield None, None, every
        for one in partition(every.sort("provider", maintain_order=True), "provider"):
            yield one["provider"][0], None, one
        for one in partition(every.sort("grade", maintain_order=True), "grade"):
            yield None, one["grade"][0], one


def _score(
    frame: pl.DataFrame,
    provider: str | None,
    grade: str | None,
    threshold: float,
    rng: np.random.Generator,
) -> Score:
    told = frame.drop_nulls("outcome")
    outcome, probability = floats(told["outcome"]), floats(told["probability"])
    precision, recall = metrics.precision_recall_at(outcome, probability, threshold)
    return Score(
        evidence_kind=frame["evidence_kind"][0],
        horizon_seconds=frame["horizon_seconds"][0],
        provider=provider,
        grade=grade,
        rows=told.height,
        censored_rows=frame.height - told.height,
        base_rate=float(outcome.mean()) if outcome.size else None,
        mean_probability=float(probability.mean()) if outcome.size else None,
        log_loss=_known(metrics.log_loss(outcome, probability)),
        brier=_known(metrics.brier(outcome, probability)),
        auc=_known(metrics.auc(outcome, probability)),
        ece=_known(metrics.ece(outcome, probability)),
        comparison=_comparison(told.drop_nulls("baseline_probability"), rng),
        precision=_known(precision),
        recall=_known(recall),
        lead=_lead_times(told, threshold),
        reliability=tuple(metrics.reliability(outcome, probability)),
    )


def _comparison(compared: pl.DataFrame, rng: np.random.Generator) -> Comparison:
    """The skill's interval is that of the difference of Brier scores over the baseline's score."""
    outcome, probability = floats(compared["outcome"]), floats(compared["probability"])
    baseline, block = floats(compared["baseline_probability"]), blocks(compared)
    squared = np.square(probability - outcome), np.square(baseline - outcome)
    low, _, high = metrics.day_bootstrap_difference(*squared, block, rng=rng)
    reference = metrics.brier(outcome, baseline) or math.nan
    logged = (
        metrics.per_row_log_loss(outcome, probability),
        metrics.per_row_log_loss(outcome, baseline),
    )
    difference = metrics.day_bootstrap_difference(*logged, block, rng=rng)
    skill = metrics.brier_skill(outcome, probability, baseline)
    rate = floats(compared.select(pl.col("outcome").mean().over("provider"))["outcome"])
    return Comparison(
        rows=compared.height,
        events=events(compared).n_unique(),
        blocks=int(np.unique(block).size),
        brier_skill=Interval(*map(_known, (-high / reference, skill, -low / reference))),
        log_loss_difference=Interval(*map(_known, difference)),
        hindsight_skill=_known(metrics.brier_skill(outcome, probability, rate)),
    )


def _lead_times(told: pl.DataFrame, threshold: float) -> LeadTimes:
    lost = told.filter(pl.col("outcome") > 0).with_columns(events(told)["event"])
    alerted = pl.col("issued_at").filter(pl.col("probability") >= threshold)
    lead = pl.col("event_at").min() - alerted.min()
    found = lost.group_by(*POOL, "event").agg(lead.dt.total_seconds() / 60)
    minutes = found["event_at"].drop_nulls()
    low, median, high = (minutes.quantile(share, "linear") for share in (0.1, 0.5, 0.9))
    return LeadTimes(found.height, found.height - minutes.len(), low, median, high)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
