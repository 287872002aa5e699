"""Alibaba Cloud's word that it will take a spot machine, in the three spellings it comes in.

EventBridge sends it as a CloudEvent, CloudMonitor as its own JSON, and CloudMonitor's API lists
it with capital letters, the time in milliseconds and the content as JSON in a text. A queue may
wrap the first two: in base64, in a topic's notification (XML or JSON), or in both.

All come 5 minutes before the machine is released.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError
from collector.payload import instant, reading, text, whole_number
from collector.providers.alibaba.client import REGION_NAME
from collector.providers.alibaba.credentials import PROVIDER_NAME
from collector.providers.alibaba.safe_xml import name_of, root_of, texts_of
from collector.quality import CLOCK_SKEW, FIRST_SPOT_MARKET
from warehouse.records import Interruption, InterruptionKind, Record

SOURCE = "alibaba.event_queue"
"""The source of what a queue brought and of what was pushed to us: the same event by both ways is
one fact."""

INTERRUPTION = "Instance:PreemptibleInstanceInterruption"
ECS_PREFIX = "ecs:"
"""EventBridge puts the product before the name."""

NOTICE_SECONDS = 300.0
"""Documented: "5 minutes before the instance is released"."""

NOTIFICATION = frozenset({"TopicName", "Message"})
"""What a topic's notification has and no event does."""
MOST_WRAPPINGS = 6
"""Steps to the event: base64 of a notification that holds base64 takes five."""

NODE = re.compile(r"[!-~]{1,128}")
"""A machine's id is short and plain; what is not cannot be stored."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MILLISECONDS = 253_402_300_799_000
"""The end of the year 9999, which is the end of our clock."""


def pushed(event: Mapping[str, Any], observed_at: datetime) -> Iterator[Record]:
    """The interruption that one event delivered over HTTP tells of; nothing for other kinds.

    Raises:
        SourceChangedError: neither a CloudEvent nor CloudMonitor's JSON, or one without a field.
    """
    with reading(SOURCE, "an event"):
        inner = unwrapped(event)
    yield from parse(inner, observed_at=observed_at, source=SOURCE)


def parse(
    event: Mapping[str, Any], *, observed_at: datetime, source: str
) -> Iterator[Interruption]:
    """Read one event in any of the spellings; nothing for an event of another kind.

    Raises:
        SourceChangedError: an event of a form we do not know, or a time that cannot be true.
    """
    with reading(source, "an event"):
        said = _said(event)
        if said is None:
            return
        node = text(said.content, "instanceId")
        if not NODE.fullmatch(node):
            raise ValueError("instanceId is no machine's id")
        if said.region and not REGION_NAME.fullmatch(said.region):
            raise ValueError("its region is no region's name")
        # One event of an impossible time would fail the run that all others are stored in.
        if not FIRST_SPOT_MARKET <= said.at <= observed_at + CLOCK_SKEW:
            raise ValueError(f"its time {said.at.isoformat()} cannot be true")
    yield Interruption(
        provider=PROVIDER_NAME,
        region=said.region or None,
        zone=None,
        instance_type=None,
        node=node,
        kind=InterruptionKind.ANNOUNCED,
        occurred_at=said.at,
        notice_seconds=NOTICE_SECONDS,
        source=source,
        observed_at=observed_at,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    region: str
    at: datetime
    content: Mapping[str, Any]


def _said(event: Mapping[str, Any]) -> _Said | None:
    """What an event says of an interruption, whatever its spelling; None if of something else."""
    if "specversion" in event:
        # The state of the event may follow its name.
        if not text(event, "type").removeprefix(ECS_PREFIX).startswith(INTERRUPTION):
            return None
        subject = event.get("subject") or ""
        region = _region(text({"subject": subject}, "subject")) or event.get("aliyunregionid") or ""
        return _Said(
            text({"region": region}, "region"), instant(event, "time"), _object(event, "data")
        )
    if "name" in event:
        if text(event, "name") != INTERRUPTION:
            return None
        at = instant(event, "eventTime")
        return _Said(text(event, "regionId"), at, _object(event, "content"))
    if "Name" in event:
        if text(event, "Name") != INTERRUPTION:
            return None
        at = milliseconds(event, "Time")
        return _Said(text(event, "RegionId"), at, _object(event, "Content"))
    raise ValueError("neither a CloudEvent nor an event of CloudMonitor")


def milliseconds(holder: Mapping[str, Any], field: str) -> datetime:
    """The time under ``field``, in milliseconds since 1970."""
    value = whole_number(holder, field)
    if not 0 <= value <= LATEST_MILLISECONDS:
        raise ValueError(f"{field} is {value}, not a time in milliseconds")
    return EPOCH + timedelta(milliseconds=value)


def unwrapped(wrapped: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """The event inside base64 and notifications.

    Raises:
        TypeError, ValueError: there is no JSON object inside.
    """
    inner: str | Mapping[str, Any] = wrapped
    for _ in range(MOST_WRAPPINGS):
        if isinstance(inner, str):
            inner = _opened(inner.strip())
        elif not inner.keys() >= NOTIFICATION:
            return inner
        else:
            inner = text(inner, "Message")
    raise ValueError("an event is wrapped too often")


def read_message(body: str, *, observed_at: datetime, source: str) -> list[Interruption]:
    """The interruption in the body of a queue's message; empty for an event of another kind.

    Raises:
        SourceChangedError: the body, or the event in it, is of a form we do not know.
    """
    try:
        with reading(source, "a message"):
            event = unwrapped(body)
        return list(parse(event, observed_at=observed_at, source=source))
    except RecursionError as error:
        raise SourceChangedError(source, "a message: nested too deep") from error


def _opened(body: str) -> str | Mapping[str, Any]:
    """One layer less: XML or JSON read, anything else taken for base64."""
    if body.startswith("<"):
        root = root_of(body)
        if name_of(root) != "Notification":
            raise ValueError("the XML is no notification")
        return texts_of(root)
    if body.startswith("{"):
        return dict(json.loads(body))
    return base64.b64decode(body, validate=True).decode()


def _object(event: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The JSON object under ``field``, which may be written as a text."""
    value = event[field]
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise TypeError(f"{field} is no object")
    return value


def _region(resource: str) -> str:
    """The region in a resource's name (``acs:ecs:REGION:ACCOUNT:instance/ID``); blank if none."""
    parts = resource.split(":")
    return parts[2] if len(parts) > 4 and parts[0] == "acs" else ""  # noqa: PLR2004 - five parts
