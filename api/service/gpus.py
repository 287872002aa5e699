"""GPU models side by side, with the best offering of each on each cloud."""

from pydantic import BaseModel, Field

from advisor import Demand, Policy
from api.answers import BASIS_NOTES, answer_of, stale_note
from api.rows.gpus import gpu_rows
from api.service.page import Page
from api.service.state import Service


class GpuOut(BaseModel):
    """A GPU model on one cloud. Null is unknown, or not to be had."""

    model: str = Field(examples=["L4"])
    provider: str | None = Field(examples=["gcp"], description="Null: nothing in the market.")
    memory_gb: float = Field(description="Of each GPU, as its maker counts.")
    architecture: str = Field(examples=["Ada"])
    formats: str = Field(description="Number formats in hardware.", examples=["bf16 fp16 fp8"])
    tflops: float | None = Field(description="Dense 16-bit peak of the data sheet.")
    bandwidth_gb_per_s: float | None = Field(description="Of its memory.")
    nvlink_gb_per_s: float | None
    usd_per_gpu_hour: float | None
    cost_usd_per_gpu_hour: float | None = Field(
        description="With the cost of interruptions; null if the risk is unknown."
    )
    cost_usd_per_pflops_hour: float | None
    cost_usd_per_tb_s_hour: float | None
    instance_type: str | None = Field(examples=["g2-standard-4"])
    cheapest: str | None = Field(examples=["g2-standard-4 in us-central1-a"])
    source: str = Field(description="The data sheet.")


class GpuPage(Page[GpuOut]):
    """The models, cheapest first; what costs nobody knows what comes last."""

    risk_basis: str = Field(description="forecast, published or none: what the risk rests on.")


def gpu_page(service: Service, demand: Demand, policy: Policy, *, every: bool) -> GpuPage:
    """The models that the market has; with ``every`` also those that nothing has.

    Raises:
        NoAnswerError: nothing is left of the market.
    """
    known = service.markets.view().known
    answer = answer_of(service.settings, known, demand, policy)
    made = gpu_rows(answer, every=every)
    stale = [one for one in made.shown if answer.is_stale(one)]
    told = [stale_note(made.shown, answer)] if stale else []
    prices = (one.offering.price_observed_at for one in made.shown)
    return GpuPage.model_validate(
        {
            "items": made.rows,
            "as_of": answer.now,
            "data_as_of": min(prices, default=None),
            "is_stale": bool(stale),
            "notes": [*told, BASIS_NOTES[answer.risk_basis], *answer.notes, *made.notes],
            "risk_basis": answer.risk_basis,
        }
    )
