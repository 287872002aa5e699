"""Azure's spot prices of the last 90 days, per region, through Resource Graph.

Public readers of this table disagree on how it spells a price's date and amount, and we know it
from no account of our own; both spellings are read, and a third one is an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import instant, members, number, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.azure import resource_graph, skus
from collector.providers.azure.client import PROVIDER_NAME, checked_region
from warehouse.records import REGIONAL, Pool, Record, Semantics, SpotPrice

NAME = "azure.spot_price_history"

QUERY = """SpotResources
| where type =~ 'microsoft.compute/skuspotpricehistory/ostype/location' and location =~ '{region}'
| extend osType = tostring(properties.osType), spotPrices = properties.spotPrices
| where osType =~ 'linux'
| project skuName = tostring(sku.name), osType, location, spotPrices
| order by skuName asc, location asc"""

DATES = ("effectiveDate", "timestamp")
PRICES = ("priceUSD", "unitPrice")

Row = Mapping[str, Any]


def collect(source: Source) -> Iterator[Record]:
    """Yield a `SpotPrice` per size and change of its price.

    Raises:
        NotOfferedError: Azure publishes none for the region.
    """
    query = QUERY.format(region=checked_region(source.region, NAME))
    rows = [row for page in resource_graph.pages(source, NAME, query) for row in page]
    if not rows:
        raise NotOfferedError(NAME, f"no spot prices are published for {source.region}")
    names = skus.spellings(source, NAME)
    yield from parse(rows, region=source.region, spellings=names, observed_at=source.now)


def parse(
    rows: Sequence[Row], *, region: str, spellings: Mapping[str, str], observed_at: datetime
) -> Iterator[SpotPrice]:
    """Read the Linux rows of ``region``; ``spellings`` gives a size's name by its lower case.

    A price announced for a time after ``observed_at`` is left out, and so is a price of 0.
    """
    for row in rows:
        with reading(NAME, f"{region} {row.get('skuName', 'a row without skuName')}"):
            size = text(row, "skuName")
            is_ours = text(row, "location").lower() == region
            if not is_ours or text(row, "osType").lower() != "linux":
                continue
            changes = [_change(one) for one in members(row, "spotPrices")]
        pool = Pool(PROVIDER_NAME, region, REGIONAL, spellings.get(size.lower(), size))
        for effective_at, price in changes:
            if price and effective_at <= observed_at:
                yield SpotPrice(
                    pool, effective_at, price, "USD", Semantics.CHANGE_POINT, NAME, observed_at
                )


def _change(one: Row) -> tuple[datetime, float]:
    return instant(one, _present(one, DATES)), number(one, _present(one, PRICES))


def _present(one: Row, names: Sequence[str]) -> str:
    """The one of ``names`` that is there.

    Raises:
        ValueError: none is; says what there is instead.
    """
    for name in names:
        if name in one:
            return name
    raise ValueError(f"a price has none of {', '.join(names)} but {', '.join(one) or 'nothing'}")


FEED = Feed(
    name=NAME,
    title="Azure spot price history",
    meaning=(
        "Per region and size the changes of the Linux spot price in the last 90 days, mostly one "
        "to three. One price for all zones of a region."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(hours=6),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(resource_graph.PERMISSION, skus.PERMISSION),
    recorded_as=(
        RecordedAs(resource_graph.PATH, "arg.price_history", asking="skuspotpricehistory"),
        skus.RECORDED_AS,
    ),
)
