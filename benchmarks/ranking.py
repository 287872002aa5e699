"""Ranking a whole market: the time of one question against its limit, and how it grows.

A generated market: every cloud, 2,000 shapes, each in many zones, a forecast of four windows for
nine pools of ten. The question changes from run to run, so that no answer can be kept.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from advisor import Demand, Hazard, Policy, Universe, Work, rank_in
from warehouse.records import CapacityType, InstanceType, Offering, Pool, Semantics

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SIZES = (15_000, 30_000, 60_000)
LIMIT_SECONDS = 0.05
QUESTIONS = 40
WINDOWS = (15, 60, 360, 1440)
GPUS = (("T4", 16.0), ("L4", 22.35), ("A10G", 22.35), ("A100", 40.0), ("H100", 80.0))


def main() -> None:
    """Print the median and the slowest of many questions, and the growth from size to size."""
    medians = []
    for size in SIZES:
        made = market(size, Random(4))  # noqa: S311 - a market, not a secret
        started = time.perf_counter()
        universe = Universe(*made)
        first = time.perf_counter() - started
        times = [_seconds(universe, demand, policy) for demand, policy in questions()]
        medians.append(statistics.median(times))
        print(
            f"{size:,} offerings: median {1000 * medians[-1]:.1f} ms, slowest "
            f"{1000 * max(times):.1f} ms; {medians[-1] / LIMIT_SECONDS:.2f} of the limit; "
            f"arrays made once in {1000 * first:.0f} ms"
        )
    growth = (medians[-1] / medians[0]) / (SIZES[-1] / SIZES[0])
    print(f"growth from {SIZES[0]:,} to {SIZES[-1]:,}, over that of the market: {growth:.2f}")


def _seconds(universe: Universe, demand: Demand, policy: Policy) -> float:
    started = time.perf_counter()
    shown = rank_in(universe, demand, policy).ranked[:20]
    taken = time.perf_counter() - started
    if not shown:
        raise SystemExit(f"nothing was ranked for {demand}")
    return taken


def questions() -> Iterator[tuple[Demand, Policy]]:
    """From the whole market to one model, with other costs each time."""
    for number in range(QUESTIONS):
        demand = Demand(gpu_manufacturer=None, interruption_cost_usd=number / 10)
        yield (
            (demand, Policy()),
            (replace(demand, gpus=1, precision="bf16", work=Work.COMPUTE), Policy()),
            (replace(demand, gpu_memory_min_gib=16), Policy(types_not=("t1?.*",))),
            (replace(demand, lead_time=timedelta(hours=3)), Policy(max_usd_per_hour=2.0)),
        )[number % 4]


def market(size: int, rng: Random) -> tuple[list[Offering], dict[Pool, list[Hazard]]]:
    """So many offerings, and the hazards of nine pools of ten."""
    shapes = [_shape(number, rng) for number in range(2_000)]
    offerings, hazards = [], {}
    for number in range(size):
        shape = shapes[number % len(shapes)]
        zone = f"region-{number // len(shapes) % 10}-{number // len(shapes) // 10}"
        pool = Pool(shape.provider, zone[:8], zone, shape.instance_type)
        usd = round(rng.uniform(0.05, 30), 4)
        offerings.append(_offering(pool, shape, usd))
        if number % 10:
            hazards[pool] = [_hazard(rng.uniform(0.001, 0.3), minutes) for minutes in WINDOWS]
    return offerings, hazards


def _shape(number: int, rng: Random) -> InstanceType:
    name, memory = rng.choice(GPUS)
    count = rng.choice([0, 0, 1, 1, 4, 8])
    return InstanceType(
        provider=rng.choice(["aws", "gcp", "azure", "alibaba"]),
        instance_type=f"t{number}.xlarge",
        vcpu=float(rng.choice([4, 8, 16, 96])),
        memory_gib=float(rng.choice([16, 64, 512])),
        architecture="amd64",
        gpu_name=name if count else None,
        gpu_count=count,
        gpu_memory_gib=memory if count else None,
        local_disk_gb=None,
        source="generated",
        observed_at=NOW,
    )


def _offering(pool: Pool, shape: InstanceType, usd: float) -> Offering:
    return Offering(
        pool=pool,
        capacity_type=CapacityType.SPOT,
        price_per_hour=usd,
        currency="USD",
        usd_per_hour=usd,
        price_semantics=Semantics.SAMPLE,
        price_source="generated",
        price_observed_at=NOW,
        on_demand_usd_per_hour=3 * usd,
        instance_type=shape,
    )


def _hazard(per_hour: float, minutes: int) -> Hazard:
    return Hazard(
        per_hour=per_hour,
        low_per_hour=per_hour / 2,
        high_per_hour=2 * per_hour,
        share_low=0.01,
        share_high=0.5,
        definition="spotcast.forecast",
        source="generated",
        observed_at=NOW,
        horizon=timedelta(minutes=minutes),
        share=0.1,
    )


if __name__ == "__main__":
    main()
