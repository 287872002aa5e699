"""The guard's figures as Prometheus reads them, beside Karpenter's own."""

import threading
from collections import Counter as Count
from itertools import product
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)

from advisor.replacement.records import Mechanism, State
from api.errors import UsageError
from api.guard.report import Report

BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""A look at 2,000 nodes should take less than 2 s."""


class Meter:
    """Counts what reports tell."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """``registry`` None is a new one, without the process's own figures."""
        self._served: tuple[WSGIServer, threading.Thread] | None = None
        self.registry = registry = registry or CollectorRegistry()
        self._entered = Counter(
            "spotcast_replacements",
            "Hand-overs of nodes that entered a state.",
            ("state", "mechanism"),
            registry=registry,
        )
        # A counter that first shows as 1 has not increased: the first failure would alarm nobody.
        for state, mechanism in product(State, Mechanism):
            self._entered.labels(state.value, mechanism.value)
        self._open = Gauge(
            "spotcast_replacements_open",
            "Hand-overs that are not over.",
            ("state",),
            registry=registry,
        )
        self._actions = Counter(
            "spotcast_guard_actions",
            "What was asked of the cluster.",
            ("action", "outcome"),
            registry=registry,
        )
        self._errors = Counter(
            "spotcast_guard_reconcile_errors", "Looks that failed.", ("kind",), registry=registry
        )
        self._seconds = Histogram(
            "spotcast_guard_reconcile_duration_seconds",
            "How long a look took.",
            buckets=BUCKETS_SECONDS,
            registry=registry,
        )
        self._leads = Gauge(
            "spotcast_guard_leader", "1 if this process may act, else 0.", registry=registry
        )
        self._nodes = Gauge(
            "spotcast_guard_nodes",
            "Nodes by what was decided of them: replace or keep.",
            ("verdict",),
            registry=registry,
        )
        self._seen = Gauge(
            "spotcast_guard_last_success_timestamp_seconds",
            "When the last look succeeded (Unix time).",
            registry=registry,
        )

    def serve(self, port: int, address: str) -> int:
        """Serve them over HTTP in a thread of its own; the port, which is chosen if 0 was given.

        Raises:
            UsageError: the port cannot be had.
        """
        try:
            server, thread = start_http_server(port, address, registry=self.registry)
        except OSError as error:
            raise UsageError(f"--metrics-port {port} on {address}: {error.strerror}") from error
        self._served = server, thread
        return int(server.server_port)

    def close(self) -> None:
        """Stop serving them."""
        if self._served:
            server, thread = self._served
            server.shutdown()
            server.server_close()
            thread.join()
            self._served = None

    def text(self) -> str:
        """What a scrape would get."""
        return generate_latest(self.registry).decode()

    def observe(self, report: Report) -> None:
        """Count what one look brought."""
        self._seconds.observe(report.seconds)
        self._leads.set(report.is_leader)
        for one in report.steps:
            self._entered.labels(one.state.value, one.mechanism.value).inc()
        for done in report.done:
            self._actions.labels(done.action, done.outcome).inc()
        standing = Count(one.state for one in report.open)
        for state in State:
            self._open.labels(state.value).set(standing[state])
        self._nodes.labels("replace").set(len(report.planned))
        self._nodes.labels("keep").set(len(report.kept))
        self._seen.set(report.at.timestamp())

    def failed(self, kind: str) -> None:
        """Count a look that ended with an error."""
        self._errors.labels(kind).inc()
