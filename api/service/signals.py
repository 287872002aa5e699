"""Published signals, each with its definition and what that means."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from advisor import DEFINITIONS
from advisor.hazards import PUBLISHED_STALE_AFTER
from advisor.risk.signal_conversions import CONVERSIONS, QUANTITIES
from api.service.asking import Between, Where, key_of, paged
from api.service.page import Page
from api.service.state import Service
from api.service.wishes import Words
from warehouse.signal_history import (
    HISTORY_KEY,
    NEWEST_KEY,
    SignalQuestion,
    newest_signal_page,
    signal_page,
)

CONVERSION_OF = {one.definition: one for one in CONVERSIONS}


class SignalOut(BaseModel):
    """What a source published of a pool. Values of different definitions are not comparable."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["*"], description="`*` is the whole region.")
    instance_type: str = Field(examples=["g5.xlarge"])
    definition: str = Field(examples=["aws.advisor_band_trailing_month"])
    meaning: str | None = Field(
        description="What the definition means; null if it is not known here.",
        examples=["AWS Spot Advisor: share of instances interrupted in the trailing month"],
    )
    quantity: str | None = Field(
        description="What forecasts read it as; null if they do not.", examples=["placement score"]
    )
    value_low: float = Field(description="Lower end of the band, or the value; shares 0 to 1.")
    value_high: float | None = Field(description="Upper end, or the value; null of an open band.")
    source: str = Field(examples=["aws.spot_advisor"])
    detail: str | None = Field(
        description="What else the source said, as JSON; null if nothing.",
        examples=['{"label": "5-10%"}'],
    )
    known_at: datetime = Field(description="When the source said so; of the newest, last.")
    age_seconds: float
    is_stale: bool | None = Field(
        description="Too old to stand for now; null if nothing says how long it does."
    )


class SignalPage(Page[SignalOut]):
    """Signals."""


class SignalIn(Where, Between):
    """Which signals."""

    definition: Words = Field(default_factory=list, examples=[["aws.advisor_band_trailing_month"]])
    history: bool = Field(
        default=False,
        description="All that were told between `start` and `end`, newest first, instead of the "
        "newest of each definition in each pool.",
    )


def signals(service: Service, asked: SignalIn, *, limit: int, cursor: str | None) -> SignalPage:
    """The newest signals by pool, or with ``history`` all of them by time."""
    now = service.clock()
    key: tuple[str, ...]
    question = SignalQuestion(places=asked.places(), definitions=asked.definition, limit=limit + 1)
    if asked.history:
        between, key = asked.span(now), HISTORY_KEY
        after = key_of(cursor, (datetime, *[str] * 7))
        with service.reading() as warehouse:
            rows = signal_page(warehouse, now, question, between, after).to_dicts()
        for row in rows:
            row["observed_at"] = row["known_at"]
    else:
        key = NEWEST_KEY
        after = key_of(cursor, (str,) * 5)
        with service.reading() as warehouse:
            rows = newest_signal_page(warehouse, now, question, after).to_dicts()
    shown, following = paged(rows, limit, key)
    items = [signal_row(service, row, now) for row in shown]
    return SignalPage.model_validate(
        {
            "items": items,
            "next_cursor": following,
            "as_of": now,
            "data_as_of": min((row["known_at"] for row in items), default=None),
            "is_stale": any(row["is_stale"] for row in items),
        }
    )


def signal_row(service: Service, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A signal of the warehouse as `SignalOut` has it."""
    conversion = CONVERSION_OF.get(row["definition"])
    return {
        **row,
        "meaning": meaning_of(service, row["definition"], row["source"]),
        "quantity": QUANTITIES[conversion.quantity].title if conversion else None,
        "age_seconds": (now - row["known_at"]).total_seconds(),
        "is_stale": is_stale(row["definition"], now - row["known_at"]),
    }


def is_stale(definition: str, age: timedelta) -> bool | None:
    """Whether a published band is past its time, or a reading past the half of its weight."""
    if definition in DEFINITIONS:
        return age > PUBLISHED_STALE_AFTER
    conversion = CONVERSION_OF.get(definition)
    return None if conversion is None else age > conversion.half_life


def meaning_of(service: Service, definition: str, source: str) -> str | None:
    """What a definition means, in the words of the advisor or of the feed that tells it."""
    if published := DEFINITIONS.get(definition):
        return published.title
    for provider in service.providers.values():
        for feed in provider.feeds:
            if feed.name == source:
                return feed.meaning
    return None
