"""CloudTrail's ``BidEvictedEvent``: EC2 took back Spot machines.

It is told after the fact, of machines that got no warning too, and never of those that their user
ended. The same record comes through a queue or is looked up in CloudTrail.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from collector.payload import instant, mapping, text
from collector.providers.aws.client import PROVIDER_NAME
from collector.providers.aws.machines import Machine
from collector.providers.aws.moments import plausible
from warehouse.records import Interruption, InterruptionKind

EVENT_NAME = "BidEvictedEvent"


def evicted_nodes(record: Mapping[str, Any]) -> list[str]:
    """The machines taken, one event may tell of several; none if the record is of another event.

    Raises KeyError, TypeError or ValueError: it is of a form we do not know.
    """
    if text(record, "eventName") != EVENT_NAME:
        return []
    nodes = mapping(record, "serviceEventDetails")["instanceIdSet"]
    if not isinstance(nodes, list) or not all(isinstance(one, str) for one in nodes):
        raise TypeError(f"instanceIdSet is {nodes!r:.40}, not a list of texts")
    return nodes


def evictions(
    record: Mapping[str, Any],
    machines: Mapping[str, Machine],
    *,
    source: str,
    observed_at: datetime,
) -> Iterator[Interruption]:
    """One `Interruption` per machine taken, with its pool if it is in ``machines``."""
    at = plausible(instant(record, "eventTime"), observed_at)
    region = text(record, "awsRegion")
    for node in evicted_nodes(record):
        machine = machines.get(node)
        yield Interruption(
            provider=PROVIDER_NAME,
            region=region,
            zone=machine.zone if machine else None,
            instance_type=machine.instance_type if machine else None,
            node=node,
            kind=InterruptionKind.TAKEN,
            occurred_at=at,
            # It is told afterwards; what warning there was is another event.
            notice_seconds=None,
            source=source,
            observed_at=observed_at,
        )
