"""Return to spot, replayed on real histories: moves a day, and what each rule costs.

Usage: ``python -m benchmarks.fallback DATA``, a folder with ``import`` and ``interruptions`` as
docs/data.md describes their files. Two kinds of history, as no source has both sides:

- prices of GPU pools (`import/prices_*.parquet` with `on_demand.parquet`): capacity is assumed to
  be there, so a move is made for the price alone;
- probes (`interruptions/availability_ticks.parquet`): capacity comes and goes, at a constant price.

The risk of the first is held constant; of the second it is what the pool's own past says, as
a Gamma posterior with an 80 % interval. Nothing of a step's future is used but by the least cost.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import gamma

from advisor.fallback import FallbackSettings
from advisor.fallback_replay import (
    Losses,
    PoolHistory,
    Rule,
    always_the_cheaper,
    least_cost,
    never_return,
    replay,
    with_hysteresis,
)
from advisor.risk.grid import Bools, Floats

DAY = timedelta(days=1)
PRICE_STEPS = {
    "prices_aws_events_2019_2020": timedelta(minutes=15),
    "prices_aws_daily": DAY,
    "prices_azure_daily": DAY,
    "prices_gcp_weekly": DAY,
}
"""Files of price history, and the step at which a rule is asked."""

SHORTEST_DAYS = 30
"""Shorter histories say nothing of flapping."""

HAZARD_PER_HOUR = (0.005, 0.02, 0.08)
"""Low, middle and high where no source says more: a band of 20 % a month is 0.0003 an hour, and
no volatile pool was measured below 0.04."""

SPOT_SHARE = 0.3
"""Spot price by on-demand price of a probed pool: the median of the 24 p3 pools in the price
files (80 % of them 0.29 to 0.40); most probed pools are V100."""

PRIOR_PER_HOUR, PRIOR_HOURS, HALF_LIFE_HOURS = 0.1, 8.0, 24.0
"""What is believed of a pool before it has a past, with what strength, and how fast it forgets."""

WORKLOADS = {
    "training": Losses(),
    "serving": Losses(interruption_cost_usd=2.0),
}
RULES: dict[str, Rule] = {
    "never return": never_return,
    "without hysteresis": always_the_cheaper,
    "with hysteresis": with_hysteresis(FallbackSettings()),
}


@dataclass(frozen=True, slots=True)
class Total:
    """Sums over the pools of one kind."""

    cost_usd: float
    moves: int
    most_a_day: int
    closest_hours: float
    losses: int
    spot_hours: float


def price_histories(folder: Path) -> Iterator[PoolHistory]:
    """The GPU pools whose spot and on-demand prices are known for long enough."""
    machines = pl.read_parquet(folder / "instance_types.parquet").filter(pl.col("gpu_count") > 0)
    listed = pl.read_parquet(folder / "on_demand.parquet").sort("effective_at")
    for name, step in PRICE_STEPS.items():
        prices = pl.read_parquet(folder / f"{name}.parquet").join(
            machines.select("provider", "instance_type"),
            on=["provider", "instance_type"],
            how="semi",
        )
        for key, pool in prices.sort("effective_at").group_by(
            "provider", "region", "zone", "instance_type", maintain_order=True
        ):
            made = _price_history(" ".join(map(str, key)), pool, listed, step)
            if made is not None and made.days >= SHORTEST_DAYS:
                yield made


def _price_history(
    name: str, pool: pl.DataFrame, listed: pl.DataFrame, step: timedelta
) -> PoolHistory | None:
    first, last = pool["effective_at"][0], pool["effective_at"][-1]
    times = pl.DataFrame({"effective_at": pl.datetime_range(first, last, step, eager=True)})
    mine = listed.filter(
        (pl.col("region") == pool["region"][0])
        & (pl.col("instance_type") == pool["instance_type"][0])
        & (pl.col("provider") == pool["provider"][0])
    )
    if mine.is_empty():
        return None
    rows = times.join_asof(
        pool.select("effective_at", spot="price_per_hour"), on="effective_at"
    ).join_asof(mine.select("effective_at", listed="price_per_hour"), on="effective_at")
    # The first list price is carried back: machines were listed before somebody noted the price.
    rows = rows.with_columns(pl.col("listed").fill_null(mine["price_per_hour"][0])).drop_nulls()
    size = len(rows)
    low, middle, high = (np.full(size, one) for one in HAZARD_PER_HOUR)
    return PoolHistory(
        name,
        first,
        step,
        rows["spot"].to_numpy(),
        rows["listed"].to_numpy(),
        np.full(size, fill_value=True),
        low,
        middle,
        high,
        is_watched=False,
    )


def probe_histories(file: Path, kind: str, part: slice) -> Iterator[PoolHistory]:
    """The probed pools of one kind, ``part`` of each; a dollar an hour on demand."""
    ticks = pl.read_parquet(file).filter(pl.col("probe_kind") == kind)
    for (name,), trace in ticks.sort("tick").group_by("trace_id", maintain_order=True):
        step = timedelta(seconds=float(trace["offset_s"].diff().median() or 0))  # type: ignore[arg-type] # a number of this column
        up = (trace["available"] > 0).to_numpy()
        low, middle, high = hazards(up, step)
        cut = slice(int(len(up) * (part.start or 0) / 2), int(len(up) * (part.stop or 2) / 2))
        size = len(up[cut])
        yield PoolHistory(
            str(name),
            trace["ts_utc"][0],
            step,
            np.full(size, SPOT_SHARE),
            np.ones(size),
            up[cut],
            low[cut],
            middle[cut],
            high[cut],
        )


def hazards(up: Bools, step: timedelta) -> tuple[Floats, Floats, Floats]:
    """Losses per hour up as the past until each step tells: ends of 80 %, and the mean between."""
    hours = step / timedelta(hours=1)
    keep = 0.5 ** (hours / HALF_LIFE_HOURS)
    drops, at_risk = np.zeros(len(up)), np.zeros(len(up))
    for at in range(1, len(up)):
        drops[at] = keep * drops[at - 1] + (up[at - 1] and not up[at])
        at_risk[at] = keep * at_risk[at - 1] + hours * bool(up[at - 1])
    shape, rate = drops + PRIOR_PER_HOUR * PRIOR_HOURS, at_risk + PRIOR_HOURS
    return gamma.ppf(0.1, shape) / rate, shape / rate, gamma.ppf(0.9, shape) / rate


def total(histories: Sequence[PoolHistory], rule: Rule, losses: Losses) -> Total:
    """What the rule comes to over all pools."""
    made = [replay(one, rule, losses) for one in histories]
    gaps = [
        (later - one) / timedelta(hours=1)
        for outcome in made
        for one, later in zip(outcome.moves, outcome.moves[1:], strict=False)
    ]
    return Total(
        cost_usd=sum(one.cost_usd for one in made),
        moves=sum(len(one.moves) for one in made),
        most_a_day=max(
            (
                sum(timedelta(0) <= other - one < DAY for other in outcome.moves)
                for outcome in made
                for one in outcome.moves
            ),
            default=0,
        ),
        closest_hours=min(gaps, default=float("inf")),
        losses=sum(one.losses for one in made),
        spot_hours=sum(one.spot_hours for one in made),
    )


def report(title: str, histories: Sequence[PoolHistory], losses: Losses) -> None:
    """One table: a line per rule."""
    days = sum(one.days for one in histories)
    print(f"\n{title}: {len(histories)} pools, {days:,.0f} pool-days")
    heads = ("cost", "saved", "moves/day", "most", "gap h", "losses", "spot")
    print(f"{'rule':20} {heads[0]:>7} {heads[1]:>6} {heads[2]:>9}", end=" ")
    print(f"{heads[3]:>5} {heads[4]:>6} {heads[5]:>7} {heads[6]:>5}")
    least = sum(least_cost(one, losses) for one in histories)
    base = total(histories, never_return, losses).cost_usd
    for name, rule in RULES.items():
        one = total(histories, rule, losses)
        print(
            f"{name:20} {one.cost_usd / base:7.3f} {share(base - one.cost_usd, base - least):6.1%} "
            f"{one.moves / days:9.3f} {one.most_a_day:5} {one.closest_hours:6.1f} "
            f"{one.losses:7} {one.spot_hours / (24 * days):5.0%}"
        )
    print(f"{'known in advance':20} {least / base:7.3f} {1:6.1%}")


def share(part: float, whole: float) -> float:
    """A share, 0 of nothing."""
    return part / whole if whole else 0.0


def main(arguments: Sequence[str]) -> int:
    """Print a table per kind of history and workload; 0."""
    data, started = Path(arguments[0]), time.perf_counter()
    prices = list(price_histories(data / "import"))
    near = [one for one in prices if bool(np.any(one.spot > 0.9 * one.on_demand))]
    ticks = data / "interruptions" / "availability_ticks.parquet"
    for workload, losses in WORKLOADS.items():
        report(f"prices, {workload}", prices, losses)
        report(f"prices that came near on demand, {workload}", near, losses)
        for kind in ("held_instance", "launch_probe"):
            for title, part in (("earlier half", slice(0, 1)), ("later half", slice(1, 2))):
                made = list(probe_histories(ticks, kind, part))
                report(f"{kind}, {title}, {workload}", made, losses)
    print(f"\n{time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
