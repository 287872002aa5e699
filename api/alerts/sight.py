"""What a look at the warehouse is given, and what it keeps from look to look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import polars as pl

from advisor.risk.verification import Verification
from api.alerts.judging import Alert, Reading, Standing
from api.config.alerts import AlertsSection
from api.settings import Settings
from api.skill import recent_outcomes, scores_of
from collector.provider import Provider, providers
from collector.watchlist import Watchlist, read_watchlist
from warehouse.newest import NewestFacts
from warehouse.store import Warehouse

SCORED_FOR = timedelta(minutes=30)
"""How long scores stand, as those of a server and of the guard do: making them takes seconds."""

AVERAGED_FOR = timedelta(hours=1)
"""How long means of a week stand: an hour is less than a hundredth of it."""

Value = TypeVar("Value")


class Kept:
    """What is dear to make and changes slowly, made anew after a while or for another question."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[datetime, object, object]] = {}

    def get(
        self, name: str, now: datetime, term: timedelta, made_for: object, make: Callable[[], Value]
    ) -> Value:
        """The value made last, or a new one if it is older than ``term`` or was made otherwise."""
        known = self._made.get(name)
        if known is None or known[1] != made_for or not timedelta(0) <= now - known[0] < term:
            self._made[name] = known = (now, made_for, make())
        value: Value = known[2]  # type: ignore[assignment] # what was made under that name
        return value


@dataclass(frozen=True)
class Sight:
    """One look: the warehouse at one moment, with the alerts that are open."""

    warehouse: Warehouse
    settings: Settings
    now: datetime
    alerts: Mapping[str, Alert]
    watchlist: Watchlist
    providers: Mapping[str, Provider]
    kept: Kept = field(default_factory=Kept)
    facts: NewestFacts = field(default_factory=NewestFacts)

    @property
    def section(self) -> AlertsSection:
        """The settings of the rules."""
        return self.settings.alerts

    def open_of(self, rule: str) -> list[Alert]:
        """The alerts of a rule that are pending or firing."""
        return [one for one in self.alerts.values() if one.rule == rule and one.is_open]

    def scores(self) -> Verification:
        """How good stored forecasts were."""
        return self.kept.get(
            "scores",
            self.now,
            SCORED_FOR,
            None,
            lambda: scores_of(self._outcomes(), self.now),
        )

    def _outcomes(self) -> pl.DataFrame:
        return recent_outcomes(self.warehouse, self.now)


def watched_by(settings: Settings) -> tuple[Mapping[str, Provider], Watchlist]:
    """The clouds, and the watchlist in force.

    Raises:
        WatchlistError: the file cannot be used.
    """
    known = providers()
    file = settings.watchlist
    return known, read_watchlist(file, known) if file else Watchlist()


def unknown(rule: str, text: str) -> Sequence[Reading]:
    """That a rule cannot be judged at all."""
    return [Reading(rule, {}, Standing.UNKNOWN, None, text)]
