"""Google Cloud's preemptions as the operations of Compute Engine tell them: nothing to set up.

Each preemption is an operation of the system in the machine's zone. It names the machine, not its
type; the type is asked of the machine, if that still is there and is the same: a managed group
makes a new machine of the same name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.payload import instant, members, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.gcp.client import ZONES_PERMISSION, connection_of
from collector.providers.gcp.lists import LARGEST_PAGE, any_of
from collector.providers.gcp.names import PROVIDER_NAME, instance_at, last_part, region_of
from warehouse.records import Interruption, InterruptionKind, Record, Semantics

NAME = "gcp.preemptions"
PERMISSIONS = ("compute.zoneOperations.list", "compute.instances.list", ZONES_PERMISSION)
METHOD = "compute.instances.preempted"
KIND = "compute#operationList"
INSTANCES = "compute#instanceList"

OVERLAP = timedelta(hours=1)
"""How far a run reaches back before the last: an operation may be listed late."""
NAMES_AT_ONCE = 50
"""Machines asked for in one list: a filter of more would make the URL too long."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """One operation: which machine, and when."""

    node: str
    zone: str
    machine_id: str
    occurred_at: datetime

    @property
    def name(self) -> str:
        """The machine's name."""
        return last_part(self.node)


def collect(source: Source) -> Iterator[Record]:
    """Yield the preemptions in all zones of the region since shortly before the last run."""
    since = source.since - OVERLAP if source.since else None
    for zone in connection_of(source, NAME).zones(source, feed=NAME):
        found = operations(source, zone, since=since, feed=NAME)
        yield from parse(found, _types(source, zone, found), observed_at=source.now)


def operations(source: Source, zone: str, *, since: datetime | None, feed: str) -> list[Preemption]:
    """The preemptions in a zone, newest first; older ones than ``since`` are left out.

    Errors name ``feed``.
    """
    connection = connection_of(source, feed)
    pages = connection.pages(
        source,
        connection.compute(f"zones/{zone}/operations"),
        {
            "filter": f'operationType = "{METHOD}"',
            "orderBy": "creationTimestamp desc",
            "maxResults": str(LARGEST_PAGE),
        },
        feed=feed,
        permission=PERMISSIONS[0],
        kind=KIND,
    )
    found: list[Preemption] = []
    for page in pages:
        read = list(preempted(page, zone=zone, feed=feed))
        found += [one for one in read if since is None or one.occurred_at >= since]
        if since and read and read[-1].occurred_at < since:
            break
    return found


def preempted(page: Any, *, zone: str, feed: str = NAME) -> Iterator[Preemption]:
    """Read one page of operations; those of another kind are left out."""
    with reading(feed, f"the operations in {zone}"):
        rows = members({"items": [], **page}, "items")
    for row in rows:
        with reading(feed, f"{zone} operation {row.get('name', 'without name')}"):
            if text(row, "operationType") != METHOD:
                continue
            node, found = instance_at(row, "targetLink")
            told = Preemption(
                node, found, text(row, "targetId"), instant(row, "insertTime").astimezone(UTC)
            )
        yield told


def parse(
    found: Iterable[Preemption], types: Mapping[str, str], *, observed_at: datetime
) -> Iterator[Interruption]:
    """The interruptions; ``types`` holds machine types by machine id, where they are known."""
    for one in found:
        yield Interruption(
            provider=PROVIDER_NAME,
            region=region_of(one.zone),
            zone=one.zone,
            instance_type=types.get(one.machine_id),
            node=one.node,
            kind=InterruptionKind.TAKEN,
            occurred_at=one.occurred_at,
            notice_seconds=None,
            source=NAME,
            observed_at=observed_at,
        )


def _types(source: Source, zone: str, found: list[Preemption]) -> dict[str, str]:
    """Type by id of the preempted machines that are still there, stopped."""
    connection = connection_of(source, NAME)
    names = sorted({one.name for one in found})
    types: dict[str, str] = {}
    for start in range(0, len(names), NAMES_AT_ONCE):
        pages = connection.pages(
            source,
            connection.compute(f"zones/{zone}/instances"),
            {
                "filter": any_of("name", tuple(names[start : start + NAMES_AT_ONCE])),
                "maxResults": str(LARGEST_PAGE),
            },
            feed=NAME,
            permission=PERMISSIONS[1],
            kind=INSTANCES,
        )
        for page in pages:
            types.update(machine_types(page, zone=zone))
    return types


def machine_types(page: Any, *, zone: str) -> Iterator[tuple[str, str]]:
    """Id and type of each machine on a page."""
    with reading(NAME, f"the machines in {zone}"):
        for row in members({"items": [], **page}, "items"):
            yield text(row, "id"), last_part(text(row, "machineType"))


FEED = Feed(
    name=NAME,
    title="Google Cloud preemptions (operations)",
    meaning=(
        "Each Spot VM of the project that Google preempted, when, and its type if the machine is "
        "still there. Google says nothing before: the 30 seconds of notice reach only the machine. "
        "A machine that a user stopped, or that failed with its host, is not among them. Google "
        "keeps operations for some weeks."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=5),
    may_be_quiet=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=PERMISSIONS,
    recorded_as=(
        RecordedAs("/operations", "zoneOperations.list.preempted"),
        RecordedAs("/instances", "compute.instances.list", asking='(name = "'),
    ),
)
