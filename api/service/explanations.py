"""One pool's place in a ranking: why it is there, and what would make it the first."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from advisor import Ranked
from advisor.explain import counterfactual, explanation
from api.answers import BASIS_NOTES, Answer, answer_of, stale_note
from api.errors import NoAnswerError
from api.rows.offerings import row_of
from api.service.offerings import RankedOut
from api.service.state import Service
from api.service.wishes import Wishes

Word = Annotated[str, Field(min_length=1, max_length=200)]


class ExplainQuery(Wishes):
    """Demand and policy, and the pool that is asked about."""

    pool_provider: Word = Field(examples=["aws"])
    pool_region: Word = Field(examples=["us-east-1"])
    pool_zone: Word = Field(examples=["use1-az4"], description="`*` is a price for the region.")
    pool_instance_type: Word = Field(examples=["g5.xlarge"])


class TermsOut(BaseModel):
    """Its cost: price + hazard x (price x restart + fee). Null is unknown."""

    price_usd_per_hour: float | None
    hazard_per_hour: float | None
    restart_hours: float
    interruption_cost_usd: float = Field(description="The fee: beside the restart.")
    loss_usd_per_interruption: float | None = Field(description="price x restart + fee")
    interruptions_usd_per_hour: float | None = Field(description="hazard x loss")
    cost_usd_per_hour: float | None


class ExplanationOut(BaseModel):
    """Why an offering is in its place."""

    offering: RankedOut
    total: int = Field(description="How many offerings were ranked.")
    why: str = Field(description="The numbers behind the place, and whether it is sure.")
    what_if: str | None = Field(
        description="What would make it the first, or how dear the first may become."
    )
    terms: TermsOut
    first: RankedOut = Field(description="The offering in the first place.")
    risk_basis: str
    as_of: datetime
    data_as_of: datetime | None
    is_stale: bool
    notes: list[str]


def explanation_of(service: Service, asked: ExplainQuery) -> ExplanationOut:
    """The place of the pool among those that meet demand and policy.

    Raises:
        NoAnswerError: nothing meets them, or not this pool; says which wish it does not meet.
    """
    demand, policy = asked.demand(), asked.policy()
    known = service.markets.view().known
    answer = answer_of(service.settings, known, demand, policy)
    one = _ranked(answer, asked)
    if one is None:
        raise NoAnswerError(_why_not(service, asked))
    first = answer.ranking.ranked[0]
    told = [stale_note([one], answer)] if answer.is_stale(one) else []
    return ExplanationOut(
        offering=RankedOut.model_validate(row_of(one, answer)),
        total=len(answer.ranking.ranked),
        why=explanation(answer.ranking, one),
        what_if=counterfactual(answer.ranking, one),
        terms=_terms(one, answer),
        first=RankedOut.model_validate(row_of(first, answer)),
        risk_basis=answer.risk_basis,
        as_of=answer.now,
        data_as_of=one.offering.price_observed_at,
        is_stale=answer.is_stale(one),
        notes=[*told, BASIS_NOTES[answer.risk_basis], *answer.notes],
    )


def _place(asked: ExplainQuery) -> tuple[str, str, str, str]:
    return asked.pool_provider, asked.pool_region, asked.pool_zone, asked.pool_instance_type


def _ranked(answer: Answer, asked: ExplainQuery) -> Ranked | None:
    ranked = answer.ranking.ranked
    for at, one in enumerate(ranked.offerings):
        pool = one.pool
        if (pool.provider, pool.region, pool.zone, pool.instance_type) == _place(asked):
            return ranked[at]
    return None


def _why_not(service: Service, asked: ExplainQuery) -> str:
    """Which wish the pool does not meet."""
    demand, policy = asked.demand(), asked.policy()
    named = f"{asked.pool_instance_type} in {asked.pool_zone} ({asked.pool_region})"
    for one in service.markets.view().known.universe.offerings:
        pool = one.pool
        if (pool.provider, pool.region, pool.zone, pool.instance_type) == _place(asked):
            wish = policy.refuses(one) or demand.unmet_by(one.instance_type)
            return f"{named} is not in the ranking: it does not meet {wish}."
    return f"{named} is not in the ranking: the warehouse has no price of it."


def _terms(one: Ranked, answer: Answer) -> TermsOut:
    demand = answer.ranking.demand
    usd, hazard = one.offering.usd_per_hour, one.hazard_per_hour
    hours = demand.restart / timedelta(hours=1)
    loss = None if usd is None else usd * hours + demand.interruption_cost_usd
    return TermsOut(
        price_usd_per_hour=usd,
        hazard_per_hour=hazard,
        restart_hours=hours,
        interruption_cost_usd=demand.interruption_cost_usd,
        loss_usd_per_interruption=loss,
        interruptions_usd_per_hour=None if loss is None or hazard is None else hazard * loss,
        cost_usd_per_hour=one.cost_usd_per_hour,
    )
