"""What the figure of an alert is, and what it is held against: by the rule as the user set it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from api.config.alerts import (
    BackupRule,
    FeedFailingRule,
    FeedLateRule,
    ForecastRule,
    JobFailedRule,
    JobOverdueRule,
    MessageRule,
    PriceRule,
    ReplacementStuckRule,
    RiskRule,
    RuleSection,
    SkillRule,
)
from api.rows.feeds import LATE_BY


class Unit(StrEnum):
    """Of an alert's figure and its limit."""

    SHARE = "share"
    """A probability, 0 to 1."""
    TIMES = "times"
    """Of the pool's mean price."""
    SECONDS = "seconds"
    COUNT = "count"
    SKILL = "skill"
    """Brier skill. The rule fires below its limit, all others above or from it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The unit of a rule's figure and the limit; None: there is none, or it is not known."""

    unit: Unit
    value: float | None


def limit_of(rule: RuleSection, cadence: timedelta | None = None) -> Limit | None:
    """The limit of a rule; None if it compares no figure. ``cadence`` is that of a late feed."""
    match rule:
        case RiskRule():
            return Limit(Unit.SHARE, rule.probability)
        case PriceRule():
            return Limit(Unit.TIMES, rule.times_mean or None)
        case SkillRule():
            return Limit(Unit.SKILL, rule.brier_skill)
        case FeedFailingRule():
            return Limit(Unit.COUNT, rule.failures)
        case JobFailedRule() | MessageRule():
            return Limit(Unit.COUNT, None)
        case _:
            return _of_age(rule, cadence)


def _of_age(rule: RuleSection, cadence: timedelta | None) -> Limit | None:
    match rule:
        case FeedLateRule():
            seconds = LATE_BY * cadence.total_seconds() if cadence else None
            return Limit(Unit.SECONDS, seconds)
        case ForecastRule():
            return Limit(Unit.SECONDS, 60 * rule.max_age_minutes)
        case ReplacementStuckRule():
            return Limit(Unit.SECONDS, 60 * rule.max_minutes)
        case BackupRule():
            return Limit(Unit.SECONDS, 3_600 * rule.max_age_hours)
        case JobOverdueRule():
            return Limit(Unit.SECONDS, 0)
        case _:
            return None
