"""Interruptions with the time at risk: a count alone is no rate."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from advisor.risk.rate_intervals import SURE
from api.reports.market.asked import POOL, Asked
from api.reports.market.document import Column, Figure, Kind, Section, table_of
from api.reports.market.movers import PLACE
from api.reports.market.words import count, number_of
from api.service.interruptions import BURSTS, rate_row
from warehouse.interruption_rates import RateBy, interruption_counts
from warehouse.interruptions import machine_interruptions
from warehouse.reporting import told_at_risk

NAME = "interruptions"
UNTOLD = {"source": None, "age_hours": None}
SHOWN = 25
RATES = (
    *PLACE,
    Column(field="machines", heading="Machines", kind=Kind.COUNT),
    Column(field="node_hours", heading="Node-hours", kind=Kind.HOURS),
    Column(field="interruptions", heading="Lost", kind=Kind.COUNT),
    Column(field="rate_per_hour", heading="Per node-hour", kind=Kind.NUMBER),
    Column(field="rate_low_per_hour", heading="from", kind=Kind.NUMBER),
    Column(field="rate_high_per_hour", heading="to", kind=Kind.NUMBER),
    Column(field="interruptions_without_exposure", heading="Only reported", kind=Kind.COUNT),
    Column(field="source", heading="Source", kind=Kind.SOURCE, fact="time at risk"),
    Column(field="age_hours", heading="Age", kind=Kind.AGE),
)
MACHINES = (
    Column(field="first_told_at", heading="First told (UTC)", kind=Kind.TIME),
    Column(field="node", heading="Machine"),
    *PLACE,
    Column(field="announced_at", heading="Announced", kind=Kind.TIME),
    Column(field="taken_at", heading="Taken", kind=Kind.TIME),
    Column(field="notice_seconds", heading="Notice, s", kind=Kind.COUNT),
    Column(field="source", heading="Source", kind=Kind.SOURCE, fact="interruption"),
    Column(field="age_hours", heading="Age", kind=Kind.AGE),
)


def losses_section(asked: Asked) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary."""
    title = "Interruptions, with the time at risk"
    start, end = asked.span.start, asked.span.end
    rates = _rates(asked)
    told = machine_interruptions(asked.warehouse, end, start).filter(
        pl.col("first_told_at") > start
    )
    if not rates and told.is_empty():
        why = (
            "No machine was watched in the period and no interruption was reported. That is no "
            "rate of zero: without time at risk there is no rate."
        )
        return Section(name=NAME, title=title, missing=(why,)), []
    machines = [_machine(row, asked) for row in told.to_dicts()]
    said = _sentences(rates) or [f"{number_of(len(machines), 'machine')} were reported lost."]
    return (
        Section(
            name=NAME,
            title=title,
            headline=" ".join(said),
            sentences=tuple(said),
            tables=(
                table_of("rates", "By pool", RATES, sorted(rates, key=_most), shown=SHOWN),
                table_of(
                    "lost_machines", "Machines reported lost", MACHINES, machines, shown=SHOWN
                ),
            ),
            notes=(BURSTS,),
        ),
        _figures(rates),
    )


def _rates(asked: Asked) -> list[dict[str, Any]]:
    """One row per pool with time at risk in the period, or with a loss that was reported in it."""
    between = asked.span.start, asked.span.end
    told_by = _told_by(asked)
    rates = [
        {**rate_row(row), **told_by.get(_pool(row), UNTOLD)}
        for row in interruption_counts(asked.warehouse, between, RateBy.POOL).to_dicts()
    ]
    # A machine that had ended before is counted with no hours; it says nothing of this period.
    return [row for row in rates if row["node_hours"] or row["interruptions_without_exposure"]]


def _machine(row: dict[str, Any], asked: Asked) -> dict[str, Any]:
    sources = ", ".join(sorted(row["sources"]))
    return {**row, "source": sources, "age_hours": asked.age_hours(row["first_told_at"])}


def _pool(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(row[part] for part in POOL)


def _told_by(asked: Asked) -> dict[tuple[str | None, ...], dict[str, Any]]:
    """Who told of each pool's time at risk, and the age of that."""
    found = told_at_risk(asked.warehouse, asked.span.start, asked.span.end).to_dicts()
    return {
        _pool(row): {"source": row["source"], "age_hours": asked.age_hours(row["newest_at"])}
        for row in found
    }


def _most(row: Mapping[str, Any]) -> tuple[Any, ...]:
    place = (row["provider"], *(row[part] or "" for part in ("region", "zone", "instance_type")))
    return -(row["interruptions"] or 0), -(row["node_hours"] or 0.0), *place


def _sum(rates: list[dict[str, Any]]) -> tuple[int, float, int]:
    lost = sum(row["interruptions"] or 0 for row in rates)
    hours = sum(row["node_hours"] or 0.0 for row in rates)
    return lost, hours, sum(row["interruptions_without_exposure"] for row in rates)


def _sentences(rates: list[dict[str, Any]]) -> list[str]:
    lost, hours, unexposed = _sum(rates)
    found = []
    if hours:
        machines = sum(row["machines"] for row in rates if row["node_hours"])
        whole = rate_row({"node_hours": hours, "interruptions": lost})
        found.append(
            f"{number_of(machines, 'machine')} were watched for {count(hours)} node-hours; "
            f"{count(lost)} were lost: {whole['rate_per_hour']:.4f} per node-hour "
            f"({SURE:.0%} interval {whole['rate_low_per_hour']:.4f} to "
            f"{whole['rate_high_per_hour']:.4f})."
        )
    if unexposed:
        found.append(
            f"{number_of(unexposed, 'machine')} were reported lost without anything being known of "
            f"the time at risk; they are in no rate."
        )
    return found


def _figures(rates: list[dict[str, Any]]) -> list[Figure]:
    lost, hours, unexposed = _sum(rates)
    return [
        Figure(
            label="Machines lost",
            value=lost + unexposed,
            kind=Kind.COUNT,
            about=f"{count(hours)} node-hours watched" if hours else "time at risk not known",
        )
    ]
