"""Azure's notice that it takes a spot machine: at most 30 seconds before, told on the machine.

The metadata service of a machine (or of a scale set's machines) lists what is about to happen to
it. Only a process on the machine can ask; an agent there may also post what it read. The first
question switches the service on and can take minutes to be answered.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from collector.errors import SourceChangedError, UnchangedError
from collector.payload import mapping, members, reading, text, whole_number
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.azure.client import PROVIDER_NAME
from warehouse.records import Interruption, InterruptionKind, Record, Semantics

NAME = "azure.scheduled_events"
URL = "http://169.254.169.254/metadata/scheduledevents"
API_VERSION = "2020-07-01"

PREEMPT = "Preempt"
OTHER_TYPES = {"Freeze", "Reboot", "Redeploy", "Terminate"}
"""Maintenance, or the user's own deletion of the machine."""

NOTICE = timedelta(seconds=30)
"""What Azure promises at best between the announcement and the end."""

Event = Mapping[str, Any]


def collect(source: Source) -> Iterator[Record]:
    """Yield an `Interruption` per machine that is about to be taken.

    Raises:
        UnchangedError: the list is the one read last.
    """
    document = source.http.request_json(
        "GET",
        URL,
        source=NAME,
        params={"api-version": API_VERSION},
        headers={"metadata": "true"},
    )
    with reading(NAME, "the list"):
        incarnation = str(whole_number(document, "DocumentIncarnation"))
    if incarnation == source.progress.cursor:
        raise UnchangedError(NAME)
    yield from parse(document, observed_at=source.now)
    source.progress.cursor = incarnation


def parse(document: Any, *, observed_at: datetime) -> Iterator[Interruption]:
    """Read the whole list."""
    with reading(NAME, "the list"):
        events = members(document, "Events")
    for event in events:
        yield from parse_event(event, observed_at=observed_at)


def parse_event(event: Event, *, observed_at: datetime) -> Iterator[Interruption]:
    """Read one event: one record per machine it names; none unless machines are taken.

    The time is when the announcement was due, 30 seconds before ``NotBefore``, and so the same
    whenever the list is read. An event that has begun has no ``NotBefore``.
    """
    with reading(NAME, f"event {event.get('EventId', 'without EventId')}"):
        kind = text(event, "EventType")
        if kind not in OTHER_TYPES | {PREEMPT}:
            raise ValueError(f"EventType is {kind!r}")
        nodes = event["Resources"] if kind == PREEMPT else []
        if not isinstance(nodes, list) or not all(isinstance(node, str) for node in nodes):
            raise TypeError(f"Resources is {nodes!r:.40}, not a list of texts")
        not_before = text({"NotBefore": event.get("NotBefore") or ""}, "NotBefore")
        ends_at = _moment(not_before) if not_before else None
    for node in nodes:
        yield Interruption(
            provider=PROVIDER_NAME,
            region=None,
            zone=None,
            instance_type=None,
            # In lower case, as kubernetes.nodes has it: its spelling differs from place to place.
            node=node.lower(),
            kind=InterruptionKind.ANNOUNCED,
            occurred_at=ends_at - NOTICE if ends_at else observed_at,
            notice_seconds=NOTICE.total_seconds() if ends_at else 0.0,
            source=NAME,
            observed_at=observed_at,
        )


def pushed(event: Event, observed_at: datetime) -> Iterator[Record]:
    """Read what an agent posted: the list, one event of it, or either as a CloudEvent's data.

    Raises:
        SourceChangedError: it is none of these.
    """
    if "Events" in event:
        yield from parse(event, observed_at=observed_at)
    elif "EventType" in event:
        yield from parse_event(event, observed_at=observed_at)
    elif "data" in event:
        with reading(NAME, "a pushed event"):
            data = mapping(event, "data")
        if "Events" in data or "EventType" in data:
            yield from pushed(data, observed_at)
    else:
        raise SourceChangedError(NAME, "a pushed event has none of Events, EventType and data")


def _moment(told: str) -> datetime:
    """A time as RFC 1123 spells it, in UTC.

    Raises:
        ValueError: it is none, or does not say its zone.
    """
    moment = parsedate_to_datetime(told)
    if moment.tzinfo is None:
        raise ValueError(f"NotBefore is {told!r}, without a time zone")
    return moment.astimezone(UTC)


FEED = Feed(
    name=NAME,
    title="Azure scheduled events",
    meaning=(
        "Azure's notice that it takes spot machines, at most 30 seconds before. Asked from the "
        "machine itself: run it there, or let an agent post what it read. The region and size are "
        "not told."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(seconds=30),
    may_be_quiet=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=False,
    recorded_as=(RecordedAs("169.254.169.254/metadata/scheduledevents", "scheduled_events"),),
    opt_in="only an Azure machine can ask, and only about itself",
)
