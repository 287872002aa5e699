"""``/v1/return``: whether a workload on demand goes back to spot now."""

from fastapi import APIRouter, Request, Response

from api.service.returns import ReturnIn, ReturnOut, return_answer
from api.web.manifests import object_represented, objects
from api.web.service import Served

router = APIRouter(tags=["advice"])


@router.post("/return", responses=objects("The decision"), response_model=ReturnOut)
def post_return(request: Request, service: Served, asked: ReturnIn) -> Response:
    """Decide whether a workload that fell back to on-demand returns to spot now.

    It returns only for a clear saving at the upper end of the risk, after a minimum stay and a
    quiet time. Of a workload on spot, filtered to its pool, it says whether to leave.
    """
    return object_represented(request, return_answer(service, asked))
