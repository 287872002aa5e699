"""``/v1/prices``: spot prices in force, and their history."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from api.service.asking import Where
from api.service.page import place
from api.service.prices import (
    HistoryIn,
    PriceFactPage,
    PricePage,
    PriceStepPage,
    Step,
    fact_page,
    price_page,
    step_page,
)
from api.service.wishes import Seconds
from api.web.paging import Cursor, Limit
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["prices"])

MAX_AGE = timedelta(seconds=15)
"""How long a client may keep prices: they are read every few minutes at the most."""


class Order(StrEnum):
    """By time."""

    NEWEST = "newest"
    OLDEST = "oldest"


class PriceQuery(Where):
    """Which pools, and how fresh."""

    max_age_seconds: Seconds | None = Field(
        default=None, description="Leave out prices that were last known longer ago."
    )
    limit: Limit = 100
    cursor: Cursor = None


class HistoryQuery(HistoryIn):
    """Which prices, when, and how to show them."""

    model_config = ConfigDict(extra="forbid")

    step: Step | None = Field(
        default=None,
        description="Give means by steps of this length instead of the prices as told.",
    )
    order: Order = Field(default=Order.NEWEST, description="What comes first.")
    limit: Limit = 100
    cursor: Cursor = None


@router.get("/prices", responses=pages("The prices in force"), response_model=PricePage)
def get_prices(
    request: Request, service: Served, asked: Annotated[PriceQuery, Query()]
) -> Response:
    """The spot price in force in each pool, with its age and source."""
    seconds = asked.max_age_seconds
    max_age = None if seconds is None else timedelta(seconds=seconds)
    page = price_page(
        service, asked.policy(), max_age, first=place(asked.cursor), limit=asked.limit
    )
    return represented(request, page, max_age=MAX_AGE)


@router.get(
    "/prices/history",
    responses=pages("The prices over time"),
    response_model=PriceFactPage | PriceStepPage,
)
def get_history(
    request: Request, service: Served, asked: Annotated[HistoryQuery, Query()]
) -> Response:
    """Spot prices of one instance type over time: as told, or by `step`.

    A change point stands until the next one (the newest until its source last spoke of the
    region), a sample for the documented time of its source, an interval for its period. The mean
    of a step is weighted by the time that is known; what is not known is null.
    """
    is_newest_first, first = asked.order is Order.NEWEST, asked.cursor
    page: PriceFactPage | PriceStepPage
    if asked.step is None:
        page = fact_page(
            service, asked, limit=asked.limit, cursor=first, is_newest_first=is_newest_first
        )
    else:
        page = step_page(
            service,
            asked,
            asked.step,
            limit=asked.limit,
            cursor=first,
            is_newest_first=is_newest_first,
        )
    return represented(request, page, max_age=MAX_AGE)
