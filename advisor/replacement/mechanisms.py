"""By which mechanism a node is handed over, and what the hand-over must remember for it.

Karpenter's drift is the default. It serves without a gap only if the replacement is Initialized
within Karpenter's wait and counts as Initialized no sooner than it can serve; else capacity
comes first: replicas where they can be had, an explicit NodeClaim where a place for one is given.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from advisor.karpenter.labels import WARMING
from advisor.karpenter.nodeclaim import DO_NOT_DISRUPT
from advisor.replacement.records import GuardedNode, Mechanism, Snapshot
from advisor.replacement.settings import GuardSettings
from advisor.replacement.surging import SHARES, shares_of, unsurgeable, written
from warehouse.records import Pool

MANIFEST = "manifest"
"""In the detail: the NodeClaim that is to be made, as JSON."""
MADE = "made"
"""In the detail: its name."""
NODEPOOL = "nodepool"
CLAIM = "claim"
"""In the detail: the NodePool and NodeClaim of the old node, which outlive it there."""

EXACT = frozenset({"alibaba", "gcp"})
"""Providers where nothing but an explicit NodeClaim keeps a replacement out of a pool: NodeOverlays
have no effect there."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A pool in which a replacement may stand.

    ``manifest`` is a NodeClaim for it (`advisor.karpenter.nodeclaim.node_claim`), None where none
    is to be made; its name is only a beginning, each hand-over makes one of its own.
    """

    pool: Pool
    manifest: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A mechanism, what is to be remembered for it, and a word on what it cannot do."""

    mechanism: Mechanism
    detail: dict[str, str] = field(default_factory=dict)
    text: str = ""


def choose(
    node: GuardedNode,
    snapshot: Snapshot,
    destinations: Sequence[Destination],
    settings: GuardSettings,
    *,
    is_emergency: bool,
) -> Choice | str:
    """How to hand a node over; a sentence where it cannot be done without a gap and must not be.

    ``destinations`` are the pools that are not at risk, best first.
    """
    if is_emergency:
        return Choice(Mechanism.EVACUATE, text="there is no time for a replacement first")
    stuck = unsurgeable(node, snapshot)
    surge = {SHARES: written(shares_of(node))}
    if node.claim is None:
        if stuck:
            return f"nothing replaces it first: {stuck} can have no replica more"
        return Choice(Mechanism.SURGE_AND_EVICT, surge)
    place = next((one for one in destinations if one.manifest), None)
    if place and node.pool and node.pool.provider in EXACT:
        return _claim(node, place)
    gap = _gap(node, snapshot, settings)
    if not gap or not node.pods:
        return Choice(Mechanism.RETIRE)
    if not stuck:
        return Choice(Mechanism.SURGE, surge, f"capacity comes first, as {gap}")
    if place:
        return _claim(node, place)
    return Choice(Mechanism.RETIRE, text=f"{gap}, and {stuck} can have no replica more")


def _gap(node: GuardedNode, snapshot: Snapshot, settings: GuardSettings) -> str | None:
    """Why its pods would be short if drift alone replaced it, and for how long."""
    serving = settings.lead_time(node.pool.provider if node.pool else "").serving
    state = snapshot.nodepools.get(node.nodepool or "")
    if state and not state.has_warming:
        return (
            f"NodePool {state.name} has no startup taint {WARMING}: its pods are short for up to "
            f"{_minutes(serving)}"
        )
    if serving > settings.usable_wait:
        return (
            f"Karpenter waits {_minutes(settings.usable_wait)} for a replacement that serves after "
            f"{_minutes(serving)}: its pods are short for up to "
            f"{_minutes(serving - settings.usable_wait)}"
        )
    return None


def _claim(node: GuardedNode, place: Destination) -> Choice:
    """An explicit NodeClaim of a name that belongs to the old node: asked twice, it is one.

    Nobody could take its `do-not-disrupt` from the new node later, so it goes without.
    """
    manifest = dict(place.manifest or {})
    about = dict(manifest.get("metadata") or {})
    mark = hashlib.sha256(f"{node.claim}/{node.launched_at}".encode()).hexdigest()[:8]
    about["name"] = f"{str(about.get('name') or node.nodepool)[:50]}-{mark}"
    annotations = dict(about.get("annotations") or {})
    annotations.pop(DO_NOT_DISRUPT, None)
    manifest["metadata"] = {**about, "annotations": annotations}
    detail = {MANIFEST: json.dumps(manifest, sort_keys=True), MADE: about["name"]}
    return Choice(Mechanism.CLAIM, detail, f"in {place.pool.instance_type} {place.pool.zone} first")


def _minutes(window: timedelta) -> str:
    return f"{window / timedelta(minutes=1):.3g} min"
