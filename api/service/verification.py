"""How good the forecasts of the last weeks were, against what happened: what verdicts rest on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from advisor.risk.verification import Score
from api.rows.risk import WORDS
from api.rows.verification import ALL, alarm_row, score_row, verdict_text
from api.service.page import Page
from api.service.skill import Skill
from api.service.state import Service
from api.skill import OUTCOMES_KEPT

WINDOW = f"Of forecasts issued in the last {OUTCOMES_KEPT.days} days whose horizon has passed."
BASELINE = "Skill is against the pool's known rate of loss, as it was known when it was issued."


class ScoreOut(BaseModel):
    """The scores of one slice. Null is what its rows cannot give."""

    evidence_kind: str = Field(
        examples=["launch_probe"],
        description="What the outcomes are: machine, held_instance or launch_probe; never pooled. "
        "Of a forecast made from the same kind this is the proof.",
    )
    horizon: str = Field(examples=["1h"])
    horizon_minutes: float = Field(examples=[60.0])
    provider: str = Field(examples=["aws"], description="`all` for all of them.")
    grade: str = Field(examples=["all"], description="`all` for all of them.")
    rows: int = Field(description="Forecasts times what was watched, with an outcome.")
    censored_rows: int = Field(description="Those whose outcome cannot be told.")
    compared_rows: int = Field(description="Those that the baseline could speak of as well.")
    events: int = Field(description="Losses, counted by pool and five minutes.")
    blocks: int = Field(description="Of days, by which intervals are resampled.")
    base_rate: float | None = Field(description="Share that was lost.")
    mean_probability: float | None = Field(description="What was forecast on average.")
    log_loss: float | None
    brier: float | None
    auc: float | None = Field(description="0.5 is no order at all.")
    ece: float | None = Field(description="Expected calibration error, 0 to 1.")
    brier_skill: float | None = Field(description="Over the baseline; above 0 is better.")
    brier_skill_low: float | None = Field(description="Lower end of the 95 % interval.")
    brier_skill_high: float | None
    log_loss_difference: float | None = Field(description="To the baseline; below 0 is better.")
    log_loss_difference_low: float | None
    log_loss_difference_high: float | None
    hindsight_skill: float | None = Field(
        description="Against the rate that these same rows had, which nobody could know."
    )
    precision: float | None = Field(description="Of alerts at the action threshold.")
    recall: float | None
    lead_events: int
    events_without_lead: int
    lead_low_minutes: float | None
    lead_median_minutes: float | None
    lead_high_minutes: float | None
    verdict: str = Field(examples=["skill"])
    verdict_text: str = Field(description="The verdict as a sentence, with what it rests on.")


class AlarmOut(BaseModel):
    """The last days disagree with their forecasts by more than chance."""

    name: str
    provider: str
    evidence_kind: str
    horizon_minutes: float
    rows: int
    mean_outcome: float
    mean_probability: float
    tolerance: float


class ScorePage(Page[ScoreOut]):
    """Scores by kind of evidence and horizon: all, then by provider, then by grade."""

    forecasts_stored: int = Field(description="However old.")
    forecasts_passed: int = Field(description="Of them, those whose horizon has passed.")
    alarms: list[AlarmOut] = Field(description="Of drift.")


class BinOut(BaseModel):
    """What was said and what happened, for rows of similar probability."""

    evidence_kind: str
    horizon: str
    horizon_minutes: float
    provider: str
    grade: str
    mean_probability: float = Field(description="What was forecast on average.")
    observed_share: float = Field(description="What was lost.")
    rows: int
    low: float = Field(description="95 % interval of the share, as if rows were independent.")
    high: float


class BinPage(Page[BinOut]):
    """Bins by rising probability, for each slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which scores; None is any."""

    provider: str | None = None
    evidence_kind: str | None = None
    horizon_minutes: float | None = None
    grade: str | None = None


def score_page(service: Service, wanted: Slice) -> ScorePage:
    """The scores that the verdicts rest on."""
    made = service.forecasts.skill.get()
    found = made.value.verification
    rows = [
        {**_row(one), "verdict_text": verdict_text(one)} for one in _chosen(found.scores, wanted)
    ]
    return ScorePage.model_validate(
        {
            "items": rows,
            "as_of": made.made_at,
            "notes": _notes(made.value),
            "forecasts_stored": made.value.counts.stored,
            "forecasts_passed": made.value.counts.passed,
            "alarms": [alarm_row(one) for one in found.alarms],
        }
    )


def bin_page(service: Service, wanted: Slice) -> BinPage:
    """What was said against what was observed."""
    made = service.forecasts.skill.get()
    about = ("evidence_kind", "horizon", "horizon_minutes", "provider", "grade")
    rows: list[dict[str, Any]] = []
    for one in _chosen(made.value.verification.scores, wanted):
        told = _row(one)
        rows += [{name: told[name] for name in about} | bin_._asdict() for bin_ in one.reliability]
    return BinPage.model_validate(
        {"items": rows, "as_of": made.made_at, "notes": _notes(made.value)}
    )


def _row(one: Score) -> dict[str, Any]:
    return {**score_row(one, is_nested=False), "horizon": WORDS[one.horizon_seconds]}


def _chosen(scores: Iterable[Score], wanted: Slice) -> Iterable[Score]:
    for one in scores:
        told = {
            "provider": one.provider or ALL,
            "evidence_kind": one.evidence_kind,
            "horizon_minutes": one.horizon_seconds / 60,
            "grade": one.grade or ALL,
        }
        if all(getattr(wanted, name) in {None, value} for name, value in told.items()):
            yield one


def _notes(skill: Skill) -> list[str]:
    if skill.verification.scores:
        return [WINDOW, BASELINE]
    return [WINDOW, _why_nothing(skill.counts.stored, skill.counts.first_resolved_at)]


def _why_nothing(stored: int, first_at: datetime | None) -> str:
    if not stored or first_at is None:
        return "There is no forecast to score: none is stored."
    return (
        f"Nothing can be scored yet: of {stored:,} forecasts stored the first passes at "
        f"{first_at:%Y-%m-%d %H:%M} UTC, and only where a machine or a probe was watched."
    )
