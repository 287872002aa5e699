"""``/v1/feeds``: how fresh the data is, and what came of each run."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.service.feeds import FeedPage, RunPage, feed_page, run_page
from api.web.paging import Cursor, Limit
from api.web.representation import pages, represented
from api.web.service import Served
from warehouse.records import RunOutcome

router = APIRouter(tags=["feeds"])

MAX_AGE = timedelta(seconds=5)
"""How long a client may keep an answer: some feeds are read every few seconds."""


class FeedQuery(BaseModel):
    """Which feeds."""

    model_config = ConfigDict(extra="forbid")

    late_only: bool = Field(default=False, description="Only those without a good run in time.")


class RunQuery(BaseModel):
    """Which runs."""

    model_config = ConfigDict(extra="forbid")

    scope: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, examples=["us-east-1"], description="Region, or `*`."
    )
    outcome: RunOutcome | None = None
    limit: Limit = 100
    cursor: Cursor = None


@router.get("/feeds", responses=pages("The feeds"), response_model=FeedPage)
def get_feeds(request: Request, service: Served, asked: Annotated[FeedQuery, Query()]) -> Response:
    """Each feed's state, its age, its rows, when it is due, and what went wrong."""
    page = feed_page(service, late_only=asked.late_only)
    return represented(request, page, max_age=MAX_AGE)


@router.get("/feeds/{feed}/runs", responses=pages("The runs of a feed"), response_model=RunPage)
def get_runs(
    request: Request,
    service: Served,
    feed: Annotated[str, Path(max_length=200, examples=["aws.spot_price_history"])],
    asked: Annotated[RunQuery, Query()],
) -> Response:
    """Every attempt to read the feed, or every request that pushed to it, the newest first."""
    page = run_page(
        service,
        feed,
        scope=asked.scope,
        outcome=asked.outcome and asked.outcome.value,
        cursor=asked.cursor,
        limit=asked.limit,
    )
    return represented(request, page, max_age=MAX_AGE)
