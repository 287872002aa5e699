"""The rows of ``spotcast nodes``: each node with its risk, what blocks it, and what follows."""

from collections.abc import Iterable, Mapping
from typing import Any

from advisor.replacement.deciding import Kept
from advisor.replacement.records import Evidence, GuardedNode, HandOver, PoolRisk, Snapshot
from advisor.replacement.settings import GuardSettings
from api.guard.book import Facts
from api.guard.places import PlaceFinder
from api.guard.report import Mode, Report, Seen
from warehouse.records import Pool


def node_rows(
    there: Snapshot, facts: Facts, evidence: list[Evidence], places: PlaceFinder
) -> list[dict[str, Any]]:
    """One row per node, by name; a value that is unknown is None."""
    plan = places.decide(there, facts, evidence, [*facts.running, *facts.recent])
    decided = {one.node: (f"replace by {one.mechanism}", one.reason) for one in plan.decisions}
    return _rows(there, facts.risks, places.judged, _verdicts(plan.kept, decided, facts.running))


def seen_rows(report: Report, seen: Seen) -> list[dict[str, Any]]:
    """The same of a look that a guard took."""
    planned = report.planned if report.mode is Mode.OBSERVE else ()
    decided = {one.node: (f"replace by {one.mechanism}", one.reason) for one in planned}
    verdicts = _verdicts(report.kept, decided, report.open)
    return _rows(seen.snapshot, seen.risks, seen.settings, verdicts)


def _verdicts(
    kept: Iterable[Kept], decided: Mapping[str, tuple[str, str]], running: Iterable[HandOver]
) -> dict[str, dict[str, str]]:
    found = {one.node: {"verdict": "keep", "reason": one.reason} for one in kept}
    for node, (verdict, reason) in decided.items():
        found[node] = {"verdict": verdict, "reason": reason}
    for open_one in running:
        found[open_one.node] = {"verdict": open_one.state.value, "reason": open_one.reason}
    return found


def _rows(
    there: Snapshot,
    risks: Mapping[Pool, PoolRisk],
    settings: GuardSettings,
    verdicts: Mapping[str, Mapping[str, str]],
) -> list[dict[str, Any]]:
    return [
        {**_row(there.nodes[name], there, risks, settings), **verdicts.get(name, {})}
        for name in sorted(there.nodes)
    ]


def _row(
    node: GuardedNode,
    there: Snapshot,
    risks: Mapping[Pool, PoolRisk],
    settings: GuardSettings,
) -> dict[str, Any]:
    pool = node.pool
    risk = risks.get(pool) if pool else None
    lead = settings.lead_time(pool.provider) if pool else None
    age = there.taken_at - node.launched_at if node.launched_at else None
    blocking = {
        f"{pdb.namespace}/{pdb.name}" for pod in node.pods for pdb in pod.budgets if not pdb.allowed
    }
    return {
        "node": node.name,
        "nodepool": node.nodepool,
        "provider": pool and pool.provider,
        "region": pool and pool.region,
        "zone": pool and pool.zone,
        "instance_type": pool and pool.instance_type,
        "is_spot": node.is_spot,
        "age_seconds": age and age.total_seconds(),
        "probability": risk and risk.probability,
        "probability_low": risk and risk.low,
        "probability_high": risk and risk.high,
        "may_act": risk and risk.may_act,
        "is_stale": risk and risk.is_stale,
        "horizon_seconds": lead and lead.horizon.total_seconds(),
        "lead_time_seconds": lead and (lead.serving + lead.drain).total_seconds(),
        "pods": len(node.pods),
        "blocked_by": sorted(blocking),
        "verdict": "keep",
        "reason": None,
    }
