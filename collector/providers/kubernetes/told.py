"""Signals that stand for events: what happened in one pool at one moment is one signal.

The warehouse knows a signal by pool, definition and time. Kubernetes' times are whole seconds, and
an event whose pool is unknown shares its pool with all others, so that two may look like one. Their
values are added, and ``detail`` names each.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from warehouse.records import Pool, Record, Signal

REFUSED_LAUNCH = "kubernetes.refused_launch"
UNLAUNCHED = "kubernetes.unlaunched_nodeclaim"
REBALANCE = "kubernetes.rebalance_recommendation"


def event_signal(
    pool: Pool, at: datetime, definition: str, source: str, about: Mapping[str, Any]
) -> Signal:
    """The signal of one event, of value 1; ``about`` says which event it was."""
    detail = json.dumps({"events": [about]}, sort_keys=True)
    return Signal(pool, at, definition, 1.0, 1.0, source, detail)


def together(records: Iterable[Record]) -> Iterator[Record]:
    """The records, with signals of the same pool, definition and time made one, at the end."""
    signals: dict[tuple[Pool, str, datetime], list[Signal]] = {}
    for record in records:
        if isinstance(record, Signal):
            key = (record.pool, record.definition, record.observed_at)
            signals.setdefault(key, []).append(record)
        else:
            yield record
    for alike in signals.values():
        yield alike[0] if len(alike) == 1 else _sum(alike)


def _sum(alike: list[Signal]) -> Signal:
    first = alike[0]
    events = [about for one in alike for about in json.loads(one.detail or "{}")["events"]]
    value = sum(one.value_low for one in alike)
    detail = json.dumps({"events": events}, sort_keys=True)
    return Signal(
        first.pool, first.observed_at, first.definition, value, value, first.source, detail
    )
