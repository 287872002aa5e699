"""How many alerts fire, for the head of every page: read now and then, not for each request."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.alerts.judging import SILENT_AFTER
from api.alerts.rules import silences_at
from api.service.clock import Clock
from api.service.kept import Kept
from api.settings import Settings
from warehouse.alerts import firing_alerts, last_look
from warehouse.store import SharedWarehouse, Warehouse

READ_EVERY = timedelta(seconds=15)
"""Looks are taken every minute, and the count is a quarter of that older at most."""


@dataclass(frozen=True, slots=True)
class Firing:
    """The alerts that fired at the last look, without those that are silenced."""

    count: int
    critical: int
    looked_at: datetime | None
    """None: the rules were never judged, so that nothing is known."""


def is_silent(looked_at: datetime | None, now: datetime) -> bool:
    """Whether what is known of the alerts is too old, or nothing is."""
    return looked_at is None or now - looked_at > SILENT_AFTER


def kept_firing(warehouse: SharedWarehouse, settings: Settings, clock: Clock) -> Kept[Firing]:
    """The count, kept while a server runs."""

    def made(reading: Warehouse, now: datetime) -> Firing:
        return firing(reading, settings, now)

    return Kept(made, warehouse, clock, shortest=READ_EVERY, longest=READ_EVERY)


def firing(warehouse: Warehouse, settings: Settings, now: datetime) -> Firing:
    """The count as of the last look; what is silenced is told by the clock."""
    rules, is_silenced = settings.alerts.rules, silences_at(settings.alerts, now)
    severities = Counter(
        rules[rule].severity
        for rule, labels in firing_alerts(warehouse)
        if rule in rules and not is_silenced(rule, labels)
    )
    return Firing(severities.total(), severities["critical"], last_look(warehouse))
