"""Demand and policy as a request carries them; `Demand` and `Policy` say what each field means."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from advisor import Demand, Policy, Work

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=366 * 86_400, allow_inf_nan=False)]
Words = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]


class DemandIn(BaseModel):
    """What one machine must have, and what losing it costs."""

    model_config = ConfigDict(extra="forbid")

    gpus: int | None = Field(
        default=None, ge=0, le=1_000, description="Exactly so many; 0 for none."
    )
    gpu_model: str | None = Field(default=None, max_length=100, examples=["L4"])
    gpu_manufacturer: Literal["nvidia", "amd", "any"] = Field(
        default="nvidia", description="No machine answers to nvidia.com/gpu and amd.com/gpu."
    )
    gpu_memory_min_gib: Amount | None = Field(
        default=None, description="Memory of each GPU, at least."
    )
    gpu_memory_total_min_gib: Amount | None = Field(
        default=None, description="Of all GPUs together."
    )
    precision: str | None = Field(
        default=None,
        max_length=20,
        examples=["bf16"],
        description="Number format in the GPU's hardware.",
    )
    nvlink: bool = Field(default=False, description="GPUs that are joined by NVLink.")
    vcpus_min: Amount | None = None
    memory_min_gib: Amount | None = None
    architecture: Literal["amd64", "arm64"] | None = None
    restart_seconds: Seconds = Field(
        default=900, description="Work and start-up time that one interruption costs."
    )
    interruption_cost_usd: Amount = Field(default=0.0, description="What it costs beside that.")
    lead_time_seconds: Seconds | None = Field(
        default=None,
        description="From asking for a machine to serving on it; null: as the restart.",
    )
    runs_for_seconds: Annotated[float, Field(gt=0, le=366 * 86_400)] | None = Field(
        default=None, description="How long a job runs; null for a service."
    )
    count: int = Field(
        default=1, ge=1, le=100_000, description="Machines that the workload runs on."
    )
    work: Work = Field(default=Work.HOUR, description="By what costs are compared.")

    def demand(self) -> Demand:
        """As the advisor takes it.

        Raises:
            DemandError: the fields contradict each other.
        """
        given = {name: getattr(self, name) for name in DemandIn.model_fields}
        for name in ("restart", "lead_time", "runs_for"):
            seconds = given.pop(f"{name}_seconds")
            given[name] = None if seconds is None else timedelta(seconds=seconds)
        if self.gpu_manufacturer == "any":
            given["gpu_manufacturer"] = None
        return Demand(**given)


class PolicyIn(BaseModel):
    """What the user accepts: where, which types, at what price."""

    model_config = ConfigDict(extra="forbid")

    provider: Words = Field(default_factory=list, examples=[["aws"]])
    region: Words = Field(default_factory=list, examples=[["us-east-1"]])
    zone: Words = Field(default_factory=list, description="Zone ids; of AWS such as use1-az4.")
    instance_type: Words = Field(
        default_factory=list, examples=[["g5.*"]], description="Types or patterns."
    )
    instance_type_not: Words = Field(default_factory=list, description="Those to leave out.")
    max_usd_per_hour: Amount | None = None

    def policy(self) -> Policy:
        """As the advisor takes it."""
        return Policy(
            providers=tuple(self.provider),
            regions=tuple(self.region),
            zones=tuple(self.zone),
            types=tuple(self.instance_type),
            types_not=tuple(self.instance_type_not),
            max_usd_per_hour=self.max_usd_per_hour,
        )


class Spreading(PolicyIn):
    """The same, with how the machines of one workload must be spread."""

    max_share_pool: Share | None = Field(default=None, description="Of the machines, in one pool.")
    max_share_zone: Share | None = None
    max_share_family: Share | None = None
    on_demand_min: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Share of the machines that must be on demand."
    )
    types_min: int | None = Field(
        default=None, ge=1, le=100, description="Distinct types, at least."
    )

    def policy(self) -> Policy:
        """As the advisor takes it."""
        own: dict[str, Any] = {
            name: getattr(self, name)
            for name in Spreading.model_fields.keys() - PolicyIn.model_fields.keys()
        }
        return replace(super().policy(), **own)


class Wishes(DemandIn, PolicyIn):
    """Both, as the query of a GET."""


class Asked(BaseModel):
    """Both, as the body of a POST."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "demand": {"gpus": 1, "gpu_memory_min_gib": 20, "restart_seconds": 600},
                    "policy": {"provider": ["aws"], "instance_type_not": ["p2.*"]},
                }
            ]
        },
    )

    demand: DemandIn = DemandIn()
    policy: Spreading = Spreading()
