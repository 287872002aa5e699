"""``/v1/interruptions``: machines that were lost, how often, and as it happens."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from api.service.asking import Where
from api.service.interruptions import (
    InterruptionPage,
    RatePage,
    TimeAndPlace,
    interruption_page,
    rate_page,
)
from api.service.listening import TooManyListenersError
from api.service.page import CursorError
from api.service.reports import begin
from api.web.events import EventStream
from api.web.paging import Cursor, Limit
from api.web.problems import ERRORS, Problem
from api.web.representation import pages, represented
from api.web.service import Served
from warehouse.interruption_rates import RateBy

router = APIRouter(tags=["interruptions"])

MAX_AGE = timedelta(seconds=5)
"""How long a client may keep what was lost: events are read every minute at the most."""

COME_BACK_SECONDS = 30
"""When a client for whom there was no stream should ask again."""

EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `interruption`, each with a report as JSON and its id",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    **ERRORS,
}

LastEventId = Annotated[
    str | None,
    Field(
        max_length=2_000,
        description="Go on behind this event, which an EventSource sends by itself when its "
        "connection broke; without it the stream begins now.",
    ),
]


class InterruptionQuery(TimeAndPlace):
    """Which machines, and how many."""

    limit: Limit = 100
    cursor: Cursor = None


class RateQuery(TimeAndPlace):
    """Which machines, and by what to count them."""

    by: RateBy = Field(default=RateBy.POOL, description="Beside the cloud.")
    limit: Limit = 100
    cursor: Cursor = None


class StreamQuery(Where):
    """Which machines to tell of. One of an unknown place is in no place that is named."""

    last_event_id: LastEventId = None


@router.get("/interruptions", responses=pages("The machines"), response_model=InterruptionPage)
def get_interruptions(
    request: Request, service: Served, asked: Annotated[InterruptionQuery, Query()]
) -> Response:
    """Machines that were lost or announced to be, newest first; of the last 30 days by default."""
    page = interruption_page(service, asked, limit=asked.limit, cursor=asked.cursor)
    return represented(request, page, max_age=MAX_AGE)


@router.get("/interruptions/rates", responses=pages("The rates"), response_model=RatePage)
def get_rates(request: Request, service: Served, asked: Annotated[RateQuery, Query()]) -> Response:
    """How often machines were lost: interruptions beside the hours that machines were up.

    A machine of which only the loss was reported is in no rate, and counted apart.
    """
    page = rate_page(service, asked, asked.by, limit=asked.limit, cursor=asked.cursor)
    return represented(request, page, max_age=MAX_AGE)


@router.get(
    "/interruptions/stream",
    status_code=HTTPStatus.OK,
    responses=EVENT_STREAM,
    response_class=EventStream,
)
def get_stream(
    service: Served,
    asked: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[LastEventId, Header()] = None,
) -> EventStream:
    """New reports of interruptions as server-sent events, as they are stored.

    Each report is told once, in the order of storing: also one that a slow source tells late. The
    id of an event is where to go on: an EventSource that lost its connection misses none. Several
    sources may report one machine: `/v1/interruptions` has it once.
    """
    told = last_event_id or asked.last_event_id or None
    try:
        return EventStream(service, begin(service, told), asked.places())
    except CursorError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "This is the id of no event of ours: leave it out to begin now.",
            field="last_event_id",
        ) from error
    except TooManyListenersError as error:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            str(error),
            headers={"retry-after": str(COME_BACK_SECONDS)},
        ) from error
