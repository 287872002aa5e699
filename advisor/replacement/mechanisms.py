"""By which mechanism a node is handed over, and what the hand-over must remember for it.

Karpenter's drift is the default. It serves without a gap only if the replacement is Initialized
within Karpenter's wait and counts as Initialized no sooner than it can serve; else capacity
comes first: replicas where they can be had, and an explicit NodeClaim where a place for one is
given and nothing else would steer the replacement there.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from advisor.karpenter.labels import WARMING
from advisor.replacement.judging import minutes_text
from advisor.replacement.places import Destination
from advisor.replacement.records import GuardedNode, Mechanism, Snapshot
from advisor.replacement.settings import GuardSettings
from advisor.replacement.surging import SHARES, shares_of, unsurgeable, written

MANIFESTS = "manifests"
"""In the detail: the NodeClaims that may be made, best first, as a JSON list."""
MADE = "made"
"""In the detail: the name of the one that was asked for last."""
NODEPOOL = "nodepool"
CLAIM = "claim"
"""In the detail: the NodePool and NodeClaim of the old node, which outlive it there."""


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
    gap = _gap(node, snapshot, settings) if node.pods else None
    first = f"capacity comes first, as {gap}"
    places = " or ".join(one.text for one in destinations)
    may_claim = settings.may_claim(node.pool.provider) if node.pool else False
    claims = _claims(node, destinations) if may_claim or (gap and stuck) else []
    if claims:
        detail = {
            MANIFESTS: json.dumps(claims, sort_keys=True),
            MADE: claims[0]["metadata"]["name"],
        }
        where = f"in {destinations[0].text}"
        if gap and not stuck:
            return Choice(Mechanism.CLAIM_AND_SURGE, detail | surge, f"{first}, {where}")
        away = f"; {stuck} can have no replica more, and is away while it starts" if gap else ""
        return Choice(Mechanism.CLAIM, detail, f"its machine comes first, {where}{away}")
    chosen = f"Karpenter chooses where; good now: {places}" if places else ""
    if not gap:
        return Choice(Mechanism.RETIRE, text=chosen)
    if not stuck:
        return Choice(Mechanism.SURGE, surge, "; ".join(one for one in (first, chosen) if one))
    text = f"{gap}, and {stuck} can have no replica more"
    return Choice(Mechanism.RETIRE, text="; ".join(one for one in (text, chosen) if one))


def _gap(node: GuardedNode, snapshot: Snapshot, settings: GuardSettings) -> str | None:
    """Why its pods would be short if drift alone replaced it, and for how long."""
    serving = settings.lead_time(node.pool.provider if node.pool else "").serving
    state = snapshot.nodepools.get(node.nodepool or "")
    if state and not state.has_warming:
        return (
            f"NodePool {state.name} has no startup taint {WARMING}: its pods are short for up to "
            f"{minutes_text(serving)}"
        )
    if serving > settings.usable_wait:
        return (
            f"Karpenter waits {minutes_text(settings.usable_wait)} for a replacement that "
            f"serves after {minutes_text(serving)}: its pods are short for up to "
            f"{minutes_text(serving - settings.usable_wait)}"
        )
    return None


def _claims(node: GuardedNode, places: Sequence[Destination]) -> list[Mapping[str, Any]]:
    """NodeClaims of names that belong to the old node: asked twice, each is one machine."""
    mark = hashlib.sha256(f"{node.claim}/{node.launched_at}".encode()).hexdigest()[:8]
    found: list[Mapping[str, Any]] = []
    for number, place in enumerate(one for one in places if one.manifest):
        manifest = dict(place.manifest or {})
        about = dict(manifest.get("metadata") or {})
        about["name"] = f"{str(about.get('name') or node.nodepool)[:48]}-{mark}-{number}"
        found.append({**manifest, "metadata": about})
    return found
