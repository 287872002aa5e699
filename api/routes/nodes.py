"""``/v1/nodes``: the nodes of the guarded cluster and what becomes of them."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.service.nodes import NodePage, Standing, node_page
from api.service.page import place
from api.web.paging import Cursor, Limit
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["nodes"])

MAX_AGE = timedelta(seconds=5)
"""How long a client may keep an answer: a guard looks every 15 seconds."""


class NodeQuery(BaseModel):
    """Which nodes; all if nothing is asked."""

    model_config = ConfigDict(extra="forbid")

    standing: list[Standing] = Field(default_factory=list, max_length=10)
    limit: Limit = 100
    cursor: Cursor = None


@router.get("/nodes", responses=pages("The nodes"), response_model=NodePage)
def get_nodes(request: Request, service: Served, asked: Annotated[NodeQuery, Query()]) -> Response:
    """The nodes of the guarded cluster: those that are taken soonest first, and what blocks them.

    Empty, with a note, where this server guards no cluster.
    """
    page = node_page(service, standing=asked.standing, first=place(asked.cursor), limit=asked.limit)
    return represented(request, page, max_age=MAX_AGE)
