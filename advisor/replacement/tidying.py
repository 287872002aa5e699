"""Marks of ours that no hand-over owns: of one that is over, or that nobody remembers any more."""

from collections.abc import Sequence

from advisor.replacement.actions import Action, Release, Uncordon
from advisor.replacement.budgets import ENDS
from advisor.replacement.mechanisms import MADE
from advisor.replacement.records import HandOver, Snapshot


def unowned(snapshot: Snapshot, running: Sequence[HandOver]) -> tuple[Action, ...]:
    """What takes them away, by node: a cordon that bears our mark, a hold on a NodeClaim's node."""
    still_open = [one for one in running if one.state not in ENDS]
    cordoned = {one.node for one in still_open}
    claimed = {one.detail.get(MADE) for one in still_open}
    actions: list[Action] = []
    for name, node in sorted(snapshot.nodes.items()):
        if node.is_cordoned_by_us and name not in cordoned:
            actions.append(Uncordon(name))
        if node.is_held_by_us and node.claim not in claimed:
            actions.append(Release(name))
    return tuple(actions)
