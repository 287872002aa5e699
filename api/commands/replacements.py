"""``spotcast replacements``: the hand-overs there were, what was done for them, what they cost."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from api.options import Output, moment
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.rows.replacements import hand_over_row
from api.settings import Settings
from api.units import age_text
from api.wiring import utc_now
from warehouse.replacements import audit, history, transitions
from warehouse.store import Warehouse

WINDOW = timedelta(days=30)
NONE = "-"


class Show(StrEnum):
    """What is listed."""

    HAND_OVERS = "hand-overs"
    STEPS = "steps"
    AUDIT = "audit"


def _time(at: datetime | str) -> str:
    return at if isinstance(at, str) else f"{at:%Y-%m-%d %H:%M:%S}"


def _usd(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4f}"


COLUMNS = {
    Show.HAND_OVERS: (
        Column("planned_at", "PLANNED (UTC)", _time),
        Column("node", "NODE"),
        Column("instance_type", "TYPE"),
        Column("zone", "ZONE"),
        Column("mechanism", "MECHANISM"),
        Column("state", "STATE"),
        Column("took", "TOOK", is_right=True),
        Column("overlap", "OVERLAP", is_right=True),
        Column("overlap_usd", "AT MOST USD", _usd, is_right=True),
        Column("reason", "WHY", is_wide=True),
        Column("replacement_id", "ID", is_wide=True),
    ),
    Show.STEPS: (
        Column("changed_at", "AT (UTC)", _time),
        Column("node", "NODE"),
        Column("state", "STATE"),
        Column("mechanism", "MECHANISM"),
        Column("reason", "WHY"),
        Column("detail", "DETAIL", is_wide=True),
        Column("replacement_id", "ID", is_wide=True),
    ),
    Show.AUDIT: (
        Column("done_at", "AT (UTC)", _time),
        Column("node", "NODE"),
        Column("action", "ACTION"),
        Column("subject", "OBJECT"),
        Column("outcome", "OUTCOME"),
        Column("detail", "DETAIL"),
        Column("replacement_id", "ID", is_wide=True),
    ),
}


def replacements_command(
    context: typer.Context,
    show: Annotated[
        Show, typer.Option(help="Hand-overs, each of their steps, or all that was done for them.")
    ] = Show.HAND_OVERS,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Since a date, or 30d ago (default)."),
    ] = None,
    node: Annotated[str | None, typer.Option(help="Of this node only.")] = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """List the hand-overs of nodes, the newest first; or their steps, or the audit.

    OVERLAP is how long the old and the new machine may have run side by side; AT MOST USD is that
    time at the old machine's price when it began.
    """
    settings: Settings = context.obj
    now = utc_now()
    asked = now, since or now - WINDOW
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
        match show:
            case Show.HAND_OVERS:
                found = history(store, *asked, node=node).to_dicts()
                rows = [hand_over_row(row, settings, now) for row in found]
            case Show.STEPS:
                rows = transitions(store, *asked, node=node).to_dicts()
            case Show.AUDIT:
                rows = audit(store, *asked, node=node).to_dicts()
    data = rows if output not in {Format.TABLE, Format.WIDE} else [_shown(row) for row in rows]
    write(output, COLUMNS[show], data, name=show.value.replace("-", "_"), about={"as_of": now})
    if show is Show.HAND_OVERS:
        _sum_up(rows)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a table: what there is not is no unknown."""
    shown = {
        name: NONE if name == "detail" and value is None else value for name, value in row.items()
    }
    if "took_seconds" in row:
        seconds = row["overlap_seconds"]
        shown["took"] = age_text(timedelta(seconds=row["took_seconds"]))
        shown["overlap"] = NONE if seconds is None else age_text(timedelta(seconds=seconds))
        if seconds is None:
            shown["overlap_usd"] = NONE
    return shown


def _sum_up(rows: list[dict[str, Any]]) -> None:
    both = [row for row in rows if row["overlap_seconds"] is not None]
    priced = [row["overlap_usd"] for row in both if row["overlap_usd"] is not None]
    if not both:
        return
    hours = sum(row["overlap_seconds"] for row in both) / 3600
    text = f"{len(both)} of {len(rows)} were begun; two machines ran for at most {hours:.2f} h"
    if priced:
        text += f", at most {sum(priced):.2f} USD"
    if len(priced) < len(both):
        text += f" ({len(both) - len(priced)} without a known price are not in it)"
    note(f"{text}.")
