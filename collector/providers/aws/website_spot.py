"""The file behind AWS' spot price page: one price per region and type, and no account needed.

It is undocumented and may vanish. Its prices are of a whole region, although AWS sells by zone,
so they are a stand-in for those who have no account. ``N/A*`` stands for "not offered".
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.http import parse_json
from collector.payload import mapping, members, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from warehouse.records import REGIONAL, Pool, Record, Semantics, SpotPrice

NAME = "aws.website_spot"
URL = "https://website.spot.ec2.aws.a2z.com/spot.json"

NOT_OFFERED = "N/A"


def collect(source: Source) -> Iterator[Record]:
    """Yield one `SpotPrice` per region and Linux type."""
    page = source.http.page(URL, source=NAME, now=source.now)
    yield from parse(
        parse_json(page.content, source=NAME),
        effective_at=page.published_at,
        observed_at=source.now,
    )


def parse(payload: Any, *, effective_at: datetime, observed_at: datetime) -> Iterator[SpotPrice]:
    """Read the file's JSON. Local zones (``us-east-1-atl-1``) are regions of their own here."""
    with reading(NAME, "the page"):
        regions = members(mapping(payload, "config"), "regions")
    for entry in regions:
        with reading(NAME, "a region"):
            region = text(entry, "region")
        with reading(NAME, region):
            sizes = [
                size
                for group in members(entry, "instanceTypes")
                for size in members(group, "sizes")
            ]
        for size in sizes:
            with reading(NAME, f"{region} {size.get('size', 'a row without size')}"):
                pool = Pool("aws", region, REGIONAL, text(size, "size"))
                prices = dict(_prices(size))
            for currency, price in prices.items():
                yield SpotPrice(
                    pool, effective_at, price, currency, Semantics.SAMPLE, NAME, observed_at
                )


def _prices(size: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The Linux prices of one type, by currency; none if it is not offered."""
    for column in members(size, "valueColumns"):
        if text(column, "name") != "linux":
            continue
        prices = mapping(column, "prices")
        for currency in prices:
            price = text(prices, currency)
            if not price.startswith(NOT_OFFERED):
                yield currency, float(price)


FEED = Feed(
    name=NAME,
    title="AWS spot price page",
    meaning=(
        "Hourly Linux spot price of a whole region: AWS sells by zone, so no zone's price need be "
        "this one. Taken where there is no AWS account."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(hours=1),
    is_snapshot=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=False,
    recorded_as=(RecordedAs("/spot.json", "website_spot_json"),),
    opt_in="undocumented page feed, regional prices only",
)
