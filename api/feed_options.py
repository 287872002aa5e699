"""The options by which feeds are chosen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from api.options import Warehouse, Watchlist


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedChoice:
    """The options by which feeds are chosen; the same for every command that reads them."""

    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider", "-p", help="Cloud, or `public` for all without account; repeatable."
        ),
    ] = None
    feed: Annotated[
        list[str] | None,
        typer.Option("--feed", "-f", help="Feed by name (aws.spot_advisor); may be repeated."),
    ] = None
    region: Annotated[
        list[str] | None,
        typer.Option("--region", "-r", help="Region, before the watchlist's; may be repeated."),
    ] = None
    instance_type: Annotated[
        list[str] | None,
        typer.Option("--type", "-t", help="Instance type to watch, for feeds asked per type."),
    ] = None
    replay: Annotated[
        Path | None,
        typer.Option(
            help="Answer every request from a folder of recorded payloads instead of the cloud.",
            exists=True,
            file_okay=False,
        ),
    ] = None
    watchlist: Watchlist = None
    warehouse: Warehouse = None
