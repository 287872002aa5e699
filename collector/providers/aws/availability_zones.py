"""EC2 DescribeAvailabilityZones: what this account calls each zone.

AWS shuffles zone names per account in its older regions: ``us-east-1a`` of one account is
``use1-az4``, of another ``use1-az6``. Only the id names a place.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws.client import call, connection
from warehouse.records import Record, Semantics, ZoneAlias

NAME = "aws.availability_zones"
OPERATION = "describe_availability_zones"
OWN_ACCOUNT = "self"
"""The account whose credentials Spotcast runs with; its number is nobody else's business."""


def collect(source: Source) -> Iterator[Record]:
    """Yield one `ZoneAlias` per zone of the region, local zones included."""
    client = connection(source, NAME).ec2(source.region, source=NAME)
    answer = call(client, OPERATION, {}, source=NAME)
    yield from parse(answer, observed_at=source.now)


def parse(answer: Mapping[str, Any], *, observed_at: datetime) -> Iterator[ZoneAlias]:
    """Read the answer's zones."""
    with reading(NAME, OPERATION):
        zones = members(answer, "AvailabilityZones")
    for number, zone in enumerate(zones):
        with reading(NAME, f"zone {number}"):
            alias = ZoneAlias(
                provider="aws",
                account=OWN_ACCOUNT,
                region=text(zone, "RegionName"),
                zone_name=text(zone, "ZoneName"),
                zone_id=text(zone, "ZoneId"),
                source=NAME,
                observed_at=observed_at,
            )
        yield alias


FEED = Feed(
    name=NAME,
    title="EC2 zones",
    meaning="Zone ids behind the zone names of your own account.",
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ec2:DescribeAvailabilityZones",),
)
