"""Rules, readings and looks for tests of the alerts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from api.alerts.judging import Reading, Rule, Standing
from api.alerts.looking import Looker
from api.config.alerts import AlertsSection
from api.config.channels import FolderChannel
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
    return replace(
        settings_from({}),
        alerts=section,
        channels={OPS: FolderChannel(kind="folder", path=Path("alerts"))},
    )


def told(warehouse: Warehouse) -> list[Notice]:
    """What was put into the outbox, in order."""
    rows = warehouse.rows("select payload from message order by created_at, message_id")
    return [Notice.model_validate_json(payload) for (payload,) in rows]


def look(
    warehouse: Warehouse, settings: Settings, now: datetime = NOW, *, by: Looker | None = None
) -> Mapping[str, Any]:
    """Take a look at that time."""
    shared = SharedWarehouse(warehouse)
    return (by or Looker())(shared.reading, shared.writing, settings, lambda: now)
