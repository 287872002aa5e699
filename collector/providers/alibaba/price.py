"""Alibaba Cloud's price calculator: what one machine costs an hour, spot and pay-as-you-go.

It prices a machine with its disk, and gives a line for each part besides the total. Only the line
of the instance itself is read. A price has no time of its own; prices move by the hour, so it is
dated at the beginning of the hour in which it was asked for. No zone is asked for, so the spot
price is the region's, and no zone's price need be this one.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import mapping, members, number, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.alibaba.client import connection_of, watched_types
from collector.providers.alibaba.credentials import PROVIDER_NAME
from collector.providers.alibaba.refusals import TypeNotOfferedError
from collector.providers.alibaba.spot_price_history import PROTECTED_HOURS
from warehouse.records import REGIONAL, OnDemandPrice, Pool, Record, Semantics, SpotPrice

NAME = "alibaba.price"
ACTION = "DescribePrice"

INSTANCE_LINE = "instanceType"
QUESTION = {
    "ResourceType": "instance",
    "PriceUnit": "Hour",
    "Period": "1",
    "InstanceNetworkType": "vpc",
    "SpotStrategy": "SpotAsPriceGo",
    "SpotDuration": PROTECTED_HOURS,
    # The machine must have a disk; the newest types take no older kind. Its price is not read.
    "SystemDisk.Category": "cloud_essd",
    "SystemDisk.Size": "40",
}

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield the spot price and the list price of each watched type.

    A type that the cloud refuses by name is logged and left out.

    Raises:
        NotOfferedError: no type is watched, or the region has no price of any.
    """
    types = watched_types(source, NAME)
    if not types:
        raise NotOfferedError(NAME, "no type is watched, and each costs a call")
    connection = connection_of(source, NAME)
    records: list[Record] = []
    for instance_type in types:
        asked = {**QUESTION, "InstanceType": instance_type}
        try:
            reply = connection.call(source.http, ACTION, source.region, asked, source=NAME)
        except TypeNotOfferedError as error:
            LOG.warning("instance_type_left_out type=%s reason=%s", instance_type, error)
            continue
        records += parse(
            reply, region=source.region, instance_type=instance_type, observed_at=source.now
        )
    if not records:
        raise NotOfferedError(NAME, f"{source.region} has no price ({', '.join(types)})")
    yield from records


def parse(
    reply: Any, *, region: str, instance_type: str, observed_at: datetime
) -> Iterator[Record]:
    """Read one type's reply. A price of 0 is unknown, and is left out."""
    with reading(NAME, f"{region} {instance_type}"):
        price = mapping(mapping(reply, "PriceInfo"), "Price")
        currency = text(price, "Currency")
        line = _instance_line(price)
        hour = observed_at.replace(minute=0, second=0, microsecond=0)
        listed, paid = number(line, "OriginalPrice"), number(line, "TradePrice")
    if listed:
        yield OnDemandPrice(
            provider=PROVIDER_NAME,
            region=region,
            instance_type=instance_type,
            effective_at=hour,
            price_per_hour=listed,
            currency=currency,
            source=NAME,
            observed_at=observed_at,
        )
    if paid:
        yield SpotPrice(
            pool=Pool(PROVIDER_NAME, region, REGIONAL, instance_type),
            effective_at=hour,
            price_per_hour=paid,
            currency=currency,
            semantics=Semantics.SAMPLE,
            source=NAME,
            observed_at=observed_at,
        )


def _instance_line(price: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one line about the instance.

    Raises:
        ValueError: there is none, or more than one.
    """
    rows = members(mapping(price, "DetailInfos"), "DetailInfo")
    lines = [row for row in rows if text(row, "Resource") == INSTANCE_LINE]
    if len(lines) != 1:
        raise ValueError(f"DetailInfos has {len(lines)} lines {INSTANCE_LINE}, not 1")
    return lines[0]


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud price calculator",
    meaning=(
        "What a Linux machine of each watched type costs an hour in the region: pay-as-you-go, and "
        "as a spot machine with one protected hour. The machine alone, without disk. Of the "
        "region, so no zone's spot price need be this one."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(hours=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ecs:DescribePrice",),
    opt_in="one call per watched type for what the price history gives per zone",
)
