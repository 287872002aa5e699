"""The account's own Spot machines: how long each lived, and whether EC2 took it.

Interruptions alone are no rate; this counts the machines that were not interrupted too, and needs
no pipeline of events. EC2 shows a machine, with the reason for its end, for about an hour after it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError
from collector.payload import instant, mapping, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws.availability_zones import PERMISSION as ZONES
from collector.providers.aws.lives import BEGINNING, ENDING, check_state, lived
from collector.providers.aws.machines import PERMISSION, SPOT, Machine, Machines
from warehouse.records import Exposure, Interruption, Record, Semantics

NAME = "aws.instances"

TOLD_AGAIN = timedelta(hours=1)
"""How often a machine that goes on running is told of: each time is a row for good. When it was
last seen is noted at every run all the same, and told with its end."""
GONE = "gone"
"""Why a life ended that EC2 gives no reason for, not even a state."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A Spot machine as a run last saw it; one that is over is kept while EC2 shows it.

    ``told_at`` is when its life was told last.
    """

    machine: Machine
    alive_at: datetime
    told_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether its end is told, or was before the first run."""
        return self.machine.state in ENDING


def collect(source: Source) -> Iterator[Record]:
    """Yield an `Exposure` per Spot machine, running or ended since the last run.

    A machine that goes on running is told of once in `TOLD_AGAIN`; one that EC2 took gives an
    `Interruption` too.
    """
    before = read_cursor(source.progress.cursor, source.region)
    machines = Machines(source, NAME)
    found = list(machines.described(source.region, "instance-lifecycle", [SPOT]))
    running = {node for node, seen in (before or {}).items() if not seen.is_over}
    # One empty page must not end a hundred lives: they are asked for by id.
    left_out = sorted(running - {one.node for one in found})
    found += machines.described(source.region, "instance-id", left_out)
    kept, records = parse(found, before, observed_at=source.now)
    source.progress.cursor = write_cursor(kept)
    yield from records


def parse(
    found: Iterable[Machine], before: Mapping[str, Seen] | None, *, observed_at: datetime
) -> tuple[dict[str, Seen], list[Record]]:
    """What is to be kept for the next run, and the records of this one.

    ``before`` is what the last run kept, None if there was none: then nobody watched the machines
    that are over, and nothing is said of them.

    Raises:
        SourceChangedError: a state that EC2 did not have so far.
    """
    kept: dict[str, Seen] = {}
    records: list[Record] = []
    listed = {one.node: one for one in found if one.is_spot}
    for node, seen in (before or {}).items():
        if not seen.is_over and not _is_same_life(seen, listed.get(node)):
            records += _gone(seen, listed.get(node), observed_at)
    for node, machine in listed.items():
        with reading(NAME, f"{machine.region} {node}"):
            check_state(machine.state)
        known = (before or {}).get(node)
        known = known if known and _is_same_life(known, machine) else None
        now_seen = _seen(machine, known, observed_at)
        if now_seen is None:
            continue
        kept[node] = now_seen
        is_news = now_seen is not known and now_seen.told_at == observed_at
        if is_news and (before is not None or not now_seen.is_over):
            records += _told(now_seen, observed_at)
    return kept, records


def _is_same_life(seen: Seen, machine: Machine | None) -> bool:
    """A machine that was stopped and is started again begins another life."""
    return machine is not None and machine.launched_at == seen.machine.launched_at


def _seen(machine: Machine, known: Seen | None, now: datetime) -> Seen | None:
    """The machine as it is kept, told ``now`` if that is due; None of one that is not there yet."""
    if machine.state in BEGINNING or (known and known.is_over):
        return known
    launched_at = machine.launched_at or now
    if machine.state in ENDING:
        return Seen(machine, known.alive_at if known else launched_at, now)
    # A launch is told by another clock than ours.
    alive_at = max(now, launched_at)
    if known and now - known.told_at < TOLD_AGAIN:
        return Seen(machine, alive_at, known.told_at)
    return Seen(machine, alive_at, now)


def _told(seen: Seen, now: datetime) -> Iterator[Exposure | Interruption]:
    """A life so far, or its end, which lies between two runs."""
    ended_at = max(now, seen.alive_at) if seen.is_over else None
    state = seen.machine.state
    return lived(seen.machine, seen.alive_at, ended_at, state, source=NAME, observed_at=now)


def _gone(seen: Seen, again: Machine | None, now: datetime) -> Iterator[Exposure | Interruption]:
    """A life whose end EC2 gives no reason for any more; it may have been started ``again``."""
    ended_at = max(again.launched_at if again and again.launched_at else now, seen.alive_at)
    return lived(seen.machine, seen.alive_at, ended_at, GONE, source=NAME, observed_at=now)


def write_cursor(kept: Mapping[str, Seen]) -> str:
    """The machines as JSON, times in ISO 8601."""
    noted = {
        node: {
            "zone": one.machine.zone,
            "instance_type": one.machine.instance_type,
            "state": one.machine.state,
            "launched_at": one.machine.launched_at,
            "alive_at": one.alive_at,
            "told_at": one.told_at,
        }
        for node, one in kept.items()
    }
    return json.dumps(noted, default=datetime.isoformat)


def read_cursor(cursor: str | None, region: str) -> dict[str, Seen] | None:
    """The region's machines that the last run kept; None before the first.

    Raises:
        SourceChangedError: the note is not one of ours.
    """
    if cursor is None:
        return None
    with reading(NAME, "the cursor"):
        try:
            noted: Any = json.loads(cursor)
        except json.JSONDecodeError as error:
            raise SourceChangedError(NAME, "the cursor is not JSON") from error
        return {node: _noted(node, mapping(noted, node), region) for node in noted}


def _noted(node: str, one: Mapping[str, Any], region: str) -> Seen:
    machine = Machine(
        node=node,
        region=region,
        zone=text(one, "zone"),
        instance_type=text(one, "instance_type"),
        is_spot=True,
        launched_at=instant(one, "launched_at"),
        state=text(one, "state"),
    )
    return Seen(machine, instant(one, "alive_at"), instant(one, "told_at"))


FEED = Feed(
    name=NAME,
    title="AWS Spot machines of the account",
    meaning=(
        "Lifetimes of the account's Spot machines, hourly while they run, and which of them EC2 "
        "says that it took. An end that EC2 gives no reason for counts as the user's. When a "
        "machine ended is known only to lie between two runs, and why only if a run comes within "
        "about an hour."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(minutes=5),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION, ZONES),
    may_be_quiet=True,
)
