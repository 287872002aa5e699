"""What the providers publish about risk, made from what happened to the simulated machines.

AWS gives one of five bands per region and type, and the saving; Alibaba a point per zone. Both
look back a month: they say little about now, and nothing about a type that is new.
"""

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from advisor.simulation.frames import SOURCE, UTC_TIME
from advisor.simulation.hazard import Floats
from advisor.simulation.pools import MarketPool
from advisor.simulation.prices import BLOCK_HOURS
from warehouse.records import REGIONAL, EndedBy

ADVISOR_BAND: Final = "aws.advisor_band_trailing_month"
ADVISOR_SAVING: Final = "aws.advisor_saving_trailing_month"
ALIBABA_RATE: Final = "alibaba.interruption_rate_trailing_30_days"

WINDOW: Final = timedelta(days=30)

BAND_EDGES: Final = (0.05, 0.10, 0.15, 0.20)
"""AWS Spot Advisor's own labels: <5%, 5-10%, 10-15%, 15-20%, >20% (open)."""

PUBLISHED_EVERY: Final = timedelta(days=7)
"""The feed moves irregularly, by days to months; a week shows a change within a demo."""

COLUMNS: Final = (
    "provider",
    "region",
    "zone",
    "instance_type",
    "observed_at",
    "definition",
    "value_low",
    "value_high",
    "source",
    "detail",
    "subject",
)


def signals(
    pools: list[MarketPool],
    exposures: pl.DataFrame,
    paths: Floats,
    *,
    start: datetime,
    now: datetime,
    unpublished: frozenset[str],
) -> pl.DataFrame:
    """The rows of ``signal``: one edition at ``now`` and one for each full week before it.

    Nothing is said of the types in ``unpublished``, nor of a type of which no machine was held.
    ``exposures`` are the rows of the table of that name.
    """
    known = exposures.filter(~pl.col("instance_type").is_in(sorted(unpublished)))
    # An edition needs some time to look back on: a week, or all there is.
    editions = max((now - start) // PUBLISHED_EVERY, 1)
    parts = []
    for weeks in range(editions):
        at = now - weeks * PUBLISHED_EVERY
        since = max(at - WINDOW, start)
        shares = interrupted_shares(known, since, at)
        savings = _savings(pools, paths, start, since, at)
        parts.append(_edition(shares, savings, at))
    return pl.concat(parts).sort(*COLUMNS[:6])


def interrupted_shares(exposures: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """Of the machines that ran between the two times, the share that was interrupted by then.

    Columns ``provider``, ``region``, ``zone`` (`REGIONAL` for AWS), ``instance_type``,
    ``machines`` and ``share``; one row per place and type that had a machine.
    """
    ended = pl.col("ended_at").fill_null(until)
    interrupted = (pl.col("ended_by") == EndedBy.INTERRUPTED.value) & (ended <= until)
    is_aws = pl.col("provider") == "aws"
    return (
        exposures.filter(pl.col("launched_at") < until, ended > since)
        .with_columns(
            zone=pl.when(is_aws).then(pl.lit(REGIONAL)).otherwise("zone"),
            interrupted=interrupted,
        )
        .group_by("provider", "region", "zone", "instance_type")
        .agg(machines=pl.len(), share=pl.col("interrupted").mean())
        .sort("provider", "region", "zone", "instance_type")
    )


def _savings(
    pools: list[MarketPool], paths: Floats, start: datetime, since: datetime, until: datetime
) -> pl.DataFrame:
    """The mean saving against the list price per region and type, AWS, rounded to a percent."""
    first, last = ((at - start) // timedelta(hours=BLOCK_HOURS) for at in (since, until))
    listed = np.array([one.on_demand_per_hour for one in pools])
    saving = 1 - paths[:, first:last].mean(axis=1) / listed
    return (
        pl.DataFrame(
            {
                "region": [one.pool.region for one in pools],
                "instance_type": [one.pool.instance_type for one in pools],
                "saving": saving,
            }
        )
        .group_by("region", "instance_type")
        .agg(pl.col("saving").mean().round(2))
    )


def _edition(shares: pl.DataFrame, savings: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """All that is published at one time."""
    aws = shares.filter(pl.col("provider") == "aws")
    alibaba = shares.filter(pl.col("provider") == "alibaba")
    band = aws.with_columns(
        definition=pl.lit(ADVISOR_BAND),
        value_low=_edge((0.0, *BAND_EDGES)),
        value_high=_edge((*BAND_EDGES, None)),
    )
    saving = aws.join(savings, on=["region", "instance_type"], how="left").with_columns(
        definition=pl.lit(ADVISOR_SAVING),
        value_low=pl.col("saving"),
        value_high=pl.col("saving"),
    )
    rate = pl.col("share").round(4)
    point = alibaba.with_columns(definition=pl.lit(ALIBABA_RATE), value_low=rate, value_high=rate)
    return pl.concat(
        part.with_columns(
            observed_at=pl.lit(at).cast(UTC_TIME),
            source=pl.lit(SOURCE),
            detail=pl.lit(None, pl.String),
            subject=pl.lit(None, pl.String),
        ).select(COLUMNS)
        for part in (band, saving, point)
    )


def _edge(edges: tuple[float | None, ...]) -> pl.Expr:
    """The edge that belongs to the band in which ``share`` lies."""
    band = pl.sum_horizontal((pl.col("share") >= edge).cast(pl.Int64) for edge in BAND_EDGES)
    return band.replace_strict(list(range(len(edges))), list(edges), return_dtype=pl.Float64)
