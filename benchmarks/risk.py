"""The risk model's speed and memory, as ratios to the limits that it is built for.

The market is made and seeded: pools with rates of their own, probed every 5 minutes. From there
on everything is the real code, from ticks to forecasts. Memory is the peak of a process of its
own that makes the samples and fits on them, interpreter and samples included; its rows are the
same ones again and again, as neither memory nor work depends on what rows say.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from multiprocessing import get_context

import numpy as np
import polars as pl

from advisor.risk.dataset import Samples, samples
from advisor.risk.evidence import evidence_of
from advisor.risk.features import features
from advisor.risk.fitting import fit
from advisor.risk.grid import STEP_H, STEP_S, Bools, Floats, GridPool
from advisor.risk.hazard import RiskModel
from advisor.risk.history import History
from advisor.risk.horizons import HORIZONS_MINUTES

POOLS = 60_000
LIMIT_FORECAST_MS = 300.0
LIMIT_UPDATE_MS = 20.0

FIT_ROWS = 200_000
LIMIT_FIT_S = 15.0

MEMORY_ROWS = 2_000_000
LIMIT_MEMORY_GIB = 2.0

TURNS, FIT_TURNS = 15, 3
SEED = 20_221_026
TYPES, ZONES, PROBES = 10, 10, 2_600
UPDATES = 288
NOW = datetime(2026, 11, 24, tzinfo=UTC)
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured, turn by turn; without a limit it is told only."""

    name: str
    unit: str
    values: list[float]
    limit: float | None = None

    @property
    def median(self) -> float:
        """The middle of the turns."""
        return statistics.median(self.values)

    @property
    def is_over(self) -> bool:
        """Whether the median passes the limit."""
        return self.limit is not None and self.median > self.limit

    def __str__(self) -> str:
        """One line of the table."""
        spread = f"({min(self.values):,.2f} to {max(self.values):,.2f})"
        told = f"{self.name:46} {self.median:9,.2f} {self.unit:3} {spread:20}"
        if self.limit is None:
            return told.rstrip()
        return f"{told} {self.limit:6,.0f} {self.median / self.limit:6.2f}"


def states(pools: int, rng: np.random.Generator) -> Iterator[Bools]:
    """Which pools are up, one grid point after the other; hourly rates of their own."""
    drop = 1 - np.exp(-STEP_H * rng.lognormal(-1.5, 1.0, pools))
    rise = 1 - np.exp(-STEP_H * rng.lognormal(0.5, 0.5, pools))
    up = np.ones(pools, dtype=np.bool_)
    while True:
        yield up
        up = np.where(up, rng.random(pools) >= drop, rng.random(pools) < rise)


def made_samples(rows: int) -> Samples:
    """Samples of 100 pools that are probed for nine days, as a backtest makes them."""
    rng = np.random.default_rng(SEED)
    market = states(TYPES * ZONES, rng)
    up = np.array([next(market) for _ in range(PROBES)])
    point, column = (axis.ravel() for axis in np.indices(up.shape))
    zone, kind = column // TYPES, column % TYPES
    zones = np.array([f"us-east-1{letter}" for letter in "abcdefghij"])[zone]
    types = np.array([f"g{number}.xlarge" for number in range(TYPES)])[kind]
    ticks = pl.DataFrame(
        {
            "trace_id": [f"made/{one}/{two}" for one, two in zip(zones, types, strict=True)],
            "zone": zones,
            "instance_type": types,
            "offset_s": STEP_S * point,
            "available": up.ravel().astype(np.int64),
        }
    ).with_columns(
        source=pl.lit("benchmark"),
        probe_kind=pl.lit("launch_probe"),
        provider=pl.lit("aws"),
        target_capacity=pl.lit(1),
        ts_utc=pl.lit(NOW) + pl.duration(seconds="offset_s"),
    )
    return samples(ticks).take(slice(rows))


def made_market() -> tuple[tuple[GridPool, ...], History, Iterator[Bools]]:
    """60,000 pools that were watched for a day, and what becomes of them."""
    rng = np.random.default_rng(SEED)
    pools = tuple(
        GridPool("aws", f"region-{number // 2_000}", f"zone-{number // 500}", f"t{number % 500}", 1)
        for number in range(POOLS)
    )
    market, history = states(POOLS, rng), History.empty((POOLS,))
    for _ in range(UPDATES):
        history.advance(next(market), rng.random(POOLS) < 0.97)  # noqa: PLR2004 - some are missed
    return pools, history, market


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def milliseconds(work: Callable[[], object], turns: int) -> list[float]:
    """How long it takes, turn by turn, after one turn to warm up."""
    return [1e3 * seconds(work) for _ in range(turns + 1)][1:]


def market_speed(model: RiskModel) -> list[Measured]:
    """What one look at the whole market costs."""
    pools, history, market = made_market()
    known = np.ones(POOLS, dtype=np.bool_)
    to_come = [next(market) for _ in range(TURNS + 1)]
    update = milliseconds(lambda: history.advance(to_come.pop(), known), TURNS)
    fresh: Floats = np.zeros(POOLS)
    evidence = evidence_of(history, pools, fresh)
    kind = np.zeros(POOLS, dtype=np.int64)
    familiar = model.knows(pools)
    inputs = features(evidence, kind, model.priors)
    return [
        Measured(
            f"forecast of {POOLS:,} pools x {len(HORIZONS_MINUTES)} horizons",
            "ms",
            milliseconds(lambda: model.forecast(evidence, kind, familiar, inputs=inputs), TURNS),
            LIMIT_FORECAST_MS,
        ),
        Measured(
            "  their features, before it",
            "ms",
            milliseconds(lambda: features(evidence, kind, model.priors), TURNS),
        ),
        Measured(
            "  their evidence, before that",
            "ms",
            milliseconds(lambda: evidence_of(history, pools, fresh), 3),
        ),
        Measured(f"online update of {POOLS:,} pools", "ms", update, LIMIT_UPDATE_MS),
    ]


def size(value: object) -> int:
    """Bytes of all arrays in it."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if is_dataclass(value):
        return sum(size(getattr(value, field.name)) for field in fields(value))
    return 0


def memory_of_a_fit(rows: int) -> tuple[float, float, float]:
    """Bytes of the samples, peak before and after a fit on them; of the process it runs in."""
    few = made_samples(FIT_ROWS)
    many = few.take(np.resize(np.arange(few.rows), rows))
    del few
    before = peak()
    fit(many)
    return size(many), before, peak()


def peak() -> float:
    """The most memory that this process has had, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def main() -> None:
    """Measure and print; exit 1 if a median is over its limit."""
    # First, as a new process is charged with the peak of the one that starts it.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        data, before, after = other.submit(memory_of_a_fit, MEMORY_ROWS).result()
    training = made_samples(FIT_ROWS)
    fitting = [seconds(lambda: fit(training)) for _ in range(FIT_TURNS)]
    measured = [
        *market_speed(fit(training)),
        Measured(f"fit on {training.rows:,} rows", "s", fitting, LIMIT_FIT_S),
        Measured(
            f"peak of a process that fits on {MEMORY_ROWS:,} rows",
            "GiB",
            [after / GIB],
            LIMIT_MEMORY_GIB,
        ),
        Measured("  of it the samples", "GiB", [data / GIB]),
        Measured("  peak before the fit", "GiB", [before / GIB]),
    ]
    print(f"{'median (fastest to slowest)':>67} {'limit':>17} {'ratio':>6}")
    print(*measured, sep="\n")
    sys.exit(any(one.is_over for one in measured))


if __name__ == "__main__":
    main()
