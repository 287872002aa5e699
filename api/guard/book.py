"""The warehouse as the guard uses it: taken for a moment, read at once, and each step noted.

The file is never held while a cluster is asked, so feeds and other commands have it meanwhile.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from advisor.replacement.budgets import ENDS
from advisor.replacement.records import (
    Evidence,
    HandOver,
    Mechanism,
    PoolRisk,
    Snapshot,
    State,
)
from api.guard.risks import (
    FRESH_EVIDENCE,
    REBALANCE_SIGNALS,
    WindowOf,
    pool_risks,
    recent_evidence,
)
from api.skill import Judge, judge_of, recent_outcomes
from warehouse.forecasts import newest_forecasts
from warehouse.records import Pool, Replacement, StartDuration
from warehouse.replacements import Done, advance, fates_of_machines, note_done, with_recent
from warehouse.starts import store_starts
from warehouse.store import Warehouse

SEEN_SINCE = timedelta(days=90)
"""How far back it is looked at what became of machines that a cloud spoke of."""

JUDGED_FOR = timedelta(minutes=30)
"""How long a verdict on the forecasts' skill stands: it rests on weeks of outcomes, and scoring
them takes seconds."""

Lease = Callable[[], AbstractContextManager[Warehouse]]
"""Gives the warehouse for as long as the context lasts."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the warehouse knows at one moment; ``recent`` are hand-overs that ended lately.

    ``rebalance`` is how many machines a rebalance recommendation told of that were taken within
    `FRESH_EVIDENCE`, and of how many that is known.
    """

    running: list[HandOver]
    recent: list[HandOver]
    risks: dict[Pool, PoolRisk]
    evidence: list[Evidence]
    rebalance: tuple[int, int] = (0, 0)


def judged_by_outcomes(warehouse: Warehouse, now: datetime) -> Judge:
    """The verdict on each kind of forecast, by what became of the last weeks' ones."""
    return judge_of(recent_outcomes(warehouse, now), now)


class Book:
    """Reads and notes; every method may raise a `WarehouseError`."""

    def __init__(
        self,
        take: Lease,
        window_of: WindowOf,
        cool_down: timedelta,
        *,
        judged: Callable[[Warehouse, datetime], Judge] = judged_by_outcomes,
    ) -> None:
        """``take`` opens the file; read-only is enough where nothing is noted."""
        self._take = take
        self._window_of = window_of
        self._cool_down = cool_down
        self._judged_by = judged
        self._judged: tuple[datetime, Judge] | None = None
        self._seen: tuple[datetime, tuple[int, int]] | None = None
        self._learned: set[tuple[str, str, datetime]] = set()

    def facts(self, snapshot: Snapshot, now: datetime) -> Facts:
        """All that is known of the machines of the snapshot."""
        pools = {one.pool for one in snapshot.nodes.values() if one.pool}
        with self._take() as warehouse:
            found = [_hand_over(one) for one in with_recent(warehouse, now - self._cool_down)]
            return Facts(
                running=[one for one in found if not is_over(one)],
                recent=[one for one in found if is_over(one)],
                risks=self._risks(warehouse, pools, now),
                evidence=recent_evidence(warehouse, snapshot.nodes, now),
                rebalance=self._rebalance(warehouse, now),
            )

    def known(self, now: datetime) -> list[HandOver]:
        """The hand-overs that are open, or ended within the cool-down."""
        with self._take() as warehouse:
            return [_hand_over(one) for one in with_recent(warehouse, now - self._cool_down)]

    def advance(self, before: HandOver | None, after: HandOver, done: Sequence[Done] = ()) -> bool:
        """Note a step; False if the hand-over is no longer where it was read.

        ``done`` was done before it, and is added to the audit: the file is opened but once.
        """
        with self._take() as warehouse:
            if done:
                note_done(warehouse, done)
            return advance(warehouse, _row(before) if before else None, _row(after))

    def note(self, done: Sequence[Done]) -> None:
        """Add to the audit."""
        if done:
            with self._take() as warehouse:
                note_done(warehouse, done)

    def learn(self, starts: Iterable[StartDuration]) -> None:
        """Keep how long starts took, each once, for lead times to be learned from."""
        new = {one.key: one for one in starts if one.key not in self._learned}
        if new:
            with self._take() as warehouse:
                store_starts(warehouse, list(new.values()))
        self._learned |= set(new)

    def _risks(self, warehouse: Warehouse, pools: set[Pool], now: datetime) -> dict[Pool, PoolRisk]:
        if not pools:
            return {}
        forecasts = newest_forecasts(
            warehouse,
            now,
            regions=sorted({one.region for one in pools}),
            types=sorted({one.instance_type for one in pools}),
        )
        if forecasts.is_empty():
            return {}
        judge = self._judge(warehouse, now)
        return pool_risks(pools, forecasts, judge, self._window_of, now)

    def _rebalance(self, warehouse: Warehouse, now: datetime) -> tuple[int, int]:
        if self._seen is None or now - self._seen[0] > JUDGED_FOR:
            since = now - SEEN_SINCE
            fates = fates_of_machines(
                warehouse, now, since, REBALANCE_SIGNALS, within=FRESH_EVIDENCE
            )
            self._seen = now, fates
        return self._seen[1]

    def _judge(self, warehouse: Warehouse, now: datetime) -> Judge:
        if self._judged is None or now - self._judged[0] > JUDGED_FOR:
            self._judged = now, self._judged_by(warehouse, now)
        return self._judged[1]


def is_over(one: HandOver) -> bool:
    """Whether the hand-over has ended."""
    return one.state in ENDS


def _row(one: HandOver) -> Replacement:
    detail = json.dumps(dict(one.detail), sort_keys=True)
    return Replacement(
        one.replacement_id,
        one.changed_at,
        one.state.value,
        one.node,
        one.pool,
        one.mechanism.value,
        one.reason,
        detail,
    )


def _hand_over(row: Replacement) -> HandOver:
    return HandOver(
        row.replacement_id,
        row.changed_at,
        State(row.state),
        row.node,
        row.pool,
        Mechanism(row.mechanism),
        row.reason,
        json.loads(row.detail or "{}"),
    )
