"""Reports of interruptions as they are stored, and where a listener goes on."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from api.service.asking import key_of
from api.service.page import encoded
from api.service.state import Service
from warehouse.interruptions import newest_report, position_before, report_at, reports_behind
from warehouse.keyset import Places
from warehouse.records import InterruptionKind

AT_ONCE = 500
"""Reports that are read at once; those behind them follow."""

SLOWEST = timedelta(hours=1)
"""How long after it was read a report may be stored: only where the database was made anew since
the listener left is the order of storing lost, and that of reading, less this, taken."""


class ReportOut(BaseModel):
    """One source's word that a machine is lost, or will be. Null is unknown."""

    provider: str = Field(examples=["aws"])
    region: str | None = Field(examples=["us-east-1"])
    zone: str | None = Field(examples=["use1-az4"])
    instance_type: str | None = Field(examples=["g5.xlarge"])
    node: str = Field(examples=["i-0abc"], description="The cloud's id of it, or the node's name.")
    kind: InterruptionKind
    occurred_at: datetime = Field(description="When it was announced or taken.")
    notice_seconds: float | None
    source: str = Field(examples=["aws.events"])
    observed_at: datetime = Field(description="When it was first read.")


def id_of(report: Mapping[str, Any] | None) -> str:
    """The cursor of a report: where it is stored, and what tells whether it still is."""
    if report is None:
        return encoded([-1, "", ""])
    return encoded([report["position"], report["node"], report["observed_at"].isoformat()])


def begin(service: Service, last_event_id: str | None) -> int:
    """The position behind which a listener goes on: after its last event, or now.

    Raises:
        CursorError: the id is none of ours.
    """
    with service.reading() as warehouse:
        if last_event_id is None:
            newest = newest_report(warehouse)
            return -1 if newest is None else int(newest["position"])
        position, node, observed_at = _told(last_event_id)
        if observed_at is None:
            return -1
        there = report_at(warehouse, position)
        if there and (there["node"], there["observed_at"]) == (node, observed_at):
            return position
        return position_before(warehouse, observed_at - SLOWEST)


def _told(last_event_id: str) -> tuple[int, str, datetime | None]:
    told = None if last_event_id == id_of(None) else key_of(last_event_id, (int, str, datetime))
    if told is None:
        return -1, "", None
    position, node, observed_at = told
    return position, node, observed_at


def reports_after(service: Service, position: int, places: Places) -> list[dict[str, Any]]:
    """The next reports, `AT_ONCE` at most, in the order of storing."""
    with service.reading() as warehouse:
        return reports_behind(warehouse, position, places=places, limit=AT_ONCE)


def id_at(service: Service, position: int) -> str:
    """The cursor of that position."""
    with service.reading() as warehouse:
        return id_of(report_at(warehouse, position))
