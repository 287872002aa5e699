"""AWS' events about single machines, as EventBridge tells them: parsed here, whoever brings them.

They come through queues (`collector.providers.aws.events`) or over HTTP (an API destination).
An event names the machine and neither its pool nor whether it is Spot: that is joined from EC2
while the machine is visible, and an interruption without it is kept without it. Delivery is best
effort, at least once and in no order.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError
from collector.payload import instant, mapping, members, reading, text
from collector.providers.aws.bid_evicted import evicted_nodes, evictions
from collector.providers.aws.client import PROVIDER_NAME
from collector.providers.aws.lives import life
from collector.providers.aws.machines import Machine
from collector.providers.aws.moments import plausible, rfc_1123
from warehouse.records import REGIONAL, Interruption, InterruptionKind, Pool, Record, Signal

NAME = "aws.events"

WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
RESERVATION = "EC2 Capacity Reservation Instance Interruption Warning"
STATE_CHANGE = "EC2 Instance State-change Notification"
HEALTH = "AWS Health Event"
CLOUDTRAIL = "AWS Service Event via CloudTrail"
ABOUT_ONE_MACHINE = {WARNING, REBALANCE, RESERVATION, STATE_CHANGE}

EC2_SOURCE, HEALTH_SOURCE = "aws.ec2", "aws.health"

NOTICE = timedelta(minutes=2)
NOTICE_SECONDS = {
    "terminate": NOTICE.total_seconds(),
    "stop": NOTICE.total_seconds(),
    # It begins with the warning.
    "hibernate": 0.0,
}
"""By ``instance-action`` (EC2 User Guide, "Spot Instance interruption notices")."""

SIGNALS = {
    REBALANCE: "aws.rebalance_recommendation",
    RESERVATION: "aws.capacity_reservation_interruption_warning",
    HEALTH: "aws.health_scheduled_change",
}
"""Value 1: it happened once. The reservation's owner takes back what he lent: no Spot market."""
ANY_TYPE = "*"

NODE = re.compile(r"i-[0-9a-f]{8,32}")


def nodes_of(event: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The region of an event and the machines that it speaks of; none if it says nothing to us.

    Raises:
        SourceChangedError: it is of a form we do not know.
    """
    with reading(NAME, place_of(event)):
        return _region(event), _nodes(event)


def parse(
    event: Mapping[str, Any], *, observed_at: datetime, machines: Mapping[str, Machine]
) -> Iterator[Record]:
    """Read one event, with what is known of the ``machines`` by their ids.

    An event of a kind that says nothing to us gives nothing.

    Raises:
        SourceChangedError: it is of a form we do not know.
    """
    with reading(NAME, place_of(event)):
        yield from list(_records(event, observed_at, machines))


def pushed(event: Mapping[str, Any], observed_at: datetime) -> Iterator[Record]:
    """Read one event that EventBridge sent over HTTP; nothing is known of its machine."""
    yield from parse(event, observed_at=observed_at, machines={})


def place_of(event: Mapping[str, Any]) -> str:
    """Which event it is, in words that find it in a log."""
    return f"event {event.get('id', 'without id')!s:.60}"


def _records(
    event: Mapping[str, Any], observed_at: datetime, machines: Mapping[str, Machine]
) -> Iterable[Record]:
    kind, nodes = text(event, "detail-type"), _nodes(event)
    if not nodes and not _is_health(event):
        return []
    if kind == CLOUDTRAIL:
        record = mapping(event, "detail")
        return evictions(record, machines, source=NAME, observed_at=observed_at)
    at, region = plausible(instant(event, "time"), observed_at), _region(event)
    if kind == HEALTH:
        return _health(event, nodes, region, at, machines)
    machine = machines.get(nodes[0])
    if kind == WARNING:
        return [_warning(event, at, machine, observed_at)]
    if kind == STATE_CHANGE:
        state = text(mapping(event, "detail"), "state")
        return life(state, at, machine, source=NAME, observed_at=observed_at)
    return [_signal(event, kind, nodes[0], region=region, at=at, machine=machine)]


def _nodes(event: Mapping[str, Any]) -> list[str]:
    kind = text(event, "detail-type")
    if text(event, "source") != (HEALTH_SOURCE if kind == HEALTH else EC2_SOURCE):
        # Anyone may put events on a bus, but AWS lets nobody else use its names.
        return []
    if kind in ABOUT_ONE_MACHINE:
        return [checked_node(text(mapping(event, "detail"), "instance-id"))]
    if kind == CLOUDTRAIL:
        return [checked_node(one) for one in evicted_nodes(mapping(event, "detail"))]
    if not _is_health(event):
        return []
    # A scheduled change may be about volumes or whole services; those have no machine.
    told = mapping(event, "detail").get("affectedEntities", [])
    entities = members({"affectedEntities": told}, "affectedEntities")
    named = (text(one, "entityValue") for one in entities)
    return [one for one in named if NODE.fullmatch(one)]


def checked_node(node: str) -> str:
    """``node`` if it is an instance id; ValueError if not."""
    if not NODE.fullmatch(node):
        raise ValueError(f"{node!r:.40} is no instance id")
    return node


def _is_health(event: Mapping[str, Any]) -> bool:
    """Whether it announces work on EC2: all other news of AWS Health is for people."""
    if event.get("detail-type") != HEALTH or event.get("source") != HEALTH_SOURCE:
        return False
    detail = mapping(event, "detail")
    is_ec2 = text(detail, "service") == "EC2"
    return is_ec2 and text(detail, "eventTypeCategory") == "scheduledChange"


def _region(event: Mapping[str, Any]) -> str:
    region = text(event, "region").strip()
    if not region:
        raise ValueError("region is blank")
    return region


def _warning(
    event: Mapping[str, Any], at: datetime, machine: Machine | None, observed_at: datetime
) -> Interruption:
    detail = mapping(event, "detail")
    action = text(detail, "instance-action")
    if action not in NOTICE_SECONDS:
        raise ValueError(f"instance-action {action!r} is unknown")
    return Interruption(
        provider=PROVIDER_NAME,
        # Not from the ARN: its region's place may hold a zone.
        region=_region(event),
        zone=machine.zone if machine else None,
        instance_type=machine.instance_type if machine else None,
        node=text(detail, "instance-id"),
        kind=InterruptionKind.ANNOUNCED,
        occurred_at=at,
        notice_seconds=NOTICE_SECONDS[action],
        source=NAME,
        observed_at=observed_at,
    )


def _signal(
    event: Mapping[str, Any],
    kind: str,
    node: str | None,
    *,
    region: str,
    at: datetime,
    machine: Machine | None,
    **more: str,
) -> Signal:
    identity = text(event, "id")
    zone = (machine.zone if machine else None) or REGIONAL
    instance_type = machine.instance_type if machine else ANY_TYPE
    told = {"event": identity, "at": at.isoformat(), "node": node, **more}
    return Signal(
        pool=Pool(PROVIDER_NAME, region, zone, instance_type),
        observed_at=at,
        definition=SIGNALS[kind],
        value_low=1.0,
        value_high=1.0,
        source=NAME,
        detail=json.dumps(told),
        subject=node or identity,
    )


def _health(
    event: Mapping[str, Any],
    nodes: list[str],
    region: str,
    at: datetime,
    machines: Mapping[str, Machine],
) -> Iterator[Signal]:
    detail = mapping(event, "detail")
    said = {"code": text(detail, "eventTypeCode")}
    for name, field in (("starts_at", "startTime"), ("ends_at", "endTime")):
        if field in detail:
            said[name] = rfc_1123(text(detail, field)).isoformat()
    for node in nodes or (None,):
        machine = machines.get(node) if node else None
        yield _signal(event, HEALTH, node, region=region, at=at, machine=machine, **said)


def read(text_of_event: str) -> Mapping[str, Any]:
    """The event in a message's body.

    Raises:
        SourceChangedError: it is no JSON object.
    """
    try:
        event = json.loads(text_of_event)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SourceChangedError(NAME, "a message is not JSON") from error
    if not isinstance(event, Mapping):
        raise SourceChangedError(NAME, "a message is not a JSON object")
    return event
