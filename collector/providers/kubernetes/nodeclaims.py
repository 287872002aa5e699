"""Karpenter's NodeClaims: machines that never became nodes, and claims that got no machine.

A claim that became a node is told by `collector.providers.kubernetes.nodes`, with what its cloud
wrote on it; to tell it here as well would only store every life twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import instant, mapping, members, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.kubernetes.announcements import condition_of
from collector.providers.kubernetes.lives import Life, lives_in
from collector.providers.kubernetes.machines import (
    REGIONS,
    TYPES,
    ZONES,
    machine_of_claim,
    region_of,
)
from collector.providers.kubernetes.resources import NODECLAIMS, permissions
from collector.providers.kubernetes.told import UNLAUNCHED, event_signal
from collector.providers.kubernetes.watching import observe
from warehouse.records import REGIONAL, Pool, Record, Semantics

NAME = "kubernetes.nodeclaims"

CAPACITY_TYPE = "karpenter.sh/capacity-type"
PROVIDER_OF_CLASS = {
    "karpenter.k8s.aws": "aws",
    "karpenter.k8s.gcp": "gcp",
    "karpenter.azure.com": "azure",
    "karpenter.k8s.alibabacloud": "alibaba",
}
"""Karpenter's providers, by the group of the node class that a claim refers to."""

NO_CAPACITY = "InsufficientCapacity"
"""How the reason begins with which Launched is not True for want of machines."""

NEVER_REGISTERED = "never became a node"


def collect(source: Source) -> Iterator[Record]:
    """Yield the ends of machines that never became nodes, and claims without capacity."""
    yield from observe(source, NAME, NODECLAIMS, lambda _, known: Claims(known))


def parse(payload: Mapping[str, Any], *, observed_at: datetime) -> Iterator[Record]:
    """Read a list of NodeClaims as a first run would, which knew of none before."""
    with reading(NAME, "the list of NodeClaims"):
        yield from Claims(None).listed(payload["items"], lambda: observed_at)


class Claims:
    """The claims that are still to become nodes, and those that have no machine."""

    def __init__(self, known: Mapping[str, Any] | None) -> None:
        """``known`` is the `note` of the run before, None on the first."""
        self._pending = lives_in(known["pending"] if known else None)
        self._unlaunched: dict[str, str] = dict(known["unlaunched"]) if known else {}

    def listed(
        self, things: Iterable[Mapping[str, Any]], clock: Callable[[], datetime]
    ) -> Iterator[Record]:
        """Every claim there is."""
        present: set[str] = set()
        for claim in things:
            with reading(NAME, "a NodeClaim"):
                present.add(text(mapping(claim, "metadata"), "uid"))
            yield from self.changed("ADDED", claim, clock())
        for uid in {*self._pending, *self._unlaunched} - present:
            yield from self._ended(uid, clock())

    def changed(self, kind: str, thing: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
        """One claim was ADDED, MODIFIED or DELETED."""
        with reading(NAME, "a NodeClaim"):
            about = mapping(thing, "metadata")
            uid, name = text(about, "uid"), text(about, "name")
        if kind == "DELETED":
            yield from self._ended(uid, seen_at)
            return
        with reading(NAME, f"NodeClaim {name}"):
            yield from self._seen(uid, thing, seen_at)

    def caught_up(self, at: datetime) -> Iterator[Record]:
        """A claim that stands keeps its machine: Karpenter deletes one whose machine is gone."""
        for life in self._pending.values():
            life.lived_until(at, at)
        yield from ()

    def note(self) -> dict[str, Any]:
        """What the next run must know."""
        pending = {uid: life.note() for uid, life in self._pending.items()}
        return {"pending": pending, "unlaunched": self._unlaunched}

    def _seen(self, uid: str, claim: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
        yield from self._refused(uid, claim, seen_at)
        if _is_true(claim, "Registered"):
            self._pending.pop(uid, None)
        elif uid not in self._pending and _is_true(claim, "Launched"):
            machine = machine_of_claim(claim)
            if machine.is_spot and machine.provider and machine.instance_type:
                launched_at = _since(claim, "Launched")
                self._pending[uid] = Life(machine, launched_at, launched_at, is_counted=True)

    def _refused(self, uid: str, claim: Mapping[str, Any], seen_at: datetime) -> Iterator[Record]:
        condition = condition_of(claim, "Launched")
        if condition is None or text(condition, "status") == "True":
            return
        if not str(condition.get("reason", "")).startswith(NO_CAPACITY):
            return
        since = str(condition.get("lastTransitionTime", ""))
        if self._unlaunched.get(uid) == since:
            return
        self._unlaunched[uid] = since
        at = instant(condition, "lastTransitionTime") if since else seen_at
        yield event_signal(
            wanted_pool(claim), at, UNLAUNCHED, source=NAME, subject=uid, about=_about(claim, at)
        )

    def _ended(self, uid: str, seen_at: datetime) -> Iterator[Record]:
        self._unlaunched.pop(uid, None)
        if life := self._pending.pop(uid, None):
            yield life.ended(NAME, seen_at, NEVER_REGISTERED)


def wanted_pool(claim: Mapping[str, Any]) -> Pool:
    """The pool that the claim asked for: ``*`` where it leaves a choice."""
    allowed = _allowed(claim)
    provider = _provider(claim)
    zone = _only(allowed, ZONES)
    region = _only(allowed, REGIONS) or region_of(provider, _only(allowed, ZONES[1:]))
    return Pool(
        provider or REGIONAL,
        region or REGIONAL,
        zone or REGIONAL,
        _only(allowed, TYPES) or REGIONAL,
    )


def _only(allowed: Mapping[str, list[str]], labels: tuple[str, ...]) -> str | None:
    """The one value that is left open, None if there are several or any."""
    values = next((allowed[one] for one in labels if allowed.get(one)), [])
    return values[0] if len(values) == 1 else None


def _about(claim: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Which claim it was, and what it would have taken."""
    allowed = _allowed(claim)
    about = mapping(claim, "metadata")
    names = {"capacity_types": CAPACITY_TYPE, "instance_types": TYPES[0], "zones": ZONES[1]}
    return {
        "id": text(about, "uid"),
        "nodeclaim": text(about, "name"),
        "at": at.isoformat(),
        **{name: sorted(allowed[key]) for name, key in names.items() if key in allowed},
    }


def _allowed(claim: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values that the claim's requirements leave open, by label."""
    spec = mapping(claim, "spec") if claim.get("spec") else {}
    requirements = members(spec, "requirements") if spec.get("requirements") else ()
    return {
        text(one, "key"): [str(value) for value in one.get("values") or ()]
        for one in requirements
        if one.get("operator") == "In"
    }


def _provider(claim: Mapping[str, Any]) -> str | None:
    spec = mapping(claim, "spec") if claim.get("spec") else {}
    reference = mapping(spec, "nodeClassRef") if spec.get("nodeClassRef") else {}
    return PROVIDER_OF_CLASS.get(str(reference.get("group")))


def _is_true(claim: Mapping[str, Any], kind: str) -> bool:
    condition = condition_of(claim, kind)
    return condition is not None and text(condition, "status") == "True"


def _since(claim: Mapping[str, Any], kind: str) -> datetime:
    """Since when the condition is as it is; the claim's own age if it does not say."""
    condition = condition_of(claim, kind)
    if condition and condition.get("lastTransitionTime"):
        return instant(condition, "lastTransitionTime")
    return instant(mapping(claim, "metadata"), "creationTimestamp")


FEED = Feed(
    name=NAME,
    title="Karpenter's NodeClaims",
    meaning=(
        "What Karpenter asked for and no node tells of: spot machines that were launched and gone "
        "before they became nodes, with their lifetime once it is over; and claims that stand "
        "without a machine because there was no capacity. Machines that became nodes are told by "
        "kubernetes.nodes. A claim that is refused is as a rule deleted within seconds: "
        "kubernetes.events tells of those."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=1),
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=permissions(NODECLAIMS),
    recorded_as=(
        RecordedAs(NODECLAIMS.path, "nodeclaims_watch", asking="watch=1"),
        RecordedAs(NODECLAIMS.path, "nodeclaims"),
    ),
    may_be_quiet=True,
)
