"""What the routes of manifests share: the choice of a request, and the answer's form."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from advisor import Demand, Policy
from api.answers import stale_note
from api.choices import TYPES, Choice, choice_of, cloud_of, notes_of, policy_in
from api.making import Made
from api.service.state import Service
from api.service.wishes import Asked


class ChoiceFields(BaseModel):
    """How many types a manifest allows."""

    model_config = ConfigDict(extra="forbid")

    types_max: int = Field(
        default=TYPES, ge=1, le=200, description="Instance types to allow, best first."
    )


class ManifestsOut(BaseModel):
    """Manifests, with what must be known of them."""

    items: list[dict[str, Any]] = Field(description="In the order in which they are applied.")
    as_of: datetime = Field(description="The moment that ages and staleness are told for.")
    data_as_of: datetime | None = Field(
        default=None, description="When the oldest price behind them was last known to be true."
    )
    is_stale: bool = Field(default=False, description="Whether that is too long ago.")
    notes: list[str] = Field(default_factory=list, description="What the manifests cannot say.")
    head: list[str] = Field(default_factory=list, exclude=True)
    """Comments at the head of YAML."""
    text: str | None = Field(default=None, exclude=True)
    """Another way to write them, such as HCL."""


def wished(asked: Asked) -> tuple[Demand, Policy]:
    """Demand and policy of a body.

    Raises:
        DemandError: fields that contradict each other.
    """
    return asked.demand.demand(), asked.policy.policy()


def choice_for(service: Service, demand: Demand, policy: Policy, types: int) -> Choice:
    """The best offerings of the newest view of the market, wherever they are.

    Raises:
        NoAnswerError: nothing is left of the market.
    """
    known = service.markets.view().known
    return choice_of(service.settings, known, demand, policy, types)


def choice_in_region(service: Service, demand: Demand, policy: Policy, types: int) -> Choice:
    """The same of the one region that the policy must name.

    Raises:
        UsageError: it names no single provider and region.
        NoAnswerError: nothing is left of the market.
    """
    cloud_of(policy)
    return choice_for(service, demand, policy, types)


def choice_of_cloud(
    service: Service, demand: Demand, policy: Policy, types: int, cloud: str
) -> Choice:
    """The same for an output of one cloud.

    Raises:
        UsageError: the policy asks for another one, or for no single region.
        NoAnswerError: nothing is left of the market.
    """
    return choice_for(service, demand, policy_in(policy, cloud), types)


def manifests_of_choice(made: Made, choice: Choice, *head: str) -> ManifestsOut:
    """What was made of a choice; ``head`` are comments that its YAML begins with."""
    stale = [stale_note(choice.ranked, choice.answer)] if choice.is_stale else []
    return ManifestsOut(
        items=[dict(one) for one in made.documents],
        as_of=choice.answer.now,
        data_as_of=choice.data_as_of,
        is_stale=choice.is_stale,
        notes=[*stale, *notes_of(choice), *made.notes],
        head=[*stale, *head],
        text=made.text,
    )
