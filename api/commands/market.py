"""``spotcast price`` and ``spotcast rank``: what machines cost, and which to take."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from advisor import Hazard, Ranked
from api.answers import BASIS_NOTES, Answer, ask
from api.errors import EXIT_STALE
from api.options import DEFAULT_RESTART, Filters, Limit, Output, with_filters
from api.output import Column, Format, note, write
from api.units import age_text


class Sort(StrEnum):
    """By what an answer is ordered; what is unknown comes last."""

    COST = "cost"
    PRICE = "price"
    SAVING = "saving"
    RISK = "risk"
    TYPE = "type"
    AGE = "age"


def _age(value: float) -> str:
    return age_text(timedelta(hours=value))


def _share(value: float) -> str:
    return f"{100 * value:.0f}%"


def _usd(value: float) -> str:
    return f"{value:.4f}"


SHAPE = (
    Column("instance_type", "TYPE"),
    Column("region", "REGION"),
    Column("zone", "ZONE", lambda zone: "any" if zone == "*" else str(zone)),
    Column("gpu", "GPU"),
    Column("vcpu", "VCPU", "{:g}".format, is_right=True),
    Column("memory_gib", "GIB", "{:g}".format, is_right=True),
    Column("architecture", "ARCH", is_wide=True),
)
PRICE = (
    Column("usd_per_hour", "USD/H", _usd, is_right=True),
    Column("on_demand_usd_per_hour", "ON-DEMAND", _usd, is_right=True, is_wide=True),
    Column("saving_share", "SAVING", _share, is_right=True),
)
AGE = (
    Column("price_age_hours", "AGE", _age, is_right=True),
    Column("price_semantics", "KIND", is_wide=True),
    Column("price_source", "SOURCE", is_wide=True),
)
RISK = (
    Column("interrupted_band", "INTERRUPTED/MONTH", is_right=True),
    Column("cost_usd_per_hour", "EXPECTED USD/H", _usd, is_right=True),
    Column("hazard_per_hour", "HAZARD/H", "{:.2g}".format, is_right=True, is_wide=True),
    Column("risk_age_hours", "RISK AGE", _age, is_right=True, is_wide=True),
)
PROVIDER = Column("provider", "CLOUD")
RANK = Column("rank", "#", is_right=True)
PRICED = (*SHAPE, *PRICE, *AGE)
RANKED = (RANK, *SHAPE, *PRICE, *RISK, *AGE)


def row_of(ranked: Ranked, answer: Answer) -> dict[str, Any]:
    """One offering as every format shows it; null is unknown."""
    offering, hazard = ranked.offering, ranked.hazard
    shape, pool = offering.instance_type, offering.pool
    memory = "" if shape.gpu_memory_gib is None else f" {shape.gpu_memory_gib:.4g} GiB"
    return {
        "rank": ranked.rank,
        "provider": pool.provider,
        "region": pool.region,
        "zone": pool.zone,
        "instance_type": pool.instance_type,
        "capacity_type": offering.capacity_type.value,
        "vcpu": shape.vcpu,
        "memory_gib": shape.memory_gib,
        "architecture": shape.architecture,
        "gpu": f"{shape.gpu_count} x {shape.gpu_name}{memory}" if shape.gpu_count else "-",
        "gpu_name": shape.gpu_name,
        "gpu_count": shape.gpu_count,
        "gpu_memory_gib": shape.gpu_memory_gib,
        "usd_per_hour": offering.usd_per_hour,
        "price_per_hour": offering.price_per_hour,
        "currency": offering.currency,
        "on_demand_usd_per_hour": offering.on_demand_usd_per_hour,
        "saving_share": ranked.saving_share,
        "price_source": offering.price_source,
        "price_semantics": offering.price_semantics.value,
        "price_observed_at": offering.price_observed_at,
        "price_age_hours": _hours(answer.now - offering.price_observed_at),
        **_risk(hazard, answer.now),
        "cost_usd_per_hour": ranked.cost_usd_per_hour,
        "cost_low_usd_per_hour": ranked.cost_low_usd_per_hour,
        "cost_high_usd_per_hour": ranked.cost_high_usd_per_hour,
        "is_stale": answer.is_stale(ranked),
        "reason": ranked.reason(),
    }


def _risk(hazard: Hazard | None, now: datetime) -> dict[str, Any]:
    if hazard is None:
        fields = ("interrupted_band", "hazard_per_hour", "hazard_low_per_hour")
        more = ("hazard_high_per_hour", "risk_source", "risk_definition", "risk_age_hours")
        return dict.fromkeys((*fields, *more))
    return {
        "interrupted_band": hazard.band,
        "hazard_per_hour": hazard.per_hour,
        "hazard_low_per_hour": hazard.low_per_hour,
        "hazard_high_per_hour": hazard.high_per_hour,
        "risk_source": hazard.source,
        "risk_definition": hazard.definition,
        "risk_age_hours": _hours(now - hazard.observed_at),
    }


def _hours(age: timedelta) -> float:
    return round(age.total_seconds() / 3600, 2)


SORT_KEYS: Mapping[Sort, Callable[[Ranked], Any]] = {
    Sort.COST: lambda one: one.rank,
    Sort.PRICE: lambda one: one.offering.usd_per_hour,
    Sort.SAVING: lambda one: None if one.saving_share is None else -one.saving_share,
    Sort.RISK: lambda one: None if one.hazard is None else one.hazard.per_hour,
    Sort.TYPE: lambda one: (one.offering.pool.instance_type, one.offering.pool),
    Sort.AGE: lambda one: -one.offering.price_observed_at.timestamp(),
}


def ordered(ranked: Sequence[Ranked], sort: Sort) -> list[Ranked]:
    """By ``sort``; what is unknown last, ties in order of rank."""
    key = SORT_KEYS[sort]
    known = sorted((one for one in ranked if key(one) is not None), key=key)
    return known + [one for one in ranked if key(one) is None]


def show(answer: Answer, columns: Sequence[Column], sort: Sort, limit: int, form: Format) -> bool:
    """Write the answer and, for people, what must be known about it.

    Returns whether a row shown rests on stale data.
    """
    every = ordered(answer.ranking.ranked, sort)
    shown = every[:limit] if limit else every
    providers = {one.offering.pool.provider for one in shown}
    if len(providers) > 1:
        columns = (PROVIDER, *columns)
    is_stale = any(answer.is_stale(one) for one in shown)
    about = {
        "now": answer.now,
        "data_as_of": answer.data_as_of,
        "is_stale": is_stale,
        "risk_basis": answer.risk_basis,
        "total": len(every),
    }
    write(form, columns, [row_of(one, answer) for one in shown], name="offerings", about=about)
    if len(shown) < len(every):
        note(f"{len(every) - len(shown)} more: --limit 0 shows all {len(every)}.")
    for text in answer.notes:
        note(text)
    if is_stale:
        warn_stale(shown, answer)
    return is_stale


def warn_stale(shown: Sequence[Ranked], answer: Answer) -> None:
    """Say how old the data is."""
    price = answer.now - max(one.offering.price_observed_at for one in shown)
    text = f"STALE: the newest price shown is {age_text(price)} old"
    risks = [one.hazard.observed_at for one in shown if one.hazard]
    if risks:
        text += f", the newest risk {age_text(answer.now - max(risks))}"
    note(f"{text}. `spotcast collect` reads the market anew.")


@with_filters
def price_command(
    filters: Filters,
    context: typer.Context,
    sort: Annotated[Sort, typer.Option(help="By what to order.")] = Sort.PRICE,
    limit: Limit = 20,
    output: Output = Format.TABLE,
) -> None:
    """Show the spot prices in force, with the on-demand price and the saving."""
    answer = ask(context.obj, filters, filters.demand())
    if show(answer, PRICED, sort, limit, output):
        raise typer.Exit(EXIT_STALE)


@with_filters
def rank_command(
    filters: Filters,
    context: typer.Context,
    sort: Annotated[Sort, typer.Option(help="By what to order.")] = Sort.COST,
    limit: Limit = 20,
    restart_minutes: Annotated[
        float, typer.Option(min=0, help="Work and start-up time that one interruption costs.")
    ] = DEFAULT_RESTART.total_seconds() / 60,
    interruption_cost: Annotated[
        float, typer.Option(min=0, help="USD that one interruption costs beside that.")
    ] = 0.0,
    output: Output = Format.TABLE,
) -> None:
    """Rank offerings by expected cost: price plus risk times the cost of an interruption."""
    demand = filters.demand(
        restart=timedelta(minutes=restart_minutes), interruption_cost_usd=interruption_cost
    )
    answer = ask(context.obj, filters, demand)
    note(BASIS_NOTES[answer.risk_basis])
    if show(answer, RANKED, sort, limit, output):
        raise typer.Exit(EXIT_STALE)
