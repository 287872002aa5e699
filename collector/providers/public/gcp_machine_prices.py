"""Prices of Google's machine types per region, from the pages of gcloud-compute.com.

The page is made from Google's billing catalog about once a week (Cyclenerd, Apache-2.0). It
spares a user without an account the adding of prices per core and GiB.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl

from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.public.csv_tables import read_table, with_numbers
from collector.providers.public.gcp_machines import is_priced_whole
from warehouse.records import REGIONAL, OnDemandPrice, Pool, Record, Semantics, SpotPrice

NAME = "public.gcp_machine_prices"
URL = "https://gcloud-compute.com/machine-types-regions.csv"

COLUMNS = ("name", "region", "hour", "hourSpot")
UNKNOWN_PRICES = (0.0, -1.0)


def collect(source: Source) -> Iterator[Record]:
    """Yield a `SpotPrice` and an `OnDemandPrice` per region and type."""
    page = source.http.page(URL, source=NAME, now=source.now)
    yield from parse(page.content, effective_at=page.published_at, observed_at=source.now)


def parse(content: bytes, *, effective_at: datetime, observed_at: datetime) -> Iterator[Record]:
    """Read the file. Machines whose GPUs are billed apart are left out.

    A last line that does not end may be half a line, with half a number: it is not read.
    """
    whole_lines = content.rpartition(b"\n")[0] or content
    table = read_table(whole_lines, COLUMNS, source=NAME).drop_nulls(["name", "region"])
    table = with_numbers(
        table, ("hour", "hourSpot"), unknown=UNKNOWN_PRICES, place=("name", "region"), source=NAME
    )
    rows = table.filter(is_priced_whole("name")).unique(
        ["name", "region"], keep="first", maintain_order=True
    )
    for name, region, hour, spot in rows.select(pl.col(COLUMNS)).iter_rows():
        if spot is not None:
            yield SpotPrice(
                pool=Pool("gcp", region, REGIONAL, name),
                effective_at=effective_at,
                price_per_hour=spot,
                currency="USD",
                semantics=Semantics.SAMPLE,
                source=NAME,
                observed_at=observed_at,
            )
        if hour is not None:
            yield OnDemandPrice(
                provider="gcp",
                region=region,
                instance_type=name,
                effective_at=effective_at,
                price_per_hour=hour,
                currency="USD",
                source=NAME,
                observed_at=observed_at,
            )


FEED = Feed(
    name=NAME,
    title="GCP machine prices, gcloud-compute.com",
    meaning=(
        "GCP's spot and on-demand price per region and machine type, made from Google's billing "
        "catalog about once a week by a third party. Machines whose GPUs or TPUs are billed apart "
        "(a2, a3, a4, g2, g4, ct) are left out."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=False,
    recorded_as=(RecordedAs("/machine-types-regions.csv", "gcp_machine_types_regions"),),
)
