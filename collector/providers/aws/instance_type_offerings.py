"""AWS' instance type offerings: which types can be bought in which zone at all.

That a pool is offered says nothing about its capacity now; that it is not offered tells a price
that never came from one that was missed.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws.client import PROVIDER_NAME, connection_of
from warehouse.records import AvailableType, Pool, Record, Semantics

NAME = "aws.instance_type_offerings"
PERMISSION = "ec2:DescribeInstanceTypeOfferings"
PAGE_SIZE = 1000
"""The most that the API gives at once. A page size also keeps the call out of AWS' smaller
quota for calls that name neither a filter nor a size."""


def collect(source: Source) -> Iterator[Record]:
    """Yield one `AvailableType` per zone and type of the region."""
    pages = connection_of(source, NAME).pages(
        NAME,
        source.region,
        lambda ec2: ec2.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone-id", PaginationConfig={"PageSize": PAGE_SIZE}
        ),
    )
    for page in pages:
        yield from parse(page, region=source.region, observed_at=source.now)


def parse(
    page: Mapping[str, Any], *, region: str, observed_at: datetime
) -> Iterator[AvailableType]:
    """Read one page, as boto3 gives it; ``Location`` is a zone id because we asked for ids."""
    with reading(NAME, region):
        rows = members(page, "InstanceTypeOfferings")
    for row in rows:
        with reading(NAME, f"{region} {row.get('InstanceType', 'a row without InstanceType')}"):
            pool = Pool(PROVIDER_NAME, region, text(row, "Location"), text(row, "InstanceType"))
        yield AvailableType(pool, NAME, observed_at)


FEED = Feed(
    name=NAME,
    title="AWS instance type offerings",
    meaning=(
        "Which instance types each zone (by id) sells, whether or not it has capacity now: tells "
        "'not offered here' from 'no data'."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
)
