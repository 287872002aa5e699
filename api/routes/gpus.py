"""``/v1/gpus``: GPU models side by side, and the cheapest way to each, on any cloud."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.service.gpus import GpuPage, gpu_page
from api.service.wishes import Wishes
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["rankings"])

MAX_AGE = timedelta(seconds=15)
"""As rankings, which it is made of."""


class GpuQuery(Wishes):
    """Demand and policy, and whether to list what is not to be had."""

    every: bool = Field(default=False, description="Also models that nothing in the market has.")


@router.get("/gpus", responses=pages("The models"), response_model=GpuPage)
def get_gpus(request: Request, service: Served, asked: Annotated[GpuQuery, Query()]) -> Response:
    """Compare GPU models: data sheet, and the best offering of each on each cloud.

    TFLOPS are dense 16-bit peaks of data sheets: measure your own load.
    """
    page = gpu_page(service, asked.demand(), asked.policy(), every=asked.every)
    return represented(request, page, max_age=MAX_AGE)
