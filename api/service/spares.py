"""How many spare replicas to hold now, where, and what that buys."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from advisor import Demand, Policy
from api.answers import BASIS_NOTES
from api.rows.headroom import (
    PLACES,
    TARGET,
    headroom_notes,
    headroom_of,
    headroom_rows,
    place_text,
    pod_requests,
)
from api.service.state import Service
from api.service.wishes import Asked
from api.units import age_text


class HeldFields(BaseModel):
    """What runs, and how sure it must be."""

    model_config = ConfigDict(extra="forbid")

    needed: int | None = Field(
        default=None, ge=1, le=1_000, description="Replicas that must serve; null: `count`."
    )
    held: Annotated[
        list[Annotated[str, Field(max_length=200, pattern=r"^[^@=]+@[^@=]+=\d{1,4}$")]],
        Field(max_length=50),
    ] = Field(
        default_factory=list,
        description="Replicas held now, TYPE@ZONE=N; none: spread over the best pools.",
        examples=[["g5.xlarge@use1-az4=2"]],
    )
    pools: int = Field(
        default=PLACES, ge=1, le=20, description="To spread over where none is named by `held`."
    )
    target: float = Field(
        default=TARGET, ge=0.5, le=1, description="P(enough replicas outlast the lead time)."
    )


class HeadroomIn(Asked, HeldFields):
    """Demand, policy, what runs, and how sure it must be."""


class SparesOut(BaseModel):
    """One way to hold spares."""

    rule: str = Field(examples=["forecast"], description="forecast, or a static rule such as N+1.")
    spares: int
    usd_per_hour: float | None = Field(description="Of the spares; null: a price is unknown.")
    covered: float = Field(description="P(enough replicas outlast the lead time).")
    short: float = Field(description="Replicas expected to be missing at its end.")
    places: str = Field(examples=["g5.xlarge@use1-az4=1"])


class HeadroomOut(BaseModel):
    """The spares by forecast, and what the static rules come to."""

    spares: int | None = Field(description="To hold now; null: no number meets the target.")
    target: float
    needed: int
    lead_time_seconds: float
    items: list[SparesOut] = Field(description="By forecast, then the static rules.")
    lost_within: dict[str, float] = Field(description="By pool: P(lost within the lead time).")
    requests: dict[str, str] = Field(description="Of one replica, for `/v1/buffer`.")
    risk_basis: str
    as_of: datetime
    is_stale: bool
    notes: list[str]


def headroom_answer(
    service: Service, demand: Demand, policy: Policy, asked: HeldFields
) -> HeadroomOut:
    """The spares for the replicas that are needed.

    Raises:
        NoAnswerError: nothing is left of the market.
        UsageError: what is held is in no pool with a price.
        AdvisorError: no forecast reaches as far as the lead time.
    """
    made = headroom_of(
        service.settings,
        service.markets.view().known,
        demand,
        policy,
        needed=asked.needed,
        held=asked.held,
        pools=asked.pools,
        target=asked.target,
    )
    chosen, now = made.plan.by_forecast, made.answer.now
    stale = []
    if made.stale_since is not None:
        stale.append(f"STALE: risk is up to {age_text(now - made.stale_since)} old.")
    return HeadroomOut(
        spares=None if chosen is None else chosen.spares,
        target=made.target,
        needed=made.running.needed,
        lead_time_seconds=made.running.lead_time.total_seconds(),
        items=[SparesOut.model_validate(one) for one in headroom_rows(made.plan)],
        lost_within={place_text(pool): one for pool, one in made.plan.lost_within.items()},
        requests=pod_requests(demand),
        risk_basis=made.answer.risk_basis,
        as_of=now,
        is_stale=made.is_stale,
        notes=[*stale, BASIS_NOTES[made.answer.risk_basis], *headroom_notes(made)],
    )
