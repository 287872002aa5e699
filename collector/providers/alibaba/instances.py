"""The account's own spot machines: how long each lived, and whether the cloud took it.

The API lists only machines that exist, so an end is a machine that is no longer there. Whether it
was taken is known only if the cloud said so before: by the lock ``Recycling`` or by an event.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError
from collector.payload import instant, mapping, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.alibaba.credentials import PROVIDER_NAME
from collector.providers.alibaba.machines import PERMISSION, Machine, machines
from collector.providers.alibaba.system_events import PERMISSION as EVENTS_PERMISSION
from collector.providers.alibaba.system_events import announced
from warehouse.records import (
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    Record,
    Semantics,
)

NAME = "alibaba.instances"

LONGEST_NOTICE = timedelta(minutes=10)
"""How long before it was last seen a machine may have been announced: twice the notice."""


TOLD_AGAIN = timedelta(hours=1)
"""How often a machine that goes on running is told of: each time is a row for good. When it was
last seen is noted at every run all the same, and told with its end."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A spot machine as a run last saw it, and when its life was told last.

    ``recycling_since`` is our clock's; None if it has no lock.
    """

    zone: str
    instance_type: str
    launched_at: datetime
    alive_at: datetime
    told_at: datetime
    recycling_since: datetime | None = None


def collect(source: Source) -> Iterator[Record]:
    """Yield an `Exposure` per spot machine, there or gone, and an `Interruption` per lock.

    A machine that goes on running is told of once in `TOLD_AGAIN`.
    """
    before = read_cursor(source.progress.cursor)
    found = list(machines(source, source.region, feed=NAME))
    lost = sorted(before.keys() - {one.node for one in found})
    if lost:
        # One empty page must not end a hundred lives: they are asked for by name.
        found += machines(source, source.region, feed=NAME, nodes=lost)
    gone = before.keys() - alive(found).keys()
    announcements: list[Interruption] = []
    if gone:
        since = min(before[node].alive_at for node in gone) - LONGEST_NOTICE
        announcements = announced(source, since, feed=NAME)
    now_seen, records = parse(
        found,
        before,
        taken={one.node for one in announcements},
        region=source.region,
        observed_at=source.now,
    )
    source.progress.cursor = write_cursor(now_seen)
    yield from records


def alive(found: Iterable[Machine]) -> dict[str, Machine]:
    """The spot machines that run, by id."""
    return {one.node: one for one in found if one.is_spot and not one.is_stopped}


def parse(
    found: Iterable[Machine],
    before: Mapping[str, Seen],
    *,
    taken: Collection[str],
    region: str,
    observed_at: datetime,
) -> tuple[dict[str, Seen], list[Record]]:
    """What is to be kept for the next run, and the records of this one.

    ``before`` is what the last run kept; ``taken`` are the machines with an announcement.
    """
    listed = {one.node: one for one in found}
    running = alive(listed.values())
    kept = {node: _seen(one, before.get(node), observed_at) for node, one in running.items()}
    gone = {
        node: _last(seen, listed.get(node), observed_at)
        for node, seen in before.items()
        if node not in kept
    }
    records: list[Record] = []
    for node, seen in {**kept, **gone}.items():
        if seen.recycling_since:
            records.append(_lock(node, seen, seen.recycling_since, region, observed_at))
    records += [
        _running(node, seen, region) for node, seen in kept.items() if seen.told_at == seen.alive_at
    ]
    for node, seen in gone.items():
        is_taken = node in taken or seen.recycling_since is not None
        records.append(_ended(node, seen, region, observed_at, is_taken=is_taken))
    return kept, records


def _seen(machine: Machine, before: Seen | None, now: datetime) -> Seen:
    """The machine as it is kept: the first sight of a lock is remembered while it lasts."""
    since = (before.recycling_since if before else None) or now
    # A start is told to the minute, by another clock than ours.
    alive_at = max(now, machine.launched_at)
    return Seen(
        zone=machine.zone,
        instance_type=machine.instance_type,
        launched_at=machine.launched_at,
        alive_at=alive_at,
        told_at=_told_at(machine, before, alive_at),
        recycling_since=since if machine.is_recycling else None,
    )


def _told_at(machine: Machine, before: Seen | None, alive_at: datetime) -> datetime:
    """When the life was told last: ``alive_at``, which is now, if it is to be told again."""
    if before is None or before.launched_at != machine.launched_at:
        return alive_at
    return before.told_at if alive_at - before.told_at < TOLD_AGAIN else alive_at


def _last(seen: Seen, machine: Machine | None, now: datetime) -> Seen:
    """A machine that runs no more; one that was stopped may have a lock that tells why."""
    if machine and machine.is_recycling and not seen.recycling_since:
        return replace(seen, recycling_since=now)
    return seen


def _lock(
    node: str, seen: Seen, since: datetime, region: str, observed_at: datetime
) -> Interruption:
    """The lock as an announcement; how much of the notice is left when we see it, nobody says."""
    return Interruption(
        provider=PROVIDER_NAME,
        region=region,
        zone=seen.zone,
        instance_type=seen.instance_type,
        node=node,
        kind=InterruptionKind.ANNOUNCED,
        occurred_at=since,
        notice_seconds=None,
        source=NAME,
        observed_at=observed_at,
    )


def _running(node: str, seen: Seen, region: str) -> Exposure:
    return Exposure(
        provider=PROVIDER_NAME,
        region=region,
        zone=seen.zone,
        instance_type=seen.instance_type,
        node=node,
        launched_at=seen.launched_at,
        last_alive_at=seen.alive_at,
        ended_at=None,
        ended_by=EndedBy.STILL_RUNNING,
        end_reason="still there",
        source=NAME,
    )


def _ended(node: str, seen: Seen, region: str, now: datetime, *, is_taken: bool) -> Exposure:
    return replace(
        _running(node, seen, region),
        ended_at=max(now, seen.alive_at),
        ended_by=EndedBy.INTERRUPTED if is_taken else EndedBy.USER,
        end_reason="gone, interruption seen" if is_taken else "gone, no interruption seen",
    )


def write_cursor(seen: Mapping[str, Seen]) -> str:
    """The machines as JSON, times in ISO 8601."""
    return json.dumps({node: asdict(one) for node, one in seen.items()}, default=datetime.isoformat)


def read_cursor(cursor: str | None) -> dict[str, Seen]:
    """The machines that the last run saw; none before the first.

    Raises:
        SourceChangedError: the note is not one of ours.
    """
    if cursor is None:
        return {}
    with reading(NAME, "the cursor"):
        try:
            noted: Any = json.loads(cursor)
        except json.JSONDecodeError as error:
            raise SourceChangedError(NAME, "the cursor is not JSON") from error
        return {node: _noted(mapping(noted, node)) for node in noted}


def _noted(one: Mapping[str, Any]) -> Seen:
    return Seen(
        zone=text(one, "zone"),
        instance_type=text(one, "instance_type"),
        launched_at=instant(one, "launched_at"),
        alive_at=instant(one, "alive_at"),
        told_at=instant(one, "told_at"),
        recycling_since=instant(one, "recycling_since") if one["recycling_since"] else None,
    )


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud spot machines of the account",
    meaning=(
        "Lifetimes of the account's spot machines, hourly while they run, and which of them the "
        "cloud has locked to take them. A machine that is gone counts as taken if a lock or an "
        "event announced it, else as ended by the user. When it ended is known only to lie between "
        "two runs. A machine that came and went between two runs is not told of."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(minutes=2),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION, EVENTS_PERMISSION),
    may_be_quiet=True,
)
