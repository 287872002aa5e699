"""Alibaba Cloud's spot prices: hourly samples for every zone of a region, one type at a time.

A row repeats every hour whether or not the price moved, and carries the list price beside the
spot price. The currency follows the account (CNY on the China site, USD on the international
one), not the region. Where the pages end is not documented, so four ends are taken: no rows, no
``NextOffset``, 0, and one that does not advance.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import instant, mapping, members, number, reading, text, whole_number
from collector.provider import Feed, Scope, Source
from collector.providers.alibaba import instance_types
from collector.providers.alibaba.client import (
    api_time,
    connection_of,
    watched_types,
)
from collector.providers.alibaba.credentials import PROVIDER_NAME
from collector.providers.alibaba.refusals import TypeNotOfferedError
from warehouse.records import OnDemandPrice, Pool, Record, Semantics, SpotPrice

NAME = "alibaba.spot_price_history"
ACTION = "DescribeSpotPriceHistory"

FIRST_WINDOW = timedelta(hours=3)
"""What a first run asks for; the API's own default."""
LONGEST_WINDOW = timedelta(days=30)
"""What the API gives at most."""
OVERLAP = timedelta(hours=1)
"""How far a run reaches back before the last: a sample may be published late."""

PROTECTED_HOURS = "1"
"""The price with one hour in which the machine is not taken. Karpenter's provider sets no
``SpotDuration``, and the API that it buys with defaults to 1, so that is what its nodes cost;
the unprotected price (0) would be another product's."""

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield each zone's samples, and the list price wherever it changes.

    A type that the cloud refuses by name (``InvalidInstanceType.*``) is logged and left out; the
    other types go on.

    Raises:
        NotOfferedError: the region sells no GPU, or has no price for any type asked for.
    """
    types = watched_types(source, NAME) or _gpu_types(source)
    records: dict[Record, None] = {}
    for instance_type in types:
        try:
            pages = list(_pages(source, instance_type))
        except TypeNotOfferedError as error:
            LOG.warning("instance_type_left_out type=%s reason=%s", instance_type, error)
            continue
        # Pages may overlap while new samples arrive: what is told twice is one fact.
        told = parse(pages, region=source.region, observed_at=source.now)
        records.update(dict.fromkeys(told))
    if not records:
        asked = ", ".join(types) or "no GPU type is listed"
        raise NotOfferedError(NAME, f"{source.region} has no spot price ({asked})")
    yield from records


def _gpu_types(source: Source) -> tuple[str, ...]:
    """The region's GPU types: what is watched if the user names none."""
    listed = instance_types.listed(
        connection_of(source, NAME),
        source.http,
        source.region,
        {"MinimumGPUAmount": "1"},
        now=source.now,
        feed=NAME,
    )
    return tuple(sorted({one.instance_type for one in listed if one.gpu_count > 0}))


def _pages(source: Source, instance_type: str) -> Iterator[Any]:
    """The replies for one type, until one of the four ends."""
    connection = connection_of(source, NAME)
    offset = 0
    while True:
        asked = question(source, instance_type, offset)
        reply = connection.call(source.http, ACTION, source.region, asked, source=NAME)
        with reading(NAME, f"{source.region} {instance_type}"):
            rows = members(mapping(reply, "SpotPrices"), "SpotPriceType")
            following = whole_number({"NextOffset": reply.get("NextOffset") or 0}, "NextOffset")
        if rows:
            yield reply
        if not rows or following <= offset:
            return
        offset = following


def question(source: Source, instance_type: str, offset: int) -> dict[str, str]:
    """The parameters of one page. All zones of the region are in one reply."""
    start = source.since - OVERLAP if source.since else source.now - FIRST_WINDOW
    return {
        "InstanceType": instance_type,
        "NetworkType": "vpc",
        "OSType": "linux",
        "SpotDuration": PROTECTED_HOURS,
        "StartTime": api_time(max(start, source.now - LONGEST_WINDOW)),
        "EndTime": api_time(source.now),
        "Offset": str(offset),
    }


@dataclass(frozen=True, slots=True)
class _Row:
    zone: str
    instance_type: str
    sampled_at: datetime
    spot: float
    list_price: float
    currency: str


def parse(pages: Iterable[Any], *, region: str, observed_at: datetime) -> Iterator[Record]:
    """Read all pages of one or more types: a `SpotPrice` per row, then the list prices."""
    rows = [row for page in pages for row in _rows(page, region)]
    for row in rows:
        yield SpotPrice(
            pool=Pool(PROVIDER_NAME, region, row.zone, row.instance_type),
            effective_at=row.sampled_at,
            price_per_hour=row.spot,
            currency=row.currency,
            semantics=Semantics.SAMPLE,
            source=NAME,
            observed_at=observed_at,
        )
    for instance_type in sorted({row.instance_type for row in rows}):
        same = [row for row in rows if row.instance_type == instance_type]
        yield from _list_prices(same, region=region, observed_at=observed_at)


def _rows(page: Any, region: str) -> Sequence[_Row]:
    with reading(NAME, f"{ACTION} in {region}"):
        currency = text(page, "Currency")
        rows = members(mapping(page, "SpotPrices"), "SpotPriceType")
    return [_row(row, region, currency) for row in rows]


def _row(row: Mapping[str, Any], region: str, currency: str) -> _Row:
    place = f"{row.get('ZoneId', region)} {row.get('InstanceType', 'a row without InstanceType')}"
    with reading(NAME, place):
        return _Row(
            zone=text(row, "ZoneId"),
            instance_type=text(row, "InstanceType"),
            sampled_at=instant(row, "Timestamp"),
            spot=number(row, "SpotPrice"),
            list_price=number(row, "OriginPrice"),
            currency=currency,
        )


def _list_prices(
    rows: Sequence[_Row], *, region: str, observed_at: datetime
) -> Iterator[OnDemandPrice]:
    """One type's list price at the earliest sample of each stretch of equal prices.

    On-demand prices are kept as change points, and every hourly row repeats this one: stored
    row by row, a price that never moved would look like thousands of changes. A list price
    holds for the region; should zones differ, the cheapest is taken. 0 is an unknown price.
    """
    cheapest: dict[datetime, _Row] = {}
    for row in rows:
        kept = cheapest.get(row.sampled_at)
        if row.list_price and (kept is None or row.list_price < kept.list_price):
            cheapest[row.sampled_at] = row
    in_force: float | None = None
    for sampled_at, row in sorted(cheapest.items()):
        if row.list_price != in_force:
            yield OnDemandPrice(
                provider=PROVIDER_NAME,
                region=region,
                instance_type=row.instance_type,
                effective_at=sampled_at,
                price_per_hour=row.list_price,
                currency=row.currency,
                source=NAME,
                observed_at=observed_at,
            )
        in_force = row.list_price


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud spot price history",
    meaning=(
        "Hourly samples of the Linux spot price per zone, VPC network, with the one protected hour "
        "that is the default; the pay-as-you-go price comes with it. One call per watched type; "
        "if no type is watched, every GPU type that the region lists. A type that the cloud "
        "refuses by name is logged and left out."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(hours=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ecs:DescribeSpotPriceHistory", "ecs:DescribeInstanceTypes"),
)
