"""Rules, readings and looks for tests of the alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from api.alerts.judging import Reading, Rule, Standing
from api.alerts.looking import Looker
from api.config.alerts import AlertsSection
from api.config.channels import ChannelSection
from api.delivery.notice import Notice
from api.settings import Settings, settings_from
from tests.support.market import NOW
from warehouse.store import SharedWarehouse, Warehouse

OPS = "ops"
MINUTE = timedelta(minutes=1)


def a_rule(
    *,
    wait: float = 5,
    recover: float = 3,
    repeat: float | None = 60,
    channels: tuple[str, ...] = (OPS,),
    is_on: bool = True,
) -> Rule:
    """The rule ``risk``; its times in minutes."""
    return Rule(
        "risk",
        "critical",
        wait=wait * MINUTE,
        recover=recover * MINUTE,
        repeat=None if repeat is None else repeat * MINUTE,
        channels=channels,
        is_on=is_on,
    )


def a_reading(standing: Standing, name: str = "g5.xlarge") -> Reading:
    """What the rule says of one pool."""
    return Reading("risk", {"instance_type": name}, standing, 0.2, f"{name} is {standing}.")


def alert_settings(**alerts: Any) -> Settings:
    """Settings with these of ``[alerts]``, and a channel ``ops`` that takes what is told."""
    section = AlertsSection.model_validate({"channels": [OPS], **alerts})
    return replace(settings_from({}), alerts=section, channels={OPS: ChannelSection()})


class Told:
    """An outbox in memory."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def __call__(
        self,
        warehouse: Warehouse,
        notices: Sequence[tuple[Notice, Sequence[str]]],
        now: datetime,
    ) -> None:
        """Take them."""
        del warehouse, now
        self.notices += (notice for notice, _ in notices)

    @property
    def titles(self) -> list[str]:
        """What was told, in order."""
        return [one.title for one in self.notices]


def look(
    warehouse: Warehouse, settings: Settings, told: Told, now: datetime = NOW
) -> Mapping[str, Any]:
    """Take a look at that time."""
    shared = SharedWarehouse(warehouse)
    return Looker(told)(shared.reading, shared.writing, settings, lambda: now)
