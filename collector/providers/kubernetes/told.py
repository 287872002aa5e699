"""Signals that stand for events: each has the value 1 and names whom it happened to."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from warehouse.records import Pool, Signal

REFUSED_LAUNCH = "kubernetes.refused_launch"
UNLAUNCHED = "kubernetes.unlaunched_nodeclaim"
REBALANCE = "kubernetes.rebalance_recommendation"


def event_signal(
    pool: Pool,
    at: datetime,
    definition: str,
    *,
    source: str,
    subject: str,
    about: Mapping[str, Any],
) -> Signal:
    """The signal of one event.

    ``subject`` is the machine or the object that it happened to: Kubernetes' times are whole
    seconds and many a pool is unknown, so that two events would be taken for one without it.
    """
    detail = json.dumps(about, sort_keys=True)
    return Signal(pool, at, definition, 1.0, 1.0, source, detail, subject)
