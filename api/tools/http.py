"""The tools over HTTP: ``/mcp`` of an application, for those whose key has the scope read.

Each request stands alone (no session is kept), and is answered in one piece of JSON. So a client
that was turned away, or a server that was started anew, leaves nothing behind.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.security.principal import Scope as Right
from api.security.principal import allowed
from api.service.state import Service
from api.tools.server import Before, mcp_server, nothing_before
from api.web.problems import Problem

PATH = "/mcp"

LARGEST_BODY = 1 << 20
"""Bytes. The largest that a tool takes is a NodePool's manifest, some kilobytes."""

UNGUARDED = TransportSecuritySettings(enable_dns_rebinding_protection=False)
"""The SDK's own check of Host and Origin is off: `api.security` has made it, for every path alike,
and knows which names and origins are ours."""


def mount_mcp(app: FastAPI, service: Service, *, before: Before = nothing_before) -> None:
    """Serve the tools under ``/mcp`` while ``app`` runs; see `mcp_server` for ``before``."""
    place = Place(mcp_server(service, before=before))
    app.router.routes.append(Route(PATH, endpoint=place, methods=["POST"], include_in_schema=False))
    outer = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: FastAPI) -> AsyncGenerator[Any]:
        async with outer(running) as state, place.open():
            yield state

    app.router.lifespan_context = lifespan


class Place:
    """The ASGI endpoint of the tools."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server
        self._open: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Answer until it is left."""
        manager = StreamableHTTPSessionManager(
            self._server,
            json_response=True,
            stateless=True,
            security_settings=UNGUARDED,
            max_request_body_size=LARGEST_BODY,
        )
        async with manager.run():
            self._open = manager
            try:
                yield
            finally:
                self._open = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            Problem: nobody that is known sent it, or one who may not read.
        """
        allowed(Right.READ)(Request(scope, receive))
        if self._open is None:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The server starts or stops; ask again.")
        await self._open.handle_request(scope, receive, send)
