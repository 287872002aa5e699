"""Pods packed onto nodes: what is bought, its rows, and what must be said of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from advisor import Policy, Ranked
from advisor.packing import (
    Costs,
    Node,
    Packing,
    PackingSettings,
    Taint,
    Unplaced,
    Workload,
    pack,
    smallest_machine,
    utilisation,
    wasted_usd_per_hour,
)
from advisor.packing.fit import NodeKind
from advisor.packing.refusals import amount_text
from api.answers import BASIS_NOTES, NO_RISK, Answer
from api.errors import UsageError
from warehouse.records import CapacityType, Pool

EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")

NAMED = 3
"""Pods named in a row of the table; more are counted."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A packing, the one machine that would hold all of it, and what both rest on."""

    packing: Packing
    single: NodeKind | None
    answer: Answer
    workload: Workload

    @property
    def used(self) -> list[Ranked]:
        """The offerings that are bought."""
        bought = {(node.offering.pool, node.offering.capacity_type) for node in self.packing.nodes}
        return [
            one
            for one in self.answer.ranking.ranked
            if (one.offering.pool, one.offering.capacity_type) in bought
        ]

    @property
    def is_stale(self) -> bool:
        """Whether any of them rests on stale data."""
        return any(map(self.answer.is_stale, self.used))


def packed(
    workload: Workload, answer: Answer, settings: PackingSettings, *, by_price: bool
) -> Packed:
    """The least-cost nodes of the answer's offerings; ``by_price`` also buys at unknown risk."""
    ranked = list(answer.ranking.ranked)
    costs = expected_costs(ranked, by_price=by_price or answer.risk_basis == NO_RISK)
    offerings = [one.offering for one in ranked]
    packing = pack(workload, offerings, costs, settings)
    single = smallest_machine(workload, offerings, costs, settings)
    return Packed(packing, single, answer, workload)


def check_one_region(policy: Policy) -> None:
    """Accept a policy that names one region of one provider.

    Raises:
        UsageError: it does not.
    """
    if len(policy.providers) != 1 or len(policy.regions) != 1:
        raise UsageError("give one provider and one region: the nodes of a cluster are in one")


def label_of(text: str) -> tuple[str, str]:
    """``KEY=VALUE`` as a pair.

    Raises:
        UsageError: it is none.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"node label {text!r}: write KEY=VALUE")
    return key, value


def taint_of(text: str) -> Taint:
    """``KEY[=VALUE]:EFFECT`` as a taint.

    Raises:
        UsageError: it is none.
    """
    named, colon, effect = text.rpartition(":")
    key, _, value = named.partition("=")
    if not key or not colon or effect not in EFFECTS:
        raise UsageError(f"taint {text!r}: write KEY=VALUE:NoSchedule, or KEY:NoExecute")
    return Taint(key, value, effect)


def expected_costs(ranked: Sequence[Ranked], *, by_price: bool) -> Costs:
    """What each offering is expected to cost; of unknown risk its price, if ``by_price``."""
    costs: dict[tuple[Pool, CapacityType], float] = {}
    for one in ranked:
        cost = one.cost_usd_per_hour
        if cost is None and by_price:
            cost = one.offering.usd_per_hour
        if cost is not None:
            costs[one.offering.pool, one.offering.capacity_type] = cost
    return costs


def node_rows(packing: Packing) -> list[dict[str, Any]]:
    """One row per kind of node that runs the same pods."""
    rows: dict[str, dict[str, Any]] = {}
    for node in packing.nodes:
        row = _row(node)
        key = repr({**row, "runs": _runs(node)})
        rows.setdefault(key, {"nodes": 0, **row})["nodes"] += 1
    return list(rows.values())


def _row(node: Node) -> dict[str, Any]:
    pool = node.offering.pool
    names = sorted(name for name in node.allocatable if "/" in name)
    return {
        "provider": pool.provider,
        "region": pool.region,
        "zone": node.zone or "any",
        "instance_type": pool.instance_type,
        "capacity_type": node.offering.capacity_type.value,
        "usd_per_hour": node.usd_per_hour,
        "price_usd_per_hour": node.offering.usd_per_hour,
        "pods": node.pod_count,
        "cpu_used_share": node.share_used("cpu"),
        "memory_used_share": node.share_used("memory"),
        "accelerators": ", ".join(
            f"{node.used.get(name, 0)} of {node.allocatable[name]} {name}" for name in names
        )
        or "-",
        "wasted_usd_per_hour": wasted_usd_per_hour(node),
        "allocatable": dict(node.allocatable),
        "used": dict(node.used),
        "runs": _runs(node),
    }


def _runs(node: Node) -> str:
    """The pods by name, most first."""
    counts: dict[str, int] = {}
    for pod, count in node.pods:
        counts[pod.title] = counts.get(pod.title, 0) + count
    named = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    texts = [f"{count} x {name}" if count > 1 else name for name, count in named[:NAMED]]
    more = sum(count for _, count in named[NAMED:])
    return ", ".join([*texts, *([f"{more} more"] if more else [])])


def packed_about(made: Packed) -> dict[str, Any]:
    """What is said beside the nodes."""
    packing, single, answer = made.packing, made.single, made.answer
    return {
        "now": answer.now,
        "data_as_of": answer.data_as_of,
        "risk_basis": answer.risk_basis,
        "usd_per_hour": packing.usd_per_hour,
        "bound_usd_per_hour": packing.bound_usd_per_hour,
        "gap_share": packing.gap,
        "is_optimal": packing.is_optimal,
        "first_fit_usd_per_hour": packing.first_fit_usd_per_hour,
        "placed": sum(node.pod_count for node in packing.nodes),
        "unplaced": [_unplaced(one) for one in packing.unplaced],
        "smallest_single_machine": None
        if single is None
        else {
            "instance_type": single.offering.pool.instance_type,
            "capacity_type": single.offering.capacity_type.value,
            "usd_per_hour": single.usd_per_hour,
        },
    }


def _unplaced(one: Unplaced) -> dict[str, Any]:
    return {
        "pod": one.pod.title,
        "count": one.count,
        "reason": one.reason,
        "remedy": one.remedy,
    }


def packed_notes(made: Packed) -> Iterable[str]:
    """What the nodes come to, and what must be known about it."""
    packing, single = made.packing, made.single
    yield BASIS_NOTES[made.answer.risk_basis]
    for text in (*made.answer.notes, *made.workload.notes):
        yield text if text.endswith(".") else f"{text}."
    placed = sum(node.pod_count for node in packing.nodes)
    if packing.nodes:
        proof = (
            "proven to be the least"
            if packing.is_optimal
            else f"at most {100 * packing.gap:.2g}% above the least possible"
        )
        yield (
            f"{placed} pods on {len(packing.nodes)} nodes for {packing.usd_per_hour:.4f} USD an "
            f"hour, {proof}; first-fit decreasing alone: {packing.first_fit_usd_per_hour:.4f}."
        )
    unused = [
        f"{one.unused_share:.0%} of {amount_text(one.resource, one.allocatable)} {one.resource}"
        for one in utilisation(packing.nodes)
        if one.unused_share is not None and one.resource != "ephemeral-storage"
    ]
    if unused:
        yield (f"Unused: {', '.join(unused)}.")
    if single is not None:
        yield (
            f"One {single.offering.pool.instance_type} ({single.offering.capacity_type.value}) "
            f"would hold all of it for {single.usd_per_hour:.4f} USD an hour."
        )
    if packing.without_cost:
        yield (
            f"{packing.without_cost} offerings of unknown risk or price were not bought; "
            f"--unknown-risk buys by price alone."
        )
    for one in packing.unplaced:
        yield (f"No place for {one.count} x {one.pod.title}: {one.reason}. Mend: {one.remedy}.")
