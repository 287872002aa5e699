"""``risk`` and ``feeds``: what is forecast and what that is worth, and how fresh the data is."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from api.rows.risk import HORIZONS
from api.service.feeds import FeedOut, FeedPage, feed_page
from api.service.risk import ForecastOut, ForecastPage, Wanted, forecast_page
from api.service.state import Service
from api.service.wishes import Words
from api.tools.tool import Arguments, Limit, Tool
from api.tools.words import moment, page_text, place, share
from api.units import age_text


class RiskAsked(Arguments):
    """Which forecasts; all if nothing is asked."""

    provider: Words = Field(default_factory=list, examples=[["aws"]])
    region: Words = Field(default_factory=list, examples=[["us-east-1"]])
    zone: Words = Field(default_factory=list, description="Zone ids; `*` is the whole region's.")
    instance_type: Words = Field(
        default_factory=list, examples=[["g5.*"]], description="Names or patterns."
    )
    horizon: Literal["15m", "1h", "6h", "24h"] | None = Field(
        default=None, description="Others are not forecast; they are refused, not extrapolated."
    )
    may_act: bool | None = Field(
        default=None, description="Only forecasts with proven skill, or only the others."
    )
    limit: Limit = 20


def risk(service: Service, asked: RiskAsked) -> ForecastPage:
    """The newest forecasts, by pool and horizon."""
    wanted = Wanted(
        provider=asked.provider,
        region=asked.region,
        zone=asked.zone,
        instance_type=asked.instance_type,
        horizon_seconds=HORIZONS[asked.horizon] if asked.horizon else None,
        may_act=asked.may_act,
    )
    return forecast_page(service, wanted, first=0, limit=asked.limit)


def _risk_text(page: ForecastPage) -> str:
    heading = f"{len(page.items)} of {page.total:,} forecasts"
    if not page.total:
        heading = "No forecast is stored for these pools: their risk is unknown, which is not safe"
    return page_text(page, heading, (_forecast_line(one) for one in page.items))


def _forecast_line(one: ForecastOut) -> str:
    stale = "; STALE" if one.is_stale else ""
    evidence = (
        "no evidence of its own"
        if one.evidence_age_seconds is None
        else f"evidence {age_text(timedelta(seconds=one.evidence_age_seconds))} old then"
    )
    drivers = "; ".join(one.drivers[:DRIVERS_SHOWN])
    return (
        f"{one.instance_type} {place(one.provider, one.region, one.zone)}: {share(one.probability)}"
        f" within {one.horizon} ({share(one.probability_low)} to {share(one.probability_high)}), "
        f"grade {one.grade}, {one.skill}{'' if one.may_act else ' (do not act on it)'}"
        f"{f', because of {drivers}' if drivers else ''}"
        f" [issued {moment(one.issued_at)}, {evidence}{stale}]"
    )


DRIVERS_SHOWN = 3


class FeedsAsked(Arguments):
    """Which feeds."""

    late_only: bool = Field(default=False, description="Only those without a good run for long.")


def feeds(service: Service, asked: FeedsAsked) -> FeedPage:
    """What came of the feeds that prices, signals and events are read from."""
    return feed_page(service, late_only=asked.late_only)


def _feeds_text(page: FeedPage) -> str:
    late = sum(one.is_late for one in page.items)
    heading = f"{len(page.items)} feeds, {late} late"
    return page_text(page, heading, (_feed_line(one) for one in page.items))


def _feed_line(one: FeedOut) -> str:
    scope = "" if one.scope == "*" else f" ({one.scope})"
    good = (
        "never read well"
        if one.last_good_age_seconds is None
        else f"last good {age_text(timedelta(seconds=one.last_good_age_seconds))} ago"
    )
    planned = "" if one.is_planned else ", not planned here"
    error = f": {one.error}" if one.error else ""
    return f"{one.feed}{scope}: {one.state}, {good}{planned}{error}"


RISK = Tool(
    name="risk",
    title="Forecasts of interruption",
    description=(
        "The newest forecasts of interruption for pools: probability within 15m, 1h, 6h or 24h "
        "with its interval, what drives it, its grade, and whether forecasts like it proved skill. "
        "Act only on those with `may_act`. A pool without a forecast is of unknown risk."
    ),
    asks=RiskAsked,
    answers=ForecastPage,
    answer=risk,
    text=_risk_text,
)

FEEDS = Tool(
    name="feeds",
    title="Freshness of the data",
    description=(
        "How fresh each source of prices, signals and events is: last good run, failures, what is "
        "late. Ask this first if an answer is stale or empty."
    ),
    asks=FeedsAsked,
    answers=FeedPage,
    answer=feeds,
    text=_feeds_text,
)
