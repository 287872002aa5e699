"""What is seen of every request: its id, its line in the log, its place in the figures.

It stands outside of everything else, so that what is refused at the gate is seen as well. Only
the path is written down: a query may hold a key, and headers and bodies do.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("spotcast.request")

REQUEST_ID = b"x-request-id"
ACCEPTED_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""An id that a client or proxy gave, if it can stand in a log line as it is."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER, UNMATCHED = "other", "unmatched"
"""In the figures for a method that nobody serves, and a path that is no route: what clients make
up must not make new series."""

EVENT_STREAM = b"text/event-stream"

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes that machines ask every few seconds: they are written down when they fail."""

ABORTED = 499
"""The status that is told of a request whose client went away before an answer, as nginx has it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that has ended; ``route`` is the route's template.

    ``seconds`` is None for a stream of events, which lasts as long as its client listens.
    """

    method: str
    route: str
    status: int
    seconds: float | None


class Observing:
    """ASGI middleware: the outermost."""

    def __init__(self, app: ASGIApp, seen: Callable[[Seen], None]) -> None:
        """``seen`` is called when a request has ended."""
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and tell of it when its last byte is sent."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(scope)
        sent = _Sent(send, state)
        began = time.perf_counter()
        try:
            await self._app(scope, receive, sent)
        except Exception:
            sent.status = sent.status or 500
            raise
        finally:
            self._tell(scope, sent, time.perf_counter() - began)

    def _tell(self, scope: Scope, sent: "_Sent", seconds: float) -> None:
        status = sent.status or ABORTED
        route = _template(scope)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        self._seen(Seen(method, route, status, None if sent.is_stream else seconds))
        state = scope["state"]
        is_quiet = status < HTTPStatus.BAD_REQUEST and route in QUIET
        LOG.log(
            logging.DEBUG if is_quiet else logging.INFO,
            "request",
            extra={
                "told": {
                    "method": method,
                    "path": _path(scope),
                    "status": status,
                    "milliseconds": round(1_000 * seconds, 1),
                    "bytes": sent.size,
                    "request_id": state["request_id"],
                    "principal": getattr(state.get("principal"), "name", None),
                }
            },
        )


class _Sent:
    """Passes messages on, adds the request's id, and counts."""

    def __init__(self, send: Send, state: dict[str, Any]) -> None:
        self._send = send
        self._state = state
        self.status = 0
        self.size = 0
        self.is_stream = False

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [one for one in message.get("headers", ()) if one[0].lower() != REQUEST_ID]
            self.is_stream = any(
                name.lower() == b"content-type" and value.startswith(EVENT_STREAM)
                for name, value in headers
            )
            named = (REQUEST_ID, self._state["request_id"].encode())
            message = {**message, "headers": [*headers, named]}
        elif message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
        await self._send(message)


def _template(scope: Scope) -> str:
    """The path of the route, with its prefix: FastAPI keeps that apart for included routers."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    found = getattr(included, "path_format", None) or getattr(scope.get("route"), "path", None)
    return found or UNMATCHED


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(REQUEST_ID, b"").decode("latin-1")
    return given if ACCEPTED_ID.fullmatch(given) else uuid4().hex


def _path(scope: Scope) -> str:
    """The path as it was sent, escapes and all: what they stand for could break a line."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")
