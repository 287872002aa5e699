"""CloudMonitor's list of system events: which spot machines the cloud announced to take.

It needs no set-up by the user, unlike a queue, and can be asked again for days. An event names
the machine but not its type or zone; both are looked up while the machine can still be seen.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError, SourceDeniedError, SourceUnavailableError
from collector.http import DENIED, UNAVAILABLE
from collector.payload import mapping, members, reading
from collector.provider import Feed, Scope, Source
from collector.providers.alibaba import events
from collector.providers.alibaba.client import connection_of
from collector.providers.alibaba.endpoints import CLOUD_MONITOR
from collector.providers.alibaba.machines import PERMISSION as LOOK_UP
from collector.providers.alibaba.machines import attributed
from warehouse.records import Interruption, Record, Semantics

NAME = "alibaba.system_events"
ACTION = "DescribeSystemEventAttribute"
PERMISSION = f"cms:{ACTION}"

FIRST_WINDOW = timedelta(days=7)
"""What a first run asks for, and the most that any does: how long events are kept is not said."""
OVERLAP = timedelta(hours=1)
"""How far a run reaches back before the last: an event may be listed late."""
PAGE_SIZE = 100
"""The API's maximum."""


def collect(source: Source) -> Iterator[Record]:
    """Yield an `Interruption` per spot machine that was announced to be taken."""
    start = source.since - OVERLAP if source.since else source.now - FIRST_WINDOW
    yield from attributed(source, announced(source, start, feed=NAME), feed=NAME)


def announced(source: Source, start: datetime, *, feed: str) -> list[Interruption]:
    """What was announced in the region since ``start``; errors are told in the name of ``feed``."""
    asked = _question(max(start, source.now - FIRST_WINDOW), source.now)
    told: dict[Interruption, None] = {}
    for page in _pages(source, asked, feed):
        told.update(dict.fromkeys(parse(page, observed_at=source.now, feed=feed)))
    return list(told)


def parse(page: Any, *, observed_at: datetime, feed: str = NAME) -> Iterator[Interruption]:
    """Read one page, one `Interruption` per event."""
    for event in _rows(page, feed):
        yield from events.parse(event, observed_at=observed_at, source=feed)


def _question(start: datetime, end: datetime) -> dict[str, str]:
    return {
        "Product": "ECS",
        "Name": events.INTERRUPTION,
        "StartTime": str(_milliseconds(start)),
        "EndTime": str(_milliseconds(end)),
        "PageSize": str(PAGE_SIZE),
    }


def _pages(source: Source, asked: Mapping[str, str], feed: str) -> Iterator[Any]:
    """The pages up to the first that is not full.

    Raises:
        SourceChangedError: a full page says what the one before it said.
    """
    connection = connection_of(source, feed)
    before: Any = None
    number = 1
    while True:
        page = connection.call(
            source.http,
            ACTION,
            source.region,
            {**asked, "PageNumber": str(number)},
            source=feed,
            service=CLOUD_MONITOR,
        )
        rows = _rows(page, feed)
        if rows and rows == before:
            raise SourceChangedError(feed, f"{ACTION} in {source.region}: page {number} repeats")
        yield page
        if len(rows) < PAGE_SIZE:
            return
        before, number = rows, number + 1


def _rows(page: Any, feed: str) -> Any:
    """The page's events. A refusal may come with HTTP 200, and its status in ``Code``."""
    with reading(feed, ACTION):
        reply = mapping({"the reply": page}, "the reply")
        if str(reply.get("Success", "true")).lower() != "true":
            _refuse(str(reply.get("Code", "")), feed)
        return members(mapping(reply, "SystemEvents"), "SystemEvent")


def _refuse(code: str, feed: str) -> None:
    """Raise what a reply that is no success stands for."""
    status = int(code) if code.isdigit() else 0
    what = f"{ACTION}: {code[:40] or 'no success'}"
    if status in DENIED:
        raise SourceDeniedError(feed, f"{what}: grant {PERMISSION} to the key's RAM user")
    if status in UNAVAILABLE or code.startswith("Throttling"):
        raise SourceUnavailableError(feed, what)
    raise SourceChangedError(feed, what)


def _milliseconds(moment: datetime) -> int:
    return (moment - events.EPOCH) // timedelta(milliseconds=1)


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud spot interruptions (CloudMonitor)",
    meaning=(
        "Spot machines of the account that the cloud announced to take, five minutes before. The "
        "announcement, not the release. Zone and type are those of the machine if it could still "
        "be seen, else unknown. Machines of others are not told of."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(minutes=5),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION, LOOK_UP),
    may_be_quiet=True,
)
