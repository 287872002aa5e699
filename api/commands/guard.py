"""``spotcast guard``: nodes that are about to be lost are replaced before they are."""

import math
import os
import socket
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import Annotated

import httpx
import typer

from advisor.cluster import ClusterError
from advisor.replacement.settings import GuardSettings
from api.errors import NoAnswerError, UsageError
from api.guard.book import Book, Lease
from api.guard.looking import Guard
from api.guard.loop import Sleep, Troubles, keep_looking, until_signalled
from api.guard.metrics import Meter
from api.guard.options import GuardOptions
from api.guard.places import PlaceFinder
from api.guard.report import Mode, Report, Telling
from api.guard.webhook import Webhook
from api.options import span, with_fields
from api.output import note
from api.settings import Settings
from api.wiring import utc_now
from warehouse.store import Warehouse, lease

INTERVAL = timedelta(seconds=15)
LEASE_INTERVALS = 3
"""Looks that may be missed before another guard takes over, as Kubernetes' own leaders have it."""
SHORTEST_LEASE = timedelta(seconds=30)
LEASE_TRIED_EVERY = timedelta(seconds=5)
LOOPBACK = "127.0.0.1"


class Sinks:
    """Who is told of each look: a person, Prometheus, and the receiver of plans."""

    def __init__(self, meter: Meter | None, webhook: Webhook | None) -> None:
        self._meter = meter
        self._webhook = webhook
        self._telling = Telling()

    def take(self, report: Report) -> None:
        """Tell of a look.

        Raises:
            ClusterError: what the cluster refused during it, after all have been told.
            WebhookError: the receiver did not take the plan.
        """
        for text in self._telling(report):
            sys.stdout.write(f"{report.at:%Y-%m-%dT%H:%M:%SZ} {text}\n")
        sys.stdout.flush()
        if self._meter:
            self._meter.observe(report)
        if self._webhook and report.is_leader and report.mode is not Mode.OBSERVE:
            self._webhook.post(report)
        if report.errors:
            raise report.errors[0]

    def failed(self, error: Exception) -> None:
        """A look ended with an error."""
        if self._meter:
            self._meter.failed(type(error).__name__)


@with_fields(GuardOptions)
def guard_command(
    options: GuardOptions,
    context: typer.Context,
    mode: Annotated[
        Mode, typer.Option(help="Say what would be done, tell it in the cluster, or do it.")
    ] = Mode.OBSERVE,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    interval: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="TIME", help="Time between two looks; 15s if not given."),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Also post the plan as JSON to this URL."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve figures for Prometheus on this port."),
    ] = None,
    metrics_address: Annotated[
        str, typer.Option(help="Where they are served; loopback if not given.")
    ] = LOOPBACK,
) -> None:
    """Watch a cluster's spot nodes and replace those at risk before the cloud takes them.

    Without --mode it only says what it would do. Ends with Ctrl-C or SIGTERM.
    """
    settings: Settings = context.obj
    judged = options.settings()
    interval = INTERVAL if interval is None else interval
    if not interval:
        raise UsageError("--interval must be above 0 s")
    path = options.warehouse or settings.warehouse
    with ExitStack() as stack:
        cluster = stack.enter_context(options.cluster())
        stop = stack.enter_context(until_signalled(note))
        guard = Guard(
            cluster,
            book_of(path, mode, judged),
            judged,
            places=places_of(path, mode, settings, judged),
            mode=mode,
            holder=holder(),
            lease_for=lease_time(interval),
            clock=utc_now,
            is_stopping=stop.is_set,
        )
        sinks = Sinks(
            _meter(metrics_port, metrics_address, stack),
            Webhook(webhook, settings.environ, stack.enter_context(httpx.Client()))
            if webhook
            else None,
        )
        if once:
            _once(guard, sinks, lease_time(interval), stop.wait)
            return
        _check_warehouse(path, mode)
        note(f"Guarding in mode {mode.value}, every {interval.total_seconds():g} s. Stop: Ctrl-C.")
        keep_looking(
            lambda: sinks.take(guard.look()),
            interval=interval,
            sleep=stop.wait,
            random=SystemRandom(),
            troubles=Troubles(note),
            failed=sinks.failed,
        )
        _resign(guard)


def _once(guard: Guard, sinks: Sinks, patience: timedelta, wait: Sleep) -> None:
    """One look, as soon as this process leads.

    Raises:
        NoAnswerError: another guard leads, and goes on leading.
    """
    report = guard.look()
    for _ in range(math.ceil(patience / LEASE_TRIED_EVERY)):
        if report.is_leader or wait(LEASE_TRIED_EVERY.total_seconds()):
            break
        report = guard.look()
    if not report.is_leader:
        raise NoAnswerError("Another guard leads and keeps its lease: it looks after the cluster.")
    try:
        sinks.take(report)
    finally:
        _resign(guard)
    for one in sorted(report.kept, key=lambda kept: kept.node):
        sys.stdout.write(f"Keeps node {one.node}: {one.reason}\n")


def _check_warehouse(path: Path, mode: Mode) -> None:
    """Find at once, and not in the loop, that there is no warehouse or that it is another's."""
    with Warehouse.open(path, read_only=mode is Mode.OBSERVE):
        pass


def _resign(guard: Guard) -> None:
    """Let another guard lead; if the cluster is away, the lease runs out by itself."""
    with suppress(ClusterError):
        guard.resign()


def _meter(port: int | None, address: str, stack: ExitStack) -> Meter | None:
    if port is None:
        return None
    meter = Meter()
    stack.callback(meter.close)
    served = meter.serve(port, address)
    note(f"Figures for Prometheus: http://{address}:{served}/metrics")
    return meter


def book_of(path: Path, mode: Mode, settings: GuardSettings) -> Book:
    """The warehouse; where nothing is noted, nothing of it can be written either."""
    return book_on(_taken(path, mode), settings)


def book_on(take: Lease, settings: GuardSettings) -> Book:
    """The same of a warehouse that ``take`` gives."""
    return Book(take, lambda cloud: settings.lead_time(cloud).horizon, settings.cool_down)


def places_of(path: Path, mode: Mode, settings: Settings, judged: GuardSettings) -> PlaceFinder:
    """Where replacements may go, as the same warehouse knows."""
    return PlaceFinder(_taken(path, mode), settings, judged)


def _taken(path: Path, mode: Mode) -> Lease:
    return reading(path) if mode is Mode.OBSERVE else lease(path)


def reading(path: Path) -> Lease:
    """A way to read the file for a moment, as others read it."""

    @contextmanager
    def take() -> Generator[Warehouse]:
        with Warehouse.open(path, read_only=True) as warehouse:
            yield warehouse

    return take


def holder() -> str:
    """This process, as the lease names it."""
    return f"{socket.gethostname()}_{os.getpid()}"


def lease_time(interval: timedelta) -> timedelta:
    """How long a lease is taken for."""
    return max(SHORTEST_LEASE, LEASE_INTERVALS * interval)
