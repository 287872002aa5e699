"""``/v1/replacements``: the hand-overs of nodes that there were, and what was done for them."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from advisor.replacement.records import State
from api.service.moments import Moment
from api.service.replacements import (
    ReplacementDetailOut,
    ReplacementPage,
    Wanted,
    replacement_out,
    replacement_page,
)
from api.service.wishes import Words
from api.web.paging import Cursor, Limit
from api.web.problems import ERRORS
from api.web.representation import pages, represented
from api.web.service import Served

router = APIRouter(tags=["replacements"])

MAX_AGE = timedelta(seconds=5)
"""How long a client may keep an answer: a guard looks every 15 seconds."""


class ReplacementQuery(BaseModel):
    """Which hand-overs."""

    model_config = ConfigDict(extra="forbid")

    state: list[State] = Field(default_factory=list, max_length=20)
    node: Annotated[str, Field(max_length=253)] | None = None
    provider: Words = Field(default_factory=list, examples=[["aws"]])
    since: Moment | None = Field(
        default=None, description="Changed since then; 30 days ago if not given."
    )
    limit: Limit = 100
    cursor: Cursor = None


@router.get("/replacements", responses=pages("The hand-overs"), response_model=ReplacementPage)
def get_replacements(
    request: Request, service: Served, asked: Annotated[ReplacementQuery, Query()]
) -> Response:
    """The hand-overs of nodes, the newest first: how far each is, why, and what it cost at most."""
    wanted = Wanted(
        state=[one.value for one in asked.state],
        node=asked.node,
        provider=asked.provider,
        since=asked.since,
    )
    page = replacement_page(service, wanted, cursor=asked.cursor, limit=asked.limit)
    return represented(request, page, max_age=MAX_AGE)


@router.get("/replacements/{replacement_id}", responses=ERRORS)
def get_replacement(
    service: Served, replacement_id: Annotated[str, Path(max_length=400)]
) -> ReplacementDetailOut:
    """One hand-over: each state it entered, and each thing that was done to the cluster for it."""
    return replacement_out(service, replacement_id)
