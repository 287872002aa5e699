"""Azure in SpotLake: prices, eviction bands and placement scores per region.

The file's zones are those of SpotLake's subscription; another one's zone 1 is another place. So
only what holds for a whole region is read.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.payload import text
from collector.provider import Source
from collector.providers.public import spotlake
from collector.providers.public.spotlake import NO_SCORES, UNKNOWN, Row, known
from warehouse.records import REGIONAL, Pool, Record, Signal

NAME = "public.spotlake_azure"
SCORE = "spotlake.azure_placement_score"
BAND = "spotlake.azure_eviction_band_28_days"

SCORES = {"Low": 0.0, "Medium": 0.5, "High": 1.0}
WHOLE_REGION = {"", "Single", None, UNKNOWN}
"""How the file writes that a row is of no zone."""


def collect(source: Source) -> Iterator[Record]:
    """Yield up to two prices, a score and a band per region and size."""
    yield from parse(spotlake.rows_of(source, "azure", NAME), observed_at=source.now)


def parse(rows: Sequence[Row], *, observed_at: datetime) -> Iterator[Record]:
    """Read the file; scores of single zones are left out."""

    def read(row: Row, at: datetime) -> Iterator[Record]:
        size = f"{text(row, 'InstanceTier')}_{text(row, 'InstanceType')}"
        pool = Pool("azure", text(row, "Region"), REGIONAL, size)
        yield from spotlake.prices(
            row,
            pool,
            at,
            spot="SpotPrice",
            on_demand="OndemandPrice",
            feed=NAME,
            observed_at=observed_at,
        )
        if row["AvailabilityZone"] in WHOLE_REGION:
            yield from _score(row, pool, at)
        yield from spotlake.band(row, pool, at, definition=BAND, feed=NAME)

    yield from spotlake.parse_rows(rows, read, feed=NAME)


def _score(row: Row, pool: Pool, at: datetime) -> Iterator[Signal]:
    if row["Score"] in {None, UNKNOWN}:
        return
    score = text(row, "Score")
    if score in NO_SCORES:
        return
    if score not in SCORES:
        raise ValueError(f"Score is {score!r}, not one of {', '.join(SCORES)}")
    value = SCORES[score]
    detail = json.dumps({"score": score, "T2": known(row, "T2"), "T3": known(row, "T3")})
    yield Signal(pool, at, SCORE, value, value, NAME, detail)


FEED = spotlake.feed_of(
    "azure",
    "Azure",
    "Per region and size: spot and pay-as-you-go price, the band of evictions, and the placement "
    "score of SpotLake's own request where it is of the whole region (High is 1, Medium .5, Low "
    "0). Scores of single zones are left out: the zones are those of SpotLake's subscription.",
    collect,
)
