"""The NodeClaims of a hand-over: which is asked for now, and what has become of it."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Any

from advisor.replacement.actions import CreateClaim, DeleteClaim
from advisor.replacement.mechanisms import MADE, MANIFESTS
from advisor.replacement.records import GuardedNode, HandOver, Mechanism, Snapshot, State
from advisor.replacement.settings import GuardSettings
from advisor.replacement.stages import age
from advisor.replacement.surging import PLACED

ASKED_AT = "asked_at"
"""In the detail: when the NodeClaim that is waited for was asked for, if not with the state."""
CLAIMING = frozenset({Mechanism.CLAIM, Mechanism.CLAIM_AND_SURGE})


class Fate(Enum):
    """What has become of a NodeClaim."""

    WAITING = auto()
    THERE = auto()
    """Its machine may be counted on."""
    VAIN = auto()
    """It found no machine in time."""


def claims_of(one: HandOver) -> list[Mapping[str, Any]]:
    """The NodeClaims that a hand-over may make, best first; none if it makes none."""
    found: list[Mapping[str, Any]] = json.loads(one.detail.get(MANIFESTS, "[]"))
    return found


def is_waiting(one: HandOver) -> bool:
    """Whether it stands and falls with a NodeClaim at this moment."""
    return one.state is State.SURGING and one.mechanism in CLAIMING and PLACED not in one.detail


def fate(one: HandOver, snapshot: Snapshot, settings: GuardSettings) -> Fate:
    """What has become of the NodeClaim that was asked for last."""
    name = one.detail[MADE]
    if made := node_of(name, snapshot):
        return Fate.THERE if _takes_its_pods(one, made) else Fate.WAITING
    said = one.detail.get(ASKED_AT)
    since = datetime.fromisoformat(said) if said else one.changed_at - age(one, one.changed_at)
    has_machine = snapshot.claims.get(name, False)
    limit = settings.claim_limit if has_machine else settings.launch_limit
    return Fate.WAITING if snapshot.taken_at - since < limit else Fate.VAIN


def others_left(one: HandOver) -> list[str]:
    """The names of the NodeClaims that come after the one that was asked for last."""
    names = _names(one)
    return names[names.index(one.detail[MADE]) + 1 :]


def asked(
    one: HandOver, others: Iterable[HandOver], snapshot: Snapshot
) -> tuple[CreateClaim | DeleteClaim, ...]:
    """The NodeClaim that is asked for now, until it shows; those before it are given up.

    While another hand-over's has no machine yet it waits: Karpenter does nothing else meanwhile.
    """
    name, names = one.detail[MADE], _names(one)
    given_up = names[: names.index(name)]
    drops = tuple(DeleteClaim(other) for other in given_up if other in snapshot.claims)
    if name in snapshot.claims or node_of(name, snapshot) or _is_held_up(one, others, snapshot):
        return drops
    found = (claim for claim in claims_of(one) if claim["metadata"]["name"] == name)
    return (*drops, *(CreateClaim(claim) for claim in found))


def _names(one: HandOver) -> list[str]:
    return [str(claim["metadata"]["name"]) for claim in claims_of(one)]


def _is_held_up(one: HandOver, others: Iterable[HandOver], snapshot: Snapshot) -> bool:
    for other in others:
        if not is_waiting(other):
            continue
        is_launched = snapshot.claims.get(other.detail[MADE])
        goes_first = is_launched is None and other.replacement_id < one.replacement_id
        if is_launched is False or goes_first:
            return True
    return False


def node_of(claim: str, snapshot: Snapshot) -> GuardedNode | None:
    """The node of a NodeClaim; None while there is none."""
    return next((one for one in snapshot.nodes.values() if one.claim == claim), None)


def _takes_its_pods(one: HandOver, made: GuardedNode) -> bool:
    """Whether the new machine may be counted on: a surged pod can wait on it for its warmth."""
    if one.mechanism is Mechanism.CLAIM_AND_SURGE:
        return made.is_ready
    return made.is_ready and made.is_initialized and not made.is_warming
