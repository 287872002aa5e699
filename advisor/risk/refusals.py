"""Refused launches as what they are: a look at a pool that found no machine.

A cloud that answers "insufficient capacity" has been probed, if not on purpose (risk contract,
section 5.3). So a refusal is a launch probe that was down, in the series of the pool's own probes
where it has some, else in a series of its own. It is carried forward like any other observation.
"""

from datetime import timedelta

import polars as pl

from advisor.risk.grid import LONGEST_CARRY_S

REFUSED_LAUNCHES = ("kubernetes.refused_launch",)
"""Definitions of signals that say "a launch in this pool was refused then". A feed of refusals
adds its own here; any value counts."""

CAMPAIGN = "refused_launches"
"""What the series of refusals are called, and measured together as."""

LAUNCH_PROBE = "launch_probe"


def with_refusals(ticks: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """The ticks and one more per refused launch, as a probe that was down.

    A refusal whose zone is not known speaks of no pool and is left out.

    Args:
        ticks: as `warehouse.features.ticks_until` gives them.
        signals: the columns of `signal_offsets.SIGNALS`; other definitions are passed over.
    """
    refused = signals.filter(pl.col("definition").is_in(REFUSED_LAUNCHES), pl.col("zone") != "*")
    if refused.is_empty():
        return ticks
    own = ["provider", "zone", "instance_type"]
    at = pl.col("ts_utc")
    looked = refused.select("provider", "region", "zone", "instance_type", ts_utc="observed_at")
    probes = ticks.filter(probe_kind=LAUNCH_PROBE).select(
        *own, "trace_id", "source", "target_capacity", "offset_s", at, last_at=at
    )
    joined = looked.sort("ts_utc").join_asof(
        probes.sort("ts_utc"),
        on="ts_utc",
        by=own,
        tolerance=timedelta(seconds=LONGEST_CARRY_S),
        check_sortedness=False,
    )
    pool = pl.concat_str(*own, separator=":")
    first = at.min().over(*own)
    since = (at - pl.coalesce("last_at", first)).dt.total_microseconds() / 1e6
    more = joined.with_columns(
        trace_id=pl.coalesce("trace_id", pl.concat_str(pl.lit(f"{CAMPAIGN}/"), pool)),
        source=pl.coalesce("source", pl.lit(CAMPAIGN)),
        target_capacity=pl.coalesce("target_capacity", pl.lit(1)),
        offset_s=pl.coalesce("offset_s", pl.lit(0.0)) + since,
        probe_kind=pl.lit(LAUNCH_PROBE),
        available=pl.lit(0),
    )
    return pl.concat([ticks, _like(more, ticks)])


def _like(frame: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The columns of the other frame, in its order and types."""
    return frame.select(pl.col(name).cast(kind) for name, kind in other.schema.items())
