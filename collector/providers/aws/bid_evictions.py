"""CloudTrail's record of the Spot machines that EC2 took: up to 90 days back, and complete.

It needs no pipeline of events, so a new user has his own history at the first run; and it tells of
machines that were taken without a warning. It is up to 15 minutes late.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from collector.errors import SourceError
from collector.payload import members, reading, text
from collector.provider import Feed, Scope, Source
from collector.providers.aws.availability_zones import PERMISSION as ZONES
from collector.providers.aws.bid_evicted import EVENT_NAME, evicted_nodes, evictions
from collector.providers.aws.client import connection_of, different
from collector.providers.aws.eventbridge import checked_node
from collector.providers.aws.launches import launched
from collector.providers.aws.machines import PERMISSION as MACHINES
from collector.providers.aws.machines import Machine, Machines
from warehouse.records import Interruption, Record, Semantics

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.literals import LookupAttributeKeyType

NAME = "aws.bid_evictions"
PERMISSION = "cloudtrail:LookupEvents"

FIRST_WINDOW = timedelta(days=90)
"""How far back CloudTrail keeps events."""
OVERLAP = timedelta(hours=1)
"""How far a run reaches back before the last: an event may be published 15 minutes late."""
PAGE_SIZE = 50
PAUSE_SECONDS = 0.5
"""CloudTrail takes two look-ups a second, and other tools of the account want theirs too."""
MOST_LAUNCHES = 40
"""How many machines' launches one run looks up, the latest losses first: half a second each. What
is beyond is stored without its pool."""
MOST_PAGES = 2
"""Of 50 events each, about one machine: a launch is the first of them, so the last on the pages."""

LOG = logging.getLogger(__name__)


def collect(source: Source) -> Iterator[Record]:
    """Yield one `Interruption` per machine taken since an hour before the last run."""
    start = source.since - OVERLAP if source.since else source.now - FIRST_WINDOW
    found = _look_up(source, "EventName", EVENT_NAME, start=max(start, source.now - FIRST_WINDOW))
    told = [record for page in found for record in records_of(page)]
    with reading(NAME, "the evictions"):
        nodes = [checked_node(node) for record in told for node in evicted_nodes(record)]
    machines = Machines(source, NAME)
    machines.look_up(source.region, nodes)
    _add_launches(source, nodes, machines)
    for record in told:
        yield from parse(record, observed_at=source.now, machines=machines.known)


def records_of(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The records on a page, as boto3 gives it: each comes as a text of its own."""
    with reading(NAME, "the answer"):
        rows = members(page, "Events")
    for row in rows:
        with reading(NAME, f"event {row.get('EventId', 'without EventId')}"):
            record = json.loads(text(row, "CloudTrailEvent"))
            if not isinstance(record, Mapping):
                raise TypeError(f"CloudTrailEvent is {record!r:.40}, not an object")
        yield record


def parse(
    record: Mapping[str, Any], *, observed_at: datetime, machines: Mapping[str, Machine]
) -> Iterator[Interruption]:
    """Read one record, with what is known of its machines."""
    with reading(NAME, f"event {record.get('eventID', 'without eventID')}"):
        yield from list(evictions(record, machines, source=NAME, observed_at=observed_at))


def _look_up(
    source: Source, key: "LookupAttributeKeyType", value: str, *, start: datetime
) -> Iterator[Mapping[str, Any]]:
    account = connection_of(source, NAME)
    with account.asking(NAME, source.region):
        paginator = account.cloudtrail(source.region).get_paginator("lookup_events")
        pages: Iterable[Mapping[str, Any]] = paginator.paginate(
            LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}],
            StartTime=start,
            EndTime=source.now,
            PaginationConfig={"PageSize": PAGE_SIZE},
        )
        for page in different(NAME, pages):
            yield page
            account.sleep(PAUSE_SECONDS)


def _add_launches(source: Source, nodes: list[str], machines: Machines) -> None:
    """Find in CloudTrail itself the machines that EC2 does not show any more."""
    unknown = [one for one in dict.fromkeys(nodes) if one not in machines.known]
    for node in unknown[:MOST_LAUNCHES]:
        try:
            pages = _look_up(source, "ResourceName", node, start=source.now - FIRST_WINDOW)
            some = islice(pages, MOST_PAGES)
            records = [record for page in some for record in records_of(page)]
        except SourceError as error:
            LOG.warning("launch_unknown feed=%s node=%s reason=%s", NAME, node, error)
            return
        for machine in launched(records, source.region):
            machines.add(machine)


FEED = Feed(
    name=NAME,
    title="AWS Spot evictions in CloudTrail",
    meaning=(
        "Each of the account's Spot machines that EC2 took, up to 90 days back and at most 15 "
        "minutes late, with or without a warning before. Machines that the user ended are not in "
        "it. Says nothing of machines that were not taken: no rate by itself."
    ),
    semantics=Semantics.CHANGE_POINT,
    cadence=timedelta(minutes=10),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION, MACHINES, ZONES),
    may_be_quiet=True,
)
