"""``spotcast interruptions``: which machines were lost, when, and who told of it."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from api.options import Output, Provider, moment
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.settings import Settings
from api.wiring import utc_now
from warehouse.interruptions import machine_interruptions
from warehouse.store import Warehouse

WINDOW = timedelta(days=30)

NOT_SEEN = "-"


def _time(at: datetime | str) -> str:
    return at if isinstance(at, str) else f"{at:%Y-%m-%d %H:%M:%S}"


COLUMNS = (
    Column("provider", "CLOUD"),
    Column("region", "REGION"),
    Column("zone", "ZONE"),
    Column("instance_type", "TYPE"),
    Column("node", "MACHINE"),
    Column("announced_at", "ANNOUNCED (UTC)", _time),
    Column("taken_at", "TAKEN (UTC)", _time),
    Column("notice_seconds", "NOTICE S", "{:g}".format, is_right=True),
    Column("sources", "TOLD BY", ", ".join),
)


def interruptions_command(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Since a date, or 30d ago (default)."),
    ] = None,
    provider: Provider = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """List the machines that were lost or announced to be, newest first, one row each.

    Reports of one machine within ten minutes are one, by whatever sources. A pool that no source
    knew is unknown, and counted.
    """
    settings: Settings = context.obj
    now = utc_now()
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
        found = machine_interruptions(store, now, since or now - WINDOW, provider=provider)
    rows = found.to_dicts()
    if output in {Format.TABLE, Format.WIDE}:
        for row in rows:
            # Not seen is not unknown: the machine may be lost yet, or was lost unannounced.
            row["announced_at"] = row["announced_at"] or NOT_SEEN
            row["taken_at"] = row["taken_at"] or NOT_SEEN
    write(output, COLUMNS, rows, name="interruptions", about={"as_of": now})
    unknown = sum(row["instance_type"] is None for row in rows)
    if unknown:
        note(f"{unknown} of {len(rows)} were told of without a pool that any source knew.")
