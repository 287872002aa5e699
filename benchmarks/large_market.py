"""A warehouse as large as years of collecting make it: 30,000 pools, 20 million price rows.

It is generated once into a folder and used again: ``SPOTCAST_BENCHMARKS``, else the user's cache.
As the feeds do it, rows are appended in the order of time: a hundred batches over twelve months,
in which some pools change their price several times a day and others every few weeks.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from platformdirs import user_cache_path

from warehouse.store import Warehouse

END = datetime(2026, 11, 24, tzinfo=UTC)
"""When the generated year ends: "now" for whoever asks the warehouse."""

YEAR = timedelta(days=365)
PRICES = 20_000_000
BATCHES = 100
SEED = 8

ZONES_PER_TYPE = 15
SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")
FAMILIES = 63
"""Families of a cloud; with their sizes some 500 types, of four clouds some 2,000."""

GPUS = (
    ("T4", 16.0),
    ("L4", 22.35),
    ("A10G", 22.35),
    ("V100", 16.0),
    ("A100", 40.0),
    ("H100", 80.0),
)
GPU_FAMILIES = 12
"""Of the families of a cloud: so many have GPUs."""

HORIZONS = (900.0, 3_600.0, 21_600.0, 86_400.0)
FORECASTS_EVERY = timedelta(minutes=30)
FORECASTS_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Cloud:
    """How one cloud's feed speaks of prices."""

    name: str
    source: str
    semantics: str
    currency: str
    regions: int


CLOUDS = (
    Cloud("aws", "aws.spot_price_history", "change_point", "USD", 20),
    Cloud("gcp", "gcp.capacity_history", "change_point", "USD", 25),
    Cloud("azure", "azure.retail_prices", "change_point", "USD", 25),
    Cloud("alibaba", "alibaba.spot_price_history", "change_point", "CNY", 15),
)

ADD_PRICES = """
    insert into spot_price
    select
        pool.provider, pool.region, pool.zone, pool.instance_type, drawn.effective_at,
        round(pool.base * drawn.factor, 4), pool.currency, pool.semantics, pool.source,
        drawn.effective_at + interval 4 minutes
    from drawn
    join pool on pool.number = drawn.number
    order by drawn.effective_at
"""


def folder() -> Path:
    """Where the generated warehouses are kept."""
    return Path(os.environ.get("SPOTCAST_BENCHMARKS") or user_cache_path("spotcast") / "benchmarks")


def large_market(prices: int = PRICES) -> Path:
    """The file with so many price rows; it is made if it is not there."""
    path = folder() / f"market-{prices}-{SEED}.duckdb"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with Warehouse.open(unfinished) as warehouse:
            fill(warehouse, prices)
        unfinished.rename(path)
    return path


def fill(warehouse: Warehouse, prices: int) -> None:
    """Store the whole market, with so many price rows."""
    rng = np.random.default_rng(SEED)
    shapes = shapes_of(rng)
    pools = pools_of(shapes, rng)
    warehouse.connection.register("shape", shapes)
    warehouse.connection.register("pool", pools)
    for statement in (SHAPES, LISTED, SIGNALS, SEEN):
        warehouse.execute(statement, {"end": END} if "$end" in statement else None)
    for moment in _moments():
        warehouse.execute(FORECASTS, {"at": moment, "horizons": list(HORIZONS)})
    for drawn in drawings(pools, prices, rng):
        warehouse.connection.register("drawn", drawn)
        warehouse.execute(ADD_PRICES)
    warehouse.execute("checkpoint")


def shapes_of(rng: np.random.Generator) -> pl.DataFrame:
    """The machine shapes of all clouds, one row each."""
    rows = []
    for cloud in CLOUDS:
        for family in range(FAMILIES):
            gpu = GPUS[family % len(GPUS)] if family < GPU_FAMILIES else None
            for power, size in enumerate(SIZES):
                kind = "g" if gpu else "m"
                rows.append(
                    {
                        "provider": cloud.name,
                        "instance_type": f"{kind}{family}{cloud.name[0]}.{size}",
                        "vcpu": float(2 * 2**power),
                        "memory_gib": float((4 + 4 * (family % 2)) * 2 * 2**power),
                        "architecture": "amd64" if family % 7 else "arm64",
                        "gpu_name": gpu[0] if gpu else None,
                        "gpu_count": (1, 1, 1, 1, 4, 4, 8, 8)[power] if gpu else 0,
                        "gpu_memory_gib": gpu[1] if gpu else None,
                        "usd": (0.02 + 0.2 * bool(gpu)) * 2**power * rng.uniform(0.6, 1.5),
                    }
                )
    return pl.DataFrame(rows, infer_schema_length=None)


def pools_of(shapes: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Each shape in so many zones of its cloud; how it is priced, and how often that changes."""
    places = {cloud.name: _places(cloud) for cloud in CLOUDS}
    of_cloud = {cloud.name: cloud for cloud in CLOUDS}
    rows = []
    for shape in shapes.iter_rows(named=True):
        cloud, every = of_cloud[shape["provider"]], places[shape["provider"]]
        for place in rng.choice(len(every), ZONES_PER_TYPE, replace=False):
            region, zone = every[place]
            rows.append(
                {
                    "provider": cloud.name,
                    "region": region,
                    "zone": zone,
                    "instance_type": shape["instance_type"],
                    "currency": cloud.currency,
                    "semantics": cloud.semantics,
                    "source": cloud.source,
                    "is_gpu": shape["gpu_count"] > 0,
                    "base": shape["usd"] * rng.uniform(0.3, 0.9),
                    # Log-normal: a tenth of the pools has half of the changes.
                    "often": rng.lognormal(0.0, 1.0),
                }
            )
    return pl.DataFrame(rows).with_row_index("number")


def drawings(pools: pl.DataFrame, prices: int, rng: np.random.Generator) -> Iterator[pl.DataFrame]:
    """The price changes, in batches that follow each other in time; the first has every pool."""
    often = np.cumsum(pools["often"].to_numpy())
    each = YEAR / BATCHES
    left = prices
    for batch in range(BATCHES):
        size = left if batch == BATCHES - 1 else prices // BATCHES
        left -= size
        numbers = np.searchsorted(often, rng.uniform(0, often[-1], size)).astype(np.uint32)
        if batch == 0:
            first = min(size, pools.height)
            numbers[:first] = np.arange(first, dtype=np.uint32)
        micros = rng.integers(0, each // timedelta(microseconds=1_000_000), size) * 1_000_000
        began = END - YEAR + batch * each
        yield pl.DataFrame(
            {
                "number": numbers,
                "effective_at": pl.Series(micros).cast(pl.Duration("us")) + began,
                "factor": rng.lognormal(0.0, 0.15, size),
            }
        )


def _places(cloud: Cloud) -> list[tuple[str, str]]:
    regions = [f"{cloud.name}-region-{number}" for number in range(cloud.regions)]
    return [(region, f"{region}{letter}") for region in regions for letter in "abc"]


def _moments() -> Iterator[datetime]:
    moment = END - FORECASTS_KEPT
    while moment <= END:
        yield moment
        moment += FORECASTS_EVERY


SHAPES = """
    insert into instance_type
    select * exclude (usd), null, 'generated', $end - interval 300 days from shape
"""

LISTED = """
    insert into on_demand_price
    select distinct
        pool.provider, region, instance_type, $end - interval 360 days + to_days(100 * change),
        round(usd * (1 + 0.02 * change), 4), 'USD', 'generated', $end - interval 360 days
    from pool
    join shape using (provider, instance_type)
    cross join (select unnest(range(3)) as change)
"""

SIGNALS = """
    insert into signal
    select distinct
        provider, region, '*', instance_type, $end - to_days(30 * month),
        'aws.advisor_band_trailing_month', 0.05 * (number % 4), 0.05 * (number % 4 + 1),
        'aws.spot_advisor', null, null
    from (select *, hash(region, instance_type) % 4 as number from pool where provider = 'aws')
    cross join (select unnest(range(12)) as month)
    union all
    select
        provider, region, zone, instance_type, $end - to_days(month),
        'alibaba.interruption_rate_trailing_30_days', 0.001 * (number % 100),
        0.001 * (number % 100), 'alibaba.advisor', null, null
    from (from pool where provider = 'alibaba')
    cross join (select unnest(range(30)) as month)
"""

SEEN = """
    insert into last_seen
    select source, provider, region, zone, instance_type, 'spot_price',
        $end - to_seconds(number % 600)
    from pool
"""

FORECASTS = """
    insert into risk_forecast
    select
        provider, region, zone, instance_type, $at, horizon, middle, middle / 2,
        least(1, middle * 2), 'generated', 'learning', $at - interval 2 minutes,
        '[{"name": "published_band", "logit": 0.31}, {"name": "probe", "logit": -0.12}]',
        'launch_probe', 0.0, null
    from (from pool where is_gpu)
    cross join (select unnest($horizons) as horizon)
    cross join lateral (
        select 1 - exp(-horizon / 3600 * (0.001 + 0.0001 * (hash(number, $at) % 1000))) as middle
    )
"""


def main() -> None:
    """Make the warehouse of so many rows, and say where it is."""
    path = large_market(int(sys.argv[1]) if len(sys.argv) > 1 else PRICES)
    print(f"{path}: {path.stat().st_size / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
