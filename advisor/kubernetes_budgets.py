"""How many nodes of a NodePool may be disrupted as drifted at a moment, as Karpenter computes it.

A budget with a schedule is in force if one of its times lies within its duration before now, in
UTC; the strictest in force counts; percentages round up; one that cannot be read lets none go
(Karpenter core, pkg/apis/v1/nodepool.go).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from advisor.cluster import Manifest
from advisor.errors import ManifestError
from advisor.karpenter.budgets import DisruptionBudget

DRIFTED = "Drifted"
DEFAULT = ({"nodes": "10%"},)
"""Of a NodePool that says nothing: the CRD's own default."""

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, MONTHS),
    (0, 6, DAYS),
)
"""Least, most and names of each field of a schedule, as robfig/cron's standard parser has them."""

_GO_DURATION = re.compile(r"(?:(?P<hours>[0-9]+)h)?(?:(?P<minutes>[0-9]+)m)?(?:[0-9]+s)?")


def drift_allowed(nodepool: Manifest, nodes: int, now: datetime) -> int:
    """How many of ``nodes`` initialized nodes may be disrupted as drifted at ``now``.

    Those that already are disrupted count against it. Without a budget in force it is all of them.
    """
    disruption = nodepool["spec"].get("disruption") or {}
    budgets = disruption.get("budgets")
    given = [_allowed(one, nodes, now) for one in (DEFAULT if budgets is None else budgets)]
    return min([nodes, *given])


def _allowed(given: Mapping[str, Any], nodes: int, now: datetime) -> int:
    reasons = given.get("reasons")
    if reasons and DRIFTED not in reasons:
        return nodes
    try:
        budget = DisruptionBudget(
            str(given.get("nodes")), (), given.get("schedule"), given.get("duration")
        )
    except ManifestError:
        return 0
    if budget.schedule is not None and not _is_in_force(budget, now):
        return nodes
    if budget.nodes.endswith("%"):
        return math.ceil(int(budget.nodes[:-1]) * nodes / 100)
    return int(budget.nodes)


def _is_in_force(budget: DisruptionBudget, now: datetime) -> bool:
    match = _GO_DURATION.fullmatch(budget.duration or "")
    if match is None or budget.schedule is None:
        return True
    lasting = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    return _Schedule.of(budget.schedule).was_due(now.astimezone(UTC) - lasting, now.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The times of a schedule; ``is_either``: both kinds of days are named, and one is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either: bool

    @classmethod
    def of(cls, schedule: str) -> "_Schedule":
        words = MACROS.get(schedule, schedule).split()
        sets = [_numbers(word, *field) for word, field in zip(words, FIELDS, strict=True)]
        minutes, hours, days, months, weekdays = sets
        is_either = not (_is_any(words[2]) or _is_any(words[4]))
        return cls(minutes, hours, days, months, weekdays, is_either)

    def was_due(self, after: datetime, until: datetime) -> bool:
        """Whether one of its times is later than ``after`` and not later than ``until``."""
        day = until.date()
        while day >= after.date():
            if self._has(day):
                at = datetime(day.year, day.month, day.day, tzinfo=UTC)
                for hour in self.hours:
                    for minute in self.minutes:
                        if after < at + timedelta(hours=hour, minutes=minute) <= until:
                            return True
            day -= timedelta(days=1)
        return False

    def _has(self, day: date) -> bool:
        is_day, is_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = is_day or is_weekday if self.is_either else is_day and is_weekday
        return day.month in self.months and fits


def _is_any(word: str) -> bool:
    """Whether the field leaves the day open: a star, unless it has a step."""
    return any(re.fullmatch(r"[*?](/1)?", item) for item in word.split(","))


def _numbers(word: str, least: int, most: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for item in word.split(","):
        span, _, step = item.partition("/")
        low, dash, high = span.partition("-")
        if low in {"*", "?"}:
            start, end = least, most
        else:
            start = _number(low, least, names)
            # A single number with a step runs to the end of the field.
            end = _number(high, least, names) if dash else (most if step else start)
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(word: str, least: int, names: tuple[str, ...]) -> int:
    return least + names.index(word.lower()) if word.lower() in names else int(word)
