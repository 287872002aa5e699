"""GCP in SkyPilot's catalog: spot and on-demand prices per zone, without an account."""

from collections.abc import Iterator
from datetime import datetime

from collector.provider import Source
from collector.providers.public import skypilot
from collector.providers.public.skypilot import ZONE, Catalog
from warehouse.records import Record

CATALOG = Catalog("gcp", "GCP", (ZONE,))
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
    "GCP's Linux spot price per zone, on-demand price per region and machine shapes, as the "
    "SkyPilot project read them last. Machines whose GPUs or TPUs are billed apart (a2, a3, a4, "
    "g2, g4, ct) have no price here, because the file leaves their accelerators out of it.",
    collect,
)
