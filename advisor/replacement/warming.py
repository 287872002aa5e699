"""When a new node may serve: our startup taint is lifted when it is warm, or its time is over."""

from collections.abc import Collection

from advisor.replacement.actions import LiftWarming
from advisor.replacement.records import GuardedNode, Snapshot
from advisor.replacement.settings import GuardSettings


def lifted(
    snapshot: Snapshot, warm: Collection[str], settings: GuardSettings
) -> tuple[LiftWarming, ...]:
    """The nodes whose taint is to go, by name.

    ``warm`` are those of which somebody knows that image and model are there. A node that nobody
    speaks of is let go after the limit: an answer that never comes must not keep it idle for good.
    """
    return tuple(
        LiftWarming(name)
        for name, node in sorted(snapshot.nodes.items())
        if node.is_warming and (name in warm or _is_over(node, snapshot, settings))
    )


def _is_over(node: GuardedNode, snapshot: Snapshot, settings: GuardSettings) -> bool:
    # Kubernetes always knows when a node was made; without it, somebody must say that it is warm.
    if node.launched_at is None:
        return False
    return snapshot.taken_at - node.launched_at >= settings.warming_limit
