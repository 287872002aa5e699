"""``spotcast mcp``: the tools for agents, over standard input and output or over HTTP."""

from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated
from urllib.parse import urlsplit

import typer

from api.commands.collect import watchlist_of
from api.errors import UsageError
from api.options import Warehouse as WarehouseOption
from api.options import Watchlist as WatchlistOption
from api.settings import Settings
from api.tools.local import local_service
from collector.provider import providers

API_KEY = "SPOTCAST_API_KEY"
"""What names the key for ``--server``: arguments of a process can be read by others."""


class Transport(StrEnum):
    """How a client speaks with the tools."""

    STDIO = "stdio"
    HTTP = "http"


def mcp_command(
    context: typer.Context,
    transport: Annotated[
        Transport, typer.Option(help="stdio for a client that starts this, http to listen.")
    ] = Transport.STDIO,
    host: Annotated[str, typer.Option(help="Where to listen, with http.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port, with http.")] = 8081,
    server: Annotated[
        str | None,
        typer.Option(
            help="Ask a running `spotcast serve` instead of a database file, with the key in "
            f"{API_KEY}.",
            metavar="URL",
        ),
    ] = None,
    watchlist: WatchlistOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Give agents read-only tools: search, prices, risk, ranking, lead time, plans.

    It only reads the database, and never holds it while nobody asks. A file that
    `spotcast serve` holds cannot be read by others: ask that server with --server.
    """
    if find_spec("mcp") is None:
        raise UsageError("The MCP SDK is not installed: pip install 'spotcast[mcp]'")
    # Here, as the command must be listed where the SDK is not installed.
    from api.tools import running  # noqa: PLC0415

    settings: Settings = context.obj
    if server is not None:
        if transport is Transport.HTTP:
            raise UsageError("--server is for stdio: over HTTP, ask that server's /mcp itself.")
        running.over_stdio(running.asking(base_url(server), settings.environ.get(API_KEY)))
        return
    watched = watchlist_of(settings, watchlist, providers())
    service, before = local_service(settings, warehouse or settings.warehouse, watched)
    if transport is Transport.STDIO:
        running.over_stdio(running.answering(service, before))
    else:
        running.over_http(service, before, host=host, port=port)


def base_url(text: str) -> str:
    """The address of a server, without the path of its tools.

    Raises:
        UsageError: it is none.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise UsageError(f"--server {text}: give an address such as http://127.0.0.1:8080")
    return text.rstrip("/").removesuffix("/mcp")
