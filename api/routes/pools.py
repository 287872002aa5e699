"""``/v1/pools``: what one can buy in one place, with everything that is known of it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.service.asking import Where
from api.service.page import place
from api.service.pools import PoolDetail, PoolPage, pool_detail, pool_page
from api.web.paging import Cursor, Limit
from api.web.problems import ERRORS
from api.web.representation import pages, represented, tagged
from api.web.service import Served
from warehouse.records import Pool

router = APIRouter(tags=["pools"])

MAX_AGE = timedelta(seconds=15)
"""How long a client may keep a pool: prices are read every few minutes at the most."""

Part = Annotated[str, Path(max_length=200)]


class PoolQuery(Where):
    """Which pools."""

    limit: Limit = 100
    cursor: Cursor = None


@router.get("/pools", responses=pages("The pools"), response_model=PoolPage)
def get_pools(request: Request, service: Served, asked: Annotated[PoolQuery, Query()]) -> Response:
    """The pools that have a spot price, each with its newest signals and forecasts."""
    page = pool_page(service, asked.policy(), first=place(asked.cursor), limit=asked.limit)
    return represented(request, page, max_age=MAX_AGE)


def _named(
    provider: Annotated[Part, Path(examples=["aws"])],
    region: Annotated[Part, Path(examples=["us-east-1"])],
    zone: Annotated[Part, Path(examples=["use1-az4"], description="`*`: the whole region.")],
    instance_type: Annotated[Part, Path(examples=["g5.xlarge"])],
) -> Pool:
    return Pool(provider, region, zone, instance_type)


@router.get(
    "/pools/{provider}/{region}/{zone}/{instance_type}",
    responses={304: {"description": "What you have is still the answer"}, **ERRORS},
    response_model=PoolDetail,
)
def get_pool(request: Request, service: Served, pool: Annotated[Pool, Depends(_named)]) -> Response:
    """Everything that is known of one pool, and links to its history."""
    body = pool_detail(service, pool).model_dump_json().encode()
    return tagged(request, body, "application/json", max_age=MAX_AGE)
