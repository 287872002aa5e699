"""Server-sent events: the text of a stream that a browser's EventSource reads."""

import asyncio
from collections.abc import AsyncIterator

from anyio.to_thread import run_sync
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Receive, Scope, Send

from api.service.listening import Listeners
from api.service.reports import ReportOut, id_at, id_of, reports_after
from api.service.state import Service
from warehouse.keyset import Places

EVENT = "interruption"
RETRY_MILLISECONDS = 2_000
"""After which a client whose connection broke comes back."""


class EventStream(StreamingResponse):
    """The reports behind ``position``, as they come, until the client leaves or the server stops.

    It takes a place among the listeners, and gives it back at the end.
    """

    media_type = "text/event-stream"

    def __init__(self, service: Service, position: int, places: Places) -> None:
        """Take the place.

        Raises:
            TooManyListenersError: none is free.
        """
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(_events(service, position, places), headers=headers)
        self._listeners = service.listeners
        self._listeners.enter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listeners.leave()


async def _events(service: Service, position: int, places: Places) -> AsyncIterator[bytes]:
    """Begins with the id of the position: a client who loses it before an event misses none."""
    listeners, writes = service.listeners, -1
    begins_at = await run_sync(id_at, service, position)
    yield format_sse_event(id=begins_at, retry=RETRY_MILLISECONDS, comment="listening")
    while not listeners.is_stopping:
        # Counted first: what is stored while we read is read the next time.
        written = service.warehouse.writes
        if written == writes:
            if not await _written(service, listeners, writes):
                yield KEEPALIVE_COMMENT
            continue
        found = await run_sync(reports_after, service, position, places)
        for report in found:
            text = ReportOut.model_validate(report).model_dump_json()
            yield format_sse_event(event=EVENT, data_str=text, id=id_of(report))
            position = int(report["position"])
        writes = writes if found else written


async def _written(service: Service, listeners: Listeners, writes: int) -> bool:
    """Wait until something was stored or the server stops; False if nothing was for a beat."""
    looks = max(1, listeners.beats_every // listeners.looks_every)
    for _ in range(looks):
        if service.warehouse.writes != writes or listeners.is_stopping:
            return True
        await asyncio.sleep(listeners.looks_every.total_seconds())
    return False
