"""``/risk``: the heat map of types by zones."""

import shlex
from collections import Counter
from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel, Field

from api.dashboard import data
from api.dashboard.asking import asked
from api.dashboard.equivalents import curl
from api.dashboard.heat import MOST_TYPES, HeatMap
from api.dashboard.notes import Note, notes_of
from api.dashboard.site import page, reader_of
from api.rows.risk import HORIZONS
from api.service.state import Service


class RiskQuery(BaseModel):
    """What the map shows; a region that is not named is the one with the most pools."""

    provider: str | None = Field(default=None, max_length=40)
    region: str | None = Field(default=None, max_length=80)
    horizon: Literal["15m", "1h", "6h", "24h"] = "1h"
    kind: Literal["gpu", "all"] = "gpu"
    instance_type: str = Field(default="*", max_length=80)


def risk(request: Request, service: Service) -> Response:
    """The page."""
    wanted = asked(request, RiskQuery)
    query = wanted.query or RiskQuery()
    view, words, now = service.markets.view(), reader_of(request).words, service.clock()
    places = regions_of(service, gpu=query.kind == "gpu")
    provider, region = chosen(places, query.provider, query.region)
    heat = None
    if provider and region:
        forecasts = data.forecasts(service, provider, region, HORIZONS[query.horizon])
        heat = HeatMap(words, view, forecasts, max_age=service.settings.price_max_age, now=now).of(
            provider, region, query.instance_type, is_gpu=query.kind == "gpu"
        )
    notes: list[Note] = notes_of(words, None, is_stale=bool(heat and heat.is_stale))
    if heat and "forecast" not in heat.kinds:
        notes.append(("", words("risk.no_forecast"), None))
    return page(
        request,
        "risk",
        service,
        status=422 if wanted.errors else 200,
        asked=wanted,
        query=query,
        provider=provider,
        region=region,
        places=places,
        horizons=list(HORIZONS),
        heat=heat,
        most=MOST_TYPES,
        notes=notes,
        copies=_copies(request, query, provider, region),
    )


def regions_of(service: Service, *, gpu: bool) -> dict[str, dict[str, int]]:
    """Clouds and their regions, with how many pools are offered in each, most first."""
    counts = Counter(
        (one.pool.provider, one.pool.region)
        for one in service.markets.view().known.universe.offerings
        if one.instance_type.gpu_count or not gpu
    )
    places: dict[str, dict[str, int]] = {}
    for (provider, region), count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        places.setdefault(provider, {})[region] = count
    return places


def chosen(
    places: dict[str, dict[str, int]], provider: str | None, region: str | None
) -> tuple[str | None, str | None]:
    """The cloud and region to show: those asked for, else where most is offered."""
    if provider not in places:
        holders = (one for one, regions in places.items() if region in regions)
        provider = next(holders, next(iter(places), None))
    if provider is None:
        return None, None
    regions = places[provider]
    return provider, region if region in regions else next(iter(regions))


def _copies(
    request: Request, query: RiskQuery, provider: str | None, region: str | None
) -> list[tuple[str, str]]:
    if provider is None or region is None:
        return []
    where = [("provider", provider), ("region", region), ("horizon", query.horizon)]
    pattern = [] if query.instance_type == "*" else [("instance_type", query.instance_type)]
    words = [*("spotcast", "risk", "--provider", provider, "--region", region)]
    words += ["--horizon", query.horizon, *(("--type", query.instance_type) if pattern else ())]
    return [("cli", shlex.join(words)), ("curl", curl(request, "/v1/risk", [*where, *pattern]))]
