"""``spotcast nodes``: what would become of each node, how soon it must be foreseen, and why not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.replacement.settings import GuardSettings
from api.commands.guard import book_of, places_of
from api.commands.plan import read_manifests
from api.guard.file import look_at_file
from api.guard.options import GuardOptions
from api.guard.report import Mode
from api.guard.risks import joined
from api.options import Output, with_fields
from api.output import Column, Format, note, write
from api.rows.nodes import node_rows
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
