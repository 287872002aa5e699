"""Machines spread over pools, so that a burst of interruptions takes few of them."""

from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from advisor.risk.joint import JointModel
from advisor.risk.joint_artifact import shipped_joint
from api.answers import answer_of, stale_note
from api.errors import UsageError
from api.rows.spread import limits_of, spread_about, spread_notes, spread_of
from api.service.manifests import wished
from api.service.solving import solving
from api.service.state import Service
from api.service.wishes import Asked, Share

MOST_MACHINES = 64
"""Machines that are placed; a joint risk takes longer with each of them."""
MOST_POOLS = 5_000
"""Offerings that are looked through; more are those of several clouds."""
TIME_LIMIT = timedelta(seconds=5)
"""After which the search ends with what it has found."""


class SpreadIn(Asked):
    """Demand, policy, and how many may be lost at once; what is null is as the policy has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "demand": {"gpus": 1},
                    "policy": {"provider": ["aws"], "region": ["us-east-1"]},
                    "count": 4,
                    "lose": 2,
                    "bound": 0.01,
                }
            ]
        },
    )

    count: int | None = Field(
        default=None, ge=1, le=MOST_MACHINES, description="Machines to place; null: `demand.count`."
    )
    lose: int = Field(
        default=2, ge=1, le=MOST_MACHINES, description="Losing so many at once must not happen."
    )
    bound: float = Field(default=0.01, ge=0, le=1, description="How likely it may be, at most.")
    within_seconds: float = Field(default=300, ge=60, le=900, description="What counts as at once.")
    max_share_pool: Share | None = None
    max_share_family: Share | None = None
    max_share_zone: Share | None = None
    on_demand_min: Annotated[int, Field(ge=0, le=MOST_MACHINES)] | None = Field(
        default=None, description="Machines on demand, at least."
    )
    on_demand_max: Annotated[int, Field(ge=0, le=MOST_MACHINES)] | None = Field(
        default=None, description="At most; null: no more than the minimum."
    )
    types_min: Annotated[int, Field(ge=1, le=MOST_MACHINES)] | None = None
    allow_unknown_risk: bool = Field(
        default=False, description="Pools of unknown risk count as surely lost."
    )


class PlacedOut(BaseModel):
    """So many machines of one offering."""

    count: int
    provider: str
    region: str
    zone: str
    instance_type: str
    capacity_type: str
    usd_per_hour: float | None = Field(description="Of each.")
    cost_usd_per_hour: float = Field(description="Of each, with the cost of interruptions.")
    hazard_per_hour: float | None
    total_usd_per_hour: float


class SpreadOut(BaseModel):
    """The placement of least expected cost within the limits."""

    items: list[PlacedOut]
    count: int
    lose: int
    bound: float
    window_seconds: float
    cost_usd_per_hour: float
    gap_usd_per_hour: float = Field(description="No other is cheaper by more than this.")
    joint_probability: float = Field(description="P(at least `lose` are lost at once).")
    joint_probability_low: float
    joint_probability_high: float
    joint_probability_at_high_risk: float
    joint_probability_independent: float = Field(description="If machines were independent.")
    joint_probability_whole_pools: float = Field(description="If pools went as a whole.")
    binding: list[str] = Field(description="The limits that are reached.")
    cheapest_cost_usd_per_hour: float = Field(description="Without any limit.")
    cheapest_joint_probability: float
    looked_at: int
    joint_model: str
    risk_basis: str
    as_of: datetime
    is_stale: bool
    notes: list[str]


def spread_answer(service: Service, asked: SpreadIn) -> SpreadOut:
    """The machines over the pools of the newest view of the market.

    Raises:
        BusyError: all solvers are at work.
        NoAnswerError: nothing is left of the market.
        SpreadError: no placement keeps the limits, or none was found in time.
        UsageError: more machines or pools than are placed here.
    """
    demand, policy = wished(asked)
    count = asked.count or demand.count
    if count > MOST_MACHINES:
        raise UsageError(f"count: {count} machines; at most {MOST_MACHINES} are placed here")
    limits = limits_of(
        policy,
        count,
        lose=asked.lose,
        bound=asked.bound,
        pool_share=asked.max_share_pool,
        family_share=asked.max_share_family,
        zone_share=asked.max_share_zone,
        on_demand_min=asked.on_demand_min,
        on_demand_max=asked.on_demand_max,
        types_min=asked.types_min,
        allow_unknown=asked.allow_unknown_risk,
    )
    answer = answer_of(service.settings, service.markets.view().known, demand, policy)
    if len(answer.ranking.ranked) > MOST_POOLS:
        raise UsageError(
            f"{len(answer.ranking.ranked)} pools fit, and {MOST_POOLS} are looked through at most: "
            "name clouds, regions or types"
        )
    window = timedelta(seconds=asked.within_seconds)
    with solving(service):
        made = spread_of(answer, limits, window, _joint(), time_limit=TIME_LIMIT)
    about: dict[str, Any] = spread_about(made)
    stale = [stale_note(made.shown, answer)] if made.is_stale else []
    return SpreadOut.model_validate(
        {
            **about,
            "items": made.rows,
            "as_of": about["now"],
            "notes": [*stale, *spread_notes(made)],
        }
    )


@cache
def _joint() -> tuple[JointModel, str]:
    """How machines are lost together, as shipped: a file that does not change."""
    model, card = shipped_joint()
    return model, card.version
