"""``/v1/lead-time``: until a replacement serves, what that is made of, what must be foreseen."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.service.lead_time import LeadTimePage, StartIn, lead_time_page
from api.web.problems import ERRORS
from api.web.representation import JSON, tagged
from api.web.service import Served

router = APIRouter(tags=["lead time"])

MAX_AGE = timedelta(minutes=1)
"""How long a client may keep an answer: starts that were seen change it slowly."""

TOLD: dict[int | str, dict[str, Any]] = {
    304: {"description": "What you have is still the answer"},
    **ERRORS,
}


@router.get("/lead-time", responses=TOLD, response_model=LeadTimePage)
def get_lead_time(
    request: Request, service: Served, asked: Annotated[StartIn, Query()]
) -> Response:
    """How long a replacement takes to serve on each cloud, and what an acceleration would buy."""
    return _told(request, lead_time_page(service, asked))


@router.post("/lead-time", responses=TOLD, response_model=LeadTimePage)
def post_lead_time(request: Request, service: Served, asked: StartIn) -> Response:
    """The same of a start in the body."""
    return _told(request, lead_time_page(service, asked))


def _told(request: Request, page: LeadTimePage) -> Response:
    return tagged(request, page.model_dump_json().encode(), JSON, max_age=MAX_AGE)
