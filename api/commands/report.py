"""``spotcast report``: what a day or a week brought, as files, and what changed between two."""

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.options import Warehouse as WarehouseOption
from api.options import moment
from api.output import note
from api.reports.market.asked import span_of
from api.reports.market.document import Period
from api.reports.market.writing import Form, read_report, write_report
from api.settings import Settings
from api.wiring import utc_now
from warehouse.store import Warehouse

report_app = typer.Typer(
    help="Report on the market: HTML, Markdown, JSON and CSV.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

At = Annotated[
    datetime | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="Report on the days before the midnight (UTC) before it, such as 2026-11-23. "
        "Default: now.",
    ),
]
Folder = Annotated[
    Path, typer.Option("--output", "-o", help="Folder to write to; it is made.", file_okay=False)
]
Forms = Annotated[
    list[Form] | None, typer.Option("--format", "-f", help="May be repeated. Default: all.")
]


class DiffForm(StrEnum):
    """How a difference is written."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


@report_app.command("daily")
def daily_command(
    context: typer.Context,
    output: Folder,
    at: At = None,
    form: Forms = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Report on the last whole day (UTC).

    The same warehouse and day give the same bytes.
    """
    _report(context, Period.DAILY, output, at, form, warehouse)


@report_app.command("weekly")
def weekly_command(
    context: typer.Context,
    output: Folder,
    at: At = None,
    form: Forms = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Report on the last seven whole days (UTC).

    The same warehouse and days give the same bytes.
    """
    _report(context, Period.WEEKLY, output, at, form, warehouse)


@report_app.command("diff")
def diff_command(
    before: Annotated[Path, typer.Argument(help="A report as JSON.", dir_okay=False)],
    after: Annotated[Path, typer.Argument(help="A later one.", dir_okay=False)],
    output: Annotated[
        DiffForm, typer.Option("--output", "-o", help="How to write it.")
    ] = DiffForm.TEXT,
) -> None:
    """Show what changed between two reports: prices, pools, risks, skill, feeds."""
    # They load Altair and the risk model, which takes a second.
    from api.reports.market.difference import difference  # noqa: PLC0415
    from api.reports.market.difference_forms import (  # noqa: PLC0415
        difference_page,
        difference_text,
    )

    found = difference(read_report(before), read_report(after))
    match output:
        case DiffForm.TEXT:
            sys.stdout.write(difference_text(found))
        case DiffForm.JSON:
            sys.stdout.write(found.model_dump_json(indent=1) + "\n")
        case DiffForm.HTML:
            sys.stdout.write(difference_page(found))


def _report(
    context: typer.Context,
    period: Period,
    folder: Path,
    at: datetime | None,
    forms: list[Form] | None,
    warehouse: Path | None,
) -> None:
    from api.reports.market.build import build  # noqa: PLC0415 - as above

    settings: Settings = context.obj
    now = utc_now()
    span = span_of(period, at or now, now=now)
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
        document = build(store, settings, span)
    written = write_report(document, folder, tuple(dict.fromkeys(forms or Form)))
    for path in written:
        sys.stdout.write(f"{path}\n")
    for sentence in document.headlines:
        note(sentence)
