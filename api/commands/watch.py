"""``spotcast watch``: read all feeds by the clock, until it is stopped."""

import signal
import threading
from pathlib import Path

import typer

from api.commands.collect import chosen_by, is_ready
from api.errors import EXIT_FAILED
from api.feed_options import FeedChoice
from api.options import with_fields
from api.output import note
from api.scheduler import Desk, background
from api.settings import Settings
from api.wiring import live_connections, replay_connections, utc_now
from collector.run import FeedReport
from warehouse.store import lease


@with_fields(FeedChoice)
def watch_command(asked: FeedChoice, context: typer.Context) -> None:
    """Read feeds at their own cadence until Ctrl-C; a second one does not wait for runs under way.

    The database is held only while a run is stored, so other commands can read it meanwhile.
    """
    settings: Settings = context.obj
    watchlist, chosen = chosen_by(asked, settings)
    anyway = bool(asked.feed or asked.replay)
    ready = [one for one in chosen if is_ready(*one, settings, named=anyway)]
    if not ready:
        note("No feed is set up: see `spotcast providers`.")
        raise typer.Exit(EXIT_FAILED)
    path: Path = asked.warehouse or settings.warehouse
    reached = (
        replay_connections(asked.replay) if asked.replay else live_connections(settings.environ)
    )
    with reached as connections:
        desk = Desk(
            lease(path),
            connections,
            ready,
            watchlist,
            clock=utc_now,
            scheduler=background(),
            told=tell,
        )
        desk.start()
        note(f"Watching {len(desk.jobs)} feeds into {path}. Stop with Ctrl-C.")
        _wait_for_a_signal()
        note("Stopping: runs under way are finished first.")
        desk.stop()


def tell(report: FeedReport) -> None:
    """One line per run, on standard error."""
    result = report.result
    scope = "all regions" if report.scope == "*" else report.scope
    counts = "" if result.rows_read is None else f", {result.rows_read:,} rows"
    new = f", {result.rows_new:,} new" if result.rows_new else ""
    error = f": {result.error}" if result.error else ""
    at = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
    note(f"{at} {report.feed} ({scope}) {result.outcome.value}{counts}{new}{error}")


def _wait_for_a_signal() -> None:
    """Return at the first SIGINT or SIGTERM; the next does what it does by default."""
    asked = threading.Event()

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    asked.wait()
