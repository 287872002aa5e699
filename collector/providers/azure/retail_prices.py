"""Azure's public price list: spot and on-demand prices per region, and no account needed.

A spot price is set for a whole region and for about a month. The list holds several such periods
of one machine, past and announced ones among them, and much beside plain Linux machines: Windows,
Low Priority (the forerunner of spot), Cloud Services, dedicated hosts, expired meters.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError
from collector.payload import instant, members, number, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.azure.client import PROVIDER_NAME, checked_region, own_url
from warehouse.records import REGIONAL, OnDemandPrice, Pool, Record, Semantics, SpotPrice

NAME = "azure.retail_prices"
URL = "https://prices.azure.com/api/retail/prices"
API_VERSION = "2023-01-01-preview"

SPOT = " Spot"
NO_PLAIN_LINUX = ("Windows", "CloudServices", "Cloud Services")
"""Found in the names of products that are something else."""
NO_PLAIN_METER = ("Low Priority", "Expired")
"""Found in the names of meters at which nobody can buy a machine today."""
HOURLY = "1 Hour"
MACHINE_PREFIX = "Standard_"
"""Dedicated hosts (``DSv3-Type1``) and the retired Basic tier have no spot machines."""


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """One row of the list: a price of a type, spot or not, in force over a period."""

    instance_type: str
    is_spot: bool
    starts_at: datetime
    ends_at: datetime | None
    price_per_hour: float
    currency: str
    is_primary: bool

    def is_in_force(self, at: datetime) -> bool:
        """Whether ``at`` lies within the period."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)

    @property
    def precedence(self) -> tuple[datetime, bool, float]:
        """Of several in force the newest counts, then the one that is charged, then the dearest."""
        return self.starts_at, self.is_primary, self.price_per_hour


def collect(source: Source) -> Iterator[Record]:
    """Yield one `SpotPrice` and one `OnDemandPrice` per Linux type of the region."""
    yield from parse(pages(source, NAME), region=source.region, observed_at=source.now)


def pages(source: Source, feed: str) -> Iterator[Any]:
    """The region's list, a page of 1,000 rows at a time, one after the other.

    Raises:
        SourceChangedError: the link to the next page repeats, or leads to another host.
    """
    region = checked_region(source.region, feed)
    params: dict[str, str] | None = {
        "api-version": API_VERSION,
        "currencyCode": "USD",
        "$filter": (
            f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}' "
            "and priceType eq 'Consumption'"
        ),
    }
    url, seen = URL, {URL}
    while url:
        page = source.http.get_json(url, source=feed, params=params)
        yield page
        with reading(feed, f"{region}, the list"):
            link = text({"NextPageLink": page["NextPageLink"] or ""}, "NextPageLink")
        url = own_url(link, URL, source=feed) if link else ""
        if url in seen:
            raise SourceChangedError(feed, f"{region}: the link to the next page repeats")
        seen.add(url)
        params = None


def parse(
    found: Iterable[Any], *, region: str, observed_at: datetime
) -> Iterator[SpotPrice | OnDemandPrice]:
    """Read all pages of a region: of each type's periods the one in force at ``observed_at``."""
    in_force: dict[tuple[str, bool], ListedPrice] = {}
    for one in listed(found, region=region, feed=NAME):
        if one.is_in_force(observed_at):
            key = (one.instance_type, one.is_spot)
            in_force[key] = max(in_force.get(key, one), one, key=lambda row: row.precedence)
    for one in in_force.values():
        yield _record(one, region, observed_at)


def listed(found: Iterable[Any], *, region: str, feed: str) -> Iterator[ListedPrice]:
    """All rows that price a plain Linux machine, whenever they are in force."""
    for page in found:
        with reading(feed, f"{region}, a page"):
            rows = members(page, "Items")
        for row in rows:
            with reading(feed, f"{region} {row.get('armSkuName', 'a row without armSkuName')}"):
                price = _listed(row, region)
            if price:
                yield price


def _listed(row: Mapping[str, Any], region: str) -> ListedPrice | None:
    """One row; None if it is of another product, or without a price (0 stands for unknown)."""
    meter = f"{text(row, 'skuName')}\n{text(row, 'meterName')}"
    price = number(row, "retailPrice")
    if not _is_plain_linux(row, meter) or price == 0:
        return None
    if text(row, "armRegionName") != region:
        raise ValueError(f"armRegionName is {row['armRegionName']!r}")
    return ListedPrice(
        instance_type=text(row, "armSkuName"),
        is_spot=any(name.endswith(SPOT) for name in meter.split("\n")),
        starts_at=instant(row, "effectiveStartDate"),
        ends_at=instant(row, "effectiveEndDate") if row.get("effectiveEndDate") else None,
        price_per_hour=price,
        currency=text(row, "currencyCode"),
        is_primary=bool(row["isPrimaryMeterRegion"]),
    )


def _is_plain_linux(row: Mapping[str, Any], meter: str) -> bool:
    product = text(row, "productName")
    return (
        text(row, "type") == "Consumption"
        and text(row, "unitOfMeasure") == HOURLY
        and text(row, "armSkuName").startswith(MACHINE_PREFIX)
        and not any(word in product for word in NO_PLAIN_LINUX)
        and not any(word in meter for word in NO_PLAIN_METER)
    )


def _record(one: ListedPrice, region: str, observed_at: datetime) -> SpotPrice | OnDemandPrice:
    if one.is_spot:
        return SpotPrice(
            pool=Pool(PROVIDER_NAME, region, REGIONAL, one.instance_type),
            effective_at=one.starts_at,
            price_per_hour=one.price_per_hour,
            currency=one.currency,
            semantics=Semantics.INTERVAL,
            source=NAME,
            observed_at=observed_at,
        )
    return OnDemandPrice(
        provider=PROVIDER_NAME,
        region=region,
        instance_type=one.instance_type,
        effective_at=one.starts_at,
        price_per_hour=one.price_per_hour,
        currency=one.currency,
        source=NAME,
        observed_at=observed_at,
    )


FEED = Feed(
    name=NAME,
    title="Azure retail prices",
    meaning=(
        "Per region and Linux type: the spot price in force, set for the whole region and for "
        "about a month, and the pay-as-you-go price. No zones, because Azure has one spot price "
        "for all of them. A price says nothing about capacity."
    ),
    semantics=Semantics.INTERVAL,
    cadence=timedelta(hours=12),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=False,
    recorded_as=(RecordedAs("prices.azure.com/api/retail/prices", "retail_prices"),),
)
