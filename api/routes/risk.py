"""``/v1/risk``: how likely machines are lost, and how that was said before."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.rows.risk import HORIZONS
from api.service.moments import Moment
from api.service.page import place
from api.service.risk import (
    ForecastHistoryPage,
    ForecastPage,
    Wanted,
    forecast_history_page,
    forecast_page,
)
from api.service.wishes import Words
from api.web.paging import Cursor, Limit
from api.web.representation import pages, represented
from api.web.service import Served
from warehouse.records import Pool

router = APIRouter(tags=["risk"])

MAX_AGE = timedelta(seconds=15)
"""How long a client may keep an answer: forecasts are read anew so often at the most."""

WINDOW = timedelta(days=7)
"""How far back a history goes if not asked otherwise."""

Name = Annotated[str, Field(min_length=1, max_length=200)]


def _horizon(text: str) -> str:
    if text not in HORIZONS:
        raise ValueError(
            f"forecasts are made for {', '.join(HORIZONS)}; no other horizon is extrapolated"
        )
    return text


Horizon = Annotated[
    str,
    AfterValidator(_horizon),
    Field(
        description="One of 15m, 1h, 6h, 24h; another one is refused, never extrapolated.",
        json_schema_extra={"enum": list(HORIZONS)},
    ),
]


class RiskQuery(BaseModel):
    """Which forecasts; all if nothing is asked."""

    model_config = ConfigDict(extra="forbid")

    provider: Words = Field(default_factory=list, examples=[["aws"]])
    region: Words = Field(default_factory=list, examples=[["us-east-1"]])
    zone: Words = Field(
        default_factory=list, description="Zone ids or names; `*` is the whole region's."
    )
    instance_type: Words = Field(
        default_factory=list, examples=[["g5.*"]], description="Types or patterns."
    )
    horizon: Horizon | None = None
    grade: list[Literal["prior", "early", "learning", "established", "stale"]] = Field(
        default_factory=list, max_length=10
    )
    may_act: bool | None = Field(
        default=None, description="Only those with proven skill, or only the others."
    )
    limit: Limit = 100
    cursor: Cursor = None


@router.get("/risk", responses=pages("The newest forecasts"), response_model=ForecastPage)
def get_risk(request: Request, service: Served, asked: Annotated[RiskQuery, Query()]) -> Response:
    """The newest forecast of each pool and horizon, with what it is worth.

    A forecast without proven skill is told, and nothing may act on it: its risk counts as unknown.
    """
    wanted = Wanted(
        provider=asked.provider,
        region=asked.region,
        zone=asked.zone,
        instance_type=asked.instance_type,
        grade=asked.grade,
        horizon_seconds=HORIZONS[asked.horizon] if asked.horizon else None,
        may_act=asked.may_act,
    )
    page = forecast_page(service, wanted, first=place(asked.cursor), limit=asked.limit)
    return represented(request, page, max_age=MAX_AGE)


class HistoryQuery(BaseModel):
    """One pool, and a time."""

    model_config = ConfigDict(extra="forbid")

    provider: Name = Field(examples=["aws"])
    region: Name = Field(examples=["us-east-1"])
    zone: Name = Field(examples=["use1-az4"], description="`*` for the region's own forecasts.")
    instance_type: Name = Field(examples=["g5.xlarge"])
    horizon: Horizon | None = None
    start: Moment | None = Field(default=None, description="7 days before `end` if not given.")
    end: Moment | None = Field(default=None, description="Now if not given.")
    limit: Limit = 100
    cursor: Cursor = None


@router.get(
    "/risk/history",
    responses=pages("Forecasts with their outcomes"),
    response_model=ForecastHistoryPage,
)
def get_risk_history(
    request: Request, service: Served, asked: Annotated[HistoryQuery, Query()]
) -> Response:
    """The forecasts that were issued for one pool, the newest first, and what became of them."""
    end = asked.end or service.clock()
    page = forecast_history_page(
        service,
        Pool(asked.provider, asked.region, asked.zone, asked.instance_type),
        start=asked.start or end - WINDOW,
        end=end,
        horizon_seconds=HORIZONS[asked.horizon] if asked.horizon else None,
        cursor=asked.cursor,
        limit=asked.limit,
    )
    return represented(request, page, max_age=MAX_AGE)
