"""Whether a workload that fell back to on-demand goes back to spot, or one on spot leaves it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from advisor.fallback import FallbackSettings, Stay
from api.answers import stale_note
from api.rows.returns import return_of
from api.service.manifests import ChoiceFields, choice_for, wished
from api.service.state import Service
from api.service.wishes import Amount, Asked, Seconds
from warehouse.records import CapacityType


class ReturnIn(Asked, ChoiceFields):
    """Demand and policy of the workload, where it is, and how seldom it may move."""

    since_at: AwareDatetime = Field(
        description="Since when it is where it is.", examples=["2026-11-24T06:00:00Z"]
    )
    on: Literal["spot", "on-demand"] = Field(default="on-demand", description="Where it is now.")
    lost_at: AwareDatetime | None = Field(
        default=None, description="When spot was last lost or refused."
    )
    moved_at: Annotated[list[AwareDatetime], Field(max_length=100)] = Field(
        default_factory=list, description="Earlier moves of the last day."
    )
    on_demand_usd_per_hour: Amount | None = Field(
        default=None, description="What it costs on demand; null: the lowest list price."
    )
    has_capacity: bool | None = Field(
        default=None, description="Whether spot was seen to have room; null: nobody has looked."
    )
    min_stay_seconds: Seconds | None = Field(default=None, description="Null: 30 minutes.")
    margin_to_return: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Share that spot must save at its dearest; null: 0.1."
    )
    margin_to_leave: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Share by which spot must be dearer to be left; null: 0.05."
    )
    quiet_seconds: Seconds | None = Field(
        default=None, description="Since spot was last lost; null: 30 minutes."
    )
    moves_per_day: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="In any 24 hours, both ways together; null: 8."
    )

    def settings(self) -> FallbackSettings:
        """What a move must bring.

        Raises:
            FallbackSettingsError: a workload would flap with these.
        """
        given: dict[str, Any] = {
            "min_stay": _span(self.min_stay_seconds),
            "margin_to_return": self.margin_to_return,
            "margin_to_leave": self.margin_to_leave,
            "quiet": _span(self.quiet_seconds),
            "moves_per_day": self.moves_per_day,
        }
        return FallbackSettings(
            **{name: value for name, value in given.items() if value is not None}
        )

    def stay(self) -> Stay:
        """Where the workload is, since when, and how it came there."""
        return Stay(
            CapacityType(self.on),
            self.since_at.astimezone(UTC),
            None if self.lost_at is None else self.lost_at.astimezone(UTC),
            tuple(one.astimezone(UTC) for one in self.moved_at),
        )


class ReturnOut(BaseModel):
    """Where the workload should be now."""

    decision: Literal["move", "stay"]
    capacity_type: Literal["spot", "on-demand"] = Field(description="Where to be.")
    pool: str = Field(description="The offering it was decided on.", examples=["g5.xlarge in a"])
    cost_low_usd_per_hour: float | None
    cost_usd_per_hour: float | None
    cost_high_usd_per_hour: float | None
    on_demand_usd_per_hour: float | None
    ask_again_at: datetime
    reason: str
    risk_basis: str
    as_of: datetime
    data_as_of: datetime
    is_stale: bool
    notes: list[str]


def return_answer(service: Service, asked: ReturnIn) -> ReturnOut:
    """Whether it moves now.

    Raises:
        NoAnswerError: nothing is left of the market.
        UsageError: a time is in the future.
        FallbackSettingsError: a workload would flap.
    """
    settings = asked.settings()
    demand, policy = wished(asked)
    choice = choice_for(service, demand, policy, asked.types_max)
    made = return_of(
        choice,
        asked.stay(),
        settings,
        on_demand_price=asked.on_demand_usd_per_hour,
        capacity=asked.has_capacity,
    )
    stale = [stale_note(choice.ranked, choice.answer)] if choice.is_stale else []
    return ReturnOut.model_validate(
        {
            **made.row,
            "risk_basis": choice.answer.risk_basis,
            "as_of": choice.answer.now,
            "data_as_of": choice.data_as_of,
            "is_stale": choice.is_stale,
            "notes": [*stale, *made.notes],
        }
    )


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
