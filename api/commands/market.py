"""``spotcast price`` and ``spotcast rank``: what machines cost, and which to take."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from advisor import Ranked
from advisor.explain import explanation
from advisor.hazards import window_text
from api.answers import BASIS_NOTES, Answer, ask
from api.errors import EXIT_STALE
from api.options import Filters, Limit, Output, Workload, with_filters, with_workload
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
    Column("interrupted", "INTERRUPTED", is_right=True),
    Column("cost_usd_per_hour", "EXPECTED USD/H", _usd, is_right=True),
    Column("cost_usd_per_work", "USD/WORK", "{:.3g}".format, is_right=True, is_wide=True),
    Column("hazard_per_hour", "HAZARD/H", "{:.2g}".format, is_right=True, is_wide=True),
    Column("risk_age_hours", "RISK AGE", _age, is_right=True, is_wide=True),
)
PROVIDER = Column("provider", "CLOUD")
RANK = Column("rank", "#", is_right=True)
COULD_BE = Column("places", "COULD BE", is_right=True)
PRICED = (*SHAPE, *PRICE, *AGE)
RANKED = (RANK, *SHAPE, *PRICE, *RISK, COULD_BE, *AGE)


def row_of(ranked: Ranked, answer: Answer) -> dict[str, Any]:
    """One offering as every format shows it; null is unknown."""
    offering = ranked.offering
    shape, pool = offering.instance_type, offering.pool
    memory = "" if shape.gpu_memory_gib is None else f" {shape.gpu_memory_gib:.4g} GiB"
    return {
        "rank": ranked.rank,
        "rank_best": ranked.rank_best,
        "rank_worst": ranked.rank_worst,
        "places": _places(ranked),
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
        **_risk(ranked, answer.now),
        "cost_usd_per_work": ranked.cost_usd_per_work,
        "work": answer.ranking.demand.work.value,
        "cost_usd_per_hour": ranked.cost_usd_per_hour,
        "cost_low_usd_per_hour": ranked.cost_low_usd_per_hour,
        "cost_high_usd_per_hour": ranked.cost_high_usd_per_hour,
        "is_stale": answer.is_stale(ranked),
        "reason": explanation(answer.ranking, ranked),
    }


def _places(ranked: Ranked) -> str | None:
    """``1-5``, the places that it could have by the intervals; ``2`` where it is sure."""
    if not ranked.is_uncertain:
        return None if ranked.rank_best is None else str(ranked.rank)
    return f"{ranked.rank_best}-{ranked.rank_worst}"


def _risk(ranked: Ranked, now: datetime) -> dict[str, Any]:
    """What is known of the risk; every value is null where nothing is."""
    hazard = ranked.hazard
    window = None if hazard is None else hazard.horizon
    said = (
        None
        if hazard is None
        else {
            "interrupted": f"{hazard.band} in {window_text(window) if window else 'a month'}",
            "interrupted_band": None if hazard.is_forecast else hazard.band,
            "probability": hazard.share,
            "probability_low": hazard.share_low if hazard.is_forecast else None,
            "probability_high": hazard.share_high if hazard.is_forecast else None,
            "horizon_seconds": None if window is None else window.total_seconds(),
            "risk_grade": hazard.grade,
            "hazard_per_hour": hazard.per_hour,
            "hazard_low_per_hour": hazard.low_per_hour,
            "hazard_high_per_hour": hazard.high_per_hour,
            "risk_source": hazard.source,
            "risk_definition": hazard.definition,
            "risk_age_hours": _hours(now - hazard.observed_at),
        }
    )
    return said or {**dict.fromkeys(RISK_FIELDS), "hazard_per_hour": ranked.hazard_per_hour}


RISK_FIELDS = (
    *("interrupted", "interrupted_band", "probability", "probability_low", "probability_high"),
    *("horizon_seconds", "risk_grade", "hazard_per_hour", "hazard_low_per_hour"),
    *("hazard_high_per_hour", "risk_source", "risk_definition", "risk_age_hours"),
)
"""What every format shows of the risk."""


def _hours(age: timedelta) -> float:
    return round(age.total_seconds() / 3600, 2)


SORT_KEYS: Mapping[Sort, Callable[[Ranked], Any]] = {
    Sort.COST: lambda one: one.rank,
    Sort.PRICE: lambda one: one.offering.usd_per_hour,
    Sort.SAVING: lambda one: None if one.saving_share is None else -one.saving_share,
    Sort.RISK: lambda one: one.hazard_per_hour,
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


@with_workload
def rank_command(
    workload: Workload,
    context: typer.Context,
    sort: Annotated[Sort, typer.Option(help="By what to order.")] = Sort.COST,
    limit: Limit = 20,
    with_on_demand: Annotated[
        bool, typer.Option("--with-on-demand", help="Rank the same machines on demand as well.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why each is in its place, one sentence a row.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Rank offerings by expected cost: price plus risk times the cost of an interruption.

    COULD BE tells the places that an offering could have with every cost within its interval.
    """
    answer = ask(context.obj, workload, workload.demand(), with_on_demand=with_on_demand)
    note(BASIS_NOTES[answer.risk_basis])
    is_stale = show(answer, RANKED, sort, limit, output)
    if explain:
        for one in ordered(answer.ranking.ranked, sort)[: limit or None]:
            note(f"{one.rank}. {explanation(answer.ranking, one)}.")
    if is_stale:
        raise typer.Exit(EXIT_STALE)
