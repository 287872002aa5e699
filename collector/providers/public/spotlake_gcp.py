"""GCP in SpotLake: prices per region."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.payload import text
from collector.provider import Source
from collector.providers.public import spotlake
from collector.providers.public.gcp_machines import ACCELERATOR_FAMILIES
from collector.providers.public.spotlake import Row
from warehouse.records import REGIONAL, Pool, Record

NAME = "public.spotlake_gcp"


def collect(source: Source) -> Iterator[Record]:
    """Yield up to two prices per row."""
    yield from parse(spotlake.rows_of(source, "gcp", NAME), observed_at=source.now)


def parse(rows: Sequence[Row], *, observed_at: datetime) -> Iterator[Record]:
    """Read the file; machines whose GPUs are billed apart are left out."""

    def read(row: Row, at: datetime) -> Iterator[Record]:
        pool = Pool("gcp", text(row, "Region"), REGIONAL, text(row, "InstanceType"))
        if not re.match(ACCELERATOR_FAMILIES, pool.instance_type):
            yield from spotlake.prices(
                row,
                pool,
                at,
                spot="Spot Price",
                on_demand="OnDemand Price",
                feed=NAME,
                observed_at=observed_at,
            )

    yield from spotlake.parse_rows(rows, read, feed=NAME)


FEED = spotlake.feed_of(
    "gcp",
    "GCP",
    "Per region and type: spot and on-demand price. Machines whose GPUs or TPUs are billed apart "
    "are left out, because it is not said whether the price has them.",
    collect,
)
