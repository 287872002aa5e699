"""The rules as the user set them, and which alerts are held back."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from api.alerts.judging import Alert, Labels, Rule
from api.config.alerts import AlertsSection, RuleSection, Silence
from api.settings import Settings, SettingsError

HEADINGS = {
    "risk": "Risk of a pool",
    "price": "Price of a pool",
    "feed_late": "Feed late",
    "feed_failing": "Feed failing",
    "feed_quarantined": "Feed in quarantine",
    "forecast": "Forecast missing or old",
    "skill": "Forecast without skill",
    "replacement_failed": "Replacement failed",
    "replacement_late": "Node taken before its replacement",
    "replacement_stuck": "Replacement stuck",
    "job_failed": "Job failed",
    "job_overdue": "Job overdue",
    "backup": "Backup too old",
    "message": "Message given up",
}
"""What a rule is called in a message."""


def rules_of(settings: Settings) -> dict[str, Rule]:
    """Every rule by its name, in the order of the settings.

    Raises:
        SettingsError: a rule is told to a channel that is not set up.
    """
    section = settings.alerts
    found = {name: _rule(name, one, section) for name, one in section.rules.items()}
    for rule in found.values():
        if unknown := [one for one in rule.channels if one not in settings.channels]:
            known = ", ".join(sorted(settings.channels)) or "none"
            raise SettingsError(
                f"alerts.{rule.name} is told to the channel {unknown[0]!r}, which is not set up: "
                f"add [channels.{unknown[0]}] or name another (set up: {known})"
            )
    return found


def alert_name(rule: str) -> str:
    """What a rule's alerts are called in Prometheus and Alertmanager."""
    return "Spotcast" + "".join(part.title() for part in rule.split("_"))


def about(section: RuleSection) -> str:
    """What a rule watches for, in a sentence."""
    return (type(section).__doc__ or "").strip().splitlines()[0]


def _rule(name: str, one: RuleSection, section: AlertsSection) -> Rule:
    return Rule(
        name=name,
        severity=one.severity,
        wait=timedelta(minutes=one.for_minutes),
        recover=timedelta(minutes=section.recover_minutes),
        repeat=timedelta(hours=section.repeat_hours) if section.repeat_hours else None,
        channels=section.channels if one.channels is None else one.channels,
        is_on=one.enabled,
    )


def silencer(section: AlertsSection, now: datetime) -> Callable[[Alert], bool]:
    """Whether an alert is held back at that moment."""
    is_held = silences_at(section, now)
    return lambda alert: is_held(alert.rule, alert.labels)


def silences_at(section: AlertsSection, now: datetime) -> Callable[[str, Labels], bool]:
    """The same by the rule of an alert and its labels."""
    in_force = [one for one in section.silences if one.holds(now)]
    return lambda rule, labels: any(_covers(one, rule, labels) for one in in_force)


def _covers(silence: Silence, rule: str, labels: Labels) -> bool:
    if silence.rules and rule not in silence.rules:
        return False
    return _match(silence.labels, labels)


def _match(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(fnmatchcase(labels.get(name, ""), one) for name, one in wanted.items())
