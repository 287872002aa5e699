"""Google Cloud's capacity history: how many Spot VMs were preempted each day, and old prices.

The rate is the share of the Spot VMs that stopped on a day which Google stopped. It is no hazard:
it does not know how many ran, and a pool where nobody stops a machine has a high share. Days end
at midnight in California, some are missing, and the present day's is provisional.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError, SourceChangedError
from collector.payload import instant, mapping, members, number, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.gcp import machine_types
from collector.providers.gcp.client import connection_of, region_name
from collector.providers.gcp.lists import any_of
from collector.providers.gcp.money import amount
from collector.providers.gcp.names import (
    PROVIDER_NAME,
    last_part,
    region_of,
    watched_types,
)
from collector.providers.gcp.refusals import BadRequestError
from warehouse.records import REGIONAL, Pool, Record, Semantics, Signal, SpotPrice

NAME = "gcp.capacity_history"
PERMISSION = "compute.advice.capacityHistory"
SHARE = "gcp.preemption_share_daily"

PREEMPTION, PRICE = "PREEMPTION", "PRICE"

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield each zone's complete days that were not told before, and the region's prices.

    A type that Google does not take is logged and left out; the other types go on.

    Raises:
        NotOfferedError: no type is watched, or none is sold in the region.
    """
    types = watched_types(source, NAME)
    told = Told.of(source.progress.cursor)
    has_any = False
    for zone, instance_type in _places(source, types):
        for record in _asked(source, zone, instance_type):
            has_any = True
            if not isinstance(record, Signal) or told.is_news(record):
                yield record
    if not has_any:
        raise NotOfferedError(NAME, f"{source.region} has no history of {', '.join(types)}")
    source.progress.cursor = told.text()


def _places(source: Source, types: tuple[str, ...]) -> list[tuple[str, str]]:
    """Zone and type of each question: each zone that sells the type, then the whole region."""
    region = region_name(source, NAME)
    sold = machine_types.listed(source, feed=NAME, only={"filter": any_of("name", types)})
    zonal = {
        (one.zone, one.name) for one in sold if one.name in types and region_of(one.zone) == region
    }
    regional = {(REGIONAL, name) for _, name in zonal}
    return [*sorted(zonal), *sorted(regional)]


def _asked(source: Source, zone: str, instance_type: str) -> list[Record]:
    """What the history says of one type in one zone, or of its price in the region."""
    try:
        reply = connection_of(source, NAME).advice(
            source,
            "capacityHistory",
            question(source.region, zone, instance_type),
            feed=NAME,
            permission=PERMISSION,
        )
    except BadRequestError as error:
        if instance_type not in error.what and "machineType" not in error.what:
            raise
        LOG.warning("instance_type_left_out type=%s zone=%s reason=%s", instance_type, zone, error)
        return []
    return list(
        parse(
            reply,
            region=source.region,
            zone=zone,
            instance_type=instance_type,
            observed_at=source.now,
        )
    )


def question(region: str, zone: str, instance_type: str) -> dict[str, Any]:
    """The request: preemptions of a zone, or prices of the whole region."""
    is_regional = zone == REGIONAL
    return {
        "types": [PRICE if is_regional else PREEMPTION],
        "instanceProperties": {
            "machineType": instance_type,
            "scheduling": {"provisioningModel": "SPOT"},
        },
        "locationPolicy": {"location": f"regions/{region}" if is_regional else f"zones/{zone}"},
    }


def parse(
    reply: Any, *, region: str, zone: str, instance_type: str, observed_at: datetime
) -> Iterator[Signal | SpotPrice]:
    """Read the answer about one zone (days) or about a region (prices).

    Days that are not over at ``observed_at`` are left out: Google still changes their figures,
    and a fact that is stored stays.
    """
    place = f"{region if zone == REGIONAL else zone} {instance_type}"
    with reading(NAME, place):
        said = (text(reply, "machineType"), last_part(text(reply, "location")))
        if said != (instance_type, region if zone == REGIONAL else zone):
            raise ValueError(f"the answer is about {' in '.join(said)}")
        field = "priceHistory" if zone == REGIONAL else "preemptionHistory"
        rows = members({field: [], **reply}, field)
    pool = Pool(PROVIDER_NAME, region, zone, instance_type)
    for row in rows:
        with reading(NAME, place):
            start, end = _interval(row)
            record: Signal | SpotPrice | None = None
            if zone == REGIONAL:
                record = _price(row, pool, start, observed_at)
            elif end <= observed_at:
                record = _share(row, pool, start, end)
        if record:
            yield record


def _share(row: Mapping[str, Any], pool: Pool, start: datetime, end: datetime) -> Signal:
    share = number(row, "preemptionRate")
    return Signal(
        pool=pool,
        observed_at=end,
        definition=SHARE,
        value_low=share,
        value_high=share,
        source=NAME,
        detail=json.dumps({"from": start.isoformat(), "until": end.isoformat()}),
    )


def _price(
    row: Mapping[str, Any], pool: Pool, start: datetime, observed_at: datetime
) -> SpotPrice | None:
    """The list price from ``start`` on; None for 0, which stands for an unknown price."""
    money = mapping(row, "listPrice")
    price = amount(money)
    if not price:
        return None
    return SpotPrice(
        pool=pool,
        effective_at=start,
        price_per_hour=float(price),
        currency=text(money, "currencyCode"),
        semantics=Semantics.INTERVAL,
        source=NAME,
        observed_at=observed_at,
    )


def _interval(row: Mapping[str, Any]) -> tuple[datetime, datetime]:
    interval = mapping(row, "interval")
    start = instant(interval, "startTime").astimezone(UTC)
    end = instant(interval, "endTime").astimezone(UTC)
    if end <= start:
        raise ValueError(f"interval ends at {end.isoformat()}, not after its start")
    return start, end


class Told:
    """Which days of each zone and type were told, so that an answer of 30 days brings one.

    The newest is told each time all the same: that shows that the feed still sees it. A day that
    Google adds late is told when it comes.
    """

    def __init__(self, days: dict[str, list[str]]) -> None:
        self._before = days
        self._now: dict[str, list[str]] = {}

    @classmethod
    def of(cls, cursor: str | None) -> "Told":
        """As the last stored run left it."""
        try:
            return cls(json.loads(cursor or "{}"))
        except json.JSONDecodeError as error:
            raise SourceChangedError(NAME, f"its own note cannot be read ({error})") from error

    def is_news(self, day: Signal) -> bool:
        """Whether the day must be told; notes that it is."""
        place, end = f"{day.pool.zone} {day.pool.instance_type}", day.observed_at.isoformat()
        self._now.setdefault(place, []).append(end)
        known = self._before.get(place, [])
        return end not in known or end == max(known)

    def text(self) -> str:
        """The note for the next run; a place that was not asked for now is kept as it was."""
        return json.dumps({**self._before, **self._now}, sort_keys=True)


FEED = Feed(
    name=NAME,
    title="Google Cloud capacity history",
    meaning=(
        "Per zone and day, the share of the Spot VMs of a type that stopped running which Google "
        "preempted; complete days only, some are missing. It is not the chance that a machine is "
        "preempted: how many ran is not known, and where few are stopped by their users it is "
        "high. Per region, the spot list prices of the last year. One question per watched type "
        "and zone. It is the view that Google gives this project, and not for passing on."
    ),
    semantics=Semantics.INTERVAL,
    cadence=timedelta(days=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION, machine_types.PERMISSION),
    recorded_as=(
        RecordedAs("/advice/capacityHistory", "advice.capacityHistory.zone", asking="zones/"),
        RecordedAs("/advice/capacityHistory", "advice.capacityHistory.region", asking="regions/"),
    ),
)
