"""What EC2 knows of single machines: an event names only the machine, not its pool.

A machine that ended stays visible for about an hour. What cannot be found is left out: an event
is stored without its pool rather than lost.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from collector.errors import NotRecordedError, SourceError
from collector.payload import mapping, members, reading, text
from collector.provider import Source
from collector.providers.aws import availability_zones
from collector.providers.aws.batches import batches
from collector.providers.aws.client import connection_of

PERMISSION = "ec2:DescribeInstances"

SPOT = "spot"
MOST_FILTERED = 200
"""As many values as a filter takes. A filter leaves out machines that are gone; asked by plain id,
one of them would spoil the whole answer."""
PAGE_SIZE = 1000

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine. ``launched_at`` is its last launch; a spot machine may be stopped and started.

    ``end_reason`` is AWS' code for its last change of state, empty if it gave none. What only a
    record of the launch tells of has neither time nor reason nor state.
    """

    node: str
    region: str
    zone: str | None
    instance_type: str
    is_spot: bool
    launched_at: datetime | None = None
    end_reason: str = ""
    state: str = ""


class Machines:
    """The machines that a run has looked up, each once."""

    def __init__(self, source: Source, feed: str) -> None:
        """``feed`` is whose errors are logged."""
        self._source = source
        self._feed = feed
        self._zone_ids: dict[str, Mapping[str, str]] = {}
        self.known: dict[str, Machine] = {}

    def look_up(self, region: str, nodes: Iterable[str]) -> None:
        """Add to ``known`` those of ``nodes`` that EC2 still shows in the region."""
        unknown = sorted(set(nodes) - self.known.keys())
        try:
            for machine in self.described(region, "instance-id", unknown):
                self.known[machine.node] = machine
        except NotRecordedError:
            return
        except SourceError as error:
            LOG.warning("machines_unknown feed=%s region=%s reason=%s", self._feed, region, error)

    def described(self, region: str, name: str, values: Iterable[str]) -> Iterator[Machine]:
        """The machines that EC2 shows in the region, by its filter ``name``.

        Raises one of the `collector.errors`.
        """
        for some in batches(values, MOST_FILTERED):
            for page in self._pages(region, name, some):
                for row in rows_of(page, feed=self._feed):
                    yield self._machine(row, region)

    def add(self, machine: Machine) -> None:
        """Add a machine that another source told of, its zone by the account's name for it."""
        if machine.node not in self.known:
            zone = machine.zone and self.zone_id(machine.region, machine.zone)
            self.known[machine.node] = replace(machine, zone=zone)

    def zone_id(self, region: str, name: str) -> str:
        """The id of the account's zone ``name``; the name itself if nothing explains it."""
        if region not in self._zone_ids:
            self._zone_ids[region] = self._zones(region)
        return self._zone_ids[region].get(name, name)

    def _zones(self, region: str) -> Mapping[str, str]:
        try:
            there = replace(self._source, region=region)
            found = availability_zones.aliases(there, feed=self._feed)
            return {alias.zone_name: alias.zone_id for alias in found}
        except SourceError as error:
            LOG.warning("zones_unknown feed=%s region=%s reason=%s", self._feed, region, error)
            return {}

    def _pages(
        self, region: str, name: str, values: tuple[str, ...]
    ) -> Iterator[Mapping[str, Any]]:
        return connection_of(self._source, self._feed).pages(
            self._feed,
            region,
            lambda ec2: ec2.get_paginator("describe_instances").paginate(
                Filters=[{"Name": name, "Values": list(values)}],
                PaginationConfig={"PageSize": PAGE_SIZE},
            ),
        )

    def _machine(self, row: Mapping[str, Any], region: str) -> Machine:
        with reading(self._feed, f"{region} {row.get('InstanceId', 'a machine without id')}"):
            placed = mapping(row, "Placement")
            zone = placed.get("AvailabilityZoneId") or self.zone_id(
                region, text(placed, "AvailabilityZone")
            )
            return Machine(
                node=text(row, "InstanceId"),
                region=region,
                zone=zone,
                instance_type=text(row, "InstanceType"),
                is_spot=row.get("InstanceLifecycle") == SPOT,
                launched_at=_launch(row),
                end_reason=_reason(row),
                state=_state(row),
            )


def rows_of(page: Mapping[str, Any], *, feed: str) -> Iterator[Mapping[str, Any]]:
    """The machines of one page, as boto3 gives it."""
    with reading(feed, "the machines"):
        reservations = members(page, "Reservations")
    for one in reservations:
        with reading(feed, "the machines"):
            found = members(one, "Instances")
        yield from found


def _launch(row: Mapping[str, Any]) -> datetime:
    told = row["LaunchTime"]
    if not isinstance(told, datetime):
        raise TypeError(f"LaunchTime is {told!r}, not a time")
    return told.astimezone(UTC)


def _reason(row: Mapping[str, Any]) -> str:
    """AWS' code, such as ``Client.UserInitiatedShutdown``; else its words, empty while it runs."""
    told = row.get("StateReason")
    code = told.get("Code") if isinstance(told, Mapping) else None
    return str(code or row.get("StateTransitionReason") or "")


def _state(row: Mapping[str, Any]) -> str:
    """Such as ``running``; empty if it is not told."""
    told = row.get("State")
    return str(told.get("Name") or "") if isinstance(told, Mapping) else ""
