"""Which nodes are to be replaced now, how, and in which order; and why the others are not.

A pure function of one look at the cluster and of what is known of its pools. Risk times cost
decides, per lead time: there is no fixed threshold. Nodes of one bad pool go together, as far as
the budgets allow: a pool that dies in three minutes is not left one node per minute.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from advisor.replacement.actions import Action
from advisor.replacement.budgets import ENDS, nodes_refusal, pods_refusal
from advisor.replacement.claiming import CLAIMING, is_waiting
from advisor.replacement.judging import Judgement, bursts, fresh, judge
from advisor.replacement.mechanisms import CLAIM, MADE, NODEPOOL, choose
from advisor.replacement.places import Destination
from advisor.replacement.protection import protection
from advisor.replacement.records import (
    Evidence,
    GuardedNode,
    HandOver,
    Mechanism,
    PoolRisk,
    Snapshot,
    State,
)
from advisor.replacement.settings import GuardSettings
from advisor.replacement.surging import SERVES, shares_of, written
from advisor.replacement.tidying import unowned
from advisor.replacement.warming import lifted
from warehouse.records import Pool

__all__ = ["Decision", "Destination", "Kept", "Plan", "asked_for", "decide"]

BEGAN_AT = "began_at"
"""In the detail: when the hand-over was decided on."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One node that is to be handed over; ``destinations`` are good pools for its replacement.

    ``detail`` is what the hand-over must remember. ``probability`` is None where a person asked.
    """

    node: str
    claim: str | None
    nodepool: str | None
    pool: Pool
    mechanism: Mechanism
    probability: float | None
    threshold: float
    reason: str
    destinations: tuple[Pool, ...] = ()
    detail: Mapping[str, str] = field(default_factory=dict)

    def hand_over(self, now: datetime) -> HandOver:
        """The hand-over that this begins; the same decision at the same time is the same one."""
        return HandOver(
            replacement_id=f"{self.node}-{now:%Y%m%dT%H%M%SZ}",
            changed_at=now,
            state=State.PLANNED,
            node=self.node,
            pool=self.pool,
            mechanism=self.mechanism,
            reason=self.reason,
            detail={**self.detail, BEGAN_AT: now.isoformat()},
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """One node that is not handed over now, and why: a sentence with numbers.

    ``probability`` is what may be believed of its loss; None where it was not asked.
    ``is_at_risk``: it would be replaced, were it not held back by what the sentence says.
    """

    node: str
    reason: str
    probability: float | None = None
    is_at_risk: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from one look.

    ``decisions`` in the order in which they are to begin, ``kept`` by node; ``tidied`` is what is
    of no hand-over: the startup taint of new nodes goes, and marks of ours that none owns.
    """

    decisions: tuple[Decision, ...]
    kept: tuple[Kept, ...]
    tidied: tuple[Action, ...] = ()

    @property
    def at_risk(self) -> list[str]:
        """The nodes that are replaced, or would be were they not held back."""
        kept = [one.node for one in self.kept if one.is_at_risk]
        return [one.node for one in self.decisions] + kept


def decide(
    snapshot: Snapshot,
    risks: Mapping[Pool, PoolRisk],
    evidence: Sequence[Evidence],
    running: Sequence[HandOver],
    settings: GuardSettings,
    *,
    destinations: Mapping[str, Sequence[Destination]] | None = None,
) -> Plan:
    """What is to be replaced, and what is not.

    Args:
        snapshot: the cluster; its time is now.
        risks: by pool; one that is absent is of unknown risk.
        evidence: what the clouds said of single machines.
        running: the hand-overs that are open, and those that ended within the cool-down.
        settings: costs, lead times and budgets.
        destinations: by node, where its replacement may go, best first (`places`); pools that
            are at risk themselves are left out here.
    """
    said = fresh(evidence, snapshot.taken_at, settings)
    struck = bursts(snapshot, said, settings)
    desk = _Desk(snapshot, risks, running, settings, destinations or {})
    kept: list[Kept] = []
    candidates: list[tuple[GuardedNode, Judgement]] = []
    for node in snapshot.nodes.values():
        judgement = judge(
            node,
            risks.get(node.pool) if node.pool else None,
            said.get(node.name, ()),
            struck.get(node.pool) if node.pool else None,
            settings,
        )
        reason = desk.standing(node, judgement)
        if reason:
            kept.append(Kept(node.name, reason, judgement.probability, judgement.acts))
        elif judgement.acts:
            candidates.append((node, judgement))
        else:
            kept.append(Kept(node.name, judgement.text, judgement.probability))
    decisions: list[Decision] = []
    for node, judgement in _in_order(candidates):
        made = desk.decision(node, judgement)
        if isinstance(made, Decision):
            decisions.append(made)
        else:
            text = f"{made}; {judgement.text}"
            kept.append(Kept(node.name, text, judgement.probability, is_at_risk=True))
    return Plan(
        tuple(decisions),
        tuple(sorted(kept, key=lambda one: one.node)),
        (*lifted(snapshot, settings), *unowned(snapshot, running)),
    )


def asked_for(
    name: str,
    snapshot: Snapshot,
    running: Sequence[HandOver],
    settings: GuardSettings,
    *,
    reason: str = "a person asked for it",
    destinations: Mapping[str, Sequence[Destination]] | None = None,
) -> Decision | Kept:
    """The decision on one node that a person wants replaced, whatever its risk.

    Protections, budgets and PodDisruptionBudgets hold as ever; costs and the cool-down do not.
    """
    node = snapshot.nodes.get(name)
    if node is None:
        return Kept(name, "there is no such node")
    still_open = [one for one in running if one.state not in ENDS]
    desk = _Desk(snapshot, {}, still_open, settings, destinations or {})
    judgement = Judgement(acts=True, probability=0.0, text=reason)
    if refused := desk.standing(node, judgement):
        return Kept(name, refused)
    made = desk.decision(node, judgement)
    return replace(made, probability=None) if isinstance(made, Decision) else Kept(name, made)


class _Desk:
    """Decides one node after another; each decision spends of the budgets of the next."""

    def __init__(
        self,
        snapshot: Snapshot,
        risks: Mapping[Pool, PoolRisk],
        running: Sequence[HandOver],
        settings: GuardSettings,
        destinations: Mapping[str, Sequence[Destination]],
    ) -> None:
        self._snapshot = snapshot
        self._risks = risks
        self._settings = settings
        self._destinations = destinations
        self._open = [one for one in running if one.state not in ENDS]
        self._over = [one for one in running if one.state in ENDS]
        self._open_of = {one.node: one for one in self._open}
        self._ended = _last_ended(running)
        self._left = _left(running)
        self._full: dict[str | None, str] = {}
        # Budgets look only at nodes that spend of them: 2,000 idle ones are not walked each time.
        self._spending = {
            name: node
            for name, node in snapshot.nodes.items()
            if _may_spend(node) or name in self._open_of
        }

    def standing(self, node: GuardedNode, judgement: Judgement) -> str | None:
        """Why the node is not to be touched whatever its risk, or None."""
        if under_way := self._open_of.get(node.name):
            return f"its hand-over {under_way.replacement_id} is under way ({under_way.state})"
        return protection(node, self._snapshot, self._settings) or self._cooling(node, judgement)

    def decision(self, node: GuardedNode, judgement: Judgement) -> Decision | str:
        """The decision on a node that is to be replaced, or why it must wait."""
        if node.pool is None:
            return "its pool cannot be told"
        places = self._places(node)
        choice = choose(
            node, self._snapshot, places, self._settings, is_emergency=judgement.is_emergency
        )
        if isinstance(choice, str):
            return choice
        if refused := self._refusal(node, choice.mechanism):
            return refused
        serves = written(shares_of(node))
        about = {NODEPOOL: node.nodepool, CLAIM: node.claim, SERVES: serves}
        made = Decision(
            node=node.name,
            claim=node.claim,
            nodepool=node.nodepool,
            pool=node.pool,
            mechanism=choice.mechanism,
            probability=judgement.probability,
            threshold=self._settings.threshold,
            reason="; ".join(part for part in (judgement.text, choice.text) if part),
            destinations=tuple(one.pool for one in places),
            detail={**{key: word for key, word in about.items() if word}, **choice.detail},
        )
        self._open.append(made.hand_over(self._snapshot.taken_at))
        self._spending[node.name] = node
        return made

    def _refusal(self, node: GuardedNode, mechanism: Mechanism) -> str | None:
        """Which budget keeps the node from being handed over, with numbers; None if none does.

        An emergency has none: the machine goes in any case, and the eviction API asks each
        PodDisruptionBudget itself.
        """
        if mechanism is Mechanism.EVACUATE:
            return None
        narrow = replace(self._snapshot, nodes=self._spending)
        if node.nodepool not in self._full:
            refused = nodes_refusal(node, narrow, self._open, self._settings)
            if refused is None:
                found = pods_refusal(node, mechanism, narrow, self._open)
                return found or self._claim_refusal(mechanism)
            self._full[node.nodepool] = refused
        return self._full[node.nodepool]

    def _cooling(self, node: GuardedNode, judgement: Judgement) -> str | None:
        ended = self._ended.get(node.name)
        if ended is None:
            return None if judgement.is_emergency else self._in_circles(node)
        until = ended.changed_at + self._settings.cool_down
        is_new = judgement.is_emergency and ended.mechanism is not Mechanism.EVACUATE
        if until <= self._snapshot.taken_at or is_new:
            return None
        return (
            f"its last hand-over ended as {ended.state} at {ended.changed_at:%H:%M} UTC; "
            f"none begins before {until:%H:%M} UTC"
        )

    def _in_circles(self, node: GuardedNode) -> str | None:
        """Why a node must stay that stands where its predecessor was taken from."""
        if node.pool is None:
            return None
        for one in self._left.get((node.nodepool, node.pool), ()):
            until = one.changed_at + self._settings.cool_down
            began = datetime.fromisoformat(one.detail[BEGAN_AT])
            is_later = node.launched_at is not None and node.launched_at > began
            if is_later and until > self._snapshot.taken_at:
                return (
                    f"its pool was left at {began:%H:%M} UTC (node {one.node}) and Karpenter came "
                    "back to it. Keep it out: `spotcast nodeoverlay`, `spotcast plan`, or "
                    f"--claims always; else it is replaced once more after {until:%H:%M} UTC"
                )
        return None

    def _claim_refusal(self, mechanism: Mechanism) -> str | None:
        """Karpenter does nothing else while a claim waits for its machine: one at a time."""
        if mechanism not in CLAIMING:
            return None
        for one in (*self._open, *self._over):
            if self._waits_for_a_machine(one):
                return f"the NodeClaim for node {one.node} comes first: they are made one by one"
        return None

    def _waits_for_a_machine(self, one: HandOver) -> bool:
        is_launched = self._snapshot.claims.get(one.detail.get(MADE, ""))
        is_early = one.state is State.PLANNED and one.mechanism in CLAIMING
        # A claim may outlive its hand-over, for the pods that wait for it.
        return is_launched is False or (is_launched is None and (is_early or is_waiting(one)))

    def _places(self, node: GuardedNode) -> list[Destination]:
        """The pools for its replacement that are not as bad as the one that it leaves."""
        return [
            one
            for one in self._destinations.get(node.name, ())
            if one.pool != node.pool and not self._is_bad(one.pool)
        ]

    def _is_bad(self, pool: Pool) -> bool:
        risk = self._risks.get(pool)
        return risk is not None and risk.probability > self._settings.threshold


def _may_spend(node: GuardedNode) -> bool:
    gone = node.is_disrupted or node.is_deleting or node.retire is not None
    return gone or not node.is_ready


def _last_ended(running: Sequence[HandOver]) -> dict[str, HandOver]:
    """The last hand-over of each node that is over."""
    ended = [one for one in running if one.state in ENDS]
    return {one.node: one for one in sorted(ended, key=lambda one: one.changed_at)}


def _left(running: Sequence[HandOver]) -> dict[tuple[str | None, Pool], list[HandOver]]:
    """The hand-overs that came to their end lately, by what was left."""
    found: defaultdict[tuple[str | None, Pool], list[HandOver]] = defaultdict(list)
    for one in running:
        if one.state is State.DONE and BEGAN_AT in one.detail:
            found[one.detail.get(NODEPOOL), one.pool].append(one)
    return dict(found)


def _in_order(
    candidates: Sequence[tuple[GuardedNode, Judgement]],
) -> list[tuple[GuardedNode, Judgement]]:
    """Emergencies, then the worst pool as a whole, then the next; the oldest node of each first.

    A pool is as bad as the worst node in it.
    """
    worst: dict[Pool | None, float] = {}
    for node, judgement in candidates:
        worst[node.pool] = max(worst.get(node.pool, 0.0), judgement.probability)

    def place(one: tuple[GuardedNode, Judgement]) -> tuple[object, ...]:
        node, judgement = one
        launched = node.launched_at.timestamp() if node.launched_at else float("inf")
        return (not judgement.is_emergency, -worst[node.pool], str(node.pool), launched, node.name)

    return sorted(candidates, key=place)
