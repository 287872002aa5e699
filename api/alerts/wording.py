"""What is told of a rule, in words for people and as Alertmanager takes it."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from api.alerts.judging import Alert, Told
from api.alerts.rules import HEADINGS, alert_name
from api.delivery.notice import Attachment, Notice, Severity
from api.units import age_text

MOST_LISTED = 30
"""Alerts of one notice that are named: about a screen. The attachment has all."""

ATTACHMENT = "alerts.json"
"""All alerts of the notice, as Alertmanager's ``POST /api/v2/alerts`` takes them."""

NEVER_AGAIN = timedelta(days=365)
"""Until when Alertmanager takes an alert as firing that is told of once only."""


def notice_of(told: Told, now: datetime) -> Notice:
    """The notice; the same alerts at the same moment give the same one."""
    counts = {
        "firing": len(told.new),
        "still firing": len(told.again),
        "resolved": len(told.ended),
    }
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    rule = told.rule
    fires = bool(told.new or told.again)
    return Notice(
        kind="alert",
        key=f"{rule.name} {now.isoformat()}",
        title=f"{HEADINGS[rule.name]}: {summary}",
        text="\n".join(
            line
            for heading, alerts in (
                ("Fires", told.new),
                ("Still fires", told.again),
                ("Resolved", told.ended),
            )
            for line in _part(heading, alerts, now)
        ),
        severity=Severity(rule.severity if fires else "info"),
        at=now,
        facts={"rule": rule.name, **{word: str(count) for word, count in counts.items() if count}},
        attachments=(_attachment(told, now),),
    )


def _attachment(told: Told, now: datetime) -> Attachment:
    text = _for_alertmanager(told, now)
    return Attachment(name=ATTACHMENT, media_type="application/json", text=text)


def _part(heading: str, alerts: Sequence[Alert], now: datetime) -> list[str]:
    if not alerts:
        return []
    lines = [f"{heading}:"]
    lines += [f"- {_line(one, now)}" for one in alerts[:MOST_LISTED]]
    if (more := len(alerts) - MOST_LISTED) > 0:
        lines.append(f"- and {more} more: `spotcast alerts` names all.")
    return lines


def _line(one: Alert, now: datetime) -> str:
    since = f" Since {age_text(now - one.began_at)}." if one.began_at else ""
    unknown = "" if one.is_known else " It cannot be judged at the moment."
    return f"{one.text}{since}{unknown}"


def _for_alertmanager(told: Told, now: datetime) -> str:
    """Firing ones end by themselves if they are not told of again in time."""
    repeat = told.rule.repeat
    until = now + (1.5 * repeat if repeat else NEVER_AGAIN)
    listed = [(one, until) for one in (*told.new, *told.again)]
    listed += [(one, now) for one in told.ended]
    return json.dumps([_posted(told, one, ends_at) for one, ends_at in listed])


def _posted(told: Told, one: Alert, ends_at: datetime) -> dict[str, object]:
    return {
        "labels": {
            **one.labels,
            "alertname": alert_name(one.rule),
            "severity": told.rule.severity,
        },
        "annotations": {"summary": HEADINGS[one.rule], "description": one.text},
        "startsAt": (one.began_at or one.since).isoformat(),
        "endsAt": ends_at.isoformat(),
    }
