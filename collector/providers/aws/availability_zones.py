"""AWS' availability zones: which zone id a name means for the account that asks.

``us-east-1a`` is another place in each account; ``use1-az4`` is the same to all. Only the
account itself can ask what its names mean.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws.client import PROVIDER_NAME, connection_of
from warehouse.records import Record, Semantics, ZoneAlias

NAME = "aws.availability_zones"
PERMISSION = "ec2:DescribeAvailabilityZones"

ACCOUNT = "self"
"""The account whose credentials Spotcast runs with. Its number would take another permission."""


def collect(source: Source) -> Iterator[Record]:
    """Yield one `ZoneAlias` per zone of the region, Local and Wavelength Zones included."""
    yield from aliases(source, feed=NAME)


def aliases(source: Source, *, feed: str) -> Iterator[ZoneAlias]:
    """The region's zones, on behalf of ``feed``, which an error names."""
    # Zones that the account has not opted in to have prices and offerings too.
    pages = connection_of(source, feed).pages(
        feed,
        source.region,
        lambda ec2: [ec2.describe_availability_zones(AllAvailabilityZones=True)],
    )
    for page in pages:
        yield from parse(page, region=source.region, observed_at=source.now, feed=feed)


def parse(
    page: Mapping[str, Any], *, region: str, observed_at: datetime, feed: str = NAME
) -> Iterator[ZoneAlias]:
    """Read the answer, as boto3 gives it."""
    with reading(feed, region):
        rows = members(page, "AvailabilityZones")
    for row in rows:
        with reading(feed, f"{region} zone {row.get('ZoneName', 'without a name')}"):
            alias = ZoneAlias(
                provider=PROVIDER_NAME,
                account=ACCOUNT,
                region=region,
                zone_name=text(row, "ZoneName"),
                zone_id=text(row, "ZoneId"),
                source=NAME,
                observed_at=observed_at,
            )
        yield alias


FEED = Feed(
    name=NAME,
    title="AWS availability zones",
    meaning=(
        "Which zone id each zone name means for the account that Spotcast runs with (stored as "
        "'self'): AWS shuffles the names per account."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
)
