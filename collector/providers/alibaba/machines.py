"""The account's machines: what ``DescribeInstances`` says of each, and which pool an event hit."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from collector.errors import SourceError
from collector.payload import instant, mapping, members, reading, text
from collector.provider import Source
from collector.providers.alibaba.client import connection_of
from collector.providers.alibaba.paging import pages
from warehouse.records import Interruption

ACTION = "DescribeInstances"
PERMISSION = "ecs:DescribeInstances"

PAGE_SIZE = 100
"""The API's maximum, for a page and for a list of ids."""

IS_SPOT = {"NoSpot": False, "SpotWithPriceLimit": True, "SpotAsPriceGo": True}
STATUSES = frozenset({"Pending", "Starting", "Running", "Stopping", "Stopped"})
RECYCLING = "Recycling"
"""Documented: "The spot instance is locked and pending release"."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of the account, as it is now.

    ``launched_at`` is when it was started last, to the minute. ``is_recycling``: the cloud has
    locked it and will take it.
    """

    node: str
    zone: str
    instance_type: str
    launched_at: datetime
    is_spot: bool
    is_stopped: bool
    is_recycling: bool


def machines(
    source: Source, region: str, *, feed: str, nodes: Sequence[str] | None = None
) -> Iterator[Machine]:
    """The pay-as-you-go machines in the region, spot and not; of ``nodes`` only, if given.

    Raises one of the `collector.errors`, in the name of ``feed``.
    """
    asked = {"InstanceChargeType": "PostPaid", "MaxResults": str(PAGE_SIZE)}
    if nodes is None:
        questions = [asked]
    else:
        questions = [{**asked, "InstanceIds": json.dumps(some)} for some in _batches(nodes)]
    connection = connection_of(source, feed)
    for question in questions:
        for page in pages(connection, source.http, ACTION, region, question, feed=feed):
            yield from parse(page, region=region, feed=feed)


def parse(page: Any, *, region: str, feed: str) -> Iterator[Machine]:
    """Read one page, one machine per row."""
    with reading(feed, f"{ACTION} in {region}"):
        rows = members(mapping(page, "Instances"), "Instance")
    for row in rows:
        with reading(feed, f"{region} {row.get('InstanceId', 'a machine without InstanceId')}"):
            machine = _machine(row)
        yield machine


def attributed(
    source: Source, interruptions: Iterable[Interruption], *, feed: str
) -> list[Interruption]:
    """The interruptions, with zone and type of each machine that can still be seen.

    An event says neither. What cannot be looked up is told without, and is never lost.
    """
    told = list(interruptions)
    found: dict[str, Machine] = {}
    for region in sorted({one.region for one in told if one.region}):
        nodes = sorted({one.node for one in told if one.region == region})
        try:
            found |= {one.node: one for one in machines(source, region, feed=feed, nodes=nodes)}
        except SourceError as error:
            LOG.warning("pool_unknown region=%s machines=%s reason=%s", region, len(nodes), error)
    return [
        replace(one, zone=machine.zone, instance_type=machine.instance_type)
        if (machine := found.get(one.node))
        else one
        for one in told
    ]


def _machine(row: Mapping[str, Any]) -> Machine:
    strategy, status = text(row, "SpotStrategy"), text(row, "Status")
    if strategy not in IS_SPOT:
        raise ValueError(f"SpotStrategy is {strategy!r}, not one of {', '.join(IS_SPOT)}")
    if status not in STATUSES:
        raise ValueError(f"Status is {status!r}, not one of {', '.join(sorted(STATUSES))}")
    locks = members(mapping(row, "OperationLocks"), "LockReason")
    return Machine(
        node=text(row, "InstanceId"),
        zone=text(row, "ZoneId"),
        instance_type=text(row, "InstanceType"),
        # A machine that has not started yet has been asked for.
        launched_at=instant(row, "StartTime" if row.get("StartTime") else "CreationTime"),
        is_spot=IS_SPOT[strategy],
        is_stopped=status == "Stopped",
        is_recycling=any(text(one, "LockReason") == RECYCLING for one in locks),
    )


def _batches(nodes: Sequence[str]) -> Iterator[Sequence[str]]:
    return (nodes[first : first + PAGE_SIZE] for first in range(0, len(nodes), PAGE_SIZE))
