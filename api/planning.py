"""Plans of the NodePools that are wanted, against what is there; for commands and server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from advisor import Demand, Policy, Ranked, rank_in
from advisor.cluster import Manifest, NodeClaim, node, node_claim, of_kind
from advisor.planning.plan import Plan, PlanSettings, plan
from advisor.planning.report import diff, sentences
from api.answers import Known


@dataclass(frozen=True, slots=True)
class Wanted:
    """The NodePools that are wanted.

    ``ranked`` is what they were chosen from, ``market`` all that is offered in the region, each
    best first; empty where nobody looked.
    """

    nodepools: Sequence[Manifest]
    ranked: Sequence[Ranked] = ()
    market: Sequence[Ranked] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is there: NodePools by name, and the NodeClaims, None if nobody looked."""

    nodepools: Mapping[str, Manifest]
    claims: Sequence[NodeClaim] | None
    held_nodes: frozenset[str] = frozenset()


def snapshot_of(nodepools: Sequence[Manifest], objects: Sequence[Any] | None) -> Snapshot:
    """What manifests tell: NodePools, and the NodeClaims and Nodes among ``objects``.

    Raises:
        SnapshotError: an object is none of Kubernetes.
    """
    by_name = {str(one["metadata"]["name"]): one for one in nodepools}
    if objects is None:
        return Snapshot(by_name, None)
    held = [one for one in map(node, of_kind(objects, "Node")) if one.is_held]
    return Snapshot(
        by_name,
        [node_claim(one) for one in of_kind(objects, "NodeClaim")],
        frozenset(one.name for one in held),
    )


def market_of(known: Known, asked: Demand, policy: Policy) -> list[Ranked]:
    """All that the region offers, whatever is asked of a machine: nodes may run on any of it."""
    anything = Demand(
        gpu_manufacturer=None,
        restart=asked.restart,
        interruption_cost_usd=asked.interruption_cost_usd,
    )
    region = Policy(providers=policy.providers, regions=policy.regions)
    return list(rank_in(known.universe, anything, region).ranked)


def plans_of(
    wanted: Wanted, there: Snapshot, settings: PlanSettings, *, now: datetime
) -> list[Plan]:
    """One plan for each wanted NodePool.

    Raises:
        SnapshotError: one is no NodePool.
    """
    return [
        plan(
            one,
            there.nodepools.get(str(one["metadata"]["name"])),
            there.claims,
            settings,
            now=now,
            ranked=wanted.ranked,
            market=wanted.market,
            held_nodes=there.held_nodes,
        )
        for one in wanted.nodepools
    ]


def text_of(plans: Sequence[Plan]) -> str:
    """The plans for people: sentences, then the diff of each."""
    return "\n".join("\n".join((*sentences(one), "", diff(one))) for one in plans)
