"""``spotcast jobs``: what the server does by the clock, what came of it, and one job by hand."""

from typing import Annotated

import typer
import yaml

from api.commands.collect import watchlist_of
from api.errors import EXIT_FAILED, NoAnswerError, UsageError
from api.job_work import Work
from api.jobs import JOBS, job_named
from api.jobs_running import run_job
from api.options import Output
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.rows.feeds import feed_rows
from api.rows.jobs import COLLECT, collect_row, job_rows
from api.settings import Settings
from api.wiring import utc_now
from collector.provider import providers
from warehouse.errors import WarehouseBusyError
from warehouse.job_runs import JobOutcome, abandon_job_runs, job_standings, latest_job_runs
from warehouse.runs import latest_runs
from warehouse.store import SharedWarehouse, Warehouse

jobs_app = typer.Typer(
    help="What `spotcast serve` does by the clock: list the jobs, run one now.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

COLUMNS = (
    Column("job", "JOB"),
    Column("schedule", "SCHEDULE (UTC)"),
    Column("state", "STATE"),
    Column("last_good", "LAST GOOD", is_right=True),
    Column("failures", "FAILURES", str, is_right=True),
    Column("next_run", "NEXT RUN", is_right=True),
    Column("about", "WHAT IT DOES", is_wide=True),
    Column("error", "ERROR"),
)


@jobs_app.callback()
def jobs_command(
    context: typer.Context, output: Output = Format.TABLE, warehouse: WarehouseOption = None
) -> None:
    """Show each job's schedule, its last run and its next; the feeds are one line."""
    if context.invoked_subcommand:
        return
    settings: Settings = context.obj
    now = utc_now()
    with Warehouse.open(settings.at(warehouse).warehouse, read_only=True) as store:
        runs = latest_job_runs(store).to_dicts()
        standings = job_standings(store)
        feeds = latest_runs(store).to_dicts()
    known = providers()
    planned = feed_rows(known, watchlist_of(settings, None, known), settings, feeds, now)
    rows = [collect_row(planned), *job_rows(JOBS, settings, runs, standings, now)]
    write(output, COLUMNS, rows, name="jobs", about={"as_of": now})


@jobs_app.command("run")
def run_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name in `spotcast jobs`.")],
    warehouse: WarehouseOption = None,
) -> None:
    """Do a job now and leave its row, as a server does by the clock; what it did is printed."""
    job = job_named(name)
    if job is None:
        listed = ", ".join(one.name for one in JOBS)
        also = " To read the feeds: `spotcast collect`." if name == COLLECT else ""
        raise UsageError(f"{name}: no such job; there are {listed}.{also}")
    given: Settings = context.obj
    settings = given.at(warehouse)
    try:
        store = Warehouse.open(settings.warehouse)
    except WarehouseBusyError as error:
        why = "a server does its jobs itself, by the clock"
        raise NoAnswerError(f"{settings.warehouse}: in use by {error.holder}; {why}.") from error
    with store:
        shared, now = SharedWarehouse(store), utc_now()
        # Nobody else has the file: what is left running is of a process that is gone.
        abandon_job_runs(store, now)
        report = run_job(job, Work(shared.reading, shared.writing, settings, utc_now, now))
    if report.outcome is not JobOutcome.OK:
        note(f"{name}: {report.outcome.value}: {report.error}")
        raise typer.Exit(EXIT_FAILED)
    typer.echo(yaml.safe_dump(report.detail, sort_keys=False, allow_unicode=True).rstrip())
    note(f"{name}: done in {report.took.total_seconds():.1f} s")
