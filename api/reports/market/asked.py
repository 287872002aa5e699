"""What a report is about, and the facts that several of its sections stand on, each read once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from advisor import DEFINITIONS
from advisor.published_risk import hazard_of
from api.errors import UsageError
from api.reports.market.document import Period
from api.settings import Settings
from api.skill import Judge, judge_of, recent_outcomes
from warehouse.forecasts import newest_forecasts
from warehouse.interruption_rates import RateBy, interruption_counts
from warehouse.keyset import EARLIEST
from warehouse.on_demand import ListedQuestion, listed_prices
from warehouse.prices import STANDS, market_frame
from warehouse.records import Pool, Semantics, Signal
from warehouse.reporting import come_and_gone, prices_told
from warehouse.signals import newest_signals
from warehouse.store import Warehouse

POOL = ("provider", "region", "zone", "instance_type")

CHANGE = Semantics.CHANGE_POINT.value

LOOKS_BACK = {Period.DAILY: timedelta(days=1), Period.WEEKLY: timedelta(days=7)}

EVERY = 10_000_000
"""More list prices than all clouds have."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days in UTC: after ``start`` and up to ``end``."""

    period: Period
    start: datetime
    end: datetime

    @property
    def days(self) -> list[datetime]:
        """When each of its days begins."""
        return [self.start + timedelta(days=day) for day in range((self.end - self.start).days)]


def span_of(period: Period, at: datetime, *, now: datetime | None = None) -> Span:
    """The days of a report that is made ``at`` some time: up to the midnight before it.

    Raises:
        UsageError: there was no spot market then, or ``at`` is after ``now``, and the days that
            are not over would look like days on which nothing happened.
    """
    if now is not None and at > now:
        raise UsageError(f"--at {at:%Y-%m-%dT%H:%M}: that is to come; give a time up to now")
    if at.year <= EARLIEST.year:
        raise UsageError(f"{at:%Y-%m-%d}: there was no spot market then; give a later --at")
    end = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Span(period, end - LOOKS_BACK[period], end)


@dataclass(frozen=True)
class Asked:
    """One report: of which warehouse, span and settings."""

    warehouse: Warehouse
    settings: Settings
    span: Span

    @cached_property
    def before(self) -> pl.DataFrame:
        """The market at the start, as `warehouse.prices.market_frame` with ``usd_per_hour``."""
        return self.market_at(self.span.start)

    @cached_property
    def after(self) -> pl.DataFrame:
        """The market at the end."""
        return self.market_at(self.span.end)

    @cached_property
    def daily(self) -> list[tuple[datetime, pl.DataFrame]]:
        """The market at the beginning of each day, and at the end."""
        inner = [(day, self.market_at(day)) for day in self.span.days[1:]]
        return [(self.span.start, self.before), *inner, (self.span.end, self.after)]

    @cached_property
    def told(self) -> pl.DataFrame:
        """The prices that came into force meanwhile, with ``usd_per_hour``."""
        return self.in_usd(prices_told(self.warehouse, self.span.start, self.span.end))

    @cached_property
    def strangers(self) -> pl.DataFrame:
        """The pools that came or went, as `warehouse.reporting.come_and_gone`."""
        return come_and_gone(self.warehouse, self.span.start, self.span.end)

    @cached_property
    def gone(self) -> pl.DataFrame:
        """The pools that had gone by the end, of those whose price would still stand."""
        found = come_and_gone(self.warehouse, self.span.end - STANDS, self.span.end)
        return found.filter(pl.col("is_gone")).select(POOL)

    @cached_property
    def listed(self) -> pl.DataFrame:
        """List prices at the end: provider, region, instance_type, on_demand_source and _at."""
        found = listed_prices(self.warehouse, self.span.end, ListedQuestion(limit=EVERY))
        return found.select(
            "provider",
            "region",
            "instance_type",
            on_demand_source="source",
            on_demand_at="effective_at",
        )

    @cached_property
    def signals(self) -> dict[tuple[str, str, str, str], Signal]:
        """What the clouds publish of each pool's risk at the end."""
        found = newest_signals(self.warehouse, self.span.end, list(DEFINITIONS))
        return {(*_place(one), one.pool.instance_type): one for one in found}

    @cached_property
    def forecasts(self) -> pl.DataFrame:
        """The newest forecast of each pool and horizon, of those issued in the period."""
        return self.every_forecast.filter(pl.col("issued_at") > self.span.start)

    @cached_property
    def every_forecast(self) -> pl.DataFrame:
        """The same, however old."""
        return newest_forecasts(self.warehouse, self.span.end)

    @cached_property
    def outcomes(self) -> pl.DataFrame:
        """Forecasts of the last months with what became of them by the end."""
        return recent_outcomes(self.warehouse, self.span.end)

    @cached_property
    def judge(self) -> Judge:
        """The verdict on each kind of forecast at the end."""
        return judge_of(self.outcomes, self.span.end)

    @cached_property
    def loss_rates(self) -> dict[Pool, float]:
        """Interruptions per node-hour in the period, of pools with time at risk in it."""
        between = self.span.start, self.span.end
        rows = interruption_counts(self.warehouse, between, RateBy.POOL).to_dicts()
        return {
            Pool(*(row[part] for part in POOL)): row["interruptions"] / row["node_hours"]
            for row in rows
            if row["node_hours"] and all(row[part] is not None for part in POOL)
        }

    def market_at(self, at: datetime) -> pl.DataFrame:
        """The market at a time, with ``usd_per_hour`` and ``on_demand_usd_per_hour``.

        Without the pools whose price was last known more than `STANDS` before. A source that tells
        changes only has none to tell of a pool while it tells of others in the region.
        """
        frame = self.in_usd(market_frame(self.warehouse, at))
        rate = _rate("on_demand_currency", self.settings.usd_per_unit)
        spoken = pl.col("known_at").max().over("provider", "region", "source")
        told = pl.when(pl.col("semantics") == CHANGE).then(spoken).otherwise(pl.col("known_at"))
        return frame.filter(told >= at - STANDS).with_columns(
            on_demand_usd_per_hour=pl.col("on_demand_per_hour") * rate
        )

    def in_usd(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with its prices converted; null where no rate is known."""
        rate = _rate("currency", self.settings.usd_per_unit)
        return frame.with_columns(usd_per_hour=pl.col("price_per_hour") * rate)

    def band_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """What is published of a pool, or of its region: band, band_source and band_age_hours."""
        where = row["provider"], row["region"]
        for zone in (row["zone"], "*"):
            if found := self.signals.get((*where, zone, row["instance_type"])):
                return {
                    "band": hazard_of(found).band,
                    "band_source": found.source,
                    "band_age_hours": self.age_hours(found.observed_at),
                }
        return {"band": None, "band_source": None, "band_age_hours": None}

    def age_hours(self, at: datetime | None) -> float | None:
        """How old something is at the end."""
        return None if at is None else round((self.span.end - at).total_seconds() / 3600, 3)


def _place(signal: Signal) -> tuple[str, str, str]:
    return signal.pool.provider, signal.pool.region, signal.pool.zone


def _rate(column: str, usd_per_unit: dict[str, float]) -> pl.Expr:
    return pl.col(column).replace_strict(
        list(usd_per_unit), list(usd_per_unit.values()), default=None, return_dtype=pl.Float64()
    )


def with_age(frame: pl.DataFrame, column: str, name: str, end: datetime) -> pl.DataFrame:
    """The frame with the age at ``end`` of what ``column`` dates, in hours."""
    age = (pl.lit(end) - pl.col(column)).dt.total_seconds() / 3600
    return frame.with_columns(age.alias(name))
