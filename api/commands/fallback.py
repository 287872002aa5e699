"""``spotcast return``: whether a workload on demand should go back to spot now, or leave it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from advisor import Ranked
from advisor.fallback import Decision, FallbackSettings, SpotOffer, Stay, decide
from api.answers import BASIS_NOTES
from api.choices import Choice, end_if_stale
from api.errors import UsageError
from api.options import Output, moment, span, with_fields
from api.output import Column, Format, note, write
from api.renderings import RenderOptions
from warehouse.records import REGIONAL, CapacityType


class Place(StrEnum):
    """Where a workload can be."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


def _usd(value: float) -> str:
    return f"{value:.4f}"


COLUMNS = (
    Column("decision", "DECISION"),
    Column("capacity_type", "BE ON"),
    Column("pool", "POOL", lambda pool: pool or "-"),
    Column("cost_usd_per_hour", "EXPECTED USD/H", _usd, is_right=True),
    Column("cost_high_usd_per_hour", "AT MOST", _usd, is_right=True),
    Column("on_demand_usd_per_hour", "ON-DEMAND", _usd, is_right=True),
    Column("ask_again_at", "ASK AGAIN", lambda at: f"{at:%Y-%m-%d %H:%M}Z"),
    Column("reason", "REASON", is_wide=True),
)
Time = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar="TIME", help="When spot was last lost or refused."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOptions(RenderOptions):
    """The options of the decision: what the workload needs, and how seldom it may move."""

    min_stay: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Shortest time in one place; 30m."),
    ] = None
    margin_to_return: Annotated[
        float | None, typer.Option(help="Share that spot must save at its dearest; 0.1.")
    ] = None
    margin_to_leave: Annotated[
        float | None, typer.Option(help="Share by which spot must be dearer to be left; 0.05.")
    ] = None
    quiet: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Time since spot was last lost; 30m."),
    ] = None
    moves_per_day: Annotated[
        int | None, typer.Option(help="In any 24 hours, both ways together; 8.")
    ] = None

    def fallback_settings(self) -> FallbackSettings:
        """What a move must bring.

        Raises:
            FallbackSettingsError: a workload would flap with these.
        """
        names = ("min_stay", "margin_to_return", "margin_to_leave", "quiet", "moves_per_day")
        given: dict[str, Any] = {name: getattr(self, name) for name in names}
        return FallbackSettings(
            **{name: value for name, value in given.items() if value is not None}
        )


@with_fields(ReturnOptions)
def return_command(
    options: ReturnOptions,
    context: typer.Context,
    since: Annotated[
        datetime,
        typer.Option(
            parser=moment, metavar="TIME", help="Since when it is where it is: a date, or `2h` ago."
        ),
    ],
    on: Annotated[Place, typer.Option("--on", help="Where it is now.")] = Place.ON_DEMAND,
    lost: Time = None,
    moved: Annotated[
        list[str] | None,
        typer.Option(
            "--moved", metavar="TIME", help="An earlier move of the last day; may be repeated."
        ),
    ] = None,
    on_demand_price: Annotated[
        float | None,
        typer.Option(
            min=0, help="USD an hour that it costs on demand; else the lowest list price."
        ),
    ] = None,
    capacity: Annotated[
        bool | None,
        typer.Option(
            "--capacity/--no-capacity",
            help="Whether spot was seen to have room; unknown if not given.",
        ),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Decide whether a workload that fell back to on-demand returns to spot now.

    It returns only for a clear saving at the upper end of the risk, after a minimum stay and a
    quiet time. Of a workload on spot (--on spot, filtered to its pool) it says whether to leave.
    """
    choice = options.choice(context.obj)
    now = choice.answer.now
    listed = _listed(choice.ranked) if on_demand_price is None else on_demand_price
    offers = [_offer(one, choice, listed, capacity) for one in choice.ranked]
    stay = Stay(
        CapacityType(on.value),
        _past(since, now, "--since"),
        None if lost is None else _past(lost, now, "--lost"),
        tuple(_past(moment(one), now, "--moved") for one in moved or ()),
    )
    decision = decide(stay, offers, now, options.fallback_settings())
    about = {"now": now, "is_stale": choice.is_stale, "risk_basis": choice.answer.risk_basis}
    shown = decision.offer or offers[0]
    write(output, COLUMNS, [_row(decision, shown)], name="decisions", about=about)
    note(f"{decision.reason[0].upper()}{decision.reason[1:]}.")
    note(BASIS_NOTES[choice.answer.risk_basis])
    if on_demand_price is None and listed is not None:
        note(f"On demand: {listed:.4f} USD an hour, the lowest list price of these machines.")
    for text in choice.answer.notes:
        note(text)
    end_if_stale(choice)


def _listed(ranked: Sequence[Ranked]) -> float | None:
    """What the workload can be had for on demand; None if no list price is known."""
    known = (one.offering.on_demand_usd_per_hour for one in ranked)
    return min((usd for usd in known if usd is not None), default=None)


def _offer(
    one: Ranked,
    choice: Choice,
    listed: float | None,
    capacity: bool | None,  # noqa: FBT001 - unknown is a third answer
) -> SpotOffer:
    pool = one.offering.pool
    place = pool.region if pool.zone == REGIONAL else pool.zone
    return SpotOffer(
        name=f"{pool.instance_type} in {place}",
        cost_low_usd_per_hour=one.cost_low_usd_per_hour,
        cost_usd_per_hour=one.cost_usd_per_hour,
        cost_high_usd_per_hour=one.cost_high_usd_per_hour,
        on_demand_usd_per_hour=listed,
        is_stale=choice.answer.is_stale(one),
        is_obtainable=capacity,
    )


def _row(decision: Decision, shown: SpotOffer) -> dict[str, Any]:
    return {
        "decision": "move" if decision.is_move else "stay",
        "capacity_type": decision.capacity_type.value,
        "pool": shown.name,
        "cost_low_usd_per_hour": shown.cost_low_usd_per_hour,
        "cost_usd_per_hour": shown.cost_usd_per_hour,
        "cost_high_usd_per_hour": shown.cost_high_usd_per_hour,
        "on_demand_usd_per_hour": shown.on_demand_usd_per_hour,
        "ask_again_at": decision.ask_again_at,
        "reason": decision.reason,
    }


def _past(time: datetime, now: datetime, option: str) -> datetime:
    if time > now:
        raise UsageError(f"{option} {time:%Y-%m-%d %H:%M}Z is in the future")
    return time
