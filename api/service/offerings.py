"""An offering with its price, risk and cost, as every route shows it."""

from datetime import datetime

from pydantic import BaseModel, Field


class OfferingOut(BaseModel):
    """A machine that can be had in a pool. Null is unknown."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["use1-az4"], description="`*` is a price for the whole region.")
    instance_type: str = Field(examples=["g5.xlarge"])
    capacity_type: str = Field(examples=["spot"])
    vcpu: float
    memory_gib: float
    architecture: str | None = Field(examples=["amd64"])
    gpu_name: str | None = Field(examples=["NVIDIA A10G"])
    gpu_count: int
    gpu_memory_gib: float | None = Field(description="Of each GPU.")
    usd_per_hour: float | None = Field(examples=[0.4532])
    price_per_hour: float = Field(description="In `currency`, as the source gave it.")
    currency: str = Field(examples=["USD"])
    on_demand_usd_per_hour: float | None
    saving_share: float | None = Field(description="Saved against on-demand; negative if dearer.")
    price_source: str = Field(examples=["aws.spot_price"])
    price_semantics: str = Field(examples=["change_point"])
    price_observed_at: datetime = Field(description="When the price was last known to be true.")
    price_age_hours: float
    interrupted: str | None = Field(examples=["5-10% in 1 h"])
    interrupted_band: str | None = Field(description="A published band; null of a forecast.")
    probability: float | None = Field(description="Of an interruption within the horizon.")
    probability_low: float | None
    probability_high: float | None
    horizon_seconds: float | None
    risk_grade: str | None = Field(description="On how much evidence the forecast rests.")
    hazard_per_hour: float | None
    hazard_low_per_hour: float | None
    hazard_high_per_hour: float | None
    risk_source: str | None
    risk_definition: str | None
    risk_age_hours: float | None
    is_stale: bool = Field(description="Price or risk too old to stand for now.")


class RankedOut(OfferingOut):
    """The same in its place."""

    rank: int
    rank_best: int | None = Field(description="The best place it could have by the intervals.")
    rank_worst: int | None
    cost_usd_per_hour: float | None = Field(
        description="Price + hazard x cost of an interruption; null if the risk is unknown."
    )
    cost_low_usd_per_hour: float | None
    cost_high_usd_per_hour: float | None
    cost_usd_per_work: float | None
    work: str = Field(examples=["hour"])
    reason: str = Field(description="Why it is in this place, and what would change that.")
