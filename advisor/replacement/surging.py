"""Whose replicas are added for which hand-over, so that several may share a workload.

Each hand-over writes down how many pods it takes from where; the replicas that are wanted follow
from all that hold such a share at a moment, as an absolute number.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from advisor.replacement.actions import Action, Surge, Unsurge
from advisor.replacement.records import (
    GuardedNode,
    HandOver,
    Mechanism,
    Snapshot,
    State,
    Workload,
    WorkloadName,
)

SHARES = "surge"
"""In the detail: replicas by workload, as JSON."""
SERVES = "serves"
"""In the detail: pods by workload that stood on the old node, as JSON."""
HANDED = "handed"
"""In the detail: the new pods are Ready, the old ones may go."""
PLACED = "placed"
"""In the detail: the machine of its NodeClaim is there (`YES`), or none could be had (`NO`)."""
YES, NO = "yes", "none"

Shares = Mapping[WorkloadName, int]


def shares_of(node: GuardedNode) -> dict[WorkloadName, int]:
    """How many pods of each workload stand on a node."""
    return dict(Counter(pod.workload for pod in node.pods if pod.workload))


def unsurgeable(node: GuardedNode, snapshot: Snapshot) -> str | None:
    """What on the node cannot have one replica more; None if all can."""
    for pod in node.pods:
        workload = snapshot.workloads.get(pod.workload) if pod.workload else None
        if workload is None or not workload.can_surge:
            return f"pod {pod.namespace}/{pod.name}"
    return None


def written(shares: Shares) -> str:
    """As it is kept in a hand-over's detail."""
    return json.dumps(
        {f"{name.kind}/{name.namespace}/{name.name}": shares[name] for name in sorted(shares)}
    )


def shares(one: HandOver, key: str = SHARES) -> dict[WorkloadName, int]:
    """What a hand-over has written down; nothing if it adds no replicas."""
    found: dict[str, int] = json.loads(one.detail.get(key, "{}"))
    return {WorkloadName(*key.split("/", 2)): count for key, count in found.items()}


def later(one: HandOver, node: GuardedNode) -> Shares | None:
    """The pods of each workload now, where there are more than were written down."""
    there, known = shares_of(node), shares(one)
    return there if any(count > known.get(name, 0) for name, count in there.items()) else None


def holds(one: HandOver) -> bool:
    """Whether its replicas are wanted at this moment: after its own machine is there, if any."""
    if one.mechanism is Mechanism.CLAIM_AND_SURGE and PLACED not in one.detail:
        return False
    return one.state is State.SURGING and HANDED not in one.detail


def replicas_for(one: HandOver, open_ones: Iterable[HandOver], snapshot: Snapshot) -> list[Action]:
    """What brings the workloads of ``one`` to the replicas that all open hand-overs want.

    ``open_ones`` are all of them as they now stand, ``one`` among them. Nothing where it is so.
    """
    wanted: Counter[WorkloadName] = Counter()
    for holder in open_ones:
        if holds(holder):
            wanted.update(shares(holder))
    actions: list[Action] = []
    for name in sorted(shares(one)):
        workload = snapshot.workloads.get(name)
        if workload is None or _is_so(workload, wanted[name]):
            continue
        own = workload.replicas - workload.surged_by
        actions.append(Surge(name, own + wanted[name]) if wanted[name] else Unsurge(name))
    return actions


def _is_so(workload: Workload, wanted: int) -> bool:
    """Whether so many are added; none are once no note of it is left, either."""
    return workload.surged_by == wanted and not (workload.is_noted and not wanted)


def is_served(one: HandOver, others: Sequence[HandOver], snapshot: Snapshot) -> bool:
    """Whether all replicas that were asked for are Ready, and the node's pods can be spared.

    A scale-down takes pods that are not Ready before any other, and with them the replicas that
    another hand-over waits for: so none begins before all are.
    """
    return is_settled(one, snapshot) and is_spare(one, others, snapshot)


def is_settled(one: HandOver, snapshot: Snapshot) -> bool:
    """Whether all pods that its workloads ask for at this moment are Ready."""
    found = [snapshot.workloads.get(name) for name in shares(one)]
    return all(workload is None or workload.ready >= workload.replicas for workload in found)


def is_spare(one: HandOver, others: Sequence[HandOver], snapshot: Snapshot) -> bool:
    """Whether the wanted pods are Ready without this node, and without those that go before it."""
    leaving = {one.node} | {other.node for other in others if _goes_before(other, one)}
    going: Counter[WorkloadName] = Counter()
    for node in leaving & snapshot.nodes.keys():
        going.update(
            pod.workload for pod in snapshot.nodes[node].pods if pod.is_ready and pod.workload
        )
    for name in shares(one):
        workload = snapshot.workloads.get(name)
        if workload is None:
            continue
        if workload.ready - going[name] < workload.replicas - workload.surged_by:
            return False
    return True


def is_left(one: HandOver, node: GuardedNode) -> bool:
    """Whether no pod of its surged workloads stands on the node any more."""
    return not shares(one).keys() & {pod.workload for pod in node.pods}


def _goes_before(other: HandOver, one: HandOver) -> bool:
    if other.state is State.SURGING and HANDED not in other.detail:
        return holds(other) and other.replacement_id < one.replacement_id
    return other.state in {State.SURGING, State.RETIRING, State.DRAINING}
