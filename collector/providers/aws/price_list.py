"""AWS' bulk price list: the on-demand price of every type in a region, and no account needed.

A region's file has hundreds of megabytes, nearly all about other things, so it is read as it
comes in and never held. In the file ``products`` come before ``terms``: one pass keeps the few
products that are a plain Linux machine and then finds their prices. Reading stops where the
on-demand terms end; the reserved ones behind them are a third of the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import ijson

from collector.errors import NotOfferedError, SourceChangedError, UnchangedError
from collector.payload import instant, mapping, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from warehouse.records import OnDemandPrice, Record, Semantics

NAME = "aws.price_list"
INDEX = (
    "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/region_index.json"
)
INDEX_CHINA = (
    "https://pricing.cn-north-1.amazonaws.com.cn/offers/v1.0/cn/AmazonEC2/current/region_index.json"
)

PLAIN_LINUX = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
}
ON_DEMAND = "OnDemand"
"""``marketoption`` of a plain price; capacity blocks have another, old products none."""

CURRENCIES = ("USD", "CNY")
HOURLY = "Hrs"

Event = tuple[str, str, Any]
"""What ijson gives: where in the document, what happened, and the value."""


class Pieces:
    """A body that arrives in pieces, as the file that ijson reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        """The next piece, of whatever size it has; empty at the end."""
        if size == 0:
            return b""
        return next((piece for piece in self._pieces if piece), b"")


def collect(source: Source) -> Iterator[Record]:
    """Yield one `OnDemandPrice` per type of the region.

    Raises:
        NotOfferedError: the list has no such region.
        UnchangedError: the list is the version read last.
    """
    index_url = INDEX_CHINA if source.region.startswith("cn-") else INDEX
    index = source.http.get_json(index_url, source=NAME)
    url = urljoin(index_url, offer_path(index, source.region))
    if source.progress.cursor == url:
        # The path names the list's version, and a list has hundreds of megabytes.
        raise UnchangedError(NAME)
    source.progress.cursor = url
    with source.http.stream(url, source=NAME) as pieces:
        yield from parse(pieces, region=source.region, observed_at=source.now)


def offer_path(index: Any, region: str) -> str:
    """Where the region's file is, relative to the index.

    Raises:
        NotOfferedError: the list has no such region.
    """
    with reading(NAME, "the index of regions"):
        regions = mapping(index, "regions")
    if region not in regions:
        raise NotOfferedError(NAME, f"the price list has no region {region}")
    with reading(NAME, region):
        return text(mapping(regions, region), "currentVersionUrl")


def parse(
    pieces: Iterable[bytes], *, region: str, observed_at: datetime
) -> Iterator[OnDemandPrice]:
    """Read a region's file piece by piece.

    Raises:
        SourceChangedError: it is cut short, or not of the known form.
    """
    try:
        events: Iterator[Event] = ijson.parse(Pieces(iter(pieces)))
        types: dict[str, str] = {}
        for sku, found in _members(events, "products"):
            with reading(NAME, f"{region} product {sku}"):
                product = mapping({sku: found}, sku)
                if is_plain_linux(product, region):
                    types[sku] = text(mapping(product, "attributes"), "instanceType")
        if not types:
            raise SourceChangedError(NAME, f"{region}: no product is a plain Linux machine")
        for sku, terms in _members(events, "terms.OnDemand"):
            if sku in types:
                with reading(NAME, f"{region} {types[sku]}"):
                    prices = list(_prices(terms, region, types[sku], observed_at))
                yield from prices
    except ijson.JSONError as error:
        raise SourceChangedError(NAME, f"{region}: cut short or not JSON ({error})") from error


def is_plain_linux(product: Mapping[str, Any], region: str) -> bool:
    """Whether a product is a shared Linux machine of the region, without licences or blocks."""
    if product.get("productFamily") != "Compute Instance":
        return False
    attributes = mapping(product, "attributes")
    return (
        all(attributes.get(name) == wanted for name, wanted in PLAIN_LINUX.items())
        and attributes.get("marketoption", ON_DEMAND) == ON_DEMAND
        and attributes.get("regionCode", region) == region
    )


def _members(events: Iterator[Event], place: str) -> Iterator[tuple[str, Any]]:
    """The members of the object at ``place``, one held at a time; reads no further than its end."""
    found: Iterator[tuple[str, Any]] = ijson.kvitems(_until_end_of(events, place), place)
    return found


def _until_end_of(events: Iterator[Event], place: str) -> Iterator[Event]:
    for event in events:
        yield event
        if event[0] == place and event[1] == "end_map":
            return


def _prices(
    terms: Mapping[str, Any], region: str, instance_type: str, observed_at: datetime
) -> Iterator[OnDemandPrice]:
    """The hourly prices of one product; 0 stands for an unknown price and is left out."""
    for code in terms:
        term = mapping(terms, code)
        dimensions = mapping(term, "priceDimensions")
        for dimension in (mapping(dimensions, rate) for rate in dimensions):
            if text(dimension, "unit") != HOURLY:
                continue
            currency, price = _price(mapping(dimension, "pricePerUnit"))
            if price:
                yield OnDemandPrice(
                    provider="aws",
                    region=region,
                    instance_type=instance_type,
                    effective_at=instant(term, "effectiveDate"),
                    price_per_hour=price,
                    currency=currency,
                    source=NAME,
                    observed_at=observed_at,
                )


def _price(price_per_unit: Mapping[str, Any]) -> tuple[str, float]:
    for currency in CURRENCIES:
        if currency in price_per_unit:
            return currency, float(text(price_per_unit, currency))
    raise ValueError(f"pricePerUnit has neither {' nor '.join(CURRENCIES)}")


FEED = Feed(
    name=NAME,
    title="AWS bulk price list",
    meaning=(
        "The on-demand price of each type of the region: Linux, shared tenancy, no licence, no "
        "commitment. China's regions are in CNY. Bare metal is left out."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=False,
    recorded_as=(
        RecordedAs("region_index.json", "pricing.bulk.region_index"),
        RecordedAs("/index.json", "pricing.bulk.offer"),
    ),
)
