"""AWS in SpotLake: placement scores, bands and prices per zone id."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.payload import text
from collector.provider import Source
from collector.providers.public import spotlake
from collector.providers.public.spotlake import Row, known
from warehouse.records import Pool, Record, Signal

NAME = "public.spotlake_aws"
SCORE = "spotlake.aws_placement_score"
BAND = "spotlake.aws_advisor_band_trailing_month"

BEST_SCORE = 10


def collect(source: Source) -> Iterator[Record]:
    """Yield up to two prices, a score and a band per row."""
    yield from parse(spotlake.rows_of(source, "aws", NAME), observed_at=source.now)


def parse(rows: Sequence[Row], *, observed_at: datetime) -> Iterator[Record]:
    """Read the file. The band is the region's, and comes once for all its zones."""

    def read(row: Row, at: datetime) -> Iterator[Record]:
        pool = Pool("aws", text(row, "Region"), text(row, "AZ"), text(row, "InstanceType"))
        yield from spotlake.prices(
            row,
            pool,
            at,
            spot="SpotPrice",
            on_demand="OndemandPrice",
            feed=NAME,
            observed_at=observed_at,
        )
        yield from _score(row, pool, at)
        yield from spotlake.band(row, pool, at, definition=BAND, feed=NAME)

    yield from spotlake.parse_rows(rows, read, feed=NAME)


def _score(row: Row, pool: Pool, at: datetime) -> Iterator[Signal]:
    """AWS' score as it is; beside it the largest counts with a score of 2 and of 3."""
    score = known(row, "SPS")
    if score is None:
        return
    if not 1 <= score <= BEST_SCORE:
        raise ValueError(f"SPS is {score:g}, not from 1 to {BEST_SCORE}")
    detail = json.dumps({name: known(row, name) for name in ("T2", "T3")})
    yield Signal(pool, at, SCORE, score, score, NAME, detail)


FEED = spotlake.feed_of(
    "aws",
    "AWS",
    "Per zone id and type: the spot placement score of SpotLake's own request for that one type "
    "(not comparable with that of your request), spot and on-demand price; per region the band of "
    "AWS' advisor. Read by SpotLake every 10 minutes.",
    collect,
)
