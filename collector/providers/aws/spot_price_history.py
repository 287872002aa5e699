"""EC2 DescribeSpotPriceHistory: every change of a spot price, per zone and type.

A step series: a row holds until the next one of its pool. The answer to a StartTime also holds the
last change *before* it, the price in force then, so asking from now gives one row per pool, and
asking from the last success gives what changed since, plus rows that are known already. A pool
without a new row has not changed.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.payload import members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws import availability_zones
from collector.providers.aws.client import call, connection, pages
from warehouse.records import Pool, Record, Semantics, SpotPrice

NAME = "aws.spot_price_history"
OPERATION = "describe_spot_price_history"

PRODUCTS = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
"""Other products (Windows, RHEL, SUSE) are the Linux price plus a constant for the licence. The
VPC variant is what accounts of before 2014 saw; today both name the same market."""

OVERLAP = timedelta(hours=1)
"""Asked again before the last success: rows can be published late."""

LONGEST_HISTORY = timedelta(days=90)
"""AWS keeps no more."""

PAGE_ROWS = 1000


def collect(source: Source) -> Iterator[Record]:
    """Yield the price in force in each pool (first run) or what changed since the last success."""
    client = connection(source, NAME).ec2(source.region, source=NAME)
    asked = {
        "StartTime": start_time(source.since, source.now),
        "ProductDescriptions": list(PRODUCTS),
        "PaginationConfig": {"PageSize": PAGE_ROWS},
    }
    if source.instance_types:
        asked["InstanceTypes"] = [name for name in source.instance_types if "ecs." not in name]
    zone_ids: dict[str, str] = {}

    def zone_id(name: str) -> str:
        if not zone_ids:
            answer = call(client, availability_zones.OPERATION, {}, source=NAME)
            found = availability_zones.parse(answer, observed_at=source.now)
            zone_ids.update({alias.zone_name: alias.zone_id for alias in found})
        return zone_ids.get(name, name)

    for page in pages(client, OPERATION, asked, source=NAME):
        yield from parse(page, region=source.region, observed_at=source.now, zone_id=zone_id)


def start_time(since: datetime | None, now: datetime) -> datetime:
    """From when to ask: the last success less `OVERLAP`, at most `LONGEST_HISTORY` ago."""
    return now if since is None else max(since - OVERLAP, now - LONGEST_HISTORY)


def parse(
    page: Mapping[str, Any],
    *,
    region: str,
    observed_at: datetime,
    zone_id: Callable[[str], str],
) -> Iterator[SpotPrice]:
    """Read one page; ``zone_id`` finds the id of a zone that a row only names.

    A name that has no known id is kept as the zone.
    """
    with reading(NAME, OPERATION):
        rows = members(page, "SpotPriceHistory")
    for number, row in enumerate(rows):
        with reading(NAME, f"row {number}"):
            if text(row, "ProductDescription") not in PRODUCTS:
                continue
            price = SpotPrice(
                pool=Pool(
                    "aws",
                    region,
                    row.get("AvailabilityZoneId") or zone_id(text(row, "AvailabilityZone")),
                    text(row, "InstanceType"),
                ),
                effective_at=_instant(row, "Timestamp"),
                # A text of six decimals; its float is the same price when shown again.
                price_per_hour=float(text(row, "SpotPrice")),
                currency="CNY" if region.startswith("cn-") else "USD",
                semantics=Semantics.CHANGE_POINT,
                source=NAME,
                observed_at=observed_at,
            )
        yield price


def _instant(row: Mapping[str, Any], field: str) -> datetime:
    value = row[field]
    if not isinstance(value, datetime):
        raise TypeError(f"{field} is {value!r:.40}, not a time")
    return value.astimezone(UTC)


FEED = Feed(
    name=NAME,
    title="EC2 spot price history",
    meaning="Changes of the spot price per zone and type (Linux); a price holds until the next.",
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=10),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ec2:DescribeSpotPriceHistory", "ec2:DescribeAvailabilityZones"),
)
