"""Spot prices: those in force, and their history as told or by steps of time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field

from advisor import Policy
from api.service.asking import Between, Name, key_of, paged
from api.service.market_view import MarketView
from api.service.page import Page, encoded
from api.service.state import Service
from collector.provider import Provider
from warehouse.price_history import (
    FACT_KEY,
    STEP_KEY,
    PriceQuestion,
    price_facts,
    price_steps,
)
from warehouse.price_standing import MICROSECOND, Speaking
from warehouse.prices import CARRIED
from warehouse.records import Offering, Semantics
from warehouse.retention import facts_since
from warehouse.store import Warehouse
from warehouse.tables import SPOT_PRICE

STEPS_SHOWN = timedelta(days=30)
"""What steps are shown of by default: the longest choice that users of such charts have."""


class Step(StrEnum):
    """Lengths of steps; all but the week divide a day, and a week begins on a Thursday (1970)."""

    QUARTER = "15m"
    HOUR = "1h"
    THREE_HOURS = "3h"
    SIX_HOURS = "6h"
    HALF_DAY = "12h"
    DAY = "1d"
    WEEK = "7d"

    @property
    def length(self) -> timedelta:
        """As a duration."""
        number, unit = int(self.value[:-1]), self.value[-1]
        return number * {"m": timedelta(minutes=1), "h": timedelta(hours=1)}.get(
            unit, timedelta(days=1)
        )


class PriceOut(BaseModel):
    """The spot price in force in a pool. Null is unknown."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["use1-az4"], description="`*` is a price for the whole region.")
    instance_type: str = Field(examples=["g5.xlarge"])
    usd_per_hour: float | None = Field(examples=[0.4532])
    price_per_hour: float = Field(description="In `currency`, as the source gave it.")
    currency: str = Field(examples=["USD"])
    semantics: str = Field(examples=["change_point"])
    source: str = Field(examples=["aws.spot_price_history"])
    on_demand_usd_per_hour: float | None
    saving_share: float | None = Field(description="Saved against on-demand; negative if dearer.")
    known_at: datetime = Field(description="When the price was last known to be true.")
    age_seconds: float
    is_stale: bool = Field(description="Too old to stand for now.")


class PricePage(Page[PriceOut]):
    """Prices in force, by pool."""

    total: int = Field(description="How many there are on all pages.")


class PriceFactOut(BaseModel):
    """A price as its source told it."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["use1-az4"])
    instance_type: str = Field(examples=["g5.xlarge"])
    effective_at: datetime = Field(description="When it came into force or was sampled.")
    price_per_hour: float = Field(description="In `currency`, as the source gave it.")
    currency: str = Field(examples=["USD"])
    usd_per_hour: float | None = Field(description="At the rate of the settings.")
    semantics: Semantics = Field(
        description="change_point: in force until the next one. sample: true at `effective_at`. "
        "interval: a mean or list price of the period from then on."
    )
    source: str = Field(examples=["aws.spot_price_history"])
    observed_at: datetime = Field(description="When it was first read.")


class PriceStepOut(BaseModel):
    """What is known of the price in one step of time, by one source."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["use1-az4"])
    instance_type: str = Field(examples=["g5.xlarge"])
    step_at: datetime = Field(description="When the step begins.")
    step_seconds: float = Field(examples=[3600])
    mean_per_hour: float | None = Field(
        description="In `currency`, weighted by time, of the part that is known; null if none is."
    )
    low_per_hour: float | None
    high_per_hour: float | None
    currency: str = Field(examples=["USD"])
    mean_usd_per_hour: float | None = Field(description="At the rate of the settings.")
    known_share: float = Field(description="Of the step, how much is known; never interpolated.")
    resolution: Literal["fact", "hour"] | None = Field(
        description="fact: from the prices as told. hour: from hourly means, where the facts are "
        "too old to be kept; a shorter step has the prices of its hour. Null if nothing is known."
    )
    semantics: Semantics
    source: str = Field(examples=["aws.spot_price_history"])


class PriceFactPage(Page[PriceFactOut]):
    """Prices as told."""


class PriceStepPage(Page[PriceStepOut]):
    """Prices by steps."""


class HistoryIn(Between):
    """Which prices of one instance type, and when."""

    provider: Name = Field(examples=["aws"])
    instance_type: Name = Field(examples=["g5.xlarge"], description="One type; no pattern.")
    region: list[Name] = Field(default_factory=list, max_length=100)
    zone: list[Name] = Field(
        default_factory=list,
        max_length=100,
        description="Zone ids. A price of a whole region (`*`) is in every zone of it.",
    )
    source: list[Name] = Field(
        default_factory=list, max_length=100, examples=[["aws.spot_price_history"]]
    )

    def question(
        self, start: datetime, end: datetime, *, limit: int, is_newest_first: bool
    ) -> PriceQuestion:
        """As the warehouse is asked; for one row more, which tells that there is a next page."""
        return PriceQuestion(
            provider=self.provider,
            instance_type=self.instance_type,
            regions=self.region or None,
            zones=self.zone or None,
            sources=self.source or None,
            start=start,
            end=end,
            is_newest_first=is_newest_first,
            limit=limit + 1,
        )


def price_page(
    service: Service, policy: Policy, max_age: timedelta | None, *, first: int, limit: int
) -> PricePage:
    """The prices in force that are no older than ``max_age``, by pool, from place ``first`` on."""
    view = service.markets.view()
    found = [
        one
        for one in offerings_of(view, policy)
        if max_age is None or view.taken_at - one.price_observed_at <= max_age
    ]
    shown = [
        price_row(one, view.taken_at, service.settings.price_max_age)
        for one in found[first : first + limit]
    ]
    return PricePage.model_validate(
        {
            "items": shown,
            "next_cursor": encoded([first + limit]) if first + limit < len(found) else None,
            "as_of": view.taken_at,
            "data_as_of": min((one["known_at"] for one in shown), default=None),
            "is_stale": any(one["is_stale"] for one in shown),
            "notes": shapeless_notes(view),
            "total": len(found),
        }
    )


def shapeless_notes(view: MarketView) -> list[str]:
    """That pools are missing, if any are."""
    if not view.known.shapeless:
        return []
    text = (
        f"{view.known.shapeless} pools have a price but no known machine shape and are left out; "
        f"each can be asked for by name under /v1/pools."
    )
    return [text]


def offerings_of(view: MarketView, policy: Policy) -> Iterable[Offering]:
    """The offerings of the view in the places that a policy allows, by pool."""
    return (one for one in view.known.universe.offerings if policy.refuses(one) is None)


def price_row(offering: Offering, now: datetime, max_age: timedelta) -> dict[str, Any]:
    """One price as `PriceOut` has it."""
    pool, age = offering.pool, now - offering.price_observed_at
    return {
        "provider": pool.provider,
        "region": pool.region,
        "zone": pool.zone,
        "instance_type": pool.instance_type,
        "usd_per_hour": offering.usd_per_hour,
        "price_per_hour": offering.price_per_hour,
        "currency": offering.currency,
        "semantics": offering.price_semantics.value,
        "source": offering.price_source,
        "on_demand_usd_per_hour": offering.on_demand_usd_per_hour,
        "saving_share": saving_share(offering.usd_per_hour, offering.on_demand_usd_per_hour),
        "known_at": offering.price_observed_at,
        "age_seconds": age.total_seconds(),
        "is_stale": age > max_age,
    }


def saving_share(usd: float | None, on_demand_usd: float | None) -> float | None:
    """What is saved against on-demand; None if either is unknown."""
    return None if usd is None or not on_demand_usd else 1 - usd / on_demand_usd


def fact_page(
    service: Service, asked: HistoryIn, *, limit: int, cursor: str | None, is_newest_first: bool
) -> PriceFactPage:
    """The prices of one type as they were told, by time."""
    now = service.clock()
    start, end = asked.span(now)
    after = key_of(cursor, (datetime, str, str, str))
    question = asked.question(start, end, limit=limit, is_newest_first=is_newest_first)
    with service.reading() as warehouse:
        rows = price_facts(warehouse, now, question, after).to_dicts()
        notes = kept_notes(warehouse, start)
    shown, following = paged(rows, limit, FACT_KEY)
    rates = service.settings.usd_per_unit
    for row in shown:
        row["usd_per_hour"] = _times(row["price_per_hour"], rates.get(row["currency"]))
    return PriceFactPage.model_validate(
        {"items": shown, "next_cursor": following, "as_of": now, "notes": notes}
    )


def kept_notes(warehouse: Warehouse, start: datetime) -> list[str]:
    """That facts are missing from an answer that begins at ``start``, if any may be."""
    since = facts_since(warehouse, SPOT_PRICE)
    if since is None or start >= since:
        return []
    text = (
        f"Before {since.isoformat()} only the last price of each pool and source is kept as it "
        f"was told, and hourly means: ask for steps of 1h."
    )
    return [text]


def step_page(
    service: Service,
    asked: HistoryIn,
    step: Step,
    *,
    limit: int,
    cursor: str | None,
    is_newest_first: bool,
) -> PriceStepPage:
    """What is known of each step of time, by time, place and source."""
    now = service.clock()
    start, end = asked.span(now, STEPS_SHOWN)
    # Nothing is known of what is to come.
    end = max(min(end, now), start + MICROSECOND)
    after = key_of(cursor, (datetime, str, str, str, str, str))
    question = asked.question(start, end, limit=limit, is_newest_first=is_newest_first)
    speaking = speaking_of(service.providers.values())
    with service.reading() as warehouse:
        found = price_steps(warehouse, now, question, step.length, speaking, after=after)
    shown, following = paged(found.to_dicts(), limit, STEP_KEY)
    rates = service.settings.usd_per_unit
    for row in shown:
        row["step_seconds"] = step.length.total_seconds()
        row["mean_usd_per_hour"] = _times(row["mean_per_hour"], rates.get(row["currency"]))
    return PriceStepPage.model_validate(
        {
            "items": shown,
            "next_cursor": following,
            "as_of": now,
            "notes": [f"From {start.isoformat()} to before {end.isoformat()}, in whole steps."],
        }
    )


def speaking_of(providers: Iterable[Provider]) -> Speaking:
    """How long the prices of each feed speak: a sample for the feed's cadence, a list as a list.

    Intervals of feeds are prices of lists (Azure's, Google's): each stands until the next.
    """
    feeds = [feed for provider in providers for feed in provider.feeds]
    return Speaking(
        {
            one.name: min(one.cadence, CARRIED)
            for one in feeds
            if one.semantics is not Semantics.INTERVAL
        },
        frozenset(one.name for one in feeds if one.semantics is Semantics.INTERVAL),
    )


def _times(price: float | None, rate: float | None) -> float | None:
    return None if price is None or rate is None else price * rate
