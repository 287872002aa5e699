"""``/v1/kserve/...``: what is wrong with served models, and what they ask of machines."""

from fastapi import APIRouter, Request, Response

from api.service.kserve import (
    CheckIn,
    CheckOut,
    DemandOfIn,
    ServiceDemandOut,
    check_answer,
    demand_answer,
)
from api.web.manifests import manifest_pages, object_or_yaml, object_represented, objects
from api.web.service import Served

router = APIRouter(prefix="/kserve", tags=["serving"])


@router.post("/check", responses=objects("The findings"), response_model=CheckOut)
def post_check(request: Request, service: Served, asked: CheckIn) -> Response:
    """Say what is wrong with services on spot machines, where, and how to mend it."""
    return object_represented(request, check_answer(service, asked))


@router.post("/demand", responses=manifest_pages("The demands"), response_model=ServiceDemandOut)
def post_demand(request: Request, service: Served, asked: DemandOfIn) -> Response:
    """Derive what one machine of a service must have, with the source of each number.

    YAML is a demand file for `spotcast rank --demand`.
    """
    made = demand_answer(service, asked)
    return object_or_yaml(request, made, lambda: made.file)
