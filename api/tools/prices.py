"""``price_history``: what a machine cost, by steps of time or as its sources told it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.service.prices import (
    HistoryIn,
    PriceFactOut,
    PriceStepOut,
    Step,
    fact_page,
    step_page,
)
from api.service.state import Service
from api.tools.tool import Arguments, Limit, Tool
from api.tools.words import UNKNOWN, moment, place, share, told


class HistoryAsked(Arguments, HistoryIn):
    """One instance type, where and when."""

    step: Step | Literal["as_told"] = Field(
        default=Step.DAY,
        description="Length of a step, or `as_told` for each price as its source told it.",
    )
    limit: Limit = 30
    cursor: str | None = Field(
        default=None, max_length=2_000, description="The `next_cursor` of the answer before."
    )


class History(BaseModel):
    """Prices over time, the newest first: either steps or facts, as was asked."""

    steps: list[PriceStepOut]
    facts: list[PriceFactOut]
    next_cursor: str | None = Field(description="Ask again with it for older ones; null: no more.")
    as_of: datetime
    notes: list[str]


def price_history(service: Service, asked: HistoryAsked) -> History:
    """The prices of one type over time."""
    steps: list[PriceStepOut] = []
    facts: list[PriceFactOut] = []
    if isinstance(asked.step, Step):
        page = step_page(
            service,
            asked,
            asked.step,
            limit=asked.limit,
            cursor=asked.cursor,
            is_newest_first=True,
        )
        steps, following, as_of, notes = page.items, page.next_cursor, page.as_of, page.notes
    else:
        told = fact_page(
            service, asked, limit=asked.limit, cursor=asked.cursor, is_newest_first=True
        )
        facts, following, as_of, notes = told.items, told.next_cursor, told.as_of, told.notes
    return History(steps=steps, facts=facts, next_cursor=following, as_of=as_of, notes=notes)


def _text(history: History) -> str:
    several = len(history.steps) + len(history.facts)
    kind = "steps" if history.steps else "prices"
    heading = f"{several} {kind}, the newest first" if several else "No price is stored of this"
    more = "There are older ones: ask again with `cursor`." if history.next_cursor else ""
    lines = [*map(_step_line, history.steps), *map(_fact_line, history.facts)]
    return told([f"{heading} (as of {moment(history.as_of)})", *lines, more, *history.notes])


def _step_line(one: PriceStepOut) -> str:
    where = f"{one.instance_type} {place(one.provider, one.region, one.zone)}"
    said = f"[{one.source}, {one.semantics.value}]"
    if one.mean_per_hour is None:
        return f"{moment(one.step_at)} {where}: {UNKNOWN} {said}"
    return (
        f"{moment(one.step_at)} {where}: mean {one.mean_per_hour:.4f} {one.currency}/h "
        f"({one.low_per_hour:.4f} to {one.high_per_hour:.4f}), "
        f"{share(one.known_share)} of the step known {said}"
    )


def _fact_line(one: PriceFactOut) -> str:
    where = f"{one.instance_type} {place(one.provider, one.region, one.zone)}"
    return (
        f"{moment(one.effective_at)} {where}: {one.price_per_hour:.4f} {one.currency}/h "
        f"[{one.source}, {one.semantics.value}]"
    )


PRICE_HISTORY = Tool(
    name="price_history",
    title="Spot prices over time",
    description=(
        "Spot prices of one instance type by steps of time: mean weighted by time, low, high, and "
        "the share of each step that is known; unknown steps are null, never filled in. Or each "
        "price as it was told. `semantics` says what a price means for the time around it."
    ),
    asks=HistoryAsked,
    answers=History,
    answer=price_history,
    text=_text,
)
