"""What a hand-over remembers of its own course, and how all of it is taken back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from advisor.replacement.actions import Action, DeleteClaim, PreferToKeep, Uncordon, Unretire
from advisor.replacement.budgets import SURGED
from advisor.replacement.mechanisms import MADE, NODEPOOL
from advisor.replacement.records import (
    GuardedNode,
    HandOver,
    Mechanism,
    PoolRisk,
    Snapshot,
    State,
)
from advisor.replacement.settings import GuardSettings
from advisor.replacement.surging import HANDED, NO, PLACED, SERVES, YES, replicas_for, shares

ENTERED_AT = "entered_at"
"""In the detail: when the state was entered; without it, the row itself is as old."""
CALM_SINCE = "calm_since"
"""In the detail: since when every look found the pool's risk low."""
RETIRED = "retired"
"""In the detail: its NodeClaim was labelled by us (or was about to be)."""
DISRUPTED = "disrupted"
"""In the detail: Karpenter has begun."""
DRAINED = "drained"
"""In the detail: the old node's pods are gone."""
CORDONING = SURGED | {Mechanism.EVACUATE}
"""Mechanisms that keep new pods off the old node."""

END = "end"
"""In the detail: where RESTORING leads to."""


def changed(one: HandOver, now: datetime, **detail: str) -> HandOver:
    """The hand-over with something more to remember."""
    since = {ENTERED_AT: one.changed_at.isoformat(), **one.detail}
    return replace(one, changed_at=now, detail={**since, **detail})


def entered(one: HandOver, state: State, now: datetime) -> HandOver:
    """The hand-over in a new state."""
    return replace(changed(one, now, **{ENTERED_AT: now.isoformat()}), state=state)


def ended(one: HandOver, now: datetime) -> HandOver:
    """The hand-over at the end that its RESTORING leads to."""
    return entered(one, State(one.detail.get(END, State.FAILED)), now)


def age(one: HandOver, now: datetime) -> timedelta:
    """How long it has been in its state."""
    since = one.detail.get(ENTERED_AT)
    return now - (datetime.fromisoformat(since) if since else one.changed_at)


def calmed(
    one: HandOver, risk: PoolRisk | None, settings: GuardSettings, now: datetime
) -> HandOver:
    """The hand-over, with since when its pool is calm; unchanged if that is."""
    is_calm = settings.is_calm(risk)
    if is_calm == (CALM_SINCE in one.detail):
        return one
    if is_calm:
        return changed(one, now, **{CALM_SINCE: now.isoformat()})
    without = {key: word for key, word in one.detail.items() if key != CALM_SINCE}
    return changed(replace(one, detail=without), now)


def is_calm_long_enough(
    one: HandOver, risk: PoolRisk | None, settings: GuardSettings, now: datetime
) -> bool:
    """Whether the danger is over, and has been for a while."""
    since = one.detail.get(CALM_SINCE)
    if since is None or not settings.is_calm(risk):
        return False
    return now - datetime.fromisoformat(since) >= settings.calm_for


def is_replaced(one: HandOver, snapshot: Snapshot) -> bool:
    """Whether what stood on a node that is gone had its replacement: else the cloud was faster.

    Replicas or a NodeClaim came first; a younger node of the NodePool serves; or no workload that
    stood there is short. Where there was no time, its pods must have been taken off.
    """
    if one.mechanism is Mechanism.EVACUATE:
        return DRAINED in one.detail
    if HANDED in one.detail:
        return True
    if one.state not in {State.RETIRING, State.DRAINING}:
        return False
    return (
        one.detail.get(PLACED) == YES or _has_successor(one, snapshot) or _is_whole(one, snapshot)
    )


def undone(one: HandOver, snapshot: Snapshot, others: Sequence[HandOver]) -> tuple[Action, ...]:
    """What takes back all that is ours, whether or not it was done; safe to repeat."""
    actions: list[Action] = []
    node = snapshot.nodes.get(one.node)
    if node and node.claim and RETIRED in one.detail:
        actions.append(Unretire(node.claim))
    if node and one.mechanism in CORDONING:
        actions.append(Uncordon(node.name))
    if node:
        actions += [PreferToKeep(pod.namespace, pod.name) for pod in node.pods if pod.goes_first]
    actions += replicas_for(one, (one, *others), snapshot)
    made = one.detail.get(MADE)
    is_vain = one.detail.get(END) == State.ROLLED_BACK or one.detail.get(PLACED) == NO
    if made and is_vain and not _is_used(made, snapshot):
        actions.append(DeleteClaim(made))
    return tuple(actions)


def _has_successor(one: HandOver, snapshot: Snapshot) -> bool:
    since = one.changed_at - age(one, one.changed_at)
    return any(_serves_after(node, one, since) for node in snapshot.nodes.values())


def _is_whole(one: HandOver, snapshot: Snapshot) -> bool:
    found = [snapshot.workloads.get(name) for name in shares(one, SERVES)]
    return all(workload is None or workload.ready >= workload.replicas for workload in found)


def _serves_after(node: GuardedNode, one: HandOver, since: datetime) -> bool:
    is_up = node.is_ready and node.is_initialized and not node.is_warming
    is_younger = node.launched_at is not None and node.launched_at >= since
    return is_up and is_younger and node.nodepool == one.detail.get(NODEPOOL)


def _is_used(claim: str, snapshot: Snapshot) -> bool:
    """Whether pods have moved to a claim's node meanwhile: then it stays."""
    return any(node.claim == claim and node.pods for node in snapshot.nodes.values())
