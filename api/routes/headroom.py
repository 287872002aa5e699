"""``/v1/headroom``: how many spare replicas to hold now, where, and what that buys."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service.manifests import wished
from api.service.spares import HeadroomIn, HeadroomOut, HeldFields, headroom_answer
from api.service.wishes import Wishes
from api.web.manifests import object_represented, objects
from api.web.service import Served

router = APIRouter(tags=["advice"])


class HeadroomQuery(Wishes, HeldFields):
    """Demand, policy, what runs, and how sure it must be."""


@router.get("/headroom", responses=objects("The spares"), response_model=HeadroomOut)
def get_headroom(
    request: Request, service: Served, asked: Annotated[HeadroomQuery, Query()]
) -> Response:
    """Say how many spare replicas to hold now, from the forecast and the lead time.

    Beside it stand the static rules N+0, N+1 and N+2: what they cost and what they buy.
    """
    made = headroom_answer(service, asked.demand(), asked.policy(), asked)
    return object_represented(request, made)


@router.post("/headroom", responses=objects("The spares"), response_model=HeadroomOut)
def post_headroom(request: Request, service: Served, asked: HeadroomIn) -> Response:
    """The same of a demand and a policy in the body."""
    return object_represented(request, headroom_answer(service, *wished(asked), asked))
