"""What the desk itself would take: the order of the pools for one machine of each GPU model.

It is stored when it is given (job ``advise``), so that a report can judge it by what came after,
whatever the program or the data have become since.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import polars as pl

from advisor import DEFINITIONS, Demand, Hazard, Policy, Universe, rank_in
from advisor.forecast_risk import hazards_of
from advisor.gpus import GpuModel, model_of
from advisor.ranking import Ranked, RankedRows
from warehouse.forecasts import newest_forecasts
from warehouse.prices import offerings_of
from warehouse.records import Advice, Offering, Pool
from warehouse.signals import newest_signals
from warehouse.store import Warehouse

KIND = "ranking"
NO_RISK = "unknown"
"""In place of a model's version where no risk was known, so that the order was by price alone."""

KEPT = 10
"""Pools of an answer that are stored, the first first: who buys looks at no more."""

LEAST_POOLS = 2
"""Where there is one pool there is no choice."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The order at one time, of the pools that have one model and number of GPUs."""

    gpu: str
    """Such as ``4 x A10G 24 GB``."""

    offerings: list[Offering]
    ranked: RankedRows
    of_known_risk: frozenset[Pool]


def standings(
    warehouse: Warehouse, market: pl.DataFrame, usd_per_unit: Mapping[str, float], at: datetime
) -> Iterator[Standing]:
    """The order of each kind of GPU machine in a market, from what was known ``at`` a time.

    ``market`` is a `warehouse.prices.market_frame` with ``usd_per_hour``.
    """
    is_gpu = (pl.col("gpu_count") > 0) & pl.col("usd_per_hour").is_not_null()
    offered = offerings_of(market.filter(is_gpu), usd_per_unit)
    groups: dict[tuple[GpuModel, int], list[Offering]] = {}
    for one in offered:
        if model := model_of(one.instance_type):
            groups.setdefault((model, one.instance_type.gpu_count), []).append(one)
    hazards = _hazards(warehouse, at, [one.pool for one in offered])
    for (model, number), own in groups.items():
        if len(own) < LEAST_POOLS:
            continue
        known = {one.pool: hazards[one.pool] for one in own if one.pool in hazards}
        ranked = rank_in(Universe(own, known), Demand(gpu_manufacturer=None), Policy()).ranked
        if ranked:
            name = f"{number} x {model.name} {model.memory_gb:g} GB"
            yield Standing(name, own, ranked, frozenset(known))


def _hazards(
    warehouse: Warehouse, at: datetime, pools: list[Pool]
) -> Mapping[Pool, tuple[Hazard, ...]]:
    types = {pool.instance_type for pool in pools}
    signals = [
        one
        for one in newest_signals(warehouse, at, list(DEFINITIONS))
        if one.pool.instance_type in types
    ]
    forecasts = newest_forecasts(warehouse, at)
    own = forecasts.filter(pl.col("instance_type").is_in(sorted(types)))
    return hazards_of(pools, own, signals, at)


def advice_of(standing: Standing, at: datetime) -> Advice:
    """A standing as it is stored: the first pools, and how many there were to choose from."""
    top = standing.ranked[:KEPT]
    first = top[0].hazard
    dates = [one.offering.price_observed_at for one in top]
    dates += [one.hazard.observed_at for one in top if one.hazard]
    answer = {"pools": len(standing.offerings), "first": [_told(one) for one in top]}
    return Advice(
        advice_id=str(uuid5(NAMESPACE_URL, f"{KIND} {standing.gpu} {at.isoformat()}")),
        issued_at=at,
        kind=KIND,
        demand=json.dumps({"gpu": standing.gpu}),
        policy="{}",
        answer=json.dumps(answer),
        model_version=first.source if first else NO_RISK,
        data_as_of=min(dates),
    )


def _told(one: Ranked) -> dict[str, Any]:
    offering, hazard = one.offering, one.hazard
    return {
        "provider": offering.pool.provider,
        "region": offering.pool.region,
        "zone": offering.pool.zone,
        "instance_type": offering.pool.instance_type,
        "usd_per_hour": offering.usd_per_hour,
        "cost_usd_per_hour": one.cost_usd_per_hour,
        "hazard_per_hour": hazard.per_hour if hazard else None,
    }


def pool_advised(answer: str) -> Pool:
    """The pool that stood first in a stored answer."""
    first = json.loads(answer)["first"][0]
    return Pool(first["provider"], first["region"], first["zone"], first["instance_type"])
