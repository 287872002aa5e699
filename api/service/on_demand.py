"""On-demand prices: those in force, and their history."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.service.asking import Between, key_of, paged
from api.service.page import Page
from api.service.state import Service
from api.service.wishes import Words
from warehouse.keyset import Places
from warehouse.on_demand import (
    HISTORY_KEY,
    IN_FORCE_KEY,
    ListedQuestion,
    listed_price_facts,
    listed_prices,
)


class OnDemandOut(BaseModel):
    """A list price without commitment: Linux, shared tenancy, in force until the next one."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    instance_type: str = Field(examples=["g5.xlarge"])
    effective_at: datetime = Field(description="When it came into force.")
    price_per_hour: float = Field(description="In `currency`, as the source gave it.")
    currency: str = Field(examples=["USD"])
    usd_per_hour: float | None = Field(description="At the rate of the settings.")
    source: str = Field(examples=["aws.price_list"])
    observed_at: datetime = Field(description="When it was first read.")


class OnDemandPage(Page[OnDemandOut]):
    """On-demand prices."""


class OnDemandIn(Between):
    """Which prices."""

    model_config = ConfigDict(extra="forbid")

    provider: Words = Field(default_factory=list, examples=[["aws"]])
    region: Words = Field(default_factory=list, examples=[["us-east-1"]])
    instance_type: Words = Field(
        default_factory=list, examples=[["g5.*"]], description="Types or patterns."
    )
    history: bool = Field(
        default=False,
        description="All that came into force between `start` and `end`, newest first, instead of "
        "those in force now.",
    )


def on_demand_page(
    service: Service, asked: OnDemandIn, *, limit: int, cursor: str | None
) -> OnDemandPage:
    """The prices in force by region and type, or with ``history`` all of them by time."""
    now = service.clock()
    places = Places(providers=asked.provider, regions=asked.region, types=asked.instance_type)
    question = ListedQuestion(places=places, limit=limit + 1)
    key: tuple[str, ...]
    if asked.history:
        between, key = asked.span(now), HISTORY_KEY
        after = key_of(cursor, (datetime, str, str, str, str))
        with service.reading() as warehouse:
            rows = listed_price_facts(warehouse, now, question, between, after).to_dicts()
    else:
        key = IN_FORCE_KEY
        after = key_of(cursor, (str, str, str))
        with service.reading() as warehouse:
            rows = listed_prices(warehouse, now, question, after).to_dicts()
    shown, following = paged(rows, limit, key)
    return OnDemandPage.model_validate(
        {
            "items": [on_demand_row(service, row) for row in shown],
            "next_cursor": following,
            "as_of": now,
            "data_as_of": min((row["observed_at"] for row in shown), default=None),
        }
    )


def on_demand_row(service: Service, row: dict[str, Any]) -> dict[str, Any]:
    """A price of the warehouse as `OnDemandOut` has it."""
    rate = service.settings.usd_per_unit.get(row["currency"])
    return {**row, "usd_per_hour": None if rate is None else row["price_per_hour"] * rate}
