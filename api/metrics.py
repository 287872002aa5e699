"""What a server counts, as Prometheus reads it; the gauges of its data are `api.metric_gauges`.

A series that is unknown is absent, never 0: an alert on a price or an age must not fire, or keep
silent, because of a number that nobody measured.
"""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from api.guard.metrics import Meter
from api.metric_gauges import DataGauges
from api.server.observing import Seen
from api.service.state import Service
from collector.run import FeedReport

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The goals are 100 ms for rankings and 150 ms for price history; 30 s is the longest that a
request may take."""

VIEW_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""A view of 30,000 pools should take less than 2 s."""


class Metrics:
    """The figures of one server. All of them are in ``registry``, the process's own included."""

    def __init__(self, service: Service) -> None:
        # When a series began is one more series for each: twice the scrape, and nothing asks it.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library's
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._requests = Counter(
            "spotcast_http_requests",
            "HTTP requests by the template of their route.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "spotcast_http_request_duration_seconds",
            "How long a request took, to the last byte of its answer.",
            ("route", "method"),
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self._runs = Counter(
            "spotcast_feed_runs",
            "Runs of feeds by what came of them.",
            ("feed", "outcome"),
            registry=registry,
        )
        self._rows = Counter(
            "spotcast_feed_rows_new",
            "Rows that feeds added to the warehouse.",
            ("feed",),
            registry=registry,
        )
        self._views = Histogram(
            "spotcast_market_view_duration_seconds",
            "How long it took to make a view of the market.",
            buckets=VIEW_SECONDS,
            registry=registry,
        )
        registry.register(DataGauges(service))

    def requested(self, seen: Seen) -> None:
        """Count a request."""
        self._requests.labels(seen.route, seen.method, str(seen.status)).inc()
        if seen.seconds is not None:
            self._seconds.labels(seen.route, seen.method).observe(seen.seconds)

    def read(self, report: FeedReport) -> None:
        """Count a feed's run."""
        self._runs.labels(report.feed, report.result.outcome.value).inc()
        self._rows.labels(report.feed).inc(report.result.rows_new or 0)

    def viewed(self, seconds: float) -> None:
        """Count a view of the market that was made."""
        self._views.observe(seconds)

    def meter(self) -> Meter:
        """The guard's figures, among these; call it once, if this process runs a guard."""
        return Meter(self.registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """What a scrape gets, and its media type: OpenMetrics if ``accept`` asks for it."""
        encoder: Callable[[CollectorRegistry], bytes]
        encoder, media_type = choose_encoder(accept)
        return encoder(self.registry), media_type
