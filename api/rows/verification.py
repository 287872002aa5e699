"""Scores of forecasts as they are shown, and the verdict on them as a sentence."""

from typing import Any

from advisor.risk.drift import MOST_CENSORED, Alarm
from advisor.risk.verification import LEAST_BLOCKS, LEAST_EVENTS, Interval, Score, Verdict
from api.units import horizon_text

ALL = "all"


def score_row(score: Score, *, is_nested: bool) -> dict[str, Any]:
    """One slice as every format shows it; null is unknown. Nested, with the reliability bins."""
    compared = score.comparison
    row: dict[str, Any] = {
        "evidence_kind": score.evidence_kind,
        "horizon_minutes": score.horizon_seconds / 60,
        "provider": score.provider or ALL,
        "grade": score.grade or ALL,
        "rows": score.rows,
        "censored_rows": score.censored_rows,
        "compared_rows": compared.rows,
        "events": compared.events,
        "blocks": compared.blocks,
        "base_rate": score.base_rate,
        "mean_probability": score.mean_probability,
        "log_loss": score.log_loss,
        "brier": score.brier,
        "auc": score.auc,
        "ece": score.ece,
        **_interval("brier_skill", compared.brier_skill),
        **_interval("log_loss_difference", compared.log_loss_difference),
        "hindsight_skill": compared.hindsight_skill,
        "precision": score.precision,
        "recall": score.recall,
        "lead_events": score.lead.events,
        "events_without_lead": score.lead.without,
        "lead_low_minutes": score.lead.low_minutes,
        "lead_median_minutes": score.lead.median_minutes,
        "lead_high_minutes": score.lead.high_minutes,
        "verdict": score.verdict.value,
    }
    if is_nested:
        row["reliability"] = [one._asdict() for one in score.reliability]
    return row


def _interval(name: str, interval: Interval) -> dict[str, float | None]:
    return {
        name: interval.middle,
        f"{name}_low": interval.low,
        f"{name}_high": interval.high,
    }


def verdict_text(score: Score) -> str:
    """The verdict on one slice as a sentence, with what it rests on."""
    compared = score.comparison
    subject = f"{score.provider or 'all clouds'}, {score.evidence_kind}"
    text = f"{subject}, {horizon_text(score.horizon_seconds)}: {score.verdict.value}."
    every = score.rows + score.censored_rows
    if score.censored_rows > MOST_CENSORED * every:
        share = score.censored_rows / every
        return f"{text} {share:.0%} of the rows are censored, and {MOST_CENSORED:.0%} is the most."
    if score.verdict is Verdict.TOO_LITTLE_EVIDENCE:
        return (
            f"{text} {compared.events} events in {compared.blocks} blocks of days; "
            f"{LEAST_EVENTS} and {LEAST_BLOCKS} are needed."
        )
    low, middle, high = (100 * (value or 0.0) for value in compared.brier_skill)
    figures = f"Brier skill over the known rate {middle:.1f}% (95%: {low:.1f}% to {high:.1f}%)"
    rests_on = f"{compared.events} events in {compared.blocks} blocks of days"
    acts = "" if score.verdict is Verdict.SKILL else " Nothing acts on it."
    return f"{text} {figures}, {rests_on}.{acts}"


def alarm_row(one: Alarm) -> dict[str, Any]:
    """An alarm as every format shows it."""
    return {
        "name": one.name.value,
        "provider": one.provider,
        "evidence_kind": one.evidence_kind,
        "horizon_minutes": one.horizon_seconds / 60,
        "rows": one.rows,
        "mean_outcome": one.mean_outcome,
        "mean_probability": one.mean_probability,
        "tolerance": one.tolerance,
    }
