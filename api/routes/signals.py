"""``/v1/signals``, ``/v1/on-demand-prices`` and ``/v1/availability``: what sources told."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service.availability import SpellIn, SpellPage, spell_page
from api.service.on_demand import OnDemandIn, OnDemandPage, on_demand_page
from api.service.signals import SignalIn, SignalPage, signals
from api.web.paging import Cursor, Limit
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["sources"])

MAX_AGE = timedelta(minutes=1)
"""How long a client may keep what sources told: they are read every few minutes at the most."""


class SignalQuery(SignalIn):
    """Which signals, and how many."""

    limit: Limit = 100
    cursor: Cursor = None


class OnDemandQuery(OnDemandIn):
    """Which prices, and how many."""

    limit: Limit = 100
    cursor: Cursor = None


class SpellQuery(SpellIn):
    """Which spells, and how many."""

    limit: Limit = 100
    cursor: Cursor = None


@router.get("/signals", responses=pages("The signals"), response_model=SignalPage)
def get_signals(
    request: Request, service: Served, asked: Annotated[SignalQuery, Query()]
) -> Response:
    """What the clouds publish of the risk in a pool, each value with what it means.

    The newest of each definition in each pool, or with `history` all that were told.
    """
    page = signals(service, asked, limit=asked.limit, cursor=asked.cursor)
    return represented(request, page, max_age=MAX_AGE)


@router.get("/on-demand-prices", responses=pages("The prices"), response_model=OnDemandPage)
def get_on_demand_prices(
    request: Request, service: Served, asked: Annotated[OnDemandQuery, Query()]
) -> Response:
    """On-demand prices in force, or with `history` all that there were."""
    page = on_demand_page(service, asked, limit=asked.limit, cursor=asked.cursor)
    return represented(request, page, max_age=MAX_AGE)


@router.get("/availability", responses=pages("The spells"), response_model=SpellPage)
def get_availability(
    request: Request, service: Served, asked: Annotated[SpellQuery, Query()]
) -> Response:
    """What probes of a type found over time, as spells of the same availability."""
    page = spell_page(service, asked, limit=asked.limit, cursor=asked.cursor)
    return represented(request, page, max_age=MAX_AGE)
