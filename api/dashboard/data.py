"""What the pages ask of the service beyond rankings, each behind one function."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from api.rows.risk import HORIZONS
from api.service.feeds import FeedOut, feed_page
from api.service.risk import ForecastOut, Wanted, forecast_page
from api.service.state import Service
from api.service.verification import BinOut, ScorePage, Slice, bin_page, score_page
from api.skill import skill_rows
from warehouse.forecasts import resolved_forecasts
from warehouse.interruption_rates import RateBy, interruption_counts
from warehouse.interruptions import machine_interruptions
from warehouse.records import Offering

LOSSES_SHOWN = timedelta(days=7)
"""Machines that were lost within this time are counted on the first page."""

WEEK = timedelta(days=7)
"""How far back the forecasts are shown against each day."""

MOST_FORECASTS = 10_000
"""Of one region and window: more pools than any region has."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """How fresh the market of one cloud is: its newest price, and how many pools are stale."""

    provider: str
    pools: int
    gpu_pools: int
    regions: int
    newest_at: datetime
    source: str
    stale: int


def clouds(service: Service) -> list[Cloud]:
    """Each cloud that has prices."""
    by_cloud: dict[str, list[Offering]] = {}
    for one in service.markets.view().known.universe.offerings:
        by_cloud.setdefault(one.pool.provider, []).append(one)
    return [_cloud(service, name, by_cloud[name]) for name in sorted(by_cloud)]


def _cloud(service: Service, provider: str, offerings: Sequence[Offering]) -> Cloud:
    newest = max(offerings, key=lambda one: one.price_observed_at)
    oldest_fresh = service.clock() - service.settings.price_max_age
    return Cloud(
        provider,
        len(offerings),
        sum(one.instance_type.gpu_count > 0 for one in offerings),
        len({one.pool.region for one in offerings}),
        newest.price_observed_at,
        newest.price_source,
        sum(one.price_observed_at < oldest_fresh for one in offerings),
    )


def feeds(service: Service) -> list[FeedOut]:
    """Each feed and region: its state, its age, when it is due."""
    return feed_page(service).items


def losses(service: Service) -> int | None:
    """Machines that were lost, or announced to be, within `LOSSES_SHOWN`.

    None, unknown, where none was reported and no machine is known to have been watched.
    """
    now = service.clock()
    since = now - LOSSES_SHOWN
    with service.reading() as warehouse:
        found = machine_interruptions(warehouse, now, since).height
        if found:
            return found
        watched = interruption_counts(warehouse, (since, now), RateBy.PROVIDER)["node_hours"].sum()
    return 0 if watched else None


def forecasts(
    service: Service, provider: str, region: str, horizon_seconds: float
) -> dict[tuple[str, str], ForecastOut]:
    """The newest forecast of each pool of a region for one window, by zone and type."""
    wanted = Wanted(provider=[provider], region=[region], horizon_seconds=horizon_seconds)
    found = forecast_page(service, wanted, first=0, limit=MOST_FORECASTS).items
    return {(one.zone, one.instance_type): one for one in found}


def skill(service: Service) -> list[dict[str, Any]]:
    """By cloud, kind of evidence and window: how many forecasts stand, and their verdict."""
    known = service.forecasts.skill.get().value
    return skill_rows(service.forecasts.newest.get().value, known.judge)


def scores(service: Service) -> ScorePage:
    """How good the forecasts of the last six weeks were, by what they were made from."""
    return score_page(service, Slice())


def bins(service: Service, kind: str | None, provider: str) -> list[BinOut]:
    """What was said against what was observed."""
    return bin_page(service, Slice(provider=provider, evidence_kind=kind)).items


def week(service: Service, kind: str | None) -> list[dict[str, Any]]:
    """Of each day of the last week: the share that was forecast to be lost, and the share lost.

    Of the forecasts for one hour, whose outcomes are of the day on which they were issued.
    """
    now = service.clock()
    with service.reading() as warehouse:
        found = resolved_forecasts(warehouse, now, now - WEEK, horizon_seconds=HORIZONS["1h"])
    known = found.filter(
        pl.col("outcome").is_not_null(), pl.col("evidence_kind").is_in([kind] if kind else [])
    )
    return (
        known.group_by(pl.col("issued_at").dt.truncate("1d").alias("day"))
        .agg(
            said=pl.col("probability").mean(),
            happened=pl.col("outcome").mean(),
            rows=pl.len(),
        )
        .sort("day")
        .to_dicts()
    )
