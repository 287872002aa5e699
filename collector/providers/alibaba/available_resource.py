"""Alibaba Cloud's stock: which types each zone offers as spot machines, and whether it has any.

One call tells of every type in every zone of a region. The four words for the stock are ordered
by us; the cloud gives no amounts.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import mapping, members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.alibaba.client import connection_of
from collector.providers.alibaba.credentials import PROVIDER_NAME
from collector.providers.alibaba.spot_price_history import PROTECTED_HOURS
from warehouse.records import AvailableType, Pool, Record, Semantics, Signal

NAME = "alibaba.available_resource"
ACTION = "DescribeAvailableResource"

STOCK = "alibaba.stock"
LEVEL = {
    "WithStock": 1.0,
    # Low: may be bought now, is not replenished for certain.
    "ClosedWithStock": 0.5,
    "WithoutStock": 0.0,
    "ClosedWithoutStock": 0.0,
}
"""An order, not an amount: 0.5 is not half as much as 1."""
ABANDONED = "ClosedWithoutStock"
"""Sold out and not replenished: the zone does not offer the type any more."""
STATUSES = ("Available", "SoldOut")

KIND = "InstanceType"
QUESTION = {
    "DestinationResource": KIND,
    "IoOptimized": "optimized",
    "InstanceChargeType": "PostPaid",
    "NetworkCategory": "vpc",
    "SpotStrategy": "SpotAsPriceGo",
    "SpotDuration": PROTECTED_HOURS,
}
"""A spot machine as `spot_price_history` prices it."""


def collect(source: Source) -> Iterator[Record]:
    """Yield a `Signal` per zone and type, and an `AvailableType` if the zone offers it."""
    connection = connection_of(source, NAME)
    reply = connection.call(source.http, ACTION, source.region, QUESTION, source=NAME)
    yield from parse(reply, region=source.region, observed_at=source.now)


def parse(reply: Any, *, region: str, observed_at: datetime) -> Iterator[Record]:
    """Read one region's reply."""
    with reading(NAME, f"{ACTION} in {region}"):
        zones = members(mapping(reply, "AvailableZones"), "AvailableZone")
    for zone in zones:
        with reading(NAME, f"{ACTION} in {region}"):
            zone_id = text(zone, "ZoneId")
        with reading(NAME, zone_id):
            rows = list(_types(zone))
        for row in rows:
            with reading(NAME, f"{zone_id} {row.get('Value', 'a type without Value')}"):
                pool = Pool(PROVIDER_NAME, region, zone_id, text(row, "Value"))
                signal = _stock(row, pool, observed_at)
            if row["StatusCategory"] != ABANDONED:
                yield AvailableType(pool, NAME, observed_at)
            yield signal


def _types(zone: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The zone's rows about instance types; a zone that is sold out may have no list."""
    if zone.get("AvailableResources") is None and zone.get("Status") == "SoldOut":
        return
    for resource in members(mapping(zone, "AvailableResources"), "AvailableResource"):
        if text(resource, "Type") == KIND:
            yield from members(mapping(resource, "SupportedResources"), "SupportedResource")


def _stock(row: Mapping[str, Any], pool: Pool, observed_at: datetime) -> Signal:
    """The stock of one pool.

    Raises:
        ValueError: a word that is not one of those known.
    """
    status, category = text(row, "Status"), text(row, "StatusCategory")
    if status not in STATUSES:
        raise ValueError(f"Status is {status!r}, not one of {', '.join(STATUSES)}")
    if category not in LEVEL:
        raise ValueError(f"StatusCategory is {category!r}, not one of {', '.join(LEVEL)}")
    level = LEVEL[category]
    detail = json.dumps({"Status": status, "StatusCategory": category})
    return Signal(pool, observed_at, STOCK, level, level, NAME, detail)


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud spot stock",
    meaning=(
        "Per zone and type, whether a spot machine can be bought now: 1 with stock, 0.5 with low "
        "stock that is not replenished for certain, 0 without. An order, not an amount, and no "
        "promise for more than one machine. A type that is sold out for good counts as not "
        "offered."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(minutes=30),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ecs:DescribeAvailableResource",),
)
