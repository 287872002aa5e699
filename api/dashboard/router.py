"""The addresses of the pages."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from advisor.hazards import NOTICE
from api.dashboard.assets import asset
from api.dashboard.charts import Drawn, answer
from api.dashboard.pages.alerts import alerts
from api.dashboard.pages.instance import forecast_chart, instance, price_chart
from api.dashboard.pages.lead_time import lead_time, lead_time_chart
from api.dashboard.pages.nodes import nodes
from api.dashboard.pages.overview import overview
from api.dashboard.pages.plan import empty_plan, filled_plan, posted
from api.dashboard.pages.risk import risk
from api.dashboard.pages.search import search
from api.dashboard.pages.verification import (
    reliability_chart,
    skill_chart,
    verification,
    week_chart,
)
from api.service.state import Service
from api.web.problems import Problem
from api.web.service import Served

Page = Callable[[Request, Service], Response]

router = APIRouter(include_in_schema=False)


def _serve(place: str, page: Page) -> None:
    def answer(request: Request, service: Served) -> Response:
        return page(request, service)

    router.add_api_route(place, answer, methods=["GET"], name=page.__name__)


_serve("/", overview)
_serve("/alerts", alerts)
_serve("/search", search)
_serve("/risk", risk)
_serve("/lead-time", lead_time)
_serve("/nodes", nodes)
_serve("/plan", empty_plan)
_serve("/verification", verification)


@router.post("/plan")
async def plan(request: Request, service: Served) -> Response:
    """The plan of the form; it takes a while, so it is made beside the loop."""
    return await run_in_threadpool(filled_plan, request, service, await posted(request))


router.add_api_route("/static/{digest}/{name}", asset, methods=["GET"], name="static")


def _serve_cloud(provider: str) -> None:
    def answer_for(request: Request, service: Served) -> Response:
        return instance(request, service, provider)

    router.add_api_route(
        f"/{provider}", answer_for, methods=["GET"], name=f"instance of {provider}"
    )


for cloud in NOTICE:
    _serve_cloud(cloud)

CHARTS: Mapping[str, Drawn] = {
    "lead-time": lead_time_chart,
    "prices": price_chart,
    "forecasts": forecast_chart,
    "reliability": reliability_chart,
    "skill": skill_chart,
    "week": week_chart,
}


@router.get("/charts/{name}.{form}")
def chart(request: Request, service: Served, name: str, form: str) -> Response:
    """A chart of a page."""
    if name not in CHARTS:
        raise Problem(HTTPStatus.NOT_FOUND, "There is no such chart.")
    return answer(request, service, CHARTS[name], form)
