"""Azure in SkyPilot's catalog: prices per region and the shapes of machines, without an account."""

from collections.abc import Iterator
from datetime import datetime

from collector.provider import Source
from collector.providers.public import skypilot
from collector.providers.public.skypilot import Catalog
from warehouse.records import Record

CATALOG = Catalog("azure", "Azure", ())
NAME = CATALOG.name


def collect(source: Source) -> Iterator[Record]:
    """Yield a `SpotPrice` per pool, an `OnDemandPrice` per region, an `InstanceType` per type."""
    page = source.http.page(CATALOG.url, source=NAME, now=source.now)
    yield from parse(page.content, effective_at=page.published_at, observed_at=source.now)


def parse(content: bytes, *, effective_at: datetime, observed_at: datetime) -> Iterator[Record]:
    """Read the file, as `skypilot.records` does each cloud's."""
    yield from skypilot.records(
        CATALOG, content, effective_at=effective_at, observed_at=observed_at
    )


FEED = skypilot.feed_of(
    CATALOG,
    "Azure's Linux spot and pay-as-you-go prices per region and machine shapes, as the SkyPilot "
    "project read them last. For the shapes there is no other source without an account; "
    "azure.retail_prices has the prices first hand. First-generation A sizes have no spot price.",
    collect,
)
