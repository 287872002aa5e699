"""The plan: what would be written, what it changes, which nodes would go, and whether it may be.

The wanted NodePool is not what is written. Between the two stand hysteresis, the nodes that run,
and the template, whose every change replaces all nodes and which is therefore left as it is unless
told otherwise (`proposal`). So by default a plan makes no node drift.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from advisor.cluster import Manifest, NodeClaim, SnapshotError
from advisor.planning import provenance
from advisor.planning.budget import CAUTIOUS, ChurnBudget
from advisor.planning.changes import (
    Change,
    RequirementChange,
    field_changes,
    requirement_changes,
)
from advisor.planning.checks import check_nodepools
from advisor.planning.drift import allowed_by, requirements_of
from advisor.planning.hysteresis import Evidence, Held, Hysteresis
from advisor.planning.merge import applied, restoring
from advisor.planning.nodes import (
    HASH,
    HASH_VERSION,
    DriftedNode,
    Nodes,
    drifting_nodes,
    nodes_of,
)
from advisor.planning.outlook import (
    ListOutlook,
    Outlook,
    bought_next,
    by_type,
    costs_by_type,
    list_outlook,
    machine_of,
    outlook,
)
from advisor.planning.proposal import (
    in_order_of,
    protected_nodepool,
    same_template,
    settled_nodepool,
)
from advisor.planning.protection import Eviction, causes
from advisor.ranking import Ranked

NOT_OURS = frozenset({HASH, HASH_VERSION, "kubectl.kubernetes.io/last-applied-configuration"})
"""Annotations that others keep; they are in a file that kubectl wrote, and are not applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """What a plan may do."""

    budget: ChurnBudget = CAUTIOUS
    """Nodes of each NodePool that one apply may make drift."""
    hysteresis: Hysteresis | None = field(default_factory=Hysteresis)
    """None takes the wanted lists at once: a person's own list, or a way back."""
    eviction: Eviction = field(default_factory=Eviction)
    """What may be taken away though nodes run on it. Nothing: they would be replaced."""
    writes_template: bool = False
    """Write changes of the template, which replace every node of the NodePool."""
    max_age: timedelta | None = timedelta(hours=24)
    """Age from which data is stale, and takes nothing out of a list; None for a way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What applying a wanted NodePool comes to.

    ``proposed`` is what would be applied, ``after`` the NodePool as it would then be, ``running``
    the number of nodes, None if nobody looked. ``refusal`` is None if it may be applied; else
    ``fits`` names what could be evicted within the budget, with the nodes that each takes beyond
    those before it.
    """

    name: str
    current: Manifest | None
    proposed: Manifest
    after: Manifest
    requirements: tuple[RequirementChange, ...] = ()
    fields: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    drifted: tuple[DriftedNode, ...] = ()
    already_drifted: tuple[str, ...] = ()
    running: int | None = 0
    nodes_before: Outlook
    nodes_after: Outlook
    list_before: ListOutlook
    list_after: ListOutlook
    is_stale: bool
    refusal: str | None = None
    fits: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to apply; annotations alone are nothing."""
        return self.current is not None and not self.requirements and not self.fields


def plan(
    wanted: Manifest,
    current: Manifest | None,
    claims: Iterable[NodeClaim] | None,
    settings: PlanSettings,
    *,
    now: datetime,
    ranked: Sequence[Ranked] = (),
    market: Sequence[Ranked] | None = None,
    held_nodes: frozenset[str] = frozenset(),
) -> Plan:
    """Compare the wanted NodePool with the current one and the nodes that run.

    ``claims`` may be of any NodePool: those of this one count; None if they are not known.
    ``ranked`` are all offerings that meet the demand, best first; without them costs are unknown
    and lists are taken as they are. ``market`` are all offerings there are, by which nodes are
    priced that run on something else; by default the ranked. ``held_nodes`` are the names of nodes
    that must not be disrupted.

    Raises:
        SnapshotError: a manifest is no NodePool, or the two are not of one name.
    """
    check_nodepools([wanted] if current is None else [wanted, current])
    priced = ranked if market is None else market
    is_stale = provenance.is_stale(wanted, now, settings.max_age)
    if current is None:
        return _made(wanted, None, Nodes(), (), priced, is_stale=is_stale)
    nodes = nodes_of(current, claims)
    asked, settling = wanted, list[Held]()
    if is_stale or (settings.hysteresis is not None and ranked):
        evidence = _evidence(current, ranked, settings, now, is_stale=is_stale)
        asked, settling = settled_nodepool(wanted, current, evidence, ranked)
    proposed, held = _protected(asked, current, nodes, settings)
    drifted = drifting_nodes(current, applied(current, proposed), nodes, held_nodes)
    made = _made(proposed, current, nodes, drifted, priced, is_stale=is_stale)
    made = replace(made, held=(*settling, *held))
    most = settings.budget.most(len(nodes.running))
    if len(drifted) <= most:
        return made
    fits = _fits(asked, current, nodes, settings, most)
    return replace(made, refusal=_refusal(made, settings.budget, most, fits), fits=fits)


def to_apply(made: Plan, now: datetime) -> dict[str, Any]:
    """The manifest that carries the plan out: stamped, and with the way back in an annotation.

    The way back is left out if it is too long to keep.
    """
    about = made.proposed.get("metadata") or {}
    given = (about.get("annotations") or {}).items()
    notes = {key: value for key, value in given if key not in NOT_OURS}
    notes[provenance.APPLIED_AT] = provenance.stamp(now)
    back = None
    if made.current is not None:
        spec = restoring(made.current, made.proposed)
        back = provenance.packed(spec, provenance.notes_of(made.current))
    if back is not None:
        notes[provenance.PREVIOUS] = back
    labels = {"labels": about["labels"]} if about.get("labels") else {}
    return {
        "apiVersion": made.proposed["apiVersion"],
        "kind": made.proposed["kind"],
        "metadata": {"name": made.name, **labels, "annotations": notes},
        "spec": made.proposed["spec"],
    }


def way_back(current: Manifest) -> dict[str, Any]:
    """The NodePool as it was before our last apply, as a wanted manifest.

    Raises:
        SnapshotError: nothing is kept to go back to.
    """
    kept, name = provenance.previous(current), current["metadata"]["name"]
    if kept is None:
        raise SnapshotError(
            f"NodePool {name}: nothing is kept to go back to; its last apply made it, or was not "
            "ours. Deleting it would take its nodes with it: apply the list that you want instead"
        )
    return {
        "apiVersion": current["apiVersion"],
        "kind": current["kind"],
        "metadata": {"name": name, "annotations": kept["annotations"]},
        "spec": kept["spec"],
    }


def _protected(
    asked: Manifest, current: Manifest, nodes: Nodes, settings: PlanSettings
) -> tuple[dict[str, Any], list[Held]]:
    proposed, held = protected_nodepool(asked, current, nodes.fitting, settings.eviction)
    proposed = in_order_of(proposed, current)
    if settings.writes_template or (nodes.is_known and not nodes.running):
        return proposed, held
    proposed, more = same_template(proposed, current)
    return proposed, held + more


def _evidence(
    current: Manifest,
    ranked: Sequence[Ranked],
    settings: PlanSettings,
    now: datetime,
    *,
    is_stale: bool,
) -> Evidence:
    return Evidence(
        costs=costs_by_type(ranked),
        now=now,
        applied_at=provenance.instant(current, provenance.APPLIED_AT),
        is_stale=is_stale,
        hysteresis=settings.hysteresis,
    )


def _made(
    proposed: Manifest,
    current: Manifest | None,
    nodes: Nodes,
    drifted: Sequence[DriftedNode],
    ranked: Sequence[Ranked],
    *,
    is_stale: bool,
) -> Plan:
    """The plan with what follows from the manifests and the nodes."""
    after = applied(current, proposed)
    base: Manifest = {} if current is None else current
    before, later = allowed_by(requirements_of(base)), allowed_by(requirements_of(after))
    gone = {one.claim for one in drifted}
    next_one = bought_next(ranked, later)
    offered = by_type(ranked)
    machines = {one.name: machine_of(one, offered) for one in nodes.running}
    return Plan(
        name=proposed["metadata"]["name"],
        current=current,
        proposed=proposed,
        after=after,
        requirements=requirement_changes(base, after),
        fields=field_changes(base, after),
        drifted=tuple(drifted),
        already_drifted=tuple(one.name for one in nodes.drifting),
        running=len(nodes.running) if nodes.is_known else None,
        nodes_before=outlook(machines.values()),
        nodes_after=outlook(next_one if name in gone else one for name, one in machines.items()),
        list_before=list_outlook([] if current is None else ranked, before),
        list_after=list_outlook(ranked, later),
        is_stale=is_stale,
    )


def _fits(
    asked: Manifest, current: Manifest, nodes: Nodes, settings: PlanSettings, most: int
) -> dict[str, int]:
    """What may be evicted within the budget, one by one, those with the fewest nodes first."""
    allowed = allowed_by(requirements_of(asked))
    waiting = dict[str, set[str]]()
    for claim in nodes.fitting:
        for key, value in causes(allowed, claim.labels).items():
            if settings.eviction.allows(key, value):
                waiting.setdefault(value or key, set()).add(claim.name)
    fits, chosen, gone = dict[str, int](), frozenset[str](), 0
    for what in sorted(waiting, key=lambda one: (len(waiting[one]), one)):
        trial = replace(settings, eviction=Eviction(chosen | {what}), writes_template=False)
        proposed, _ = _protected(asked, current, nodes, trial)
        count = len(drifting_nodes(current, applied(current, proposed), nodes))
        if count <= most:
            chosen, fits[what], gone = chosen | {what}, count - gone, count
    return {what: count for what, count in fits.items() if count}


def _refusal(made: Plan, budget: ChurnBudget, most: int, fits: Mapping[str, int]) -> str:
    said = (
        f"NodePool {made.name}: {len(made.drifted)} of {made.running} running nodes would be "
        f"replaced, and the budget of {budget} allows {most}"
    )
    if any(one.replaces_all for one in made.fields):
        return f"{said}. A change of the template replaces all: leave it out, or raise --churn"
    if not fits:
        return f"{said}. Nothing that nodes run on fits into it: keep them, or raise --churn"
    named = ", ".join(f"{what} ({count})" for what, count in fits.items())
    return f"{said}. Within it fits to evict: {named}"
