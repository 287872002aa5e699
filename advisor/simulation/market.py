"""A whole spot market with a known truth, for demos without a network, for tests and for models.

Nothing of it comes from a feed: every fact has the source ``simulated``. It is as believable as
the public measurements behind its constants allow, and no more: a model that does well here has
understood the simulator, not the clouds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from advisor.simulation.facts import (
    available_type_rows,
    exposure_rows,
    instance_type_rows,
    interruption_rows,
    on_demand_price_rows,
    zone_alias_rows,
)
from advisor.simulation.frames import pool_columns
from advisor.simulation.hazard import AGE_FACTOR, Hazards, Regime, hazards
from advisor.simulation.machines import machines
from advisor.simulation.pools import MarketPool, market_pools
from advisor.simulation.prices import price_paths, spot_prices
from advisor.simulation.settings import MarketSettings
from advisor.simulation.signals import signals
from warehouse.records import Pool
from warehouse.tables import TABLES, Table


@dataclass(frozen=True, slots=True)
class Market:
    """The facts that a collector would have stored by ``now``, and the truth behind them.

    ``facts`` has one frame per table name, with that table's columns. ``truth`` has one row per
    pool: ``provider``, ``region``, ``zone``, ``instance_type``, ``regime`` (calm, tight or
    squeeze), ``hazard_per_hour`` of a machine older than two hours at ``now``,
    ``hazard_per_hour_at_launch`` of a new one, and ``is_published``, whether a signal speaks of
    its type. ``pools`` are the rows of ``hazards``, the truth at every step from ``start``.
    """

    start: datetime
    now: datetime
    pools: tuple[Pool, ...]
    facts: dict[str, pl.DataFrame]
    truth: pl.DataFrame
    hazards: Hazards

    def frames(self) -> Iterator[tuple[Table, pl.DataFrame]]:
        """Each table with its facts, ready for `warehouse.store.Warehouse.append`."""
        for name, frame in self.facts.items():
            yield TABLES[name], frame


def simulate(settings: MarketSettings, *, now: datetime, rng: np.random.Generator) -> Market:
    """The market of the ``settings.days`` before ``now``; the same ``rng`` gives the same market.

    Raises:
        ValueError: ``now`` has no time zone, or the settings leave no pool.
    """
    if now.tzinfo is None:
        raise ValueError("now has no time zone")
    start = now - timedelta(days=settings.days)
    pools = market_pools(settings)
    run = f"{rng.integers(2**32):08x}"
    unpublished = _unpublished(pools, settings.unpublished_share, rng)
    is_new = np.array([one.pool.instance_type in unpublished for one in pools])
    risk = hazards(pools, settings, rng)
    held = machines(risk, settings.machines_per_pool, rng)
    paths = price_paths(pools, risk, is_new, rng)
    exposures = exposure_rows(pools, held, start=start, run=run)
    facts = {
        "instance_type": instance_type_rows(pools, start),
        "available_type": available_type_rows(pools, start),
        "zone_alias": zone_alias_rows(pools, start, rng),
        "on_demand_price": on_demand_price_rows(pools, start),
        "spot_price": spot_prices(pools, paths, start=start, now=now, rng=rng),
        "signal": signals(pools, exposures, paths, start=start, now=now, unpublished=unpublished),
        "exposure": exposures,
        "interruption": interruption_rows(exposures),
    }
    places = tuple(one.pool for one in pools)
    return Market(start, now, places, facts, _truth(places, risk, is_new), risk)


def _unpublished(pools: list[MarketPool], share: float, rng: np.random.Generator) -> frozenset[str]:
    """The types of which nothing is published."""
    types = list(dict.fromkeys(one.pool.instance_type for one in pools))
    chosen = rng.permutation(len(types))[: math.ceil(share * len(types))]
    return frozenset(types[index] for index in chosen)


def _truth(pools: tuple[Pool, ...], risk: Hazards, is_new: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """The truth at the last step; columns as in `Market`."""
    now = risk.per_hour[:, -1]
    return pl.DataFrame(
        {
            **pool_columns(pools, np.arange(len(pools))),
            "regime": [Regime(one).name.lower() for one in risk.regime[:, -1].tolist()],
            "hazard_per_hour": now,
            "hazard_per_hour_at_launch": now * AGE_FACTOR[0],
            "is_published": ~is_new,
        }
    )
