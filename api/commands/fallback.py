"""``spotcast return``: whether a workload on demand should go back to spot now, or leave it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from advisor.fallback import FallbackSettings, Stay
from api.choices import end_if_stale, tell
from api.options import Output, moment, span, with_fields
from api.output import Column, Format, write
from api.renderings import RenderOptions
from api.rows.returns import return_of
from warehouse.records import CapacityType


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
    stay = Stay(CapacityType(on.value), since, lost, tuple(moment(one) for one in moved or ()))
    made = return_of(
        choice,
        stay,
        options.fallback_settings(),
        on_demand_price=on_demand_price,
        capacity=capacity,
    )
    about = {
        "now": choice.answer.now,
        "is_stale": choice.is_stale,
        "risk_basis": choice.answer.risk_basis,
    }
    write(output, COLUMNS, [made.row], name="decisions", about=about)
    tell(made.notes)
    end_if_stale(choice)
