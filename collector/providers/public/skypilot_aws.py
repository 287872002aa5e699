"""AWS in SkyPilot's catalog: the spot price of each zone, by zone id, without an account."""

from collections.abc import Iterator
from datetime import datetime

from collector.provider import Source
from collector.providers.public import skypilot
from collector.providers.public.skypilot import ARCH, ZONE, Catalog
from warehouse.records import Record

CATALOG = Catalog("aws", "AWS", (ZONE, ARCH))
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
    "AWS' Linux spot price per zone id, on-demand price per region and machine shapes, as the "
    "SkyPilot project read them last: hours old, and dated by when we saw the file change. For "
    "those who have no AWS account.",
    collect,
)
