"""``spotcast db``: keep the database: back it up, restore, check, compact, trim and export it."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from api.config.jobs import terms_of
from api.errors import EXIT_FAILED, NoAnswerError
from api.job_upkeep import backups_in
from api.options import Output, span
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.service.prices import speaking_of
from api.settings import Settings
from api.units import age_text
from api.wiring import utc_now
from collector.provider import providers
from warehouse import backup as backing
from warehouse import compacting
from warehouse.checking import Checked, Wrong, check
from warehouse.errors import WarehouseBusyError
from warehouse.retention import Removed, retain
from warehouse.store import Warehouse

db_app = typer.Typer(
    help="Keep the database: backup, restore, check, compact, retain, export.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

MIB = 1 << 20
BACKUP_COLUMNS = (
    Column("folder", "BACKUP"),
    Column("age", "AGE", is_right=True),
    Column("size_bytes", "MIB", lambda size: f"{size / MIB:,.1f}", is_right=True),
    Column("rows", "ROWS", lambda rows: f"{rows:,}", is_right=True),
    Column("schema", "SCHEMA", is_right=True),
    Column("spotcast", "SPOTCAST"),
    Column("sha256", "SHA-256", is_wide=True),
)
CHECK_COLUMNS = (
    Column("table", "TABLE"),
    Column("rule", "WHAT DOES NOT HOLD"),
    Column("rows", "ROWS", lambda rows: "unknown" if rows is None else f"{rows:,}", is_right=True),
    Column("example", "EXAMPLE"),
)
REMOVED_COLUMNS = (
    Column("table", "TABLE"),
    Column("before", "BEFORE"),
    Column("rows_removed", "REMOVED", "{:,}".format, is_right=True),
    Column("rows_kept", "BY HOURS", "{:,}".format, is_right=True),
)

Folder = Annotated[
    Path | None,
    typer.Option("--folder", file_okay=False, help="Folder of the backups, else as it is set."),
]


@db_app.command("backup")
def backup_command(
    context: typer.Context,
    folder: Folder = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Remove all but so many of the newest backups; all are kept."),
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Copy the database into a new folder, with a manifest; counted before it is named."""
    path = _path(context, warehouse)
    with _free(path, "a server makes them itself: its job `backup`"):
        database = Warehouse.as_it_is(path)
    with database:
        made = backing.back_up(database, _place(context, folder, warehouse), utc_now(), keep=keep)
    rows = sum(made.manifest.rows.values())
    typer.echo(str(made.folder))
    note(
        f"{rows:,} rows, {made.manifest.size_bytes / MIB:,.1f} MiB, SHA-256 {made.manifest.sha256}"
    )


@db_app.command("backups")
def backups_command(
    context: typer.Context,
    folder: Folder = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """List the backups, from the newest."""
    now, place = utc_now(), _place(context, folder, warehouse)
    rows = []
    for one in backing.backups(place):
        told = asdict(one.manifest)
        rows.append(
            {
                **told,
                "folder": str(one.folder),
                "age": age_text(now - one.manifest.made_time),
                "rows": sum(one.manifest.rows.values()),
            }
        )
    write(output, BACKUP_COLUMNS, rows, name="backups", about={"as_of": now})


@db_app.command("restore")
def restore_command(
    context: typer.Context,
    backup: Annotated[
        Path | None,
        typer.Argument(help="Folder of the backup; the newest beside the database if not given."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace the database; the old one keeps another name."),
    ] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Put a backup in the place of the database, brought to this version's schema."""
    path = _path(context, warehouse)
    source = backup or backing.newest_backup(_place(context, None, warehouse)).folder
    with _free(path, "stop the server, restore, and start it again"):
        rows, aside = backing.restore(source, path, utc_now(), is_forced=force)
    typer.echo(f"{path}: {sum(rows.values()):,} rows from {source}")
    if aside:
        note(f"The old database is {aside}; remove it when it is no longer needed.")


@db_app.command("check")
def check_command(
    context: typer.Context, output: Output = Format.TABLE, warehouse: WarehouseOption = None
) -> None:
    """Read every table and test every rule; exit code 1 if anything is wrong."""
    path = _path(context, warehouse)
    with _free(path, "check its newest backup instead, with --warehouse"):
        found = list(check(path, utc_now()))
    wrong = [asdict(one) for one in found if isinstance(one, Wrong)]
    read = [asdict(one) for one in found if isinstance(one, Checked)]
    about = {"database": str(path), "is_good": not wrong, "tables": read}
    if wrong or output not in {Format.TABLE, Format.WIDE}:
        write(output, CHECK_COLUMNS, wrong, name="wrong", about=about)
    rows = sum(one["rows"] for one in read)
    note(f"{path}: {rows:,} rows in {len(read)} tables read, {len(wrong)} things wrong")
    if wrong:
        raise typer.Exit(EXIT_FAILED)


@db_app.command("compact")
def compact_command(context: typer.Context, warehouse: WarehouseOption = None) -> None:
    """Write the file anew, sorted and without holes, and put it in the place of the old one."""
    path = _path(context, warehouse)
    with _free(path, "stop the server first; while it runs, its job `compact` does what it can"):
        done = compacting.compact(path)
    typer.echo(
        f"{path}: {done.size_before / MIB:,.1f} MiB before, {done.size_after / MIB:,.1f} now"
    )


@db_app.command("retain")
def retain_command(
    context: typer.Context,
    raw: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Keep facts as told for so long."),
    ] = None,
    hourly: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Keep hourly prices so long."),
    ] = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Roll up and remove what is older than its term; what is in force or needed stays.

    The terms are those of the settings, section [retention]; an option wins.
    """
    path, now = _path(context, warehouse), utc_now()
    settings: Settings = context.obj
    terms = terms_of(settings.retention)
    terms = replace(terms, raw=raw or terms.raw, hourly=hourly or terms.hourly)
    speaking = speaking_of(providers().values())
    with _free(path, "a server does it itself: its job `retain`"):
        database = Warehouse.open(path, patience_seconds=0)
    with database:
        done = list(retain(database, now, terms, speaking))
    write(output, REMOVED_COLUMNS, list(_by_table(done)), name="removed", about={"as_of": now})


@db_app.command("export")
def export_command(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Folder to write to.")],
    table: Annotated[
        list[str] | None, typer.Option("--table", help="Table; all if none; may be repeated.")
    ] = None,
    form: Annotated[
        compacting.ExportFormat, typer.Option("--format", help="Of the files; packed with zstd.")
    ] = compacting.ExportFormat.PARQUET,
    warehouse: WarehouseOption = None,
) -> None:
    """Write tables to files, one each, all of one moment."""
    path = _path(context, warehouse)
    with _free(path, "export from its newest backup instead, with --warehouse"):
        database = Warehouse.as_it_is(path)
    with database:
        written = compacting.export(database, folder, form, table)
    for file, rows in written.items():
        typer.echo(f"{file}: {rows:,} rows")


def _path(context: typer.Context, warehouse: Path | None) -> Path:
    settings: Settings = context.obj
    return settings.at(warehouse).warehouse


def _place(context: typer.Context, folder: Path | None, warehouse: Path | None) -> Path:
    """Where backups are; those of a database that is named are beside it."""
    settings: Settings = context.obj
    return folder or (backing.backup_folder(warehouse) if warehouse else backups_in(settings))


@contextmanager
def _free(path: Path, instead: str) -> Generator[None]:
    """What to do instead where another process holds the file."""
    try:
        yield
    except WarehouseBusyError as error:
        raise NoAnswerError(f"{path}: in use by {error.holder}; {instead}.") from error


def _by_table(done: list[Removed]) -> Iterator[dict[str, Any]]:
    """One row per table: prices were taken out week by week."""
    for table in dict.fromkeys(one.table for one in done):
        same = [one for one in done if one.table == table]
        yield {
            "table": table,
            "before": f"{max(one.end for one in same):%Y-%m-%d %H:%M} UTC",
            "rows_removed": sum(one.rows_removed for one in same),
            "rows_kept": sum(one.rows_kept for one in same),
        }
