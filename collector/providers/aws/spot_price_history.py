"""AWS' spot prices: the moments at which the price of a pool changed.

A pool without a new row has the same price as before. Whatever window is asked for, AWS adds
each pool's last change before it, so that the price at its start is known: a window that begins
now gives exactly the price in force everywhere, and every run sees every pool. Rows come in no
order to rely on.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.errors import NotRecordedError
from collector.payload import members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws import availability_zones
from collector.providers.aws.client import PROVIDER_NAME, connection_of
from warehouse.records import Pool, Record, Semantics, SpotPrice

NAME = "aws.spot_price_history"
PERMISSION = "ec2:DescribeSpotPriceHistory"
PAGE_SIZE = 1000
"""The API's own default, said aloud: AWS has a smaller quota for calls that name neither a filter
nor a size."""

FIRST_WINDOW = timedelta(0)
"""What a first run asks for: the price in force in each pool, about 5,000 rows in a large region.
`collect` takes up to `LONGEST_WINDOW` instead, some hundreds of pages per region."""
LONGEST_WINDOW = timedelta(days=90)
"""How far back AWS keeps prices."""
OVERLAP = timedelta(hours=1)
"""How far a run reaches back before the last: a change may be published late."""

LINUX = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
"""The same product since EC2-Classic is gone, and what Karpenter buys. Other systems cost a
constant licence more in the same pools."""


def collect(source: Source, *, first_window: timedelta = FIRST_WINDOW) -> Iterator[Record]:
    """Yield the price in force at the window's start and all changes since, of each pool.

    The window begins an hour before the last success, or ``first_window`` before now.
    """
    zone_ids: Mapping[str, str] | None = None
    for page in _pages(source, first_window):
        rows = linux_rows(page, region=source.region)
        if zone_ids is None and not all(row.get("AvailabilityZoneId") for row in rows):
            zone_ids = _zone_ids(source)
        yield from parse(
            rows, region=source.region, observed_at=source.now, zone_ids=zone_ids or {}
        )


def window_start(source: Source, first_window: timedelta) -> datetime:
    """Where the window asked for begins (UTC); never before what AWS keeps."""
    start = source.since - OVERLAP if source.since else source.now - first_window
    return max(start, source.now - LONGEST_WINDOW)


def _pages(source: Source, first_window: timedelta) -> Iterator[Mapping[str, Any]]:
    return connection_of(source, NAME).pages(
        NAME,
        source.region,
        lambda ec2: ec2.get_paginator("describe_spot_price_history").paginate(
            StartTime=window_start(source, first_window),
            ProductDescriptions=list(LINUX),
            PaginationConfig={"PageSize": PAGE_SIZE},
        ),
    )


def _zone_ids(source: Source) -> Mapping[str, str]:
    """The zone id of each of the account's zone names, for rows that have only the name."""
    try:
        aliases = list(availability_zones.aliases(source, feed=NAME))
    except NotRecordedError:
        # A folder of payloads may be partial; its prices are worth more than the zones' ids.
        return {}
    return {alias.zone_name: alias.zone_id for alias in aliases}


def linux_rows(page: Mapping[str, Any], *, region: str) -> Sequence[Mapping[str, Any]]:
    """The rows of a page, as boto3 gives it, that are about plain Linux.

    Real answers name more products than the API's model does; they are left out, no fault.
    """
    with reading(NAME, region):
        rows = members(page, "SpotPriceHistory")
    kept = []
    for row in rows:
        with reading(NAME, _place(row, region)):
            if text(row, "ProductDescription") in LINUX:
                kept.append(row)
    return kept


def parse(
    rows: Sequence[Mapping[str, Any]],
    *,
    region: str,
    observed_at: datetime,
    zone_ids: Mapping[str, str],
) -> Iterator[SpotPrice]:
    """Read rows; ``zone_ids`` joins names to ids, and a name that it lacks is kept as it is."""
    currency = "CNY" if region.startswith("cn-") else "USD"
    for row in rows:
        with reading(NAME, _place(row, region)):
            price = SpotPrice(
                pool=Pool(PROVIDER_NAME, region, _zone(row, zone_ids), text(row, "InstanceType")),
                effective_at=_time(row),
                price_per_hour=_price(row),
                currency=currency,
                semantics=Semantics.CHANGE_POINT,
                source=NAME,
                observed_at=observed_at,
            )
        yield price


def _place(row: Mapping[str, Any], region: str) -> str:
    """Which row it is, in words that AWS' own console would find it by."""
    fields = ("AvailabilityZone", "InstanceType", "Timestamp")
    return " ".join([region, *(str(row[field]) for field in fields if field in row)])


def _zone(row: Mapping[str, Any], zone_ids: Mapping[str, str]) -> str:
    if row.get("AvailabilityZoneId"):
        return text(row, "AvailabilityZoneId")
    name = text(row, "AvailabilityZone")
    return zone_ids.get(name, name)


def _time(row: Mapping[str, Any]) -> datetime:
    told = row["Timestamp"]
    if not isinstance(told, datetime):
        raise TypeError(f"Timestamp is {told!r}, not a time")
    return told.astimezone(UTC)


def _price(row: Mapping[str, Any]) -> float:
    """The price, which AWS sends as text. Whether it can be true is judged later, with others."""
    told = text(row, "SpotPrice")
    try:
        return float(told)
    except ValueError as error:
        raise ValueError(f"SpotPrice is {told!r}, not a number") from error


FEED = Feed(
    name=NAME,
    title="AWS spot price history",
    meaning=(
        "Every change of the Linux spot price of each pool (zone id and type), with the price in "
        "force when the window began. No new row means no new price."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=10),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION, availability_zones.PERMISSION),
)
