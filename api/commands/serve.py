"""``spotcast serve``: feeds, guard and HTTP in one process, on one open warehouse."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

import httpx
import typer

from api.app import create_app
from api.commands.collect import NEEDS_A_LOOK, chosen_by
from api.commands.guard import INTERVAL, Sinks, book_on, holder, lease_time
from api.errors import EXIT_FAILED, UsageError
from api.feed_options import FeedChoice
from api.guard.looking import Guard
from api.guard.loop import Troubles, until_signalled
from api.guard.options import GuardOptions
from api.guard.places import PlaceFinder
from api.guard.report import Mode
from api.guard.webhook import Webhook
from api.job_work import Work
from api.jobs import JOBS
from api.jobs_running import JobDesk, JobReport
from api.metrics import Metrics
from api.options import span, with_fields
from api.routes.price_server import OPEN_PATHS
from api.scheduler import Desk, background
from api.security.configured import access_of
from api.server.crew import Crew
from api.server.guarding import GuardThread
from api.server.http import HttpServer, listening, url_of
from api.server.logs import LogFormat, set_up_log
from api.server.views import ViewKeeper
from api.service.state import Service, service_of
from api.settings import Settings
from api.wiring import lacking, live_connections, replay_connections, scopes, utc_now
from collector.provider import Feed, Provider
from collector.run import FeedReport
from warehouse.job_runs import JobOutcome
from warehouse.store import Warehouse

LOG = logging.getLogger("spotcast.server")

PATIENCE_SECONDS = 3.0
"""How long the database is waited for: a command that stores a run is done by then, and one that
keeps it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where to listen, and what else the process does."""

    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")
    ] = 8080
    collect: Annotated[
        bool,
        typer.Option("--collect/--no-collect", help="Read feeds by the clock, as `watch` does."),
    ] = True
    jobs: Annotated[
        bool,
        typer.Option("--jobs/--no-jobs", help="Do the jobs of `spotcast jobs` by the clock."),
    ] = True
    guard: Annotated[
        Mode | None,
        typer.Option(help="Also guard a cluster, as `spotcast guard --mode` does."),
    ] = None
    guard_interval: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Time between two looks; 15s if not given."),
    ] = None
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Post the guard's plan as JSON to this URL.")
    ] = None
    open_prices: Annotated[
        bool,
        typer.Option(
            "--open-prices",
            help="Let everybody read the price server's paths: its clients send no key.",
        ),
    ] = False
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="text or json; if not given, text on a terminal, else json."),
    ] = None


@with_fields(ServeOptions, FeedChoice, GuardOptions)
def serve_command(
    asked: ServeOptions, feeds: FeedChoice, guarding: GuardOptions, context: typer.Context
) -> None:
    """Serve the HTTP API, read feeds and do jobs by the clock and, with --guard, guard a cluster.

    The database is held as long as it runs: ask the server, or stop it before using other
    commands. Ends with Ctrl-C or SIGTERM, when requests, runs and a hand-over under way are
    finished; a second one does not wait.
    """
    given: Settings = context.obj
    settings = given.at(feeds.warehouse)
    set_up_log(asked.log_format)
    access = access_of(settings, asked.host, open_paths=OPEN_PATHS if asked.open_prices else ())
    watchlist, chosen = chosen_by(feeds, settings)
    ready = _ready(chosen, feeds, settings) if asked.collect else []
    path = settings.warehouse
    with ExitStack() as stack:
        taken = stack.enter_context(listening(asked.host, asked.port))
        crew = Crew(stack.enter_context(until_signalled(lambda _: LOG.info("stopping"))))
        warehouse = stack.enter_context(Warehouse.open(path, patience_seconds=PATIENCE_SECONDS))
        service = replace(
            service_of(warehouse, settings, utc_now, watchlist),
            planned=[
                (feed, scope) for one, feed in ready for scope in scopes(one, feed, watchlist)
            ],
            does_jobs=asked.jobs,
            stopping=crew.stop,
            dead=lambda: crew.dead,
        )
        guards = None
        if asked.guard:
            guards = stack.enter_context(_guards(asked, asked.guard, guarding, service))
            service = replace(service, guard=guards.watch)
        metrics = Metrics(service)
        # Before any thread: while routes are made, FastAPI and Pydantic change the warning filters
        # of the whole process, and so does a library that a feed loads.
        app = create_app(service, access, metrics)
        stack.callback(crew.end)
        keeper = ViewKeeper(service, made=metrics.viewed)
        crew.start("views", keeper.keep)
        stack.callback(keeper.wake)
        if ready:
            stack.enter_context(_desk(service, ready, feeds, crew, metrics, keeper))
        if asked.jobs:
            stack.enter_context(_jobs(service, crew, keeper))
        if guards:
            crew.start("guard", guards.work(metrics))
            stack.callback(guards.watch.wake)
        http = HttpServer(app, taken)
        crew.start("http", http.serve)
        stack.callback(http.stop)
        stack.callback(service.listeners.stop)
        stack.callback(crew.stop.set)
        told = {"url": url_of(taken), "database": path, "feeds": len(service.planned)}
        LOG.info("serving", extra={"told": {**told, "guard": asked.guard and asked.guard.value}})
        crew.stop.wait()
    LOG.info("stopped")
    if crew.fault:
        raise typer.Exit(EXIT_FAILED)


Chosen = Sequence[tuple[Provider, Feed]]


def _ready(chosen: Chosen, feeds: FeedChoice, settings: Settings) -> Chosen:
    """The feeds that can be asked; those that were named are tried whatever is missing."""
    if feeds.feed or feeds.replay:
        return chosen
    missing = {feed.name: lacking(one, feed, settings) for one, feed in chosen}
    for name, lacks in missing.items():
        if lacks:
            told = {"feed": name, "missing": "; ".join(lacks)}
            LOG.info("feed_not_set_up", extra={"told": told})
    return [(one, feed) for one, feed in chosen if not missing[feed.name]]


@contextmanager
def _desk(
    service: Service,
    ready: Chosen,
    feeds: FeedChoice,
    crew: Crew,
    metrics: Metrics,
    keeper: ViewKeeper,
) -> Generator[None]:
    """Feeds are read by the clock while it lasts; runs under way are finished."""

    def told(report: FeedReport) -> None:
        metrics.read(report)
        keeper.wake()
        tell_run(report)

    environ = service.settings.environ
    reached = replay_connections(feeds.replay) if feeds.replay else live_connections(environ)
    with reached as connections:
        desk = Desk(
            service.writing,
            connections,
            ready,
            service.watchlist,
            clock=service.clock,
            scheduler=background(died=lambda error: crew.fail("feeds", error)),
            told=told,
        )
        desk.start()
        try:
            yield
        finally:
            desk.stop()


@contextmanager
def _jobs(service: Service, crew: Crew, keeper: ViewKeeper) -> Generator[None]:
    """Jobs are done by the clock while it lasts; runs under way are finished."""

    def told(report: JobReport) -> None:
        keeper.wake()
        tell_job(report)

    # Each run is given a date of its own.
    work = Work(
        service.reading,
        service.writing,
        service.settings,
        service.clock,
        service.clock(),
        service.stopping.is_set,
        service.warehouse.noting,
        service.markets.facts,
    )
    scheduler = background(2 * len(JOBS), died=lambda error: crew.fail("jobs", error))
    desk = JobDesk(work, JOBS, scheduler=scheduler, told=told)
    desk.start()
    try:
        yield
    finally:
        desk.stop()


def tell_job(report: JobReport) -> None:
    """One line of the log for each run."""
    told = {
        "job": report.job,
        "due_at": report.due_at.isoformat(),
        "outcome": report.outcome.value,
        "seconds": round(report.took.total_seconds(), 3),
        "error": report.error,
    }
    level = logging.INFO if report.outcome is JobOutcome.OK else logging.WARNING
    LOG.log(level, "job_run", extra={"told": told})


def tell_run(report: FeedReport) -> None:
    """One line of the log for each run."""
    result = report.result
    told = {
        "feed": report.feed,
        "scope": report.scope,
        "outcome": result.outcome.value,
        "rows_read": result.rows_read,
        "rows_new": result.rows_new,
        "error": result.error,
    }
    LOG.log(
        logging.WARNING if result.outcome in NEEDS_A_LOOK else logging.INFO,
        "feed_run",
        extra={"told": told},
    )


@dataclass(frozen=True, slots=True)
class _Guards:
    """A cluster that is guarded while the server runs."""

    watch: GuardThread
    interval: timedelta
    webhook: Webhook | None

    def work(self, metrics: Metrics) -> Callable[[], None]:
        """What its thread does."""
        sinks = Sinks(metrics.meter(), self.webhook)

        def say(text: str) -> None:
            LOG.warning("guard_trouble", extra={"told": {"reason": text}})

        return lambda: self.watch.keep_looking(
            sinks.take, interval=self.interval, troubles=Troubles(say), failed=sinks.failed
        )


@contextmanager
def _guards(
    asked: ServeOptions, mode: Mode, guarding: GuardOptions, service: Service
) -> Generator[_Guards]:
    """The guard, on this process's own warehouse.

    Raises:
        UsageError: an option of it is wrong.
    """
    judged = guarding.settings()
    interval = INTERVAL if asked.guard_interval is None else asked.guard_interval
    if not interval:
        raise UsageError("--guard-interval must be above 0 s")
    # No answer is kept of what a guard notes. Where it notes nothing, it needs no writer's turn.
    take = service.reading if mode is Mode.OBSERVE else service.warehouse.noting
    book = book_on(take, judged)
    places = PlaceFinder(service.reading, service.settings, judged)
    environ = service.settings.environ
    with guarding.cluster() as cluster, httpx.Client() as client:
        guard = Guard(
            cluster,
            book,
            judged,
            places=places,
            mode=mode,
            holder=holder(),
            lease_for=lease_time(interval),
            clock=service.clock,
            is_stopping=service.stopping.is_set,
        )
        watch = GuardThread(
            guard,
            cluster,
            book,
            places,
            mode=mode,
            clock=service.clock,
            stop=service.stopping,
        )
        webhook = Webhook(asked.webhook, environ, client) if asked.webhook else None
        yield _Guards(watch, interval, webhook)
