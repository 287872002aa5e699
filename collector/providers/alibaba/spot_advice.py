"""Alibaba Cloud's spot advice: how often machines were taken, and what was paid, in 30 days.

The cloud gives the interruption rate in percent and, always, as one of four bands; the upper
band runs from 10% to 100%, so the rate says far more. ``AverageSpotDiscount`` is misnamed: 20
means that 20% of the list price was paid. AWS' advisor gives the opposite, the share saved.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import mapping, members, number, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.alibaba.client import connection_of, watched_types
from collector.providers.alibaba.credentials import PROVIDER_NAME
from collector.providers.alibaba.refusals import TypeNotOfferedError
from warehouse.records import Pool, Record, Semantics, Signal

NAME = "alibaba.spot_advice"
ACTION = "DescribeSpotAdvice"

INTERRUPTION_RATE = "alibaba.interruption_rate_trailing_30_days"
PRICE_PAID = "alibaba.price_paid_share_trailing_30_days"

BANDS = {"0-3%": (0.0, 0.03), "3-5%": (0.03, 0.05), "5-10%": (0.05, 0.1), "10-100%": (0.1, 1.0)}

TYPES_PER_CALL = 10
"""The API's limit on ``InstanceTypes.N``."""

WHOLE_REGION = {"MinCores": "1", "MinMemory": "1"}
"""A filter that every machine passes: the API refuses to be asked without one."""

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield up to two `Signal` per zone and type: of the watched types, or of all in the region.

    A type that the cloud refuses by name is logged and left out.

    Raises:
        NotOfferedError: the region has no advice on any of the watched types.
    """
    types = watched_types(source, NAME)
    records: list[Record] = []
    for first in range(0, len(types) or 1, TYPES_PER_CALL):
        for reply in _replies(source, types[first : first + TYPES_PER_CALL]):
            records += parse(reply, region=source.region, observed_at=source.now)
    if types and not records:
        raise NotOfferedError(NAME, f"{source.region} has no advice ({', '.join(types)})")
    yield from records


def _replies(source: Source, types: Sequence[str]) -> Iterator[Any]:
    """The answer for ``types``; if one of them is not sold here, the answers for the others.

    The refusal does not say which type it means, so they are then asked one by one.
    """
    params = {f"InstanceTypes.{n}": one for n, one in enumerate(types, 1)} or WHOLE_REGION
    try:
        connection = connection_of(source, NAME)
        yield connection.call(source.http, ACTION, source.region, params, source=NAME)
    except TypeNotOfferedError as error:
        if len(types) == 1:
            LOG.warning("instance_type_left_out type=%s reason=%s", types[0], error)
            return
        for one in types:
            yield from _replies(source, (one,))


def parse(reply: Any, *, region: str, observed_at: datetime) -> Iterator[Signal]:
    """Read one reply: per zone and type the interruption rate and the share of the price paid."""
    with reading(NAME, f"{ACTION} in {region}"):
        zones = members(mapping(reply, "AvailableSpotZones"), "AvailableSpotZone")
    for zone in zones:
        with reading(NAME, f"{ACTION} in {region}"):
            zone_id = text(zone, "ZoneId")
            rows = members(mapping(zone, "AvailableSpotResources"), "AvailableSpotResource")
        for row in rows:
            with reading(NAME, f"{zone_id} {row.get('InstanceType', 'without InstanceType')}"):
                signals = _signals(row, region, zone_id, observed_at)
            yield from signals


def _signals(row: Mapping[str, Any], region: str, zone: str, observed_at: datetime) -> list[Signal]:
    pool = Pool(PROVIDER_NAME, region, zone, text(row, "InstanceType"))
    band = text(row, "InterruptRateDesc")
    low, high = _interruption_rate(row, band)
    detail = json.dumps({"InterruptRateDesc": band})
    signals = [Signal(pool, observed_at, INTERRUPTION_RATE, low, high, NAME, detail)]
    # Absent or 0 means that nothing was sold, not that it was free.
    if row.get("AverageSpotDiscount"):
        paid = number(row, "AverageSpotDiscount") / 100
        signals.append(Signal(pool, observed_at, PRICE_PAID, paid, paid, NAME))
    return signals


def _interruption_rate(row: Mapping[str, Any], band: str) -> tuple[float, float]:
    """The rate as a point if it is given, else the ends of the band.

    Raises:
        ValueError: a band that is not one of the four.
    """
    if band not in BANDS:
        raise ValueError(f"InterruptRateDesc is {band!r}, not one of {', '.join(BANDS)}")
    if row.get("InterruptionRate") is None:
        return BANDS[band]
    rate = number(row, "InterruptionRate") / 100
    return rate, rate


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud spot advice",
    meaning=(
        "Per zone and type over the trailing 30 days: the share of machines that was interrupted, "
        "and the share of the list price that was paid (not the share saved). VPC machines only."
    ),
    semantics=Semantics.TRAILING_WINDOW,
    cadence=timedelta(hours=6),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ecs:DescribeSpotAdvice",),
)
