"""The simulated market's places, shapes and machines as rows of the warehouse's tables."""

from datetime import datetime
from string import ascii_lowercase
from typing import Final

import numpy as np
import polars as pl

from advisor.simulation.catalog import CURRENCY
from advisor.simulation.frames import SOURCE, UTC_TIME, pool_columns, times
from advisor.simulation.machines import GIVEN_BACK, RUNNING, TAKEN, Machines
from advisor.simulation.pools import MarketPool
from advisor.simulation.settings import ZONES
from warehouse.records import EndedBy, InterruptionKind

ACCOUNT: Final = "simulated"
"""The account whose zone names the simulated zone aliases are."""

NOTICE_SECONDS: Final = {"aws": 120.0, "alibaba": 300.0}
"""AWS EC2 "Spot Instance interruption notices"; Alibaba ECS "preemptible instances"."""

END_REASON: Final = {
    ("aws", RUNNING): "running",
    ("aws", TAKEN): "instance-terminated-no-capacity",
    ("aws", GIVEN_BACK): "instance-terminated-by-user",
    ("alibaba", RUNNING): "Running",
    ("alibaba", TAKEN): "Recycling",
    ("alibaba", GIVEN_BACK): "Released",
}
"""AWS: spot request status codes. Alibaba: instance status, and the lock reason of one taken."""

ENDED_BY: Final = {
    RUNNING: EndedBy.STILL_RUNNING.value,
    TAKEN: EndedBy.INTERRUPTED.value,
    GIVEN_BACK: EndedBy.USER.value,
}


def instance_type_rows(pools: list[MarketPool], observed_at: datetime) -> pl.DataFrame:
    """The rows of ``instance_type``: one per type that the market sells."""
    shapes = {one.shape.instance_type: one.shape for one in pools}
    records = [shape.instance_type_at(SOURCE, observed_at) for shape in shapes.values()]
    schema: dict[str, pl.DataType] = {
        "provider": pl.String(),
        "instance_type": pl.String(),
        "vcpu": pl.Float64(),
        "memory_gib": pl.Float64(),
        "architecture": pl.String(),
        "gpu_name": pl.String(),
        "gpu_count": pl.Int32(),
        "gpu_memory_gib": pl.Float64(),
        "local_disk_gb": pl.Float64(),
        "source": pl.String(),
        "observed_at": UTC_TIME,
    }
    return pl.DataFrame(
        {name: [getattr(record, name) for record in records] for name in schema}, schema=schema
    )


def available_type_rows(pools: list[MarketPool], observed_at: datetime) -> pl.DataFrame:
    """The rows of ``available_type``: one per pool."""
    return pl.DataFrame(
        pool_columns([one.pool for one in pools], np.arange(len(pools)))
    ).with_columns(source=pl.lit(SOURCE), observed_at=pl.lit(observed_at).cast(UTC_TIME))


def zone_alias_rows(
    pools: list[MarketPool], observed_at: datetime, rng: np.random.Generator
) -> pl.DataFrame:
    """The rows of ``zone_alias``: what one account calls AWS' zones, shuffled as AWS does."""
    rows = []
    for region in dict.fromkeys(one.pool.region for one in pools if one.pool.provider == "aws"):
        letters = rng.permutation(list(ascii_lowercase[: len(ZONES[region])]))
        rows += [
            ("aws", ACCOUNT, region, f"{region}{letter}", zone, SOURCE, observed_at)
            for letter, zone in zip(letters, ZONES[region], strict=True)
        ]
    texts = ("provider", "account", "region", "zone_name", "zone_id", "source")
    schema = pl.Schema({**dict.fromkeys(texts, pl.String()), "observed_at": UTC_TIME})
    return pl.DataFrame(rows, schema=schema, orient="row")


def on_demand_price_rows(pools: list[MarketPool], effective_at: datetime) -> pl.DataFrame:
    """The rows of ``on_demand_price``: one per region and type, in force from the start."""
    listed = {
        (one.pool.provider, one.pool.region, one.pool.instance_type): one.on_demand_per_hour
        for one in pools
    }
    return pl.DataFrame(
        {
            "provider": [provider for provider, _, _ in listed],
            "region": [region for _, region, _ in listed],
            "instance_type": [instance_type for _, _, instance_type in listed],
            "price_per_hour": list(listed.values()),
            "currency": [CURRENCY[provider] for provider, _, _ in listed],
        }
    ).with_columns(
        effective_at=pl.lit(effective_at).cast(UTC_TIME),
        source=pl.lit(SOURCE),
        observed_at=pl.lit(effective_at).cast(UTC_TIME),
    )


def exposure_rows(
    pools: list[MarketPool], held: Machines, *, start: datetime, run: str
) -> pl.DataFrame:
    """The rows of ``exposure``: one per machine, in the order of ``held``.

    A machine's end is known exactly, so it was last alive when it ended. ``run`` sets the nodes
    of one simulation apart from those of another.
    """
    providers = [one.pool.provider for one in pools]
    ends = zip(held.pool.tolist(), held.end.tolist(), strict=True)
    ended_at = times(start, held.ended)
    return pl.DataFrame(
        {
            **pool_columns([one.pool for one in pools], held.pool),
            "node": [f"simulated-{run}-{number:06d}" for number in range(len(held.pool))],
            "launched_at": times(start, held.launched),
            "last_alive_at": ended_at,
            "ended_at": ended_at,
            "ended_by": [ENDED_BY[end] for end in held.end.tolist()],
            "end_reason": [END_REASON[providers[pool], end] for pool, end in ends],
            "source": pl.repeat(SOURCE, len(held.pool), eager=True),
        }
    ).with_columns(ended_at=pl.when(pl.col("ended_by") != ENDED_BY[RUNNING]).then("ended_at"))


def interruption_rows(exposures: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``interruption``: each loss is ``taken``, and ``announced`` before, by time.

    A machine that is younger than the notice is taken without one, as both clouds do to machines
    that still boot.
    """
    notice = pl.col("provider").replace_strict(NOTICE_SECONDS, return_dtype=pl.Float64)
    announced_at = pl.col("ended_at") - pl.duration(seconds=notice)
    lost = exposures.filter(pl.col("ended_by") == EndedBy.INTERRUPTED.value).with_columns(
        notice_seconds=pl.when(announced_at >= pl.col("launched_at")).then(notice)
    )
    taken = lost.with_columns(
        kind=pl.lit(InterruptionKind.TAKEN.value), occurred_at=pl.col("ended_at")
    )
    announced = lost.filter(pl.col("notice_seconds").is_not_null()).with_columns(
        kind=pl.lit(InterruptionKind.ANNOUNCED.value), occurred_at=announced_at
    )
    columns = (
        "provider",
        "region",
        "zone",
        "instance_type",
        "node",
        "kind",
        "occurred_at",
        "notice_seconds",
        "source",
    )
    return (
        pl.concat([taken, announced])
        .select(*columns, observed_at=pl.col("occurred_at"))
        .sort("occurred_at", "node", "kind")
    )
