"""``/alerts``: what fires and why, whether the jobs ran, and what nobody has been told yet."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel, Field

from api.alerts.judging import State
from api.config.alerts import Severity
from api.dashboard.alert_rows import OPEN, AlertRow, AlertRows
from api.dashboard.asking import asked
from api.dashboard.duty import Duty
from api.dashboard.duty_rows import DutyRows
from api.dashboard.equivalents import curl
from api.dashboard.language import Words
from api.dashboard.site import page, reader_of
from api.service.alerts import AlertOut, AlertPage, alert_page
from api.service.jobs import job_list
from api.service.messages import backlog_list
from api.service.page import CursorError, decoded, encoded
from api.service.state import Service

SHOWN = 25
"""Alerts of one table: those that matter most come first."""

EVERY = 1_000_000
"""More than there are alerts: those that are not shown are counted too."""

SEVERITIES = ("critical", "warning", "info")
PERIODS = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
"""How far back those are shown that were resolved."""


class AlertsQuery(BaseModel):
    """Which alerts, and how far back."""

    rule: str | None = Field(default=None, max_length=100)
    state: State | None = None
    severity: Severity | None = None
    resolved: Literal["24h", "7d"] = "24h"
    cursor: str | None = Field(default=None, max_length=2_000)


def alerts(request: Request, service: Service) -> Response:
    """The page."""
    wanted, words = asked(request, AlertsQuery), reader_of(request).words
    query, rules = wanted.query or AlertsQuery(), service.settings.alerts.rules
    if query.rule is not None and query.rule not in rules:
        wanted.errors["rule"] = words("alerts.no_rule", rule=query.rule)
    try:
        place = _place(query.cursor)
    except CursorError as error:
        wanted.errors["cursor"], place = str(error), {}
    found = alert_page(service, state=None, rule=None, severity=None, first=0, limit=EVERY)
    jobs, owed = job_list(service), backlog_list(service)
    duty, laid = Duty(service, words, found, jobs, owed), DutyRows(words, found.as_of)
    chosen = [one for one in found.items if _is_asked_for(one, query)]
    return page(
        request,
        "alerts",
        service,
        status=422 if wanted.errors else 200,
        asked=wanted,
        query=query,
        rules=list(rules),
        states=[one.value for one in State],
        severities=SEVERITIES,
        periods=list(PERIODS),
        is_filtered=any((query.rule, query.state, query.severity)),
        parts=_parts(service, words, found, _several(chosen, query, found.as_of), place),
        is_stale=found.is_stale,
        looked_at=found.data_as_of,
        as_of=found.as_of,
        firing=duty.firing,
        headlines=duty.headlines(),
        notes=duty.notes(),
        jobs=[laid.job(one) for one in jobs],
        backlogs=[laid.backlog(one) for one in owed],
        copies=_copies(request, query),
    )


def _is_asked_for(one: AlertOut, query: AlertsQuery) -> bool:
    return (
        query.rule in {None, one.rule}
        and query.state in {None, one.state}
        and query.severity in {None, one.severity}
    )


def _place(cursor: str | None) -> dict[str, int]:
    """How many rows come before those of a table, by its name; all others begin with the first.

    Raises:
        CursorError: it is none of ours.
    """
    if cursor is None:
        return {}
    name, first = decoded(cursor, 2)
    if not isinstance(name, str) or type(first) is not int or not 0 <= first < EVERY:
        raise CursorError
    return {name: first}


@dataclass(frozen=True, slots=True)
class Part:
    """A table of alerts: the rows that are shown, where they stand, and how many there are.

    The cursors are of the pages before and after; None: there is none.
    """

    name: str
    rows: list[AlertRow]
    first: int
    total: int
    previous: str | None
    following: str | None


def _several(
    chosen: Sequence[AlertOut], query: AlertsQuery, now: datetime
) -> Mapping[str, Sequence[AlertOut]]:
    """What fires or may, what cannot be judged, and what was resolved within the period."""
    period = PERIODS[query.resolved]
    ended = [one for one in chosen if one.state is State.RESOLVED and now - one.since <= period]
    return {
        "open": sorted((one for one in chosen if one.state in OPEN), key=_urgency),
        "unknown": [one for one in chosen if one.state is State.UNKNOWN],
        "resolved": sorted(ended, key=lambda one: one.since, reverse=True),
    }


def _urgency(one: AlertOut) -> tuple[int, int, str, datetime, list[tuple[str, str]]]:
    """What fires before what is pending, the most severe first; by rule, the oldest first."""
    level = SEVERITIES.index(one.severity)
    return OPEN.index(one.state), level, one.rule, one.since, sorted(one.labels.items())


def _parts(
    service: Service,
    words: Words,
    found: AlertPage,
    several: Mapping[str, Sequence[AlertOut]],
    place: Mapping[str, int],
) -> list[Part]:
    offered = service.markets.view().types_of_regions
    rows = AlertRows(words, found.as_of, found.data_as_of, offered, is_stale=found.is_stale)
    parts = []
    for name, every in several.items():
        first = place.get(name, 0)
        end = first + SHOWN
        part = Part(
            name,
            [rows.of(one) for one in every[first:end]],
            first,
            len(every),
            encoded([name, max(first - SHOWN, 0)]) if first else None,
            encoded([name, end]) if end < len(every) else None,
        )
        parts.append(part)
    return parts


def _copies(request: Request, query: AlertsQuery) -> list[tuple[str, str]]:
    asked_for = query.model_dump(exclude_none=True, exclude={"resolved", "cursor"}, mode="json")
    options = [word for name, value in asked_for.items() for word in (f"--{name}", value)]
    return [
        ("cli", shlex.join(["spotcast", "alerts", *options])),
        ("curl", curl(request, "/v1/alerts", asked_for)),
        ("history", f"spotcast alerts history --since {query.resolved}"),
        ("jobs", "spotcast jobs"),
        ("messages", "spotcast deliver --list"),
    ]
