"""``spotcast import``: files of history into the warehouse."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.errors import EXIT_FAILED, UsageError
from api.options import Warehouse as WarehouseOption
from api.output import note
from api.settings import Settings
from api.wiring import utc_now
from collector.history import KINDS, FileReport, HistoryFileError, Kind, load_file
from warehouse.runs import abandon_runs
from warehouse.store import Warehouse

REFUSED_PRINTED = 10
"""Refused rows printed per file; more are only counted."""


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(KINDS)}")
    return KINDS[name]


def _pairs(texts: list[str], option: str) -> dict[str, str]:
    pairs = dict(text.split("=", 1) for text in texts if "=" in text)
    if len(pairs) < len(texts):
        raise UsageError(f"{option} wants NAME=VALUE, each name once; got {', '.join(texts)}")
    return pairs


def import_command(
    context: typer.Context,
    kind: Annotated[
        Kind,
        typer.Argument(
            parser=_kind, metavar="KIND", help=f"What the files hold: {', '.join(KINDS)}."
        ),
    ],
    files: Annotated[list[Path], typer.Argument(help="Parquet or CSV files (.gz too).")],
    renamed: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="THEIRS=OURS", help="Rename a column; may be repeated."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN=VALUE", help="Fill a column; may be repeated."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Store nothing of a file with a bad row.")
    ] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Import history. Columns are in docs/data.md; importing a file twice adds nothing.

    A bad row is reported with file, row and reason, and stops nothing else.
    """
    settings: Settings = context.obj
    maps = _pairs(renamed or [], "--map")
    fills = _pairs(given or [], "--set")
    failed = False
    with Warehouse.open(warehouse or settings.warehouse) as store, _progress() as bars:
        abandon_runs(store)
        for path in files:
            bar = bars.add_task(path.name, total=None)

            def advance(done: int, total: int | None, bar: object = bar) -> None:
                bars.update(bar, completed=done, total=total)  # type: ignore[arg-type] # rich's own id

            try:
                report = load_file(
                    store,
                    kind,
                    path,
                    clock=utc_now,
                    renamed=maps,
                    given=fills,
                    strict=strict,
                    progress=advance,
                )
            except HistoryFileError as error:
                note(f"spotcast: {error}")
                failed = True
            else:
                _print(report)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _progress() -> Progress:
    """A progress bar on standard error; nothing where that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _print(report: FileReport) -> None:
    known = report.rows_read - report.rows_new - report.rows_refused
    typer.echo(
        f"{report.path.name}: {report.rows_read:,} rows read, {report.rows_new:,} new, "
        f"{known:,} known already, {report.rows_refused:,} refused"
    )
    for row in report.refused[:REFUSED_PRINTED]:
        note(f"{report.path}: row {row.row}: {row.reason}")
    if report.rows_refused > REFUSED_PRINTED:
        note(f"{report.path}: {report.rows_refused - REFUSED_PRINTED:,} more rows refused")
