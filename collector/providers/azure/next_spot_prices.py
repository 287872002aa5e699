"""Azure's spot prices of the coming period, where the price list announces them.

It is a feed of its own, because it may have nothing to say: at the turn of a month all that was
announced comes into force, and a list that lost a third of its rows would look broken.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.azure.client import PROVIDER_NAME
from collector.providers.azure.retail_prices import ListedPrice, listed, pages
from warehouse.records import REGIONAL, Pool, Record, Semantics, Signal

NAME = "azure.next_spot_prices"
NEXT_PRICE = "azure.next_spot_price"


def collect(source: Source) -> Iterator[Record]:
    """Yield one `Signal` per type whose next spot price is announced."""
    yield from parse(pages(source, NAME), region=source.region, observed_at=source.now)


def parse(found: Iterable[Any], *, region: str, observed_at: datetime) -> Iterator[Signal]:
    """Read all pages of a region: of each type's announced prices the one that comes first.

    The value is a price per machine and hour; ``detail`` says from when, and the currency.
    """
    coming: dict[str, ListedPrice] = {}
    for one in listed(found, region=region, feed=NAME):
        if one.is_spot and one.starts_at > observed_at:
            known = coming.get(one.instance_type)
            if known is None or _rank(one) > _rank(known):
                coming[one.instance_type] = one
    for one in coming.values():
        price = one.price_per_hour
        detail = {"effective_at": one.starts_at.isoformat(), "currency": one.currency}
        pool = Pool(PROVIDER_NAME, region, REGIONAL, one.instance_type)
        yield Signal(pool, observed_at, NEXT_PRICE, price, price, NAME, json.dumps(detail))


def _rank(one: ListedPrice) -> tuple[float, bool, float]:
    """The earliest first; of one start the price that is charged, then the dearest."""
    return -one.starts_at.timestamp(), one.is_primary, one.price_per_hour


FEED = Feed(
    name=NAME,
    title="Azure's announced spot prices",
    meaning=(
        "Per region and Linux type: the spot price of the next period, announced before it comes "
        "into force; `detail` says when. Nothing for a type whose next price is not announced."
    ),
    semantics=Semantics.INTERVAL,
    cadence=timedelta(days=1),
    may_be_quiet=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=False,
    recorded_as=(RecordedAs("prices.azure.com/api/retail/prices", "retail_prices"),),
)
