"""What the warehouse knows of a cluster's machines: the risk of their pools, and words of them.

A risk is that of the window that must be foreseen, from the forecasts that were stored. It says
itself whether it may be acted on: the skill is that of `api.skill`, as every other command has it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from advisor.hazards import FORECAST_STALE_AFTER
from advisor.offerings import regional
from advisor.replacement.records import Evidence, EvidenceKind, GuardedNode, PoolRisk
from advisor.risk.interpolation import risk_within
from advisor.risk.verification import Verdict
from api.skill import Judge, kind_of
from collector.providers.aws import eventbridge
from collector.providers.kubernetes.machines import machine_of
from collector.providers.kubernetes.told import REBALANCE
from warehouse.interruptions import machine_interruptions
from warehouse.records import Pool
from warehouse.replacements import said_of_machines
from warehouse.store import Warehouse

FRESH_EVIDENCE = timedelta(minutes=15)
"""How far back the words of a cloud are read. The longest notice is 10 minutes; what was announced
earlier has happened, or will not."""

REBALANCE_SIGNALS = (REBALANCE, eventbridge.SIGNALS[eventbridge.REBALANCE])

NOTICE_KIND = {
    "alibaba": EvidenceKind.EXPIRED,
    "azure": EvidenceKind.PREEMPTION_SCHEDULED,
}
"""What an announcement is called where it has a name of its own: so that the node's condition and
the cloud's own report of the same are not taken for two words."""

WindowOf = Callable[[str], timedelta]
"""Gives what must be foreseen of a provider's machines."""


def pool_risks(
    pools: Iterable[Pool],
    forecasts: pl.DataFrame,
    judge: Judge,
    window_of: WindowOf,
    now: datetime,
) -> dict[Pool, PoolRisk]:
    """The risk of each pool within its window; a pool that no forecast reaches is left out.

    ``forecasts`` has the columns of `risk_forecast`, one row per pool and horizon. A zone's own
    forecasts go before its region's.
    """
    issued: defaultdict[Pool, list[dict[str, Any]]] = defaultdict(list)
    for row in forecasts.sort("horizon_seconds").iter_rows(named=True):
        issued[Pool(row["provider"], row["region"], row["zone"], row["instance_type"])].append(row)
    risks: dict[Pool, PoolRisk] = {}
    for pool in set(pools):
        rows = issued.get(pool) or issued.get(regional(pool)) or []
        if risk := _risk(rows, judge, window_of(pool.provider), now):
            risks[pool] = risk
    return risks


def _risk(
    rows: list[dict[str, Any]], judge: Judge, window: timedelta, now: datetime
) -> PoolRisk | None:
    used = _reaching(rows, window)
    if not used:
        return None
    ends = ("probability", "probability_low", "probability_high")
    by_minutes = {
        round(one["horizon_seconds"] / 60): np.array([one[end] for end in ends]) for one in used
    }
    middle, low, high = risk_within(by_minutes, window).tolist()
    issued_at = min(one["issued_at"] for one in used)
    return PoolRisk(
        probability=middle,
        low=low,
        high=high,
        window=window,
        may_act=all(judge(kind_of(one)) is Verdict.SKILL for one in used[-2:]),
        is_stale=now - issued_at > FORECAST_STALE_AFTER,
        source=f"{used[-1]['model_version']} of {issued_at:%H:%M} UTC",
    )


def _reaching(rows: list[dict[str, Any]], window: timedelta) -> list[dict[str, Any]]:
    """The forecasts up to the first horizon that reaches the window; none if none does.

    The last two of them are what the risk is made of.
    """
    seconds = window.total_seconds()
    shorter = [one for one in rows if one["horizon_seconds"] < seconds]
    longer = [one for one in rows if one["horizon_seconds"] >= seconds]
    return [*shorter, longer[0]] if longer else []


def recent_evidence(
    warehouse: Warehouse, nodes: Mapping[str, GuardedNode], now: datetime
) -> list[Evidence]:
    """What the clouds said of these machines within `FRESH_EVIDENCE`, as any feed stored it."""
    named = _by_machine(nodes)
    since = now - FRESH_EVIDENCE
    found: list[Evidence] = []
    for row in machine_interruptions(warehouse, now, since).iter_rows(named=True):
        announced_at, node = row["announced_at"], named.get(row["node"])
        if node and announced_at and row["taken_at"] is None:
            kind = NOTICE_KIND.get(row["provider"], EvidenceKind.NOTICE)
            found.append(Evidence(node, kind, announced_at, _takes_at(row)))
    told = said_of_machines(warehouse, now, since, REBALANCE_SIGNALS)
    return found + [
        Evidence(node, EvidenceKind.REBALANCE, row["observed_at"])
        for row in told.iter_rows(named=True)
        if (node := named.get(row["machine"]))
    ]


def joined(*told: Iterable[Evidence]) -> list[Evidence]:
    """Each word once, the newest of its kind and node, by node: feeds tell the same thing twice.

    The earliest time at which the machine may go is kept.
    """
    newest: dict[tuple[str, EvidenceKind], Evidence] = {}
    for one in (one for several in told for one in several):
        before = newest.get((one.node, one.kind), one)
        ends = [at for at in (before.takes_at, one.takes_at) if at]
        at = max(before.observed_at, one.observed_at)
        newest[one.node, one.kind] = Evidence(one.node, one.kind, at, min(ends, default=None))
    return [newest[key] for key in sorted(newest)]


def _by_machine(nodes: Mapping[str, GuardedNode]) -> dict[str, str]:
    """The node of each name by which a report may call its machine."""
    named = {machine_of({}, one.provider_id, name).node: name for name, one in nodes.items()}
    return named | {name: name for name in nodes}


def _takes_at(row: Mapping[str, Any]) -> datetime | None:
    seconds = row["notice_seconds"]
    announced: datetime = row["announced_at"]
    return None if seconds is None else announced + timedelta(seconds=seconds)
