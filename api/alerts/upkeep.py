"""Readings of what keeps the service right: feeds, forecasts, their skill, and hand-overs."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from advisor.replacement.records import State as HandOverState
from advisor.risk.verification import Verdict
from api.alerts.judging import Reading, Standing
from api.alerts.sight import Sight, unknown
from api.rows.feeds import LATE_BY, NEVER_READ, feed_rows
from api.units import age_text, horizon_text
from warehouse.alerts import newest_issues, priced_providers
from warehouse.records import RunOutcome
from warehouse.replacements import ENDS, history
from warehouse.runs import latest_runs


def _bad_if(is_bad: bool) -> Standing:  # noqa: FBT001 - the one thing that is asked
    return Standing.BAD if is_bad else Standing.GOOD


def feed_readings(sight: Sight) -> list[Reading]:
    """What the three rules on feeds say of each that is planned or was read."""
    runs = latest_runs(sight.warehouse).to_dicts()
    rows = feed_rows(sight.providers, sight.watchlist, sight.settings, runs, sight.now)
    return [one for row in rows for one in _feed(sight, row)]


def _feed(sight: Sight, row: dict[str, Any]) -> Iterator[Reading]:
    labels = {"feed": row["feed"], "scope": row["scope"]}
    name = f"{row['feed']} ({row['scope']})"
    error = f": {row['error']}" if row["error"] else ""
    state, failures, age = row["state"], row["failures"], row["last_good_age_seconds"]
    if row["next_run_at"] and state != RunOutcome.SKIPPED:
        told = f"{name} was read last {row['last_good']}"
        if state == NEVER_READ or age is None:
            yield Reading("feed_late", labels, Standing.UNKNOWN, None, f"{name} was never read.")
        elif row["is_late"]:
            text = f"{told}, which is more than {LATE_BY} times its cadence{error}."
            yield Reading("feed_late", labels, Standing.BAD, age, text)
        else:
            yield Reading("feed_late", labels, Standing.GOOD, age, f"{told}.")
    if state == NEVER_READ:
        return
    is_failing = failures >= sight.section.feed_failing.failures
    failed = f"{name}: {failures} failed runs since the last good one{error}."
    yield Reading("feed_failing", labels, _bad_if(is_failing), failures, failed)
    is_doubtful = state == RunOutcome.QUARANTINED
    text = f"{name}: the last answer was {'kept aside' if is_doubtful else state}{error}."
    yield Reading("feed_quarantined", labels, _bad_if(is_doubtful), None, text)


def forecast_readings(sight: Sight) -> list[Reading]:
    """How old the newest forecast of each cloud is that has prices."""
    limit = timedelta(minutes=sight.section.forecast.max_age_minutes)
    with sight.facts.alone(sight.warehouse, sight.now):
        newest = newest_issues(sight.warehouse, sight.now)
        priced = priced_providers(sight.warehouse, sight.now)
    clouds = sorted({*newest, *priced})
    if not clouds:
        return list(unknown("forecast", "No prices are stored, so nothing is to be forecast."))
    found = []
    for provider in clouds:
        issued_at = newest.get(provider)
        if issued_at is None:
            text, age = f"{provider} has prices but no forecast.", None
        else:
            age = sight.now - issued_at
            text = f"The newest forecast of {provider} is {age_text(age)} old."
        standing = _bad_if(age is None or age > limit)
        labels = {"provider": provider}
        value = None if age is None else age.total_seconds()
        found.append(Reading("forecast", labels, standing, value, text))
    return found


def skill_readings(sight: Sight) -> list[Reading]:
    """The Brier skill of each cloud's forecasts by kind of evidence and horizon."""
    floor = sight.section.skill.brier_skill
    scores = [one for one in sight.scores().scores if one.provider and one.grade is None]
    if not scores:
        return list(unknown("skill", "No outcome of a forecast is known yet."))
    found = []
    for one in scores:
        skill = one.comparison.brier_skill.middle
        labels = {
            "provider": str(one.provider),
            "made_from": one.evidence_kind,
            "horizon_seconds": f"{one.horizon_seconds:.0f}",
        }
        name = f"{one.provider}, {one.evidence_kind}, within {horizon_text(one.horizon_seconds)}"
        if skill is None or one.verdict is Verdict.TOO_LITTLE_EVIDENCE:
            standing = Standing.UNKNOWN
            text = f"{name}: too little evidence ({one.comparison.events} losses)."
        else:
            standing = _bad_if(skill < floor)
            text = f"{name}: skill {skill:+.3f} over the rate of the past, at least {floor:g}."
        found.append(Reading("skill", labels, standing, skill, text))
    return found


def hand_over_readings(sight: Sight) -> list[Reading]:
    """What the three rules on replacements say of those that are open or ended lately."""
    section = sight.section
    recent = max(section.replacement_failed.within_hours, section.replacement_late.within_hours)
    since = sight.now - timedelta(hours=recent)
    rows = history(sight.warehouse, sight.now, min(since, sight.now - OPEN_SINCE)).to_dicts()
    return [one for row in rows for one in _hand_over(sight, row)]


OPEN_SINCE = timedelta(days=90)
"""How far back a hand-over is looked for that has not moved: longer, and nobody waits for it."""


def _hand_over(sight: Sight, row: dict[str, Any]) -> Iterator[Reading]:
    section, state = sight.section, row["state"]
    labels = {"node": row["node"], "replacement_id": row["replacement_id"]}
    age = sight.now - row["changed_at"]
    told = f"{row['node']} ({row['provider']} {row['zone']} {row['instance_type']})"
    if state not in ENDS:
        is_stuck = age > timedelta(minutes=section.replacement_stuck.max_minutes)
        text = f"{told} has been {state} for {age_text(age)}: {row['last_reason']}."
        yield Reading(
            "replacement_stuck", labels, _bad_if(is_stuck), age.total_seconds(), _sentence(text)
        )
    for rule, end, limit in (
        ("replacement_failed", HandOverState.FAILED, section.replacement_failed.within_hours),
        ("replacement_late", HandOverState.OVERTAKEN, section.replacement_late.within_hours),
    ):
        if state == end and age <= timedelta(hours=limit):
            text = f"{told} {state} {age_text(age)} ago: {row['last_reason']}."
            yield Reading(rule, labels, Standing.BAD, None, _sentence(text))


def _sentence(text: str) -> str:
    """With one full stop at its end."""
    return f"{text.rstrip('.')}."
