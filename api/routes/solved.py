"""``/v1/spread`` and ``/v1/pack``: questions that a solver works on.

Two of them at a time; who asks meanwhile is told to come back, so that other questions are
answered while solvers work.
"""

from fastapi import APIRouter, Request, Response

from api.service.packings import PackIn, PackOut, pack_answer
from api.service.spreads import SpreadIn, SpreadOut, spread_answer
from api.web.manifests import BUSY, object_represented, objects
from api.web.service import Served

router = APIRouter(tags=["advice"])


@router.post("/spread", responses=objects("The placement") | BUSY, response_model=SpreadOut)
def post_spread(request: Request, service: Served, asked: SpreadIn) -> Response:
    """Spread machines over pools at the least cost that bounds how many go at once.

    The search ends after 5 seconds; what it could not prove is told as `gap_usd_per_hour`.
    """
    return object_represented(request, spread_answer(service, asked))


@router.post("/pack", responses=objects("The nodes") | BUSY, response_model=PackOut)
def post_pack(request: Request, service: Served, asked: PackIn) -> Response:
    """Pack pods onto the nodes of one region that cost least, risk included.

    Every node is new. A pod that names no architecture gets amd64 unless another is asked for.
    """
    return object_represented(request, pack_answer(service, asked))
