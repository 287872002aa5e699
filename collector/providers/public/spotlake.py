"""SpotLake: an academic archive of spot prices and scores, with a file of the latest per cloud.

It is the only public source of AWS' placement scores. -1 stands for what is not known. Bands of
interruption come as numbers from 3.0 (rarest) to 1.0. Times are UTC and do not say so.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.errors import SourceChangedError
from collector.http import parse_json
from collector.payload import number, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from warehouse.records import REGIONAL, OnDemandPrice, Pool, Record, Semantics, Signal, SpotPrice

BASE = "https://d26bk4799jlxhe.cloudfront.net/latest_data"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

UNKNOWN = -1
NO_SCORES = {"", "N/A", "DataNotFoundOrStale", "RestrictedSkuNotAvailable"}

BANDS: dict[float, tuple[float, float | None]] = {
    3.0: (0.0, 0.05),
    2.5: (0.05, 0.1),
    2.0: (0.1, 0.15),
    1.5: (0.15, 0.2),
    1.0: (0.2, None),
}
"""SpotLake's "interruption-free score" and the band of AWS' advisor, or of Azure's eviction rate,
that it stands for."""

OPT_IN = "data of an academic service without a licence for more than reading; cite SpotLake"

Row = Mapping[str, Any]
ReadRow = Callable[[Row, datetime], Iterator[Record]]


def rows_of(source: Source, provider: str, feed: str) -> Sequence[Row]:
    """All rows of a cloud's file.

    Raises:
        SourceChangedError: it is not a list of objects, or an empty one.
        UnchangedError: it is the file of the last run.
    """
    url = f"{BASE}/latest_{provider}.json"
    page = source.http.page(url, source=feed, now=source.now)
    rows = parse_json(page.content, source=feed)
    if not isinstance(rows, list) or not rows or not all(isinstance(one, Mapping) for one in rows):
        raise SourceChangedError(feed, "the file is no list of objects, or an empty one")
    return rows


def parse_rows(rows: Sequence[Row], read: ReadRow, *, feed: str) -> Iterator[Record]:
    """What ``read`` makes of each row and its time. A fact that several zones repeat comes once."""
    told: set[tuple[object, ...]] = set()
    for row in rows:
        with reading(feed, f"{row.get('Region', '?')} {row.get('InstanceType', '?')}"):
            at = datetime.strptime(text(row, "Time"), TIME_FORMAT).replace(tzinfo=UTC)
            records = list(read(row, at))
        for record in records:
            key = _key(record)
            if key not in told:
                told.add(key)
                yield record


def _key(record: Record) -> tuple[object, ...]:
    match record:
        case OnDemandPrice():
            return type(record), record.region, record.instance_type
        case Signal():
            return type(record), record.pool, record.definition
        case SpotPrice():
            return type(record), record.pool
        case _:
            return (record,)


def known(row: Row, field: str) -> float | None:
    """The number; None where it is not known: -1, null, or NaN."""
    if row[field] is None:
        return None
    value = number(row, field)
    return None if value == UNKNOWN or math.isnan(value) else value


def prices(
    row: Row,
    pool: Pool,
    at: datetime,
    *,
    spot: str,
    on_demand: str,
    feed: str,
    observed_at: datetime,
) -> Iterator[SpotPrice | OnDemandPrice]:
    """The row's two prices, as far as they are known; a price of 0 is not."""
    if price := known(row, spot):
        yield SpotPrice(pool, at, price, "USD", Semantics.SAMPLE, feed, observed_at)
    if price := known(row, on_demand):
        yield OnDemandPrice(
            pool.provider, pool.region, pool.instance_type, at, price, "USD", feed, observed_at
        )


def band(row: Row, pool: Pool, at: datetime, *, definition: str, feed: str) -> Iterator[Signal]:
    """The band that ``IF`` stands for, of the whole region.

    Raises:
        ValueError: a number that stands for none.
    """
    score = known(row, "IF")
    if score is None:
        return
    if score not in BANDS:
        raise ValueError(f"IF is {score:g}, not one of {', '.join(map(str, BANDS))}")
    low, high = BANDS[score]
    whole = Pool(pool.provider, pool.region, REGIONAL, pool.instance_type)
    yield Signal(whole, at, definition, low, high, feed, json.dumps({"IF": score}))


def feed_of(
    provider: str, title: str, meaning: str, collect: Callable[[Source], Iterator[Record]]
) -> Feed:
    """The feed that reads a cloud's file."""
    return Feed(
        name=f"public.spotlake_{provider}",
        title=f"SpotLake, {title}",
        meaning=meaning,
        semantics=Semantics.SAMPLE,
        cadence=timedelta(hours=6),
        is_snapshot=True,
        scope=Scope.GLOBAL,
        collect=collect,
        needs_account=False,
        recorded_as=(RecordedAs(f"/latest_{provider}.json", f"spotlake.latest_{provider}"),),
        opt_in=OPT_IN,
    )
