"""A request's body, of a size and in a time that the server can bear."""

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from api.web.problems import Problem

MARKS = ("content-length", "transfer-encoding")
"""A request without either has no body (RFC 9112, 6.3)."""


def check_length(scope: Scope, most: int) -> None:
    """Refuse a body by the length that it announces, before any of it is read.

    Raises:
        Problem: 413.
    """
    told = Headers(scope=scope).get("content-length", "")
    if told.isascii() and told.isdecimal() and (len(told) > len(str(most)) or int(told) > most):
        raise _too_large(most)


async def whole(scope: Scope, receive: Receive, *, most: int, seconds: float) -> Receive:
    """The same request with its body read, to be received at once.

    Raises:
        Problem: 413 it is too large, whatever it announced; 408 it came too slowly.
    """
    if not any(name in Headers(scope=scope) for name in MARKS):
        return receive
    try:
        async with asyncio.timeout(seconds):
            waiting = await _read(receive, most)
    except TimeoutError:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            f"The body did not come within {seconds:g} seconds.",
            headers={"connection": "close"},
        ) from None

    async def replay() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return replay


async def _read(receive: Receive, most: int) -> list[Message]:
    """The body as one message; what else came, such as a client that left, as it came."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return [message]
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return [{"type": "http.request", "body": bytes(body), "more_body": False}]


def _too_large(most: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"A body may have {most:,} bytes; SPOTCAST_MAX_BODY_BYTES allows more.",
        headers={"connection": "close"},
    )
