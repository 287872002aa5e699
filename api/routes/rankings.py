"""``/v1/rankings``: which offerings to take, best first."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.rows.offerings import Sort
from api.service.page import place
from api.service.rankings import RankingPage, ranking_page
from api.service.state import Service
from api.service.wishes import Asked, Wishes
from api.web.paging import Cursor, Limit
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["rankings"])

MAX_AGE = timedelta(seconds=15)
"""How long a client may keep a ranking: prices are read every few minutes at the most."""

AT_ONCE = 50
"""Offerings on a page that is made on the event loop: it takes milliseconds and waits for nothing,
while a thread has to wait for its turn twice more. A larger page would keep others waiting."""


class RankingQuery(Wishes):
    """Demand, policy and how to show the answer."""

    sort: Sort = Field(
        default=Sort.COST, description="By what to order; what is unknown comes last."
    )
    limit: Limit = 20
    cursor: Cursor = None


@router.get("/rankings", responses=pages("The ranking"), response_model=RankingPage)
async def get_ranking(
    request: Request, service: Served, asked: Annotated[RankingQuery, Query()]
) -> Response:
    """Rank offerings by expected cost: price plus risk times the cost of an interruption."""
    if asked.limit > AT_ONCE or service.markets.newest is None:
        return await run_in_threadpool(_ranking, request, service, asked)
    return _ranking(request, service, asked)


def _ranking(request: Request, service: Service, asked: RankingQuery) -> Response:
    first, demand, policy = place(asked.cursor), asked.demand(), asked.policy()
    page = ranking_page(service, demand, policy, sort=asked.sort, first=first, limit=asked.limit)
    return represented(request, page, max_age=MAX_AGE)


@router.post("/rankings", responses=pages("The ranking"), response_model=RankingPage)
def post_ranking(
    request: Request, service: Served, asked: Asked, sort: Sort = Sort.COST, limit: Limit = 20
) -> Response:
    """The same of a demand and a policy in the body."""
    demand, policy = asked.demand.demand(), asked.policy.policy()
    page = ranking_page(service, demand, policy, sort=sort, first=0, limit=limit)
    return represented(request, page, max_age=MAX_AGE)
