"""``/v1/explain``: one pool's place in a ranking."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service.explanations import ExplainQuery, ExplanationOut, explanation_of
from api.web.manifests import object_represented, objects
from api.web.service import Served

router = APIRouter(tags=["rankings"])


@router.get("/explain", responses=objects("Why it is there"), response_model=ExplanationOut)
def get_explanation(
    request: Request, service: Served, asked: Annotated[ExplainQuery, Query()]
) -> Response:
    """Say why a pool is in its place, what would make it the first, and the terms of its cost.

    A pool that does not meet demand and policy is a 404 that says which wish it misses.
    """
    return object_represented(request, explanation_of(service, asked))
