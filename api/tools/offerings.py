"""``search`` and ``rank``: offerings by price, risk or shape, and offerings best first."""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from advisor import Demand, Policy
from advisor.relax import why_nothing
from api.rows.offerings import Sort, ordered, row_of
from api.service.explanations import ExplainQuery, ExplanationOut, explanation_of
from api.service.offerings import OfferingOut, RankedOut
from api.service.page import Page
from api.service.rankings import RankingPage, answer_of, ranking_page
from api.service.state import Service
from api.service.wishes import Amount, DemandIn, PolicyIn, Words
from api.tools.tool import Arguments, Limit, Tool
from api.tools.words import moment, page_text, place, share, told, usd
from api.units import age_text, horizon_text


class SearchAsked(Arguments):
    """Wishes for a machine. What is left out asks for nothing."""

    providers: Words = Field(
        default_factory=list, examples=[["aws"]], description="aws, alibaba, gcp, azure."
    )
    regions: Words = Field(default_factory=list, examples=[["us-east-1"]])
    zones: Words = Field(default_factory=list, description="Zone ids; of AWS such as use1-az4.")
    instance_types: Words = Field(
        default_factory=list, examples=[["g5.*", "p4d.24xlarge"]], description="Names or patterns."
    )
    min_vcpu: Amount | None = None
    min_memory_gib: Amount | None = None
    architecture: str | None = Field(default=None, max_length=20, examples=["amd64", "arm64"])
    gpus: int | None = Field(default=None, ge=0, le=1_000, description="Exactly so many.")
    gpu_model: str | None = Field(default=None, max_length=100, examples=["L4", "A100 80GB"])
    min_gpu_memory_gib: Amount | None = Field(default=None, description="Of each GPU.")
    max_price_per_hour: Amount | None = Field(
        default=None, description="USD per hour; machines without a price in USD are left out."
    )
    max_hazard_per_hour: Amount | None = Field(
        default=None,
        description="Interruptions per machine and hour (0.01 is 1% of machines an hour); "
        "machines of unknown risk are left out and counted in the notes.",
    )
    sort_by: Sort = Field(default=Sort.PRICE, description="What is unknown comes last.")
    limit: Limit = 10

    def demand(self) -> Demand:
        """As the advisor takes it; of GPUs any maker's.

        Raises:
            DemandError: the fields contradict each other.
        """
        return Demand(
            gpus=self.gpus,
            gpu_model=self.gpu_model,
            gpu_manufacturer=None,
            gpu_memory_min_gib=self.min_gpu_memory_gib,
            vcpus_min=self.min_vcpu,
            memory_min_gib=self.min_memory_gib,
            architecture=self.architecture,
        )

    def policy(self) -> Policy:
        """As the advisor takes it."""
        return Policy(
            providers=tuple(self.providers),
            regions=tuple(self.regions),
            zones=tuple(self.zones),
            types=tuple(self.instance_types),
            max_usd_per_hour=self.max_price_per_hour,
        )


class Found(Page[OfferingOut]):
    """Offerings that meet the wishes."""

    total: int = Field(description="How many meet them; the items are the first of these.")


def search(service: Service, asked: SearchAsked) -> Found:
    """The offerings that meet the wishes, in the order asked for."""
    answer = answer_of(service, asked.demand(), asked.policy())
    every = ordered(answer.ranking.ranked, asked.sort_by)
    most, notes = asked.max_hazard_per_hour, list(answer.notes)
    if most is not None:
        known = [one for one in every if one.hazard_per_hour is not None]
        if unknown := len(every) - len(known):
            notes.append(f"{unknown} more of unknown risk, which is not taken for a small one.")
        every = [one for one in known if (one.hazard_per_hour or 0.0) <= most]
    if not answer.ranking.ranked:
        notes.append(_nothing(service, asked.demand(), asked.policy()))
    shown = every[: asked.limit]
    return Found(
        items=[OfferingOut.model_validate(row_of(one, answer)) for one in shown],
        as_of=answer.now,
        data_as_of=min((one.offering.price_observed_at for one in shown), default=None),
        is_stale=any(answer.is_stale(one) for one in shown),
        notes=notes,
        total=len(every),
    )


class RankAsked(DemandIn, PolicyIn):
    """A workload's demand of a machine, and what the user accepts."""

    limit: Limit = 10


def rank(service: Service, asked: RankAsked) -> RankingPage:
    """The best offerings for the workload."""
    demand, policy = asked.demand(), asked.policy()
    page = ranking_page(service, demand, policy, sort=Sort.COST, first=0, limit=asked.limit)
    if page.total:
        return page
    return page.model_copy(update={"notes": [*page.notes, _nothing(service, demand, policy)]})


def _nothing(service: Service, demand: Demand, policy: Policy) -> str:
    """What excludes every offering, and what would relax it."""
    return why_nothing(service.markets.view().known.universe, demand, policy)


def _found_text(page: Found) -> str:
    heading = f"{len(page.items)} of {page.total:,} offerings"
    return page_text(page, heading, (_line(one) for one in page.items))


def _ranked_text(page: RankingPage) -> str:
    heading = f"The best {len(page.items)} of {page.total:,} offerings by expected cost"
    if not page.total:
        heading = "No offering fits"
    return page_text(page, heading, _ranked_lines(page))


def _ranked_lines(page: RankingPage) -> Iterator[str]:
    for one in page.items:
        yield f"{one.rank}. {_line(one)}"
        yield f"   {one.reason}"
    for wish, several in page.left_out.items():
        yield f"Left out by '{wish}': {several:,}."


def _line(one: OfferingOut) -> str:
    stale = "; STALE" if one.is_stale else ""
    age = age_text(timedelta(hours=one.price_age_hours))
    return (
        f"{one.instance_type} {place(one.provider, one.region, one.zone)}: {_shape(one)}, "
        f"{usd(one.usd_per_hour)}{_saving(one)}, interrupted {_risk(one)}"
        f" [price of {one.price_source}, {age} old{stale}]"
    )


def _shape(one: OfferingOut) -> str:
    machine = f"{one.vcpu:g} vCPU {one.memory_gib:g} GiB"
    if not one.gpu_count:
        return machine
    memory = "memory unknown" if one.gpu_memory_gib is None else f"{one.gpu_memory_gib:.4g} GiB"
    return f"{one.gpu_count}x {one.gpu_name} ({memory} each), {machine}"


def _saving(one: OfferingOut) -> str:
    return "" if one.saving_share is None else f" (saves {share(one.saving_share)})"


def _risk(one: RankedOut | OfferingOut) -> str:
    if one.interrupted is None:
        return "unknown, which is not safe"
    if one.probability is None or one.horizon_seconds is None:
        return f"{one.interrupted} (published, not a forecast)"
    return (
        f"{share(one.probability)} within {horizon_text(one.horizon_seconds)} "
        f"({share(one.probability_low)} to {share(one.probability_high)}, {one.risk_grade})"
    )


def _explained_text(one: ExplanationOut) -> str:
    terms = one.terms
    cost = (
        f"{usd(terms.price_usd_per_hour)} + {terms.hazard_per_hour:.4g} interruptions/h x "
        f"{terms.loss_usd_per_interruption:.4f} USD = {usd(terms.cost_usd_per_hour)}"
        if terms.hazard_per_hour is not None and terms.loss_usd_per_interruption is not None
        else "cost unknown, as the risk or the price is"
    )
    return told(
        [
            f"Place {one.offering.rank} of {one.total:,} (as of {moment(one.as_of)})",
            _line(one.offering),
            one.why,
            f"Cost: {cost}",
            f"First is {_line(one.first)}",
            *one.notes,
        ]
    )


EXPLAIN = Tool(
    name="explain",
    title="Explain one pool's place",
    description=(
        "Why one pool stands where it does in the ranking for a workload: the terms of its cost, "
        "whether the place is sure, what would make it the first, and what is first instead. Give "
        "the same demand and policy as to `rank`, and the pool."
    ),
    asks=ExplainQuery,
    answers=ExplanationOut,
    answer=explanation_of,
    text=_explained_text,
)

SEARCH = Tool(
    name="search",
    title="Search spot offerings",
    description=(
        "Find cloud spot machines (pools of an instance type in a zone) by shape, GPU, memory, "
        "price, risk and place, with price, saving, risk of interruption, sources and ages. "
        "Use `rank` instead to choose machines for a workload."
    ),
    asks=SearchAsked,
    answers=Found,
    answer=search,
    text=_found_text,
)

RANK = Tool(
    name="rank",
    title="Rank offerings for a workload",
    description=(
        "Order spot offerings for one workload by expected cost: price + risk x what an "
        "interruption costs it (restart time at the machine's price, and a fee). Says why each "
        "stands where it does and what was left out. Offerings of unknown risk come last."
    ),
    asks=RankAsked,
    answers=RankingPage,
    answer=rank,
    text=_ranked_text,
)
