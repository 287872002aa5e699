"""Karpenter's events: interruptions that AWS announced, and launches that a cloud refused.

Kubernetes forgets an event after an hour, and tells a repeated one again as the same object with a
later time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import instant, mapping, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.kubernetes.announcements import AWS_NOTICE
from collector.providers.kubernetes.client import KubernetesApi
from collector.providers.kubernetes.machines import Machine, machine_of_claim, machine_of_node
from collector.providers.kubernetes.refused_launches import is_only_a_limit, pools_in
from collector.providers.kubernetes.resources import EVENTS, NODECLAIMS, NODES, permissions
from collector.providers.kubernetes.told import REBALANCE, REFUSED_LAUNCH, event_signal
from collector.providers.kubernetes.watching import observe
from warehouse.records import REGIONAL, Interruption, InterruptionKind, Pool, Record, Semantics

NAME = "kubernetes.events"

SPOT_INTERRUPTED = "SpotInterrupted"
REBALANCE_RECOMMENDED = "SpotRebalanceRecommendation"
REFUSED = "InsufficientCapacityError"

KINDS_OF = {
    SPOT_INTERRUPTED: ("NodeClaim", "Node"),
    # Karpenter says it of the NodeClaim and of its Node: once is enough.
    REBALANCE_RECOMMENDED: ("NodeClaim",),
    REFUSED: ("NodeClaim",),
}
"""The reasons that are read, and of which objects. The first two only Karpenter on AWS gives."""

LONGEST_MESSAGE = 300
"""Characters of a cloud's error message that are kept."""

Find = Callable[[str, str], Machine | None]
"""Gives the machine of an object by kind and name; None if the object is gone."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, as far as it is read. ``first_at`` and ``last_at`` differ if it was repeated."""

    reason: str
    kind: str
    name: str
    uid: str
    first_at: datetime
    last_at: datetime
    message: str

    @property
    def subject(self) -> str:
        """To whom it happened."""
        return self.uid or self.name

    @property
    def thread(self) -> str:
        """What has happened to whom, whenever: by it a repetition is known."""
        return f"{self.subject}|{self.reason}"

    @property
    def key(self) -> str:
        """By what it is known again."""
        return f"{self.thread}|{self.last_at.isoformat()}"


def collect(source: Source) -> Iterator[Record]:
    """Yield interruptions, recommendations and refusals since the last run."""

    def happenings(api: KubernetesApi, known: list[str] | None) -> "Happenings":
        return Happenings(known, lambda kind, name: _found(api, kind, name))

    yield from observe(source, NAME, EVENTS, happenings)


def parse(payload: Mapping[str, Any], *, observed_at: datetime, find: Find) -> Iterator[Record]:
    """Read a list of events as a first run would, which knew of none before."""
    with reading(NAME, "the list of events"):
        yield from Happenings(None, find).listed(payload["items"], lambda: observed_at)


class Happenings:
    """The events that were told and that the cluster may tell again."""

    def __init__(self, known: Iterable[str] | None, find: Find) -> None:
        """``known`` is the `note` of the run before, None on the first."""
        self._told = set(known or ())
        self._find = find

    def listed(
        self, things: Iterable[Mapping[str, Any]], clock: Callable[[], datetime]
    ) -> Iterator[Record]:
        """Every event that is not yet forgotten."""
        present: set[str] = set()
        for thing in things:
            if happening := read(thing):
                present.add(happening.key)
                yield from self._happened(happening, clock())
        self._told &= present

    def changed(self, kind: str, thing: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
        """One event was ADDED, MODIFIED (repeated) or DELETED (forgotten)."""
        happening = read(thing)
        if happening is None:
            return
        yield from self._happened(happening, seen_at)
        if kind == "DELETED":
            self._told = {one for one in self._told if not one.startswith(f"{happening.thread}|")}

    def caught_up(self, at: datetime) -> Iterator[Record]:
        """Nothing follows from there being no event until ``at``."""
        del at
        yield from ()

    def note(self) -> list[str]:
        """What the next run must know."""
        return sorted(self._told)

    def _happened(self, happening: Happening, seen_at: datetime) -> Iterator[Record]:
        if happening.key in self._told:
            return
        self._told.add(happening.key)
        if happening.reason == REFUSED:
            yield from _refused(happening)
            return
        machine = self._find(happening.kind, happening.name)
        if happening.reason == REBALANCE_RECOMMENDED:
            pool = machine.pool if machine else _unknown("aws")
            node = machine.node if machine else None
            yield _signal(pool, REBALANCE, happening, {"node": node})
        elif machine or happening.kind == "NodeClaim":
            # Of a Node that is gone as well, the NodeClaim's own event tells already.
            yield _interruption(happening, machine, seen_at)


def read(event: Mapping[str, Any]) -> Happening | None:
    """The event; None if it says nothing to us."""
    with reading(NAME, "an event"):
        about, subject = mapping(event, "metadata"), mapping(event, "involvedObject")
        name = text(about, "name")
    reason, kind = event.get("reason"), subject.get("kind")
    if not isinstance(reason, str) or kind not in KINDS_OF.get(reason, ()):
        return None
    with reading(NAME, f"event {name}"):
        first_at, last_at = _times(event)
        return Happening(
            reason=reason,
            kind=text(subject, "kind"),
            name=text(subject, "name"),
            uid=text(subject, "uid") if subject.get("uid") else "",
            first_at=first_at,
            last_at=last_at,
            message=text(event, "message") if event.get("message") else "",
        )


def _times(event: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """When it happened first and last. Which fields are set depends on who wrote the event."""
    about = mapping(event, "metadata")
    series = mapping(event, "series") if event.get("series") else {}
    named = {
        **{field: event.get(field) for field in ("firstTimestamp", "lastTimestamp", "eventTime")},
        "created": about.get("creationTimestamp"),
        "repeated": series.get("lastObservedTime"),
    }
    first = next((one for one in ("firstTimestamp", "eventTime") if named[one]), "created")
    last = next((one for one in ("repeated", "lastTimestamp") if named[one]), first)
    return instant(named, first), instant(named, last)


def _interruption(happening: Happening, machine: Machine | None, seen_at: datetime) -> Interruption:
    return Interruption(
        provider=(machine and machine.provider) or "aws",
        region=machine.region if machine else None,
        zone=machine.zone if machine else None,
        instance_type=machine.instance_type if machine else None,
        node=machine.node if machine else happening.name,
        kind=InterruptionKind.ANNOUNCED,
        occurred_at=happening.first_at,
        notice_seconds=AWS_NOTICE,
        source=NAME,
        observed_at=seen_at,
    )


def _refused(happening: Happening) -> Iterator[Record]:
    message = happening.message
    if is_only_a_limit(message):
        return
    for pool in pools_in(message):
        yield _signal(pool, REFUSED_LAUNCH, happening, {"message": message[:LONGEST_MESSAGE]})


def _signal(pool: Pool, definition: str, happening: Happening, more: Mapping[str, Any]) -> Record:
    about = {
        "id": happening.uid or None,
        "nodeclaim": happening.name,
        "at": happening.last_at.isoformat(),
        **more,
    }
    return event_signal(
        pool, happening.last_at, definition, source=NAME, subject=happening.subject, about=about
    )


def _found(api: KubernetesApi, kind: str, name: str) -> Machine | None:
    """Ask the cluster for the machine, whose object may be gone already."""
    if kind == "Node":
        node = api.find(NODES, name)
        return machine_of_node(node) if node else None
    try:
        claim = api.find(NODECLAIMS, name)
    except NotOfferedError:
        return None
    return machine_of_claim(claim) if claim else None


def _unknown(provider: str) -> Pool:
    return Pool(provider, REGIONAL, REGIONAL, REGIONAL)


FEED = Feed(
    name=NAME,
    title="Karpenter's events",
    meaning=(
        "What Karpenter reports as events: that AWS announced to take a machine "
        "(SpotInterrupted), that AWS recommends to leave one (a hint, no interruption), and that "
        "a cloud refused a launch for want of capacity, with the pool where the message names it "
        "and * where not. A refused claim may have asked for many types and zones; a refusal says "
        "nothing of each. Refusals by a limit of the account are left out. The cluster forgets "
        "events after an hour: what happens while nobody watches for longer is missing. Other "
        "clouds' interruptions are told by kubernetes.nodes."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=1),
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=permissions(EVENTS, NODES, NODECLAIMS),
    recorded_as=(
        RecordedAs(EVENTS.path, "events_watch", asking="watch=1"),
        RecordedAs(EVENTS.path, "events"),
    ),
    may_be_quiet=True,
)
