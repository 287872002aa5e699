"""The alerts: what fires, what may fire soon, and what cannot be judged."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from api.alerts.judging import Alert, State
from api.alerts.limits import Unit, limit_of
from api.alerts.rules import silencer
from api.alerts.stored import stored
from api.config.alerts import AlertsSection, Severity
from api.service.firing import is_silent
from api.service.page import Page, encoded
from api.service.state import Service
from collector.provider import Provider
from warehouse.alerts import last_look

ORDER = (State.FIRING, State.PENDING, State.RESOLVED, State.UNKNOWN)
"""What matters most comes first."""

NEVER_JUDGED = "The rules were never judged: the job `alerts` does it while a server runs."
NOT_JUDGED = "The rules have not been judged since {at:%Y-%m-%d %H:%M} UTC."


class AlertOut(BaseModel):
    """One rule about one thing."""

    fingerprint: str = Field(
        examples=["6d0c1f52b8a1e7f4"], description="The same for the same rule and labels."
    )
    rule: str = Field(examples=["feed_late"])
    severity: str = Field(examples=["warning"], description="info, warning or critical.")
    state: State = Field(description="unknown: the rule cannot be judged, which is not well.")
    labels: dict[str, str] = Field(examples=[{"feed": "aws.spot_advisor", "scope": "*"}])
    since: datetime = Field(description="When the state was entered.")
    began_at: datetime | None = Field(description="When it began; null: it has not.")
    told_at: datetime | None = Field(
        description="When its firing was last told; null: nobody was told, or its end was too."
    )
    is_known: bool = Field(description="False while the rule cannot be judged.")
    is_silenced: bool = Field(description="Whether a silence holds it back now: nobody is told.")
    value: float | None = Field(description="The figure that is compared; null: it has none.")
    limit: float | None = Field(
        description="What it is compared with, as the rule is set now; null: there is none."
    )
    unit: Unit | None = Field(description="Of both; null: the rule compares no figure.")
    text: str = Field(description="The same in a sentence.")


class AlertPage(Page[AlertOut]):
    """Every alert, the firing ones first. What is well has none."""


def alert_page(
    service: Service,
    *,
    state: State | None,
    rule: str | None,
    severity: Severity | None,
    first: int,
    limit: int,
) -> AlertPage:
    """The alerts as they stood after the last look, from place ``first`` (from 0) on."""
    now, section = service.clock(), service.settings.alerts
    rules = section.rules
    with service.reading() as warehouse:
        every, looked_at = stored(warehouse), last_look(warehouse)
    found = ordered(
        [
            one
            for one in every.values()
            if one.rule in rules
            and (state is None or one.state is state)
            and (rule is None or one.rule == rule)
            and (severity is None or rules[one.rule].severity == severity)
        ]
    )
    shown = found[first : first + limit]
    is_stale = is_silent(looked_at, now)
    cadences, is_silenced = cadences_of(service.providers.values()), silencer(section, now)
    note = NEVER_JUDGED if looked_at is None else NOT_JUDGED.format(at=looked_at)
    return AlertPage.model_validate(
        {
            "items": [alert_row(one, section, cadences, is_silenced) for one in shown],
            "next_cursor": encoded([first + limit]) if first + limit < len(found) else None,
            "as_of": now,
            "data_as_of": looked_at,
            "is_stale": is_stale,
            "notes": [note] if is_stale else [],
        }
    )


def ordered(alerts: list[Alert]) -> list[Alert]:
    """The firing ones first; by rule, the oldest first."""
    return sorted(
        alerts,
        key=lambda one: (ORDER.index(one.state), one.rule, one.since, one.fingerprint),
    )


def cadences_of(known: Iterable[Provider]) -> dict[str, timedelta]:
    """How often each feed is read, by its name."""
    return {feed.name: feed.cadence for provider in known for feed in provider.feeds}


def alert_row(
    one: Alert,
    section: AlertsSection,
    cadences: Mapping[str, timedelta],
    is_silenced: Callable[[Alert], bool],
) -> dict[str, object]:
    """An alert as it is shown; ``cadences`` are those of the feeds."""
    rule = section.rules[one.rule]
    limit = limit_of(rule, cadences.get(one.labels.get("feed", "")))
    return {
        "fingerprint": one.fingerprint,
        "rule": one.rule,
        "severity": rule.severity,
        "state": one.state,
        "labels": dict(one.labels),
        "since": one.since,
        "began_at": one.began_at,
        "told_at": one.told_at,
        "is_known": one.is_known,
        "is_silenced": is_silenced(one),
        "value": one.value,
        "limit": limit.value if limit else None,
        "unit": limit.unit if limit else None,
        "text": one.text,
    }
