"""uvicorn, hidden here: one process, one event loop, in a thread of its own."""

import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from api.errors import UsageError

GRACE_SECONDS = 30
"""How long requests under way have to end when the server stops; the longest solver has less."""

KEPT_SECONDS = 75
"""How long an idle connection is kept: longer than the 60 s of nginx and of AWS's load balancers,
which else may send a request into a connection that we are closing."""

BACKLOG = 2_048
"""Connections that may wait to be taken; uvicorn's own number."""


class HttpServer:
    """Serves an application on an open socket."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self._socket = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                # Who sent a request is found out behind this, by proxies that are trusted.
                proxy_headers=False,
                server_header=False,
                lifespan="on",
                ws="none",
                timeout_keep_alive=KEPT_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    def serve(self) -> None:
        """Serve until it is stopped, and those requests have ended that were under way."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Take no further request."""
        self._server.should_exit = True


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """A socket that listens there; port 0 is one that is free.

    Raises:
        UsageError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"--host {host} --port {port}: {reason}. Is another server running there?"
        ) from error
    with taken:
        yield taken


def url_of(taken: socket.socket) -> str:
    """Where a browser finds it."""
    host, port, *_ = taken.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
