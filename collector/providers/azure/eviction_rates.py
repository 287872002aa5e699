"""How often Azure took back spot machines of each size, per region, in the last 28 days.

Azure publishes one of five bands, through Resource Graph and in the portal. Its papers disagree
on what is counted: Resource Graph's speak of 28 trailing days, the portal's tooltip of a rate per
hour. So the band is kept as it is, with its label, and converted nowhere here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.azure import resource_graph, skus
from collector.providers.azure.client import PROVIDER_NAME, checked_region
from warehouse.records import REGIONAL, Pool, Record, Semantics, Signal

NAME = "azure.eviction_rates"
BAND = "azure.eviction_band_28_days"

QUERY = """SpotResources
| where type =~ 'microsoft.compute/skuspotevictionrate/location' and location =~ '{region}'
| extend spotEvictionRate = tostring(properties.evictionRate)
| project skuName = tostring(sku.name), location, spotEvictionRate
| order by skuName asc, location asc"""

BANDS: dict[str, tuple[float, float | None]] = {
    "0-5": (0.0, 0.05),
    "5-10": (0.05, 0.1),
    "10-15": (0.1, 0.15),
    "15-20": (0.15, 0.2),
    "20+": (0.2, None),
}


def collect(source: Source) -> Iterator[Record]:
    """Yield one `Signal` per size of the region.

    Raises:
        NotOfferedError: Azure publishes none for the region.
    """
    query = QUERY.format(region=checked_region(source.region, NAME))
    rows = [row for page in resource_graph.pages(source, NAME, query) for row in page]
    if not rows:
        raise NotOfferedError(NAME, f"no eviction rates are published for {source.region}")
    names = skus.spellings(source, NAME)
    yield from parse(rows, region=source.region, spellings=names, observed_at=source.now)


def parse(
    rows: Sequence[Mapping[str, Any]],
    *,
    region: str,
    spellings: Mapping[str, str],
    observed_at: datetime,
) -> Iterator[Signal]:
    """Read the rows of ``region``; ``spellings`` gives each size's name by its lower case.

    A size that it does not have keeps the spelling of the row.
    """
    for row in rows:
        with reading(NAME, f"{region} {row.get('skuName', 'a row without skuName')}"):
            size, label = text(row, "skuName"), row["spotEvictionRate"]
            if text(row, "location").lower() != region or label is None or label == "":
                continue
            low, high = _band(label)
        pool = Pool(PROVIDER_NAME, region, REGIONAL, spellings.get(size.lower(), size))
        detail = json.dumps({"evictionRate": label})
        yield Signal(pool, observed_at, BAND, low, high, NAME, detail)


def _band(label: Any) -> tuple[float, float | None]:
    """Both ends as shares; None for the open end. A bare number is a percentage.

    Raises:
        ValueError: a label that is neither.
    """
    if isinstance(label, str) and label in BANDS:
        return BANDS[label]
    try:
        share = float(label) / 100 if not isinstance(label, bool) else -1.0
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"evictionRate is {label!r}, not one of {', '.join(BANDS)}")
    return share, share


FEED = Feed(
    name=NAME,
    title="Azure eviction rates",
    meaning=(
        "Per region and size over 28 trailing days: the band of the share of spot machines that "
        "was taken back. No zones. Azure's papers disagree on whether it is per hour; the band is "
        "kept as published."
    ),
    semantics=Semantics.TRAILING_WINDOW,
    cadence=timedelta(hours=6),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(resource_graph.PERMISSION, skus.PERMISSION),
    recorded_as=(
        RecordedAs(resource_graph.PATH, "arg.eviction_rate", asking="skuspotevictionrate"),
        skus.RECORDED_AS,
    ),
)
