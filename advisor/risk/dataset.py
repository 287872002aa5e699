"""Labelled samples: a pool that is up at t, what is known of it then, and whether it is lost.

A sample is a pool and grid point at which the pool is up. Its label for horizon h is 1 if any
grid point in (t, t + h] is down. A window that crosses the end of its trace, or a gap, gives no
label, whatever was seen of it: keeping only the losses of cut windows would raise the rate.

Probe kinds stay apart: a lost launch probe is not a lost machine. Each sample carries its kind,
and nothing here or later adds two kinds up without saying so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from advisor.risk.errors import TooFewSamplesError
from advisor.risk.evidence import Evidence, concatenate, evidence_along
from advisor.risk.grid import (
    STEP_S,
    Bools,
    Floats,
    GridPool,
    Integers,
    Timeline,
    Trace,
    timelines,
)
from advisor.risk.history import record
from advisor.risk.horizons import HORIZONS_MINUTES

HORIZON_STEPS = tuple(round(60 * minutes / STEP_S) for minutes in HORIZONS_MINUTES)


@dataclass(frozen=True, slots=True)
class Samples:
    """One row per pool and grid point at which it is up.

    ``label``: [horizon, row], 1.0 lost, 0.0 not, nan if the window is cut. ``dropped_next``:
    whether it is down one step later, nan if not known. ``kind``, ``trace``, ``pool``: places in
    ``kinds``, ``traces`` and ``pools``. ``time_s``: seconds since 1970 (of the day only where
    the trace's time is approximate); ``offset_s``: seconds since the trace began, exact.
    """

    evidence: Evidence
    label: Floats
    dropped_next: Floats
    kind: Integers
    trace: Integers
    pool: Integers
    time_s: Floats
    offset_s: Floats
    kinds: tuple[str, ...]
    traces: tuple[Trace, ...]
    pools: tuple[GridPool, ...]

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return int(self.time_s.size)

    @property
    def campaign(self) -> Integers:
        """The campaign of each row, as a place in `campaigns`."""
        place = {name: number for number, name in enumerate(self.campaigns)}
        of_trace = np.array([place[trace.campaign] for trace in self.traces], dtype=np.int64)
        return of_trace[self.trace]

    @property
    def campaigns(self) -> tuple[str, ...]:
        """The names of all campaigns, in order."""
        return tuple(sorted({trace.campaign for trace in self.traces}))

    @property
    def zone(self) -> Integers:
        """A number for the zone of each row; equal zones have equal numbers."""
        names = sorted({pool.zone for pool in self.pools})
        of_pool = np.array([names.index(pool.zone) for pool in self.pools], dtype=np.int64)
        return of_pool[self.pool]

    def take(self, rows: Integers | Bools | slice) -> "Samples":
        """The chosen rows, in that order."""
        return replace(
            self,
            evidence=self.evidence.take(rows),
            label=self.label[:, rows],
            dropped_next=self.dropped_next[rows],
            kind=self.kind[rows],
            trace=self.trace[rows],
            pool=self.pool[rows],
            time_s=self.time_s[rows],
            offset_s=self.offset_s[rows],
        )


def samples(ticks: pl.DataFrame) -> Samples:
    """All samples of a frame of ticks, by timeline, then time, then pool.

    Raises:
        TicksError: the frame is not one of ticks.
        TooFewSamplesError: no pool is ever up.
    """
    return samples_of(timelines(ticks))


def samples_of(lines: Sequence[Timeline]) -> Samples:
    """All samples of the timelines, in their order.

    Raises:
        TooFewSamplesError: no pool is ever up.
    """
    if not any((line.up & line.known).any() for line in lines):
        raise TooFewSamplesError("ticks", "no pool is ever up, so nothing can be lost")
    return joined([_samples_along(line) for line in lines])


def joined(parts: Sequence[Samples]) -> Samples:
    """All rows of the parts, in their order; kinds, traces and pools are those of all.

    A pool that two parts have under one kind is one pool; under two kinds it stays two.
    """
    if len(parts) == 1:
        return parts[0]
    kinds = tuple(sorted({kind for part in parts for kind in part.kinds}))
    named = [_kinds_and_pools(part) for part in parts]
    pools = sorted({one for part in named for one in part})
    place = {one: number for number, one in enumerate(pools)}
    first_trace = np.cumsum([0, *(len(part.traces) for part in parts)])
    moved = [
        replace(
            part,
            kind=np.array([kinds.index(kind) for kind in part.kinds], dtype=np.int64)[part.kind],
            trace=part.trace + before,
            pool=np.array([place[one] for one in own], dtype=np.int64)[part.pool],
        )
        for part, own, before in zip(parts, named, first_trace[:-1].tolist(), strict=True)
    ]
    return Samples(
        evidence=concatenate([part.evidence for part in moved]),
        **{
            name: np.concatenate([getattr(part, name) for part in moved], axis=-1)
            for name in _COLUMNS
        },
        kinds=kinds,
        traces=tuple(trace for part in parts for trace in part.traces),
        pools=tuple(pool for _, pool in pools),
    )


_COLUMNS = ("label", "dropped_next", "kind", "trace", "pool", "time_s", "offset_s")


def _kinds_and_pools(part: Samples) -> list[tuple[str, GridPool]]:
    """The kind of each pool of the part, and the pool; the first kind if it has no row."""
    kind = np.zeros(len(part.pools), dtype=np.int64)
    kind[part.pool] = part.kind
    return [(part.kinds[at], pool) for at, pool in zip(kind.tolist(), part.pools, strict=True)]


def _samples_along(line: Timeline) -> Samples:
    """The samples of one timeline."""
    up = line.up & line.known
    point, column = np.nonzero(up)
    label = np.stack([_lost_within(line, steps)[point, column] for steps in HORIZON_STEPS])
    trace = line.trace[point, column]
    begins = np.array([one.first_offset_s for one in line.traces])
    return Samples(
        evidence=evidence_along(line, record(line), up),
        label=label,
        dropped_next=_lost_within(line, 1)[point, column],
        kind=np.zeros(point.size, dtype=np.int64),
        trace=trace,
        pool=column.astype(np.int64),
        time_s=line.time_s[point],
        offset_s=begins[trace] + STEP_S * point.astype(np.float64),
        kinds=(line.probe_kind,),
        traces=line.traces,
        pools=line.pools,
    )


def _lost_within(line: Timeline, steps: int) -> Floats:
    """Whether any of the next ``steps`` points is down, nan if one is unknown; [time, pool]."""
    points = line.up.shape[0]
    down = _counted(line.known & ~line.up)
    unknown = _counted(~line.known)
    lost = np.full(line.up.shape, np.nan)
    reach = max(points - steps, 0)
    if reach:
        last = slice(steps, points)
        # Row k of the counts is what lies before point k; the window is points t + 1 to t + h.
        falls = down[steps + 1 :] - down[1 : reach + 1]
        gaps = unknown[steps + 1 :] - unknown[1 : reach + 1]
        whole = (gaps == 0) & (line.trace[last] == line.trace[:reach])
        lost[:reach] = np.where(whole, (falls > 0).astype(np.float64), np.nan)
    return lost


def _counted(flags: Bools) -> Integers:
    """How many are true before each point, [time + 1, pool]."""
    count = np.zeros((flags.shape[0] + 1, flags.shape[1]), dtype=np.int64)
    np.cumsum(flags, axis=0, out=count[1:])
    return count
