"""Replacements: what was done, and what it saved or cost as far as that is known."""

from datetime import timedelta
from typing import Any

import polars as pl

from api.reports.market.asked import Asked
from api.reports.market.document import Column, Figure, Kind, Section, table_of
from api.reports.market.words import count, number_of
from api.rows.replacements import hand_over_row
from warehouse.interruptions import machine_interruptions
from warehouse.replacements import history

NAME = "replacements"
SHOWN = 25
AFTER = timedelta(days=1)
"""How long after a hand-over began a loss of the old machine counts as the one it was ahead of: the
longest window of a forecast."""

COLUMNS = (
    Column(field="planned_at", heading="Planned (UTC)", kind=Kind.TIME),
    Column(field="node", heading="Node"),
    Column(field="instance_type", heading="Type"),
    Column(field="zone", heading="Zone"),
    Column(field="mechanism", heading="How"),
    Column(field="state", heading="State"),
    Column(field="took_hours", heading="Took, h", kind=Kind.HOURS),
    Column(field="overlap_hours", heading="Both ran, h", kind=Kind.HOURS),
    Column(field="overlap_usd", heading="Cost at most, USD", kind=Kind.USD),
    Column(field="old_machine", heading="Old machine"),
    Column(field="reason", heading="Why"),
    Column(field="source", heading="Source", kind=Kind.SOURCE, fact="hand-over"),
    Column(field="age_hours", heading="Age", kind=Kind.AGE),
)

NOTE = (
    "Cost at most: the time in which the old and the new machine may both have run, at "
    "the old one's price when it began. What a hand-over saved is the harm of an "
    "interruption that did not come about: that is not measured, so no sum is given; "
    "Old machine tells whether the cloud announced or took it within a day after."
)
"""What to know when reading the section."""


def hand_overs_section(asked: Asked) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary."""
    title = "Replacements"
    start, end = asked.span.start, asked.span.end
    found = history(asked.warehouse, end, start).to_dicts()
    if not found:
        why = "No hand-over of a node was planned or moved on in the period (`spotcast guard`)."
        return Section(name=NAME, title=title, missing=(why,)), []
    lost = machine_interruptions(asked.warehouse, end, start - AFTER)
    rows = [_row(row, lost, asked) for row in found]
    return (
        Section(
            name=NAME,
            title=title,
            headline=" ".join(_sentences(rows)[:2]),
            sentences=tuple(_sentences(rows)),
            tables=(
                table_of("hand_overs", "Hand-overs, newest first", COLUMNS, rows, shown=SHOWN),
            ),
            notes=(NOTE,),
        ),
        _figures(rows),
    )


def _row(row: dict[str, Any], lost: pl.DataFrame, asked: Asked) -> dict[str, Any]:
    seconds = row["overlap_seconds"]
    told = hand_over_row(row, asked.settings, asked.span.end)
    return {
        **told,
        "took_hours": told["took_seconds"] / 3600,
        "overlap_hours": None if seconds is None else seconds / 3600,
        "old_machine": _fate(row, lost),
        "source": "spotcast guard",
        "age_hours": asked.age_hours(row["changed_at"]),
    }


def _fate(row: dict[str, Any], lost: pl.DataFrame) -> str | None:
    """Whether the old machine's loss was told of after its hand-over began; null if none began."""
    if row["begun_at"] is None:
        return None
    told = lost.filter(
        pl.col("node") == row["node"],
        pl.col("first_told_at") > row["begun_at"],
        pl.col("first_told_at") <= row["begun_at"] + AFTER,
    )
    return "no loss was told of" if told.is_empty() else "was announced or taken"


def _sentences(rows: list[dict[str, Any]]) -> list[str]:
    begun = [row for row in rows if row["begun_at"] is not None]
    done = sum(row["state"] == "done" for row in rows)
    found = [f"{number_of(len(rows), 'hand-over')}: {count(len(begun))} begun, {count(done)} done."]
    both = [row for row in rows if row["overlap_hours"] is not None]
    priced = [row["overlap_usd"] for row in both if row["overlap_usd"] is not None]
    if both:
        hours = sum(row["overlap_hours"] for row in both)
        text = f"Two machines ran for at most {hours:.2f} h"
        if priced:
            text += f", at most {sum(priced):.2f} USD"
        if len(priced) < len(both):
            text += f" ({len(both) - len(priced)} without a known price are not in it)"
        found.append(f"{text}.")
    ahead = sum(row["old_machine"] == "was announced or taken" for row in begun)
    if begun:
        found.append(f"{count(ahead)} were ahead of a loss that was told of within a day.")
    return found


def _figures(rows: list[dict[str, Any]]) -> list[Figure]:
    done = sum(row["state"] == "done" for row in rows)
    return [
        Figure(
            label="Nodes replaced",
            value=done,
            kind=Kind.COUNT,
            about=f"of {number_of(len(rows), 'hand-over')}",
        )
    ]
