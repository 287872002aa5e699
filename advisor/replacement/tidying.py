"""Marks of ours that no hand-over owns: of one that is over, or that nobody remembers any more."""

from collections.abc import Sequence

from advisor.replacement.actions import Action, Release, Uncordon, Unsurge
from advisor.replacement.budgets import ENDS
from advisor.replacement.mechanisms import MADE
from advisor.replacement.records import HandOver, Snapshot
from advisor.replacement.surging import shares


def unowned(snapshot: Snapshot, running: Sequence[HandOver]) -> tuple[Action, ...]:
    """What takes them away: a cordon that bears our mark, a hold on a NodeClaim's node, replicas.

    An autoscaler may bring replicas back only when their hand-over is over.
    """
    still_open = [one for one in running if one.state not in ENDS]
    cordoned = {one.node for one in still_open}
    claimed = {one.detail.get(MADE) for one in still_open}
    actions: list[Action] = []
    for name, node in sorted(snapshot.nodes.items()):
        if node.is_cordoned_by_us and name not in cordoned:
            actions.append(Uncordon(name))
        if node.is_held_by_us and node.claim not in claimed:
            actions.append(Release(name))
    held = {name for one in still_open for name in shares(one)}
    noted = (name for name, one in snapshot.workloads.items() if one.is_noted)
    actions += [Unsurge(name) for name in sorted(noted) if name not in held]
    return tuple(actions)
