"""Spot prices as the providers give them: AWS as change points, Alibaba as hourly samples.

Since 2017 a spot price is no auction any more: it follows supply and demand slowly, and says
little about the next hour. Here it tends to a level of its own, drifts, and leans a little on
the hazard of the last days. It stays from a tenth of the list price up to the list price.
"""

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from advisor.simulation.catalog import CURRENCY
from advisor.simulation.frames import SOURCE, pool_columns, times
from advisor.simulation.hazard import STEP_HOURS, Floats, Hazards, Integers
from advisor.simulation.pools import MarketPool
from warehouse.records import Semantics

FLOOR_SHARE: Final = 0.1
"""New types open at it: AWS' price history of 2024-2026 (it was 0.3 until 2023)."""

MEDIAN_SHARE, SHARE_SD = 0.35, 0.4
"""Where pools' own levels lie, median and sd of the log: providers state savings of 60-90 %."""

BLOCK_HOURS: Final = 6
"""How often a price may change. AWS' events of 2019-2020 on GPU pools: 6 h from one change to
the next in the median."""

LARGEST_MOVE: Final = 0.01
SMALLEST_MOVE: Final = 0.001
"""Bounds of one change, in logs. The same events: median .0024, 90th percentile .007."""

REST_CHANCE: Final = 0.4
"""The chance that a price rests over a block although it could move; half of those events repeat
the price before."""

HEARTBEAT_BLOCKS: Final = 4
"""AWS repeats an unchanged price about once a day."""

JITTER_HOURS: Final = 1 / 6
"""By how much the times of one pool's changes differ from a strict rhythm."""

MEMORY_BLOCKS: Final = 12
"""The hazard is felt as its mean log over about three days."""

HAZARD_PULL: Final = 0.05
"""Log price per log hazard: weak, as no public data link the two."""

DRIFT_SD, DRIFT_RETURN = 0.004, 0.02
"""Noise of the price aimed at per block, and the share of it that is forgotten per block."""

DECIMALS = {"aws": 4, "alibaba": 3}


def price_paths(
    pools: list[MarketPool],
    hazards: Hazards,
    is_new: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> Floats:
    """The price in force per hour, one row per pool and one column per `BLOCK_HOURS`.

    In the provider's currency, rounded as the provider does. Pools that are new stay near the
    floor.
    """
    aim = _aim(hazards, is_new, rng)
    listed = np.array([one.on_demand_per_hour for one in pools])
    scale = 10.0 ** np.array([DECIMALS[one.pool.provider] for one in pools])
    # Rounded inwards, so that a rounded price is within the limits as well. The small number
    # keeps 0.1006 * 10,000 = 1006.0000000000001 from being rounded up to 1007.
    floor = np.ceil(FLOOR_SHARE * listed * scale - 1e-6) / scale
    ceiling = np.floor(listed * scale + 1e-6) / scale
    moves = rng.random(aim.shape) > REST_CHANCE
    exact = aim[:, 0].copy()
    path = np.empty_like(aim)
    for block in range(aim.shape[1]):
        step = np.clip(aim[:, block] - exact, -LARGEST_MOVE, LARGEST_MOVE)
        exact += np.where(moves[:, block] & (np.abs(step) > SMALLEST_MOVE), step, 0.0)
        rounded = np.round(np.exp(exact) * listed * scale) / scale
        path[:, block] = np.clip(rounded, floor, ceiling)
    return path


def _aim(hazards: Hazards, is_new: npt.NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """The log share of the list price that each pool tends to, per block."""
    count = hazards.per_hour.shape[0]
    blocks = np.log(hazards.per_hour).reshape(count, -1, round(BLOCK_HOURS / STEP_HOURS))
    felt = blocks.mean(axis=2)
    noise = rng.normal(0.0, DRIFT_SD, felt.shape)
    level = np.log(MEDIAN_SHARE) + SHARE_SD * rng.standard_normal(count)
    level[is_new] = np.log(FLOOR_SHARE)
    aim = np.empty_like(felt)
    usual, memory, drift = felt[:, 0].copy(), np.zeros(count), np.zeros(count)
    for block in range(felt.shape[1]):
        drift = (1 - DRIFT_RETURN) * drift + noise[:, block]
        aim[:, block] = level + drift + HAZARD_PULL * memory
        # Felt after the block is over, against the past: a price does not know what comes.
        usual += (felt[:, block] - usual) / (block + 1)
        memory += (felt[:, block] - usual - memory) / MEMORY_BLOCKS
    bounded: Floats = np.clip(aim, np.log(FLOOR_SHARE), 0.0)
    return bounded


def spot_prices(
    pools: list[MarketPool],
    paths: Floats,
    *,
    start: datetime,
    now: datetime,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """The rows of ``spot_price``: by pool and time, none after ``now``.

    ``observed_at`` is the effective time, but ``now`` in each pool's newest row: the last poll
    has just repeated it.
    """
    is_aws = np.array([one.pool.provider == "aws" for one in pools])
    changes = _change_points(paths, np.flatnonzero(is_aws), rng)
    samples = _samples(paths, np.flatnonzero(~is_aws), start, now)
    row = np.concatenate([changes[0], samples[0]])
    hours = np.concatenate([changes[1], samples[1]])
    price = np.concatenate([changes[2], samples[2]])
    order = np.lexsort((hours, row))
    row, hours, price = row[order], hours[order], price[order]
    newest = pl.Series(np.append(row[1:] != row[:-1], True))
    semantics = np.where(is_aws, Semantics.CHANGE_POINT.value, Semantics.SAMPLE.value)
    frame = pl.DataFrame(
        {
            **pool_columns([one.pool for one in pools], row),
            "effective_at": times(start, hours),
            "price_per_hour": price,
            "currency": np.array([CURRENCY[one.pool.provider] for one in pools])[row],
            "semantics": semantics[row],
            "source": pl.repeat(SOURCE, len(row), eager=True),
        }
    )
    known_at = pl.when(newest).then(pl.lit(now)).otherwise("effective_at")
    return frame.with_columns(observed_at=known_at)


def _change_points(
    paths: Floats, rows: Integers, rng: np.random.Generator
) -> tuple[Integers, Floats, Floats]:
    """Pool, hours from the start and price of each change or heartbeat."""
    own = paths[rows]
    phase = rng.random((len(rows), 1)) * (BLOCK_HOURS - JITTER_HOURS)
    hours = phase + rng.random(own.shape) * JITTER_HOURS + BLOCK_HOURS * np.arange(own.shape[1])
    said = np.zeros(own.shape, dtype=np.bool_)
    silent = np.full(len(rows), HEARTBEAT_BLOCKS)
    for block in range(own.shape[1]):
        changed = own[:, block] != own[:, max(block - 1, 0)]
        said[:, block] = changed | (silent >= HEARTBEAT_BLOCKS)
        silent = np.where(said[:, block], 1, silent + 1)
    return rows[np.nonzero(said)[0]], hours[said], own[said]


def _samples(
    paths: Floats, rows: Integers, start: datetime, now: datetime
) -> tuple[Integers, Floats, Floats]:
    """Pool, hours from the start and price of each full hour of the clock."""
    last = now.replace(minute=0, second=0, microsecond=0) - start
    count = paths.shape[1] * BLOCK_HOURS
    hours = last / timedelta(hours=1) - np.arange(count, dtype=np.float64)[::-1]
    block = np.clip(hours // BLOCK_HOURS, 0, paths.shape[1] - 1).astype(np.int64)
    return (
        np.repeat(rows, count),
        np.tile(hours, len(rows)),
        paths[rows][:, block].ravel(),
    )
