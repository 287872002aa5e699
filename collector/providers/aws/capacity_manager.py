"""EC2 Capacity Manager: how often the account's own Spot machines were interrupted, by the hour.

It is AWS' own count of what happened to this account, needs no pipeline of events, and must be
enabled once. Its data comes some hours late, so a run goes on from the last hour that it got.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from collector.errors import NotOfferedError, NotRecordedError
from collector.payload import mapping, members, number, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws.client import PROVIDER_NAME, connection_of
from collector.providers.aws.moments import HOUR, hour_of
from warehouse.records import Pool, Record, Semantics, Signal

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

NAME = "aws.capacity_manager"
PERMISSIONS = ("ec2:GetCapacityManagerMetricData", "ec2:GetCapacityManagerAttributes")

PREFIX = "aws.capacity_manager"
DEFINITIONS = {
    "spot-interruption-rate-inst": f"{PREFIX}_interruption_rate_hour",
    "spot-total-interruptions-inst": f"{PREFIX}_interruptions_hour",
    "spot-total-count-inst": f"{PREFIX}_machines_hour",
    "spot-total-usage-hrs-inst": f"{PREFIX}_machine_hours_hour",
    "spot-avg-run-time-before-interruption-inst": f"{PREFIX}_run_time_before_interruption_hours",
}
"""The metrics asked for, and what each is called here; all are of one hour."""
RATE = "spot-interruption-rate-inst"
RUN_TIME = "spot-avg-run-time-before-interruption-inst"
"""AWS gives no unit; its console shows hours. Zero is a mean over no machine where none was
interrupted."""
PERCENT = 100.0

GROUPS = ("resource-region", "availability-zone-id", "instance-type")
PAGE_SIZE = 10_000

FIRST_WINDOW = timedelta(days=14)
"""What a first run asks for: what AWS itself fills in when Capacity Manager is enabled."""
LONGEST_WINDOW = timedelta(days=90)
"""No window is longer, however long nothing came."""

HOW_TO_ENABLE = (
    "Capacity Manager is not enabled in this region: to have AWS count the account's own "
    "interruptions, enable it once (aws ec2 enable-capacity-manager), which is free"
)


@dataclass(frozen=True, slots=True)
class Window:
    """The full hours to ask for; ``end`` is not part of it."""

    start: datetime
    end: datetime


def collect(source: Source) -> Iterator[Record]:
    """Yield one `Signal` per hour, zone, type and metric since the hour that came last.

    Raises:
        NotOfferedError: the account has not enabled Capacity Manager here.
    """
    asked = window(source, _latest(source))
    if asked.start >= asked.end:
        return
    last: datetime | None = None
    for page in connection_of(source, NAME).pages(
        NAME, source.region, lambda ec2: _ask(ec2, asked)
    ):
        for signal in parse(page):
            last = max(last or signal.observed_at, signal.observed_at)
            yield signal
    if last:
        # Not the window's end: an hour without rows may be one that AWS has not counted yet.
        source.progress.cursor = (last + HOUR).isoformat()


def window(source: Source, latest: datetime | None) -> Window:
    """From the hour after the last one that came, to the last that AWS has counted."""
    cursor = source.progress.cursor
    start = datetime.fromisoformat(cursor) if cursor else hour_of(source.now - FIRST_WINDOW)
    end = hour_of(source.now if latest is None else min(source.now, latest + HOUR))
    return Window(max(start, hour_of(source.now - LONGEST_WINDOW)), end)


def _ask(ec2: "EC2Client", asked: Window) -> Any:
    metrics: Any = list(DEFINITIONS)
    groups: Any = list(GROUPS)
    return ec2.get_paginator("get_capacity_manager_metric_data").paginate(
        MetricNames=metrics,
        StartTime=asked.start,
        EndTime=asked.end,
        Period=int(HOUR.total_seconds()),
        GroupBy=groups,
        PaginationConfig={"PageSize": PAGE_SIZE},
    )


def _latest(source: Source) -> datetime | None:
    """The hour that AWS counted last; None if it does not say."""
    pages = connection_of(source, NAME).pages(
        NAME, source.region, lambda ec2: [ec2.get_capacity_manager_attributes()]
    )
    try:
        return _last_hour(next(pages), source.region)
    except NotRecordedError:
        # A folder of payloads may be partial.
        return None


def _last_hour(page: Mapping[str, Any], region: str) -> datetime | None:
    with reading(NAME, region):
        if text(page, "CapacityManagerStatus") != "enabled":
            raise NotOfferedError(NAME, HOW_TO_ENABLE)
        told = page.get("LatestDatapointTimestamp")
        return None if told is None else _time(page, "LatestDatapointTimestamp")


def parse(page: Mapping[str, Any]) -> Iterator[Signal]:
    """Read one page, as boto3 gives it. A signal's time is the start of its hour.

    AWS tells the rate in percent; it is stored as a share.
    """
    with reading(NAME, "the answer"):
        rows = members(page, "MetricDataResults")
    for row in rows:
        with reading(NAME, _place(row)):
            where = mapping(row, "Dimension")
            pool = Pool(
                provider=PROVIDER_NAME,
                region=text(where, "ResourceRegion"),
                zone=text(where, "AvailabilityZoneId"),
                instance_type=text(where, "InstanceType"),
            )
            hour = _time(row, "Timestamp")
            signals = [_signal(one, pool, hour) for one in members(row, "MetricValues")]
        yield from (one for one in signals if one)


def _signal(told: Mapping[str, Any], pool: Pool, hour: datetime) -> Signal | None:
    metric = text(told, "Metric")
    if metric not in DEFINITIONS:
        raise ValueError(f"metric {metric!r} was not asked for")
    value = number(told, "Value")
    if metric == RATE:
        if not 0 <= value <= PERCENT:
            raise ValueError(f"{metric} is {value}, no percentage")
        value /= PERCENT
    if value < 0:
        raise ValueError(f"{metric} is {value}, below 0")
    if metric == RUN_TIME and value == 0:
        return None
    # Hours with equal numbers are different facts.
    detail = json.dumps({"metric": metric, "hour": hour.isoformat()})
    return Signal(pool, hour, DEFINITIONS[metric], value, value, NAME, detail)


def _place(row: Mapping[str, Any]) -> str:
    where = row.get("Dimension") or {}
    fields = ("ResourceRegion", "AvailabilityZoneId", "InstanceType")
    return " ".join(str(where[one]) for one in fields if one in where) or "a row without place"


def _time(row: Mapping[str, Any], field: str) -> datetime:
    told = row[field]
    if not isinstance(told, datetime):
        raise TypeError(f"{field} is {told!r}, not a time")
    return told.astimezone(UTC)


FEED = Feed(
    name=NAME,
    title="AWS EC2 Capacity Manager",
    meaning=(
        "Per hour, zone and type of the account's own Spot machines: how many there were, how many "
        "were interrupted, and the rate. AWS' count of this account alone, some hours late; a "
        "pool that the account did not use is not told of, which is not a rate of zero."
    ),
    semantics=Semantics.INTERVAL,
    cadence=timedelta(hours=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=PERMISSIONS,
    may_be_quiet=True,
)
