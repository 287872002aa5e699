"""EC2 DescribeInstanceTypeOfferings: which types each zone sells at all.

It tells "not offered" from "no data": a pool that is in no answer cannot have a price.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws.client import connection, pages
from warehouse.records import AvailableType, Pool, Record, Semantics

NAME = "aws.instance_type_offerings"
OPERATION = "describe_instance_type_offerings"


def collect(source: Source) -> Iterator[Record]:
    """Yield one `AvailableType` per zone id and type of the region."""
    client = connection(source, NAME).ec2(source.region, source=NAME)
    asked = {"LocationType": "availability-zone-id"}
    for page in pages(client, OPERATION, asked, source=NAME):
        yield from parse(page, region=source.region, observed_at=source.now)


def parse(
    page: Mapping[str, Any], *, region: str, observed_at: datetime
) -> Iterator[AvailableType]:
    """Read one page; the location of each row is a zone id."""
    with reading(NAME, OPERATION):
        rows = members(page, "InstanceTypeOfferings")
    for number, row in enumerate(rows):
        with reading(NAME, f"row {number}"):
            pool = Pool("aws", region, text(row, "Location"), text(row, "InstanceType"))
        yield AvailableType(pool, NAME, observed_at)


FEED = Feed(
    name=NAME,
    title="EC2 offerings",
    meaning="Pools that exist, by zone id; says nothing about capacity.",
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ec2:DescribeInstanceTypeOfferings",),
)
