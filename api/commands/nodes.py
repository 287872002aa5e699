"""``spotcast nodes``: what would become of each node, how soon it must be foreseen, and why not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.replacement.deciding import Plan
from advisor.replacement.records import Evidence, GuardedNode, HandOver, PoolRisk, Snapshot
from advisor.replacement.settings import GuardSettings
from api.commands.guard import book_of, places_of
from api.commands.plan import read_manifests
from api.guard_book import Facts
from api.guard_file import look_at_file
from api.guard_options import GuardOptions
from api.guard_places import PlaceFinder
from api.guard_report import Mode
from api.guard_risks import joined
from api.options import Output, with_fields
from api.output import Column, Format, note, write
from api.settings import Settings
from api.units import age_text
from api.wiring import utc_now

NONE = "-"


def _share(value: float | str) -> str:
    return value if isinstance(value, str) else f"{100 * value:.2g}%"


COLUMNS = (
    Column("node", "NODE"),
    Column("nodepool", "NODEPOOL"),
    Column("instance_type", "TYPE"),
    Column("zone", "ZONE"),
    Column("age", "AGE", is_right=True),
    Column("probability", "P(LOST)", _share, is_right=True),
    Column("interval", "LOW-HIGH", is_right=True),
    Column("window", "WITHIN", is_right=True),
    Column("lead_time", "LEAD TIME", is_right=True, is_wide=True),
    Column("verdict", "VERDICT"),
    Column("blocked_by", "BLOCKED BY"),
    Column("reason", "WHY"),
)


@with_fields(GuardOptions)
def nodes_command(
    options: GuardOptions,
    context: typer.Context,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            help="What kubectl printed (nodes, pods, NodeClaims, ...), instead of a cluster.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show each node's risk within the time that it must be foreseen, and what would be done.

    BLOCKED BY names the PodDisruptionBudgets that let none of the node's pods go now.
    """
    settings: Settings = context.obj
    judged, now = options.settings(), utc_now()
    if snapshot:
        there, said = look_at_file(read_manifests(snapshot), now, str(snapshot))
    else:
        with options.cluster() as cluster:
            there, said = cluster.snapshot(now), cluster.evidence()
    path = options.warehouse or settings.warehouse
    facts = book_of(path, Mode.OBSERVE, judged).facts(there, now)
    places = places_of(path, Mode.OBSERVE, settings, judged)
    rows = node_rows(there, facts, joined(said, facts.evidence), places)
    write(output, COLUMNS, _shown(rows, output), name="nodes", about=_about(judged, now))
    for finding in there.findings:
        note(finding)
    unknown = sum(row["probability"] is None and row["is_spot"] for row in rows)
    if unknown:
        note(
            f"{unknown} of {len(rows)} nodes are spot machines of unknown risk, which is no low "
            "risk: `spotcast forecast` makes forecasts."
        )


def node_rows(
    there: Snapshot, facts: Facts, evidence: list[Evidence], places: PlaceFinder
) -> list[dict[str, Any]]:
    """One row per node, by name; a value that is unknown is None."""
    plan = places.decide(there, facts, evidence, [*facts.running, *facts.recent])
    verdicts = _verdicts(plan, facts.running)
    return [
        _row(there.nodes[name], there, facts, places.judged) | verdicts.get(name, {})
        for name in sorted(there.nodes)
    ]


def _verdicts(plan: Plan, running: list[HandOver]) -> dict[str, dict[str, str]]:
    found = {one.node: {"verdict": "keep", "reason": one.reason} for one in plan.kept}
    for one in plan.decisions:
        found[one.node] = {"verdict": f"replace by {one.mechanism}", "reason": one.reason}
    for open_one in running:
        found[open_one.node] = {"verdict": open_one.state.value, "reason": open_one.reason}
    return found


def _row(
    node: GuardedNode, there: Snapshot, facts: Facts, settings: GuardSettings
) -> dict[str, Any]:
    pool = node.pool
    risk: PoolRisk | None = facts.risks.get(pool) if pool else None
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


def _shown(rows: list[dict[str, Any]], output: Format) -> list[dict[str, Any]]:
    """The rows as data, or with the cells of a table."""
    if output not in {Format.TABLE, Format.WIDE}:
        return rows
    return [row | _cells(row) for row in rows]


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    ends = [row["probability_low"], row["probability_high"]]
    return {
        "nodepool": row["nodepool"] or NONE,
        "age": _span(row["age_seconds"]),
        "interval": None if None in ends else f"{_share(ends[0])}-{_share(ends[1])}",
        "probability": row["probability"] if row["is_spot"] else NONE,
        "window": _span(row["horizon_seconds"]),
        "lead_time": _span(row["lead_time_seconds"]),
        "blocked_by": ", ".join(row["blocked_by"]) or NONE,
        "reason": row["reason"] or NONE,
    } | ({} if row["is_spot"] else {"interval": NONE, "window": NONE, "lead_time": NONE})


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else age_text(timedelta(seconds=seconds))


def _about(settings: GuardSettings, now: datetime) -> dict[str, Any]:
    return {"as_of": now, "threshold": settings.threshold}
