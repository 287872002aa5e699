"""The cluster's nodes: spot machines' lifetimes, and what their clouds announce on them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import instant, mapping, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.kubernetes.announcements import (
    announcement_on,
    heard_at,
    is_answering,
    rebalance_on,
    retired_by,
    taint_of,
)
from collector.providers.kubernetes.lives import Life, better, lives_in
from collector.providers.kubernetes.machines import Machine, machine_of_node
from collector.providers.kubernetes.resources import NODES, permissions
from collector.providers.kubernetes.told import REBALANCE, event_signal
from collector.providers.kubernetes.watching import observe
from warehouse.records import Interruption, InterruptionKind, Record, Semantics

NAME = "kubernetes.nodes"

TOLD_EVERY = timedelta(hours=1)
"""How often a machine that merely lives on is stored again: each time is a row."""

UNINITIALIZED = "node.cloudprovider.kubernetes.io/uninitialized"
"""The taint of a node whose cloud has not yet told its provider's id, type and zone."""

GONE = "gone between two lists of the nodes"


def collect(source: Source) -> Iterator[Record]:
    """Yield lifetimes and announcements since the last run."""
    yield from observe(source, NAME, NODES, lambda _, known: Fleet(known))


def parse(payload: Mapping[str, Any], *, observed_at: datetime) -> Iterator[Record]:
    """Read a list of nodes as a first run would, which knew of none before."""
    fleet = Fleet(None)
    with reading(NAME, "the list of nodes"):
        yield from fleet.listed(payload["items"], lambda: observed_at)
    yield from fleet.caught_up(observed_at)


class Fleet:
    """The spot nodes that are there, and any other on which an announcement stands."""

    def __init__(self, known: Mapping[str, list[Any]] | None) -> None:
        """``known`` is the `note` of the run before, None on the first."""
        self._lives = lives_in(known)

    def listed(
        self, things: Iterable[Mapping[str, Any]], clock: Callable[[], datetime]
    ) -> Iterator[Record]:
        """Every node there is."""
        present: set[str] = set()
        for node in things:
            present.add(_uid(node))
            yield from self.changed("ADDED", node, clock())
        for uid in [one for one in self._lives if one not in present]:
            yield from self._ended(uid, clock(), GONE)

    def changed(self, kind: str, thing: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
        """One node was ADDED, MODIFIED or DELETED; the last comes with its last state."""
        uid = _uid(thing)
        was_known = uid in self._lives
        with reading(NAME, f"node {_name(thing)}"):
            yield from self._seen(uid, thing, seen_at)
            reason = retired_by(thing)
        if kind != "DELETED":
            return
        if was_known:
            yield from self._ended(uid, seen_at, reason)
        else:
            # Its end was told before: the server tells an old change again.
            self._lives.pop(uid, None)

    def caught_up(self, at: datetime) -> Iterator[Record]:
        """Each node known and answering was alive at ``at``; told if it was not for an hour."""
        for life in self._lives.values():
            if not life.is_counted:
                continue
            if life.is_answering:
                life.lived_until(at, at)
            if life.told_at is None or life.alive_at - life.told_at >= TOLD_EVERY:
                life.told_at = life.alive_at
                yield life.running(NAME)

    def note(self) -> dict[str, list[Any]]:
        """What the next run must know."""
        return {uid: life.note() for uid, life in self._lives.items()}

    def _seen(self, uid: str, node: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
        life = self._life(uid, node)
        life.is_answering = is_answering(node)
        life.lived_until(heard_at(node), seen_at)
        yield from _announced(life, node, seen_at)
        yield from _recommended(life, node, seen_at)
        if life.is_counted or life.word or life.rebalance_at:
            self._lives[uid] = life
        else:
            self._lives.pop(uid, None)

    def _life(self, uid: str, node: Mapping[str, Any]) -> Life:
        launched_at = instant(mapping(node, "metadata"), "creationTimestamp")
        machine = machine_of_node(node)
        life = self._lives.get(uid)
        if life is None:
            life = Life(machine, launched_at, launched_at, is_counted=False)
        life.machine = better(life.machine, machine)
        life.is_counted = life.is_counted or _is_countable(life.machine, node)
        return life

    def _ended(self, uid: str, seen_at: datetime, reason: str) -> Iterator[Record]:
        life = self._lives.pop(uid, None)
        if life and life.is_counted:
            yield life.ended(NAME, seen_at, reason)


def _announced(life: Life, node: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
    """The interruption, if one is announced that was not before."""
    announced = announcement_on(node)
    if announced is None:
        # Taken back: the machine stays.
        life.word, life.announced_at = None, None
        return
    if not life.is_news(announced):
        return
    life.word, life.announced_at = announced.word, announced.since or seen_at
    life.lived_until(life.announced_at, seen_at)
    machine = life.machine
    yield Interruption(
        provider=machine.provider or announced.provider,
        region=machine.region,
        zone=machine.zone,
        instance_type=machine.instance_type,
        node=machine.node,
        kind=InterruptionKind.ANNOUNCED,
        occurred_at=life.announced_at,
        notice_seconds=announced.notice_seconds,
        source=NAME,
        observed_at=seen_at,
    )


def _recommended(life: Life, node: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
    """The rebalance recommendation, if there was none before."""
    is_there, since = rebalance_on(node)
    if is_there and life.rebalance_at is None:
        at = life.rebalance_at = since or seen_at
        machine = life.machine
        about = {"node": machine.node, "at": at.isoformat()}
        yield event_signal(
            machine.pool, at, REBALANCE, source=NAME, subject=machine.node, about=about
        )
    elif not is_there:
        life.rebalance_at = None


def _is_countable(machine: Machine, node: Mapping[str, Any]) -> bool:
    """Whether its time at risk can be told: it is spot, and its cloud has said what it is."""
    is_known = machine.provider is not None and machine.instance_type is not None
    return machine.is_spot and is_known and taint_of(node, UNINITIALIZED) is None


def _uid(node: Mapping[str, Any]) -> str:
    with reading(NAME, "a node"):
        return text(mapping(node, "metadata"), "uid")


def _name(node: Mapping[str, Any]) -> str:
    with reading(NAME, "a node"):
        return text(mapping(node, "metadata"), "name")


FEED = Feed(
    name=NAME,
    title="Nodes of the cluster",
    meaning=(
        "The spot nodes of the cluster: since when each lives, and when and how it ended; and what "
        "its cloud announces on it (ACK: InstanceExpired, AKS: PreemptionScheduled, AWS: the node "
        "termination handler's taints, GKE: a shutdown that nobody asked for). A node is told "
        "again every hour while it lives. An end that was not announced counts as the user's: "
        "Kubernetes does not say why a node is gone, and a machine taken without a word that was "
        "seen looks the same; the clouds' own feeds tell. Nodes that came and went while nobody "
        "watched for longer than the cluster remembers are missing."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=1),
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=permissions(NODES),
    recorded_as=(
        RecordedAs(NODES.path, "nodes_watch", asking="watch=1"),
        RecordedAs(NODES.path, "nodes"),
    ),
    may_be_quiet=True,
)
