"""When a new node may serve: our startup taint is lifted when it is warm, or its time is over."""

from datetime import timedelta

from advisor.replacement.actions import LiftWarming
from advisor.replacement.records import GuardedNode, Snapshot, Warmth
from advisor.replacement.settings import GuardSettings


def lifted(snapshot: Snapshot, settings: GuardSettings) -> tuple[LiftWarming, ...]:
    """The nodes whose taint is to go, by name, each with why.

    A node that nobody speaks of is let go after `GuardSettings.warming_limit`, one that never
    becomes warm after the longer `GuardSettings.warmers_limit`: an answer that never comes must
    not keep a machine idle for good.
    """
    return tuple(
        LiftWarming(name, why)
        for name, node in sorted(snapshot.nodes.items())
        if node.is_warming and (why := _why(node, snapshot, settings))
    )


def _why(node: GuardedNode, snapshot: Snapshot, settings: GuardSettings) -> str | None:
    if node.warmth is Warmth.WARM:
        return "it is warm"
    # Kubernetes always knows when a node was made; without it, somebody must say that it is warm.
    if node.launched_at is None:
        return None
    age = snapshot.taken_at - node.launched_at
    if node.warmth is Warmth.WARMING:
        limit, said = settings.warmers_limit, "it was still warming"
    else:
        limit, said = settings.warming_limit, "nobody says whether it is warm"
    return f"{said} {limit / timedelta(minutes=1):g} min after launch" if age >= limit else None
