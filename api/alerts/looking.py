"""A look: the rules judged on the warehouse as it is, the outcome stored, and messages made.

States and messages are stored in one transaction: a process that is killed at any moment has
stored both or neither, so that its successor loses nothing and repeats nothing.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from api.alerts.jobs import backup_readings, job_readings, message_readings
from api.alerts.judging import Alert, Change, Judged, Reading, State, judge
from api.alerts.pools import pool_readings
from api.alerts.rules import rules_of, silencer
from api.alerts.sight import Kept, Sight, watched_by
from api.alerts.stored import stored
from api.alerts.upkeep import (
    feed_readings,
    forecast_readings,
    hand_over_readings,
    skill_readings,
)
from api.alerts.wording import notice_of
from api.delivery.notice import addressed, chosen
from api.scheduler import Clock, Lease
from api.settings import Settings
from warehouse.alerts import keep_look
from warehouse.newest import NewestFacts
from warehouse.outbox import enqueue
from warehouse.store import Warehouse

READERS = (
    (pool_readings, ("risk", "price")),
    (feed_readings, ("feed_late", "feed_failing", "feed_quarantined")),
    (forecast_readings, ("forecast",)),
    (skill_readings, ("skill",)),
    (job_readings, ("job_failed", "job_overdue")),
    (backup_readings, ("backup",)),
    (message_readings, ("message",)),
    (hand_over_readings, ("replacement_failed", "replacement_late", "replacement_stuck")),
)
"""What reads for which rules; where all of them are off, nothing is read."""


class Looker:
    """Takes looks. What is dear to read is kept from one to the next."""

    def __init__(self, facts: NewestFacts | None = None) -> None:
        """``facts`` is what other threads of the process read of the same database."""
        self._kept = Kept()
        self._facts = facts or NewestFacts()

    def __call__(
        self, reading: Lease, writing: Lease, settings: Settings, clock: Clock
    ) -> dict[str, Any]:
        """Judge every rule, store the outcome and its messages; say how many there are.

        Raises:
            SettingsError: a rule is told to a channel that is not set up.
            WatchlistError: the watchlist cannot be used.
            WarehouseError: the database cannot be read or written.
        """
        now = clock()
        with reading() as warehouse:
            readings, _ = self.read(warehouse, settings, now)
        with writing() as warehouse, warehouse.transaction():
            # The states are read again: another process may have looked meanwhile.
            before = stored(warehouse)
            judged = judged_by(settings, readings, before, now)
            _keep(warehouse, readings, before, judged, now)
            for one in judged.told:
                channels = chosen(one.rule.channels, settings.channels)
                enqueue(warehouse, addressed([notice_of(one, now)], channels, now))
        return _counted(readings, judged)

    def read(
        self, warehouse: Warehouse, settings: Settings, now: datetime
    ) -> tuple[list[Reading], dict[str, Alert]]:
        """What every rule that is on says now, and how the alerts stood."""
        before = stored(warehouse)
        known, watchlist = watched_by(settings)
        sight = Sight(warehouse, settings, now, before, watchlist, known, self._kept, self._facts)
        on = {name for name, rule in settings.alerts.rules.items() if rule.enabled}
        found = [one for read, rules in READERS if on & set(rules) for one in read(sight)]
        return [one for one in found if one.rule in on], before


def look(lease: Lease, settings: Settings, clock: Clock) -> dict[str, Any]:
    """Take one look; who takes many has a `Looker`, which keeps what is dear to read.

    Raises:
        SettingsError: a rule is told to a channel that is not set up.
        WatchlistError: the watchlist cannot be used.
        WarehouseError: the database cannot be read or written.
    """
    return Looker()(lease, lease, settings, clock)


def judged_by(
    settings: Settings, readings: Sequence[Reading], before: Mapping[str, Alert], now: datetime
) -> Judged:
    """The readings judged by the rules of the settings.

    Raises:
        SettingsError: a rule is told to a channel that is not set up.
    """
    silenced = silencer(settings.alerts, now)
    return judge(rules_of(settings), readings, before, silenced, now)


def _keep(
    warehouse: Warehouse,
    readings: Sequence[Reading],
    before: Mapping[str, Alert],
    judged: Judged,
    now: datetime,
) -> None:
    """Store what changed: figures of what is open too, as people look at them; of others not."""
    changed = [one for key, one in judged.after.items() if _is_other(one, before.get(key))]
    keep_look(
        warehouse,
        now,
        len(readings),
        changed=[_row(one) for one in changed],
        gone=[key for key in before if key not in judged.after],
        changes=[_change_row(change, one, now) for change, one in judged.changes],
    )


def _is_other(after: Alert, before: Alert | None) -> bool:
    if before is None:
        return True
    return _standing(after) != _standing(before)


def _standing(one: Alert) -> tuple[object, ...]:
    figures = (one.value, one.text) if one.is_open else ()
    return one.state, one.since, one.told_at, one.better_since, one.is_known, *figures


def _row(one: Alert) -> dict[str, Any]:
    labels = json.dumps(dict(one.labels), sort_keys=True, ensure_ascii=False)
    return {
        "fingerprint": one.fingerprint,
        **asdict(one),
        "labels": labels,
        "state": one.state.value,
    }


def _change_row(change: Change, one: Alert, now: datetime) -> dict[str, Any]:
    row = _row(one)
    kept = {name: row[name] for name in ("fingerprint", "rule", "labels", "value", "text")}
    return {**kept, "changed_at": now, "change": change.value}


def _counted(readings: Sequence[Reading], judged: Judged) -> dict[str, Any]:
    states = Counter(one.state.value for one in judged.after.values())
    return {
        "readings": len(readings),
        **{state.value: states[state.value] for state in State},
        "notices": len(judged.told),
    }
