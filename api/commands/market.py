"""``spotcast price`` and ``spotcast rank``: what machines cost, and which to take."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from advisor import Ranked
from advisor.explain import explanation
from api.answers import BASIS_NOTES, Answer, ask, stale_note
from api.errors import EXIT_STALE
from api.options import Filters, Limit, Output, Workload, with_filters, with_workload
from api.output import Column, Format, note, write
from api.rows.offerings import Sort, ordered, row_of
from api.units import age_text


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
    note(stale_note(shown, answer))


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
