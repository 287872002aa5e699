"""The tools as a process: over standard input and output, or listening on a port."""

import signal
from types import FrameType
from typing import Any

import anyio
import uvicorn
from fastapi import FastAPI
from mcp.server import Server
from mcp.server.stdio import stdio_server

from api.output import note
from api.security.configured import access_of
from api.security.gate import Gate
from api.security.principal import Access
from api.security.settings import gate_settings
from api.server.observing import Observing, Seen
from api.service.state import Service
from api.tools.bridge import Remote, bridge
from api.tools.http import PATH, mount_mcp
from api.tools.server import Before, mcp_server
from api.web.problems import add_problems


def answering(service: Service, before: Before) -> Server[Any]:
    """The tools of this process's own database."""
    return mcp_server(service, before=before)


def asking(url: str, key: str | None) -> Server[Any]:
    """The tools of a running server."""
    return bridge(Remote(url, key))


def over_stdio(server: Server[Any]) -> None:
    """Answer on standard output what is asked on standard input, until that ends.

    Nothing but the protocol gets there: the SDK turns what others print to standard error.
    """

    async def run() -> None:
        async with stdio_server() as (asked, told):
            await server.run(asked, told, server.create_initialization_options())

    anyio.run(run)


def over_http(service: Service, before: Before, *, host: str, port: int) -> None:
    """Answer under ``/mcp`` until a signal ends it.

    Raises:
        UsageError: others could reach it, and nobody would be asked for a key.
    """
    app = tools_app(service, before, access_of(service.settings, host))
    note(f"Tools for agents at http://{host}:{port}{PATH}. Stop with Ctrl-C.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ended)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


def _ended(number: int, frame: FrameType | None) -> None:
    """Nothing: uvicorn sends itself the signal again once it has stopped, for who started it."""
    del number, frame


def tools_app(service: Service, before: Before, access: Access) -> FastAPI:
    """An application with nothing but the tools."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    add_problems(app)
    mount_mcp(app, service, before=before)
    app.add_middleware(Gate, access=access, settings=gate_settings(service.settings.environ))
    app.add_middleware(Observing, seen=_uncounted)
    return app


def _uncounted(seen: Seen) -> None:
    """Nothing: this server has no ``/metrics`` to tell it at."""
    del seen
