"""Google Cloud's Spot VMs of the project, and how each one's life ended: time at risk.

Interruptions alone are no rate; this feed counts the machines that were not interrupted too. A
machine is seen alive at each run. One that is gone, or stopped, ended between two runs: by Google
if there is a preemption of it, else by its user.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.payload import instant, mapping, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.gcp.client import connection_of
from collector.providers.gcp.lists import LARGEST_PAGE, scopes
from collector.providers.gcp.names import PROVIDER_NAME, last_part, region_of
from collector.providers.gcp.preemptions import Preemption, operations
from warehouse.records import EndedBy, Exposure, Record, Semantics

NAME = "gcp.instances"
PERMISSIONS = ("compute.instances.list", "compute.zoneOperations.list")
KIND = "compute#instanceAggregatedList"

SPOT = "SPOT"
SPOT_ONLY = f'(scheduling.provisioningModel = "{SPOT}") OR (scheduling.preemptible = true)'
ALIVE = {"RUNNING"}
BETWEEN = {
    "DEPROVISIONING",
    "PENDING",
    "PENDING_STOP",
    "PROVISIONING",
    "REPAIRING",
    "STAGING",
    "STOPPING",
    "SUSPENDING",
}
"""Coming or going: nothing is said of such a machine until it has come or gone."""
OVER = {"STOPPED", "SUSPENDED", "TERMINATED"}

TOLD_EVERY = timedelta(hours=1)
"""How often a machine is told that simply goes on: a row per run would be many that say little."""

PREEMPTIBLE_LIMIT = timedelta(hours=24)
"""Google ends a preemptible VM, the Spot VM's forerunner, after this time at the latest."""
SLACK = timedelta(minutes=10)
"""How far clocks and reports of one end may differ."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A Spot VM and the moments of its life, ISO 8601, so that it can be kept as JSON.

    ``launched_at`` is of this life: a machine that is started again begins another. ``told_at``
    is when a row last said that it runs.
    """

    node: str
    zone: str
    instance_type: str
    launched_at: str
    last_alive_at: str
    told_at: str
    has_limit: bool

    def launched(self) -> datetime:
        """When this life began."""
        return datetime.fromisoformat(self.launched_at)

    def last_alive(self) -> datetime:
        """When it was last seen running."""
        return datetime.fromisoformat(self.last_alive_at)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run sees of the project.

    ``stopped_at`` is when a machine stopped last; it may run again.
    """

    alive: Mapping[str, Machine]
    between: frozenset[str]
    stopped_at: Mapping[str, datetime]


def collect(source: Source) -> Iterator[Record]:
    """Yield the machines that run now, and those of the last run that no longer do."""
    connection = connection_of(source, NAME)
    pages = connection.pages(
        source,
        connection.compute("aggregated/instances"),
        {
            "filter": SPOT_ONLY,
            "maxResults": str(LARGEST_PAGE),
        },
        feed=NAME,
        permission=PERMISSIONS[0],
        kind=KIND,
    )
    seen = see(list(pages), project=connection.project, now=source.now)
    known = noted(source.progress.cursor)
    gone = [one for one in known.values() if _has_ended(one, seen)]
    taken = {zone: _taken(source, zone, gone) for zone in sorted({one.zone for one in gone})}
    running = {node: _told_again(one, known.get(node)) for node, one in seen.alive.items()}
    yield from parse(
        replace(seen, alive=running),
        gone,
        [one for found in taken.values() for one in found],
        observed_at=source.now,
    )
    kept = {node: known[node] for node in seen.between if node in known}
    source.progress.cursor = note({**kept, **running})


def see(pages: list[Any], *, project: str, now: datetime) -> Seen:
    """Read all pages of the list of machines; those bought on demand are left out."""
    alive: dict[str, Machine] = {}
    between: set[str] = set()
    stopped: dict[str, datetime] = {}
    for page in pages:
        with reading(NAME, "the list of machines"):
            rows = list(scopes(page, "instances"))
        for zone, row in rows:
            with reading(NAME, f"{zone} {row.get('name', 'a machine without name')}"):
                region_of(zone)
                node, status = f"{project}/{zone}/{text(row, 'name')}", text(row, "status")
                if status not in ALIVE | BETWEEN | OVER:
                    raise ValueError(f"status is {status!r:.40}, which is not known")
                if not _is_spot(row):
                    continue
                if "lastStopTimestamp" in row:
                    stopped[node] = instant(row, "lastStopTimestamp").astimezone(UTC)
                if status in ALIVE:
                    alive[node] = _machine(node, zone, row, now)
                elif status in BETWEEN:
                    between.add(node)
    return Seen(alive, frozenset(between), stopped)


def parse(
    seen: Seen, gone: list[Machine], taken: list[Preemption], *, observed_at: datetime
) -> Iterator[Exposure]:
    """One row per machine: alive until now (if it is time to tell), or ended and by whom."""
    for machine in seen.alive.values():
        if machine.told_at == machine.last_alive_at:
            yield _exposure(machine, None, EndedBy.STILL_RUNNING, "running")
    for machine in gone:
        preempted_at = next(
            (
                one.occurred_at
                for one in taken
                if one.node == machine.node and one.occurred_at >= machine.last_alive() - SLACK
            ),
            None,
        )
        ended_at = preempted_at or seen.stopped_at.get(machine.node, observed_at)
        ended_at = min(max(ended_at, machine.last_alive()), observed_at)
        ended_by, reason = _end(machine, ended_at, is_preempted=preempted_at is not None)
        yield _exposure(machine, ended_at, ended_by, reason)


def _end(machine: Machine, ended_at: datetime, *, is_preempted: bool) -> tuple[EndedBy, str]:
    if not is_preempted:
        return EndedBy.USER, "stopped or deleted"
    if machine.has_limit and ended_at - machine.launched() >= PREEMPTIBLE_LIMIT - SLACK:
        return EndedBy.POLICY, "preempted_24h_cap"
    return EndedBy.INTERRUPTED, "preempted"


def _has_ended(machine: Machine, seen: Seen) -> bool:
    """It is not there, is stopped, or has begun another life."""
    now = seen.alive.get(machine.node)
    if now is None:
        return machine.node not in seen.between
    return now.launched_at != machine.launched_at


def _told_again(machine: Machine, before: Machine | None) -> Machine:
    """The machine as it is to be noted: told now, or when it was told last."""
    if before is None or before.launched_at != machine.launched_at:
        return machine
    is_due = machine.last_alive() - datetime.fromisoformat(before.told_at) >= TOLD_EVERY
    return machine if is_due else replace(machine, told_at=before.told_at)


def _taken(source: Source, zone: str, gone: list[Machine]) -> list[Preemption]:
    """The preemptions in a zone since its vanished machines were last seen."""
    since = min(one.last_alive() for one in gone if one.zone == zone) - SLACK
    return operations(source, zone, since=since, feed=NAME)


def _is_spot(row: Mapping[str, Any]) -> bool:
    """Bought as Spot VM, or as preemptible VM."""
    scheduling = mapping(row, "scheduling")
    return scheduling.get("provisioningModel") == SPOT or scheduling.get("preemptible") is True


def _machine(node: str, zone: str, row: Mapping[str, Any], now: datetime) -> Machine:
    began = "lastStartTimestamp" if "lastStartTimestamp" in row else "creationTimestamp"
    return Machine(
        node=node,
        zone=zone,
        instance_type=last_part(text(row, "machineType")),
        launched_at=instant(row, began).astimezone(UTC).isoformat(),
        last_alive_at=now.isoformat(),
        told_at=now.isoformat(),
        has_limit=mapping(row, "scheduling").get("provisioningModel") != SPOT,
    )


def _exposure(
    machine: Machine, ended_at: datetime | None, ended_by: EndedBy, reason: str
) -> Exposure:
    return Exposure(
        provider=PROVIDER_NAME,
        region=region_of(machine.zone),
        zone=machine.zone,
        instance_type=machine.instance_type,
        node=machine.node,
        launched_at=machine.launched(),
        last_alive_at=machine.last_alive(),
        ended_at=ended_at,
        ended_by=ended_by,
        end_reason=reason,
        source=NAME,
    )


def noted(cursor: str | None) -> dict[str, Machine]:
    """The machines that ran at the last stored run, by node."""
    with reading(NAME, "its own note of the last run"):
        return {node: Machine(**told) for node, told in json.loads(cursor or "{}").items()}


def note(machines: Mapping[str, Machine]) -> str:
    """The machines that run, for the next run."""
    return json.dumps({node: asdict(one) for node, one in sorted(machines.items())})


FEED = Feed(
    name=NAME,
    title="Google Cloud Spot VMs",
    meaning=(
        "Since when each Spot VM of the project runs, and when and by whom its run ended: by "
        "Google (preempted), by the 24 hours that an old preemptible VM may run (a rule, no "
        "interruption), or by its user, which includes its autoscaler and a failed host. The end "
        "is exact if Google tells it, else it lies between two runs. A machine that starts and "
        "ends between two runs is not seen."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(minutes=5),
    may_be_quiet=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=PERMISSIONS,
    recorded_as=(RecordedAs("/aggregated/instances", "compute.instances.aggregatedList"),),
)
