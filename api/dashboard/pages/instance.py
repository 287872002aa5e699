"""``/{cloud}?instance=...&region=...``: everything that is known of one instance type."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, Field

from advisor import DEFINITIONS
from advisor.hazards import PUBLISHED_STALE_AFTER
from api.dashboard import data_instance as data
from api.dashboard.asking import asked
from api.dashboard.charts import Shown
from api.dashboard.data_instance import Subject
from api.dashboard.equivalents import curl, demand_yaml
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures, level_of
from api.dashboard.language import Words
from api.dashboard.notes import Note, notes_of
from api.dashboard.rows import Rows
from api.dashboard.site import page, path_of, reader_of
from api.rows.risk import HORIZONS
from api.service.prices import PriceStepOut, Step
from api.service.risk import PastForecastOut
from api.service.state import Service
from api.service.wishes import Wishes
from api.web.problems import Problem
from warehouse.records import REGIONAL, Pool

if TYPE_CHECKING:
    from api.dashboard.drawing import Drawing

RANGES: dict[str, tuple[timedelta, Step]] = {
    "1d": (timedelta(days=1), Step.HOUR),
    "7d": (timedelta(days=7), Step.HOUR),
    "30d": (timedelta(days=30), Step.SIX_HOURS),
    "90d": (timedelta(days=90), Step.DAY),
    "1y": (timedelta(days=365), Step.DAY),
}
"""Periods that can be shown, and the steps of their prices."""

ROWS_SHOWN = 120
"""Of a chart's table; the whole history is at the address beside it."""


SHARES = frozenset(DEFINITIONS)
"""Signals that are shares of machines; others are numbers of their own."""


class InstanceQuery(BaseModel):
    """Which instance type, and which period; the names of Spot Insights' deep links."""

    instance: str = Field(max_length=100)
    region: str | None = Field(default=None, max_length=80)
    period: Literal["1d", "7d", "30d", "90d", "1y"] = "30d"
    horizon: Literal["15m", "1h", "6h", "24h"] = "1h"
    zone: str | None = Field(default=None, max_length=80)


def instance(request: Request, service: Service, provider: str) -> Response:
    """The page.

    Raises:
        Problem: 404, nothing is known of such an instance type.
    """
    query, subject = _asked(request, service, provider)
    offered = data.offered(service, provider, subject.instance_type)
    words, now = reader_of(request).words, service.clock()
    figures, rows = Figures(words), Rows(words, service.clock())
    pools = data.pools(service, subject)
    start, end = _period(service, subject, query)
    steps = data.price_steps(service, subject, start, end, RANGES[query.period][1])
    forecasts = data.forecasts(service, subject)
    pool = _forecast_pool(subject, query, [one.zone for one in forecasts])
    past = _past(service, pool, query, start, end)
    return page(
        request,
        "instance",
        service,
        subject=subject,
        query=query,
        shape=offered[0].instance_type if offered else None,
        regions=data.regions_of(offered),
        periods=list(RANGES),
        horizons=list(HORIZONS),
        pools=[rows.of(one) for one in pools],
        windows={
            one.zone: _windows(forecasts, one.zone, Facts(words, now), figures, words)
            for one in pools
        },
        prices=_price_chart(words, query, subject, steps) if steps else None,
        shown=(start, end),
        is_past=end < now - timedelta(days=1),
        pool=pool,
        zones=sorted({one.zone for one in forecasts}),
        past=_forecast_chart(words, query, subject, pool, past) if past else None,
        losses=data.losses(service, subject, start),
        signals=[_signal(one, words, service) for one in data.signals(service, subject)],
        notes=_notes(words, [one.is_stale for one in pools]),
        copies=_copies(request, subject),
    )


def price_chart(request: Request, service: Service, drawing: "Drawing", words: Words) -> Any:
    """Price by zone."""
    provider = request.query_params.get("provider", "")
    query, subject = _asked(request, service, provider)
    start, end = _period(service, subject, query)
    steps = data.price_steps(service, subject, start, end, RANGES[query.period][1])
    names = _series(steps, words)
    return drawing.prices(
        [
            {
                "at": one.step_at.isoformat(),
                "usd": one.mean_usd_per_hour,
                "series": names[_key(one)],
            }
            for one in steps
        ]
    )


def forecast_chart(request: Request, service: Service, drawing: "Drawing", words: Words) -> Any:
    """Said against happened, in one pool."""
    del words
    provider = request.query_params.get("provider", "")
    query, subject = _asked(request, service, provider)
    start, end = _period(service, subject, query)
    zones = [one.zone for one in data.forecasts(service, subject)]
    pool = _forecast_pool(subject, query, zones)
    return drawing.forecasts(
        [
            {
                "at": one.issued_at.isoformat(),
                "probability": one.probability,
                "low": one.probability_low,
                "high": one.probability_high,
                "lost_share": _lost_share(one),
                "watched": one.watched,
            }
            for one in _past(service, pool, query, start, end)
        ]
    )


def _asked(request: Request, service: Service, provider: str) -> tuple[InstanceQuery, Subject]:
    wanted = asked(request, InstanceQuery)
    if wanted.query is None:
        named = "; ".join(f"{name}: {text}" for name, text in wanted.errors.items())
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, named, field=f"query.{next(iter(wanted.errors))}"
        )
    query = wanted.query
    regions = list(data.regions_of(data.offered(service, provider, query.instance)))
    region = query.region or next(iter(regions), None)
    subject = Subject(provider, query.instance, region or "")
    if region not in regions and data.newest_price_at(service, subject) is None:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            f"Nothing is known of {query.instance} of {provider}"
            + (f" in {query.region}." if query.region else "."),
        )
    return query, subject


def _period(service: Service, subject: Subject, query: InstanceQuery) -> tuple[datetime, datetime]:
    """The period that ends now; where nothing is that new, the one that ends with the newest."""
    now = service.clock()
    length, step = RANGES[query.period]
    newest = data.newest_price_at(service, subject)
    end = now if newest is None or newest > now - length else newest + step.length
    return end - length, end


def _forecast_pool(subject: Subject, query: InstanceQuery, zones: Sequence[str]) -> Pool:
    wanted = query.zone or ""
    zone = wanted if wanted in zones else next(iter(zones), REGIONAL)
    return Pool(subject.provider, subject.region, zone, subject.instance_type)


def _past(
    service: Service, pool: Pool, query: InstanceQuery, start: datetime, end: datetime
) -> list[PastForecastOut]:
    return data.past_forecasts(service, pool, start, end, HORIZONS[query.horizon])


def _lost_share(one: PastForecastOut) -> float | None:
    known = (one.lost or 0) + (one.kept or 0)
    return (one.lost or 0) / known if known else None


def _windows(
    forecasts: Sequence[Any], zone: str, facts: Facts, figures: Figures, words: Words
) -> list[Any]:
    """The forecast of a zone for each window; the region's where it has none of its own."""
    found: list[Fact | None] = []
    for name in HORIZONS:
        own = {one.zone: one for one in forecasts if one.horizon == name}
        one = own.get(zone) or own.get("*")
        if one is None:
            found.append(None)
            continue
        ends = figures.shares(one.probability_low, one.probability_high)
        found.append(
            facts.of(
                figures.share(one.probability),
                source=one.model_version,
                at=one.issued_at,
                is_stale=one.is_stale,
                level=level_of(one.probability),
                more=[
                    (words("about.interval"), ends),
                    (words("about.grade"), words.of("grade", one.grade)),
                    (words("about.skill"), words.of("verdict", one.skill)),
                    *((words("about.because"), text) for text in one.drivers[:2]),
                ],
            )
        )
    return found


def _key(one: PriceStepOut) -> tuple[str, str]:
    return one.zone, one.source


def _series(steps: Sequence[PriceStepOut], words: Words) -> dict[tuple[str, str], str]:
    """A name for each line: its zone, with its source where a zone has several."""
    keys = sorted({_key(one) for one in steps})
    zones = [zone for zone, _ in keys]
    names = {}
    for zone, source in keys:
        name = words("zone.whole") if zone == "*" else zone
        names[zone, source] = f"{name} · {source}" if zones.count(zone) > 1 else name
    return names


def _price_chart(
    words: Words, query: InstanceQuery, subject: Subject, steps: Sequence[PriceStepOut]
) -> Shown:
    figures, names = Figures(words), _series(steps, words)
    known = [one for one in steps if one.mean_usd_per_hour is not None]
    prices = [one.mean_usd_per_hour or 0.0 for one in known]
    alt = words(
        "instance.prices_alt",
        zones=len(names),
        low=figures.usd(min(prices, default=None)),
        high=figures.usd(max(prices, default=None)),
    )
    return Shown(
        "prices",
        words("instance.prices_caption"),
        alt,
        _query(query, subject),
        [words("chart.from"), words("chart.zone"), words("chart.usd"), words("about.source_word")],
        [
            (
                figures.at(one.step_at),
                names[_key(one)],
                figures.usd(one.mean_usd_per_hour),
                one.source,
            )
            for one in known[-ROWS_SHOWN:][::-1]
        ],
    )


def _forecast_chart(
    words: Words,
    query: InstanceQuery,
    subject: Subject,
    pool: Pool,
    past: Sequence[PastForecastOut],
) -> Shown:
    figures = Figures(words)
    share = figures.share
    return Shown(
        "forecasts",
        words("instance.forecast_caption", span=words(f"horizon.{query.horizon}")),
        words("instance.forecast_alt", n=len(past), watched=sum(bool(one.watched) for one in past)),
        {**_query(query, subject), "zone": pool.zone, "horizon": query.horizon},
        [words(f"chart.{name}") for name in ("issued", "said", "interval", "watched", "happened")],
        [
            (
                figures.at(one.issued_at),
                share(one.probability),
                figures.shares(one.probability_low, one.probability_high),
                figures.count(one.watched),
                share(_lost_share(one)),
            )
            for one in past[-ROWS_SHOWN:][::-1]
        ],
    )


def _query(query: InstanceQuery, subject: Subject) -> dict[str, Any]:
    return {
        "provider": subject.provider,
        "instance": subject.instance_type,
        "region": subject.region,
        "period": query.period,
    }


def _signal(one: dict[str, Any], words: Words, service: Service) -> dict[str, Any]:
    figures, facts = Figures(words), Facts(words, service.clock())
    low, high = one["value_low"], one["value_high"]
    is_share = one["definition"] in SHARES

    def written(value: float) -> str | None:
        return figures.share(value, 0) if is_share else figures.number(value)

    text = written(low)
    if high is None:
        text = f"≥ {text}"
    elif high != low:
        text = figures.between(text, written(high))
    return {
        "zone": one["zone"],
        "definition": one["definition"],
        "meaning": words.of("definition", one["definition"]),
        "value": facts.of(
            text,
            source=one["source"],
            at=one["known_at"],
            is_stale=service.clock() - one["known_at"] > PUBLISHED_STALE_AFTER,
        ),
        "age": figures.ago(service.clock() - one["known_at"]),
        "is_stale": service.clock() - one["known_at"] > PUBLISHED_STALE_AFTER,
    }


def _notes(words: Words, stale: Sequence[bool]) -> list[Note]:
    notes = notes_of(words, None, is_stale=any(stale))
    if not stale:
        notes.append(("warning", words("instance.not_offered"), None))
    return notes


def _copies(request: Request, subject: Subject) -> list[tuple[str, str]]:
    where = {"provider": subject.provider, "instance_type": subject.instance_type}
    query = {**where, "region": subject.region}
    wishes = Wishes(
        provider=[subject.provider],
        region=[subject.region],
        instance_type=[subject.instance_type],
        gpu_manufacturer="any",
    )
    line = f"spotcast price --provider {subject.provider} --region {subject.region}"
    return [
        ("cli", f"{line} --type {subject.instance_type}"),
        ("curl", curl(request, "/v1/prices/history", query)),
        ("demand", demand_yaml(wishes)),
        ("link", str(request.base_url).rstrip("/") + _link(subject)),
    ]


def _link(subject: Subject) -> str:
    return path_of(
        f"/{subject.provider}", {"instance": subject.instance_type, "region": subject.region}
    )
