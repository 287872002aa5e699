"""What a server knows, as gauges: how fresh it is, and what its market looks like now.

They are read at each scrape, from the view that all answers are made from and from the rows that
feeds left; nothing is computed anew for them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from advisor import Hazard
from advisor.risk.verification import Verdict
from api.alerts.judging import State
from api.rows.feeds import NEVER_READ
from api.service.market_view import MarketView
from api.service.rankings import RANKINGS
from api.service.readiness import readings
from api.service.skill import Forecasts
from api.service.state import Service
from api.service.zone_names import Names, zone_names
from api.skill import skill_rows
from warehouse.alerts import alerts, last_look
from warehouse.errors import WarehouseError
from warehouse.job_runs import latest_job_runs
from warehouse.records import Offering, RunOutcome

MOST_OFFERINGS = 2_000
"""Offerings that are told of: with four series each about as many as Karpenter exports for one
cluster. Those of the watchlist's instance types, or without such a list those with a GPU."""

OFFERING = ("provider", "region", "zone", "zone_id", "instance_type", "capacity_type")
"""Karpenter's own labels (zone is a name there), and what tells our pools apart."""


class DataGauges(Collector):
    """Tells of the service's data. What is unknown has no series."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._offerings: tuple[str, list[Metric]] | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing: so that registering does not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The gauges; a database that cannot be read has none of the feeds."""
        now = self._service.clock()
        yield from self._served()
        try:
            yield from self._feeds()
            yield from self._alerts(now)
            yield from self._jobs(now)
            yield from _forecasts(self._service.forecasts, now)
            if view := self._service.markets.newest:
                yield from _market(view, now)
                yield from self._offered(view)
        except WarehouseError:
            return

    def _served(self) -> Iterator[Metric]:
        counts = self._service.tally.counts()
        yield CounterMetricFamily(
            "spotcast_rankings_served",
            "Rankings that were made for a request.",
            value=counts.get(RANKINGS, 0),
        )

    def _feeds(self) -> Iterator[Metric]:
        age = _gauge("spotcast_feed_age_seconds", "Since the last good run of a feed.", FEED)
        late = _gauge(
            "spotcast_feed_late", "1 if a planned feed is late or was never read, else 0.", FEED
        )
        failures = _gauge("spotcast_feed_failures", "Failed runs since the last good one.", FEED)
        doubtful = _gauge(
            "spotcast_feed_quarantined", "1 if the last answer was kept aside, else 0.", FEED
        )
        for one in readings(self._service):
            labels = (one.feed, one.scope)
            if one.age_seconds is not None:
                age.add_metric(labels, one.age_seconds)
            if one.is_planned:
                late.add_metric(labels, one.is_waited_for)
            failures.add_metric(labels, one.failures)
            if one.state != NEVER_READ:
                doubtful.add_metric(labels, one.state == RunOutcome.QUARANTINED)
        yield from (age, late, failures, doubtful)

    def _alerts(self, now: datetime) -> Iterator[Metric]:
        """Those of every rule that was judged; none before the first time."""
        with self._service.reading() as warehouse:
            looked_at, rows = last_look(warehouse), alerts(warehouse).select("rule", "state").rows()
        if looked_at is None:
            return
        counts, states = Counter(rows), [one.value for one in State]
        count = _gauge("spotcast_alerts", "Spotcast's own alerts by state.", ("rule", "state"))
        for rule in self._service.settings.alerts.rules:
            for state in states:
                count.add_metric((rule, state), counts[rule, state])
        yield count
        yield _gauge(
            "spotcast_alerts_look_age_seconds",
            "Since the rules of the alerts were last judged.",
            value=(now - looked_at).total_seconds(),
        )

    def _jobs(self, now: datetime) -> Iterator[Metric]:
        age = _gauge("spotcast_job_age_seconds", "Since the last good run of a job.", ("job",))
        failures = _gauge("spotcast_job_failures", "Failed runs since the last good one.", ("job",))
        with self._service.reading() as warehouse:
            runs = latest_job_runs(warehouse)
        for row in runs.iter_rows(named=True):
            if row["last_good_at"]:
                age.add_metric((row["job"],), (now - row["last_good_at"]).total_seconds())
            failures.add_metric((row["job"],), row["failures"])
        yield from (age, failures)

    def _offered(self, view: MarketView) -> Iterable[Metric]:
        """Made once for each view: the series are many, and hold as long as it does."""
        if self._offerings is None or self._offerings[0] != view.version:
            with self._service.reading() as warehouse:
                names = zone_names(warehouse)
            fresh = _fresh(view, self._service)
            told = list(_offerings(view, fresh, names))
            self._offerings = (view.version, told)
        return self._offerings[1]


FEED = ("feed", "scope")


def _market(view: MarketView, now: datetime) -> Iterator[Metric]:
    yield _gauge(
        "spotcast_market_view_age_seconds",
        "Since the view was made that answers come from.",
        value=(now - view.taken_at).total_seconds(),
    )
    pools = _gauge("spotcast_market_pools", "Pools with a price and a shape.", ("provider",))
    newest = _gauge(
        "spotcast_newest_price_age_seconds",
        "Since the newest price of a cloud was last known to be true.",
        ("provider",),
    )
    offerings = view.known.universe.offerings
    for provider, count in sorted(Counter(one.pool.provider for one in offerings).items()):
        known_at = max(one.price_observed_at for one in offerings if one.pool.provider == provider)
        pools.add_metric((provider,), count)
        newest.add_metric((provider,), (now - known_at).total_seconds())
    yield from (pools, newest)


def _forecasts(forecasts: Forecasts, now: datetime) -> Iterator[Metric]:
    kept, skill = forecasts.newest.made, forecasts.skill.made
    if kept is None:
        return
    labels = ("provider", "horizon_seconds")
    count = _gauge("spotcast_forecasts", "Pools that have a forecast.", labels)
    age = _gauge("spotcast_forecast_age_seconds", "Since the newest was issued.", labels)
    every = kept.value.group_by("provider", "horizon_seconds").agg(
        pl.len(), pl.col("issued_at").max()
    )
    for provider, horizon, pools, issued_at in every.sort("provider", "horizon_seconds").rows():
        count.add_metric((provider, f"{horizon:.0f}"), pools)
        age.add_metric((provider, f"{horizon:.0f}"), (now - issued_at).total_seconds())
    yield from (count, age)
    if skill:
        yield from _skill(skill_rows(kept.value, skill.value.judge))


def _skill(rows: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    labels = ("provider", "made_from", "horizon_seconds")
    proved = _gauge(
        "spotcast_forecast_skill",
        "1 if such forecasts proved their skill, 0 if they have none; absent: too little evidence.",
        labels,
    )
    acting = _gauge("spotcast_forecasts_may_act", "Forecasts that may be acted on.", labels)
    for row in rows:
        seconds = f"{60 * row['horizon_minutes']:.0f}"
        named = (row["provider"], row["made_from"] or "unknown", seconds)
        acting.add_metric(named, row["may_act"])
        if row["skill"] != Verdict.TOO_LITTLE_EVIDENCE:
            proved.add_metric(named, row["skill"] == Verdict.SKILL)
    yield from (proved, acting)


def _offerings(view: MarketView, wanted: Sequence[Offering], names: Names) -> Iterator[Metric]:
    spot = _gauge("spotcast_offering_price_usd_per_hour", "Price in force.", OFFERING)
    hazard = _gauge(
        "spotcast_offering_hazard_per_hour",
        "Interruptions per machine and hour: forecast, or as the cloud publishes them.",
        (*OFFERING, "basis"),
    )
    for one in wanted[:MOST_OFFERINGS]:
        labels = _labels(one, names)
        if one.usd_per_hour is not None:
            spot.add_metric((*labels, "spot"), one.usd_per_hour)
        if one.on_demand_usd_per_hour is not None:
            spot.add_metric((*labels, "on-demand"), one.on_demand_usd_per_hour)
        if told := _nearest(view, one):
            basis = "forecast" if told.is_forecast else "published"
            hazard.add_metric((*labels, "spot", basis), told.per_hour)
    yield from (spot, hazard)
    yield _gauge(
        "spotcast_offerings_left_out",
        "Offerings that have no series because there are too many.",
        value=max(0, len(wanted) - MOST_OFFERINGS),
    )


def _fresh(view: MarketView, service: Service) -> list[Offering]:
    """Those that are watched and whose price still stands; in the order of pools, at each scrape.

    A series has no place for an age: a price that is too old to stand for now has none.
    """
    types, oldest = set(service.watchlist.instance_types), service.settings.price_max_age
    return [
        one
        for one in view.known.universe.offerings
        if (one.pool.instance_type in types if types else one.instance_type.gpu_count)
        and view.taken_at - one.price_observed_at <= oldest
    ]


def _nearest(view: MarketView, one: Offering) -> Hazard | None:
    """The fresh forecast of the shortest window, else the published rate; None if unknown."""
    fresh = (
        hazard
        for hazard in view.known.hazards.get(one.pool, ())
        if not hazard.is_stale(view.taken_at)
    )
    return min(fresh, key=lambda hazard: hazard.horizon or timedelta.max, default=None)


def _labels(one: Offering, names: Names) -> tuple[str, ...]:
    pool = one.pool
    name = names.get((pool.provider, pool.region, pool.zone), pool.zone)
    return (pool.provider, pool.region, name, pool.zone, pool.instance_type)


def _gauge(
    name: str, text: str, labels: tuple[str, ...] = (), *, value: float | None = None
) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value, labels=labels or None)
