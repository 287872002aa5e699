"""The steps of one hand-over: what to do next, from where it stands and one look at the cluster.

A pure function, so that a kill between any two actions costs nothing: the same look gives the same
actions again, and each says what should be. The state that is entered is stored before its actions
are done; an end is stored after them. Every way out leads through RESTORING, which takes back all
that is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from advisor.replacement.actions import (
    Action,
    Cordon,
    DeleteClaim,
    Evict,
    PreferToDelete,
    Retire,
    Tell,
)
from advisor.replacement.budgets import ENDS, drift_refusal, pods_refusal
from advisor.replacement.claiming import ASKED_AT, Fate, asked, fate, is_waiting, others_left
from advisor.replacement.mechanisms import CLAIM, MADE
from advisor.replacement.protection import held
from advisor.replacement.records import (
    GuardedNode,
    HandOver,
    Mechanism,
    PoolRisk,
    Snapshot,
    State,
)
from advisor.replacement.settings import GuardSettings
from advisor.replacement.stages import (
    CALM_SINCE,
    DISRUPTED,
    DRAINED,
    END,
    RETIRED,
    age,
    calmed,
    changed,
    ended,
    entered,
    is_calm_long_enough,
    is_replaced,
    undone,
)
from advisor.replacement.surging import (
    HANDED,
    NO,
    PLACED,
    SERVES,
    SHARES,
    YES,
    Shares,
    is_left,
    is_served,
    is_settled,
    is_spare,
    later,
    replicas_for,
    unsurgeable,
    written,
)

__all__ = ["RETIRE_VALUE", "Step", "step"]

RETIRE_VALUE = "at-risk"
"""Value of our label on the NodeClaim; Karpenter looks at the key alone."""


@dataclass(frozen=True, slots=True)
class Step:
    """``next`` is where the hand-over stands then, None if nothing about it changes.

    ``actions`` are for the state that it is in afterwards, in order. ``events`` say to people what
    happened, one sentence each.
    """

    next: HandOver | None
    actions: tuple[Action, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """All that a step is decided on; ``node`` is None once the node is gone."""

    one: HandOver
    node: GuardedNode | None
    snapshot: Snapshot
    risk: PoolRisk | None
    settings: GuardSettings
    others: tuple[HandOver, ...]

    @property
    def is_late(self) -> bool:
        """Whether the state's time is over."""
        return age(self.one, self.snapshot.taken_at) >= self.settings.limit(self.one.state)

    def moved(self, after: HandOver) -> "_Look":
        """The same, of the hand-over as it stands then."""
        return replace(self, one=after)


def step(
    hand_over: HandOver,
    snapshot: Snapshot,
    risk: PoolRisk | None,
    settings: GuardSettings,
    others: Sequence[HandOver] = (),
) -> Step:
    """What is to be done next for one hand-over.

    Args:
        hand_over: as it is stored.
        snapshot: the cluster; its time is now.
        risk: of the pool that is left; None is unknown, and takes nothing back.
        settings: time limits, and what counts as calm.
        others: all other hand-overs that are open, as they stand now (those that have moved in
            this look as moved). They share workloads, NodePools and PodDisruptionBudgets with this
            one; left out, each would believe that it is alone.
    """
    if hand_over.state in ENDS:
        return Step(None)
    others = tuple(
        one
        for one in others
        if one.replacement_id != hand_over.replacement_id and one.state not in ENDS
    )
    look = _Look(hand_over, snapshot.nodes.get(hand_over.node), snapshot, risk, settings, others)
    if hand_over.state is State.RESTORING:
        return _end(look)
    if look.node is None:
        return _vanished(look)
    return _given_up(look, look.node) or _further(look, look.node)


def _further(look: _Look, node: GuardedNode) -> Step:
    match look.one.state:
        case State.PLANNED:
            return _begin(look, node)
        case State.SURGING if is_waiting(look.one):
            return _wait_for_claim(look, node)
        case State.SURGING if look.one.mechanism is Mechanism.CLAIM:
            return _retire(look, node)
        case State.SURGING:
            return _wait_for_replicas(look, node)
        case State.RETIRING:
            return _wait_for_karpenter(look, node)
        case _:
            return _drain(look, node)


def _begin(look: _Look, node: GuardedNode) -> Step:
    mechanism = look.one.mechanism
    if mechanism is Mechanism.EVACUATE:
        return _enter(look, node, State.DRAINING)
    if mechanism is Mechanism.RETIRE:
        return _retire(look, node)
    return _enter(look, node, State.SURGING)


def _wait_for_claim(look: _Look, node: GuardedNode) -> Step:
    """Capacity first: the machine of the NodeClaim, or of the next one if that finds none."""
    one, now = look.one, look.snapshot.taken_at
    became = fate(one, look.snapshot, look.settings)
    if became is Fate.WAITING:
        return _stay(look, _asked(look, node))
    if became is Fate.THERE:
        return _placed(look, node, YES, "the machine of its NodeClaim is there")
    name, left = one.detail[MADE], others_left(one)
    if not left:
        placed = _placed(look, node, NO, "none of its NodeClaims found a machine")
        return Step(placed.next, (DeleteClaim(name), *placed.actions), placed.events)
    after = changed(one, now, **{MADE: left[0], ASKED_AT: now.isoformat()})
    said = f"Node {node.name}: NodeClaim {name} found no machine; {left[0]} is asked for"
    return Step(after, _asked(look.moved(after), node), (said,))


def _placed(look: _Look, node: GuardedNode, how: str, said: str) -> Step:
    after = changed(look.one, look.snapshot.taken_at, **{PLACED: how})
    return Step(after, _asked(look.moved(after), node), (f"Node {node.name}: {said}",))


def _wait_for_replicas(look: _Look, node: GuardedNode) -> Step:
    """Capacity first: new pods Ready, then the old ones are what the scale-down takes."""
    one = look.one
    if HANDED not in one.detail:
        if came := later(one, node):
            return _wider(look, node, came)
        if not is_served(one, look.others, look.snapshot):
            return _stay(look, _asked(look, node))
        after = changed(one, look.snapshot.taken_at, **{HANDED: "yes"})
        said = f"Node {node.name}: its new pods are Ready; the old ones may go"
        return Step(after, _preferred(node), (said,))
    if not is_left(one, node):
        replicas = _replicas(look)
        # A replica that is given back while another hand-over wants one is no scale-down: nothing
        # would ever take the old pods, and the other would wait for theirs.
        # They are taken only while their successors serve, which the cloud may have ended.
        may_evict = not replicas and is_spare(one, look.others, look.snapshot)
        if not replicas and not may_evict and is_settled(one, look.snapshot):
            return _surge_again(look, node)
        evicted = tuple(Evict(pod.namespace, pod.name) for pod in node.pods) if may_evict else ()
        return _stay(look, (*_cordoned(node), *_preferred(node), *replicas, *evicted))
    if one.mechanism is Mechanism.SURGE_AND_EVICT:
        return _enter(look, node, State.DRAINING)
    return _retire(look, node)


def _wider(look: _Look, node: GuardedNode, there: Shares) -> Step:
    """Pods that came before the cordon was up are moved with the others, or not at all."""
    if stuck := unsurgeable(node, look.snapshot):
        return _restore(look, State.ROLLED_BACK, f"{stuck} came to it, and cannot surge")
    wider = {SHARES: written(there), SERVES: written(there)}
    after = changed(look.one, look.snapshot.taken_at, **wider)
    return Step(after, _asked(look.moved(after), node))


def _surge_again(look: _Look, node: GuardedNode) -> Step:
    """The scale-down took another pod than the old one: a kill kept it from being marked."""
    one = look.one
    detail = {key: word for key, word in one.detail.items() if key != HANDED}
    after = changed(replace(one, detail=detail), look.snapshot.taken_at)
    said = f"Node {node.name}: what was to replace its pods is gone; it is asked for again"
    return Step(after, _asked(look.moved(after), node), (said,))


def _wait_for_karpenter(look: _Look, node: GuardedNode) -> Step:
    if node.is_deleting:
        return _enter(look, node, State.DRAINING)
    if node.is_disrupted and DISRUPTED not in look.one.detail:
        after = changed(look.one, look.snapshot.taken_at, **{DISRUPTED: "yes"})
        return Step(after, _asked(look, node), (f"Node {node.name}: Karpenter replaces it",))
    return _stay(look, _asked(look, node))


def _drain(look: _Look, node: GuardedNode) -> Step:
    if not node.pods and DRAINED not in look.one.detail:
        after = changed(look.one, look.snapshot.taken_at, **{DRAINED: "yes"})
        return Step(after, _asked(look, node), (f"Node {node.name}: its pods are gone",))
    return Step(None, _asked(look, node))


def _retire(look: _Look, node: GuardedNode) -> Step:
    """Let Karpenter replace the node, once the budgets of this moment allow it."""
    going = tuple(one for one in look.others if one.state in {State.RETIRING, State.DRAINING})
    refused = drift_refusal(node, look.snapshot, going) or pods_refusal(
        node, look.one.mechanism, look.snapshot, going
    )
    if refused:
        waiting = _stay(look, _asked(look, node))
        said = f"Node {node.name} waits: {refused}"
        return Step(waiting.next, waiting.actions, (*waiting.events, said))
    return _enter(look, node, State.RETIRING)


def _given_up(look: _Look, node: GuardedNode) -> Step | None:
    """The way back: somebody holds the node, its time is over, or the danger has passed."""
    one, now = look.one, look.snapshot.taken_at
    if one.state is State.DRAINING:
        return _drained_too_long(look, node)
    if reason := held(node):
        return None if node.is_deleting else _restore(look, State.ROLLED_BACK, reason)
    if _is_taken(one, node):
        return _restore(look, State.ROLLED_BACK, "somebody else takes it away already")
    if look.is_late:
        minutes = look.settings.limit(one.state) / timedelta(minutes=1)
        waited = f"its replacement cannot be had: {one.state} for {minutes:.3g} min"
        return _restore(look, State.ROLLED_BACK, waited)
    is_committed = node.is_disrupted or node.is_deleting
    if not is_committed and is_calm_long_enough(one, look.risk, look.settings, now):
        return _restore(look, State.ROLLED_BACK, "the risk of its pool has passed")
    return None


def _drained_too_long(look: _Look, node: GuardedNode) -> Step | None:
    by_us = look.one.mechanism in {Mechanism.EVACUATE, Mechanism.SURGE_AND_EVICT}
    if by_us and not node.is_deleting and (reason := held(node)):
        return _restore(look, State.ROLLED_BACK, reason)
    if not look.is_late:
        return None
    if by_us and not node.pods:
        return _restore(look, State.DONE, "its pods are gone; the machine itself is still there")
    left = ", ".join(f"{pod.namespace}/{pod.name}" for pod in node.pods) or "no pods"
    return _restore(look, State.FAILED, f"it drains for too long; on it are still {left}")


def _is_taken(one: HandOver, node: GuardedNode) -> bool:
    """Whether Karpenter began with it before we asked it to."""
    return one.state in {State.PLANNED, State.SURGING} and (
        node.is_deleting or node.is_disrupted or node.retire is not None
    )


def _vanished(look: _Look) -> Step:
    if is_replaced(look.one, look.snapshot):
        return _restore(look, State.DONE, "it is gone, and what it served is served elsewhere")
    return _restore(look, State.OVERTAKEN, "it was taken before its hand-over was through")


def _enter(look: _Look, node: GuardedNode, state: State) -> Step:
    now = look.snapshot.taken_at
    after = entered(look.one, state, now)
    if state is State.RETIRING:
        after = changed(after, now, **{RETIRED: "yes"})
    said = f"Node {node.name} is {state} by {after.mechanism}: {after.reason}"
    tell = Tell(node.name, node.claim, f"Replacement{state.name.capitalize()}", said)
    return Step(after, (*_asked(look.moved(after), node), tell), (said,))


def _restore(look: _Look, end: State, why: str) -> Step:
    """On the way to an end: all that is ours is taken back, and once more with the next look."""
    now = look.snapshot.taken_at
    after = changed(entered(look.one, State.RESTORING, now), now, **{END: end, "why": why})
    said = f"Node {look.one.node} is {end}: {why}"
    tell = Tell(
        look.one.node,
        look.one.detail.get(CLAIM),
        f"Replacement{end.name.title().replace('_', '')}",
        said,
        is_warning=end in {State.FAILED, State.OVERTAKEN},
    )
    actions = undone(after, look.snapshot, look.others)
    return Step(after, (*actions, tell), (said,))


def _end(look: _Look) -> Step:
    after = ended(look.one, look.snapshot.taken_at)
    return Step(after, undone(look.one, look.snapshot, look.others))


def _stay(look: _Look, actions: tuple[Action, ...]) -> Step:
    """The same state; only since when its pool is calm may change."""
    after = calmed(look.one, look.risk, look.settings, look.snapshot.taken_at)
    is_new = after.detail.get(CALM_SINCE) != look.one.detail.get(CALM_SINCE)
    return Step(after if is_new else None, actions)


def _asked(look: _Look, node: GuardedNode) -> tuple[Action, ...]:
    """What should be so in the state that the hand-over is in."""
    one = look.one
    if is_waiting(one):
        return asked(one, look.others, look.snapshot)
    if one.state is State.SURGING and one.mechanism is not Mechanism.CLAIM:
        # The cordon keeps the new pods from the very node that they are to replace.
        return (*_cordoned(node), *_replicas(look))
    if one.state is State.RETIRING and node.claim and node.retire is None:
        return (Retire(node.claim, RETIRE_VALUE),)
    if one.state is State.DRAINING and one.mechanism in {
        Mechanism.EVACUATE,
        Mechanism.SURGE_AND_EVICT,
    }:
        return (*_cordoned(node), *(Evict(pod.namespace, pod.name) for pod in node.pods))
    return ()


def _replicas(look: _Look) -> tuple[Action, ...]:
    return tuple(replicas_for(look.one, (look.one, *look.others), look.snapshot))


def _cordoned(node: GuardedNode) -> tuple[Action, ...]:
    return () if node.is_cordoned else (Cordon(node.name),)


def _preferred(node: GuardedNode) -> tuple[Action, ...]:
    return tuple(PreferToDelete(pod.namespace, pod.name) for pod in node.pods if pod.workload)
