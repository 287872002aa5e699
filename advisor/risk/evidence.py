"""What is known of each pool at a moment: its own history, its siblings' and how fresh it is.

The same numbers come from a whole recorded timeline (to fit and to score) and from live
histories (to forecast), by the same function, so there is one meaning of each.

Siblings share a campaign or a provider. A pool is never its own sibling: it is taken off the sum
of its group. Pooling all siblings with oneself left out runs against the truth by construction
(AUC below .5 in the prototype), so the near ones count first: the same type in other zones of the
region, and other types in the same zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from advisor.risk.grid import Bools, Floats, GridPool, Integers, Timeline
from advisor.risk.history import FIELDS, History

GROUPS = ("type", "zone", "all")
"""Same type in the region's other zones; other types of the zone; all others."""


@dataclass(frozen=True, slots=True)
class Siblings:
    """Sums over a pool's siblings; arrays are [.., group, row] of `GROUPS`.

    ``drops``, ``up_hours``: [half-life, group, row]. ``up``, ``known``: how many are up now, and
    of how many that is known; [group, row].
    """

    drops: Floats
    up_hours: Floats
    up: Floats
    known: Floats


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row per pool and moment; every array ends in the axis [row]."""

    history: History
    siblings: Siblings
    observed_age_s: Floats

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.observed_age_s.size)

    def take(self, rows: Integers | Bools | slice) -> "Evidence":
        """The chosen rows, in that order."""
        history, siblings = self.history, self.siblings
        return Evidence(
            History(*(getattr(history, name)[..., rows] for name in FIELDS)),
            Siblings(
                siblings.drops[..., rows],
                siblings.up_hours[..., rows],
                siblings.up[..., rows],
                siblings.known[..., rows],
            ),
            self.observed_age_s[rows],
        )


def concatenate(parts: Sequence[Evidence]) -> Evidence:
    """All rows of the parts, in their order."""

    # Floats and flags alike.
    def joined(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate(arrays, axis=-1)

    histories = [part.history for part in parts]
    siblings = [part.siblings for part in parts]
    return Evidence(
        History(*(joined([getattr(one, name) for one in histories]) for name in FIELDS)),
        Siblings(
            joined([one.drops for one in siblings]),
            joined([one.up_hours for one in siblings]),
            joined([one.up for one in siblings]),
            joined([one.known for one in siblings]),
        ),
        joined([part.observed_age_s for part in parts]),
    )


def evidence_of(history: History, pools: Sequence[GridPool], observed_age_s: Floats) -> Evidence:
    """The evidence of live pools; one row per pool, in their order."""
    return Evidence(history, _siblings(history, pools), observed_age_s)


def evidence_along(timeline: Timeline, history: History, where: Bools) -> Evidence:
    """The evidence at chosen points; rows by time, then pool.

    Args:
        timeline: the pools in time.
        history: as `record` gave it for this timeline, arrays [.., time, pool].
        where: which points to keep, [time, pool].
    """
    places = np.flatnonzero(where.ravel())
    return evidence_at(history, timeline.pools, places, timeline.observed_age_s.ravel()[places])


def evidence_at(
    history: History, pools: Sequence[GridPool], places: Integers, observed_age_s: Floats
) -> Evidence:
    """The evidence at chosen places of a history in time; one row per place, in their order.

    Args:
        history: arrays are [.., time, pool].
        pools: the pools.
        places: point times the number of pools, plus pool; may repeat.
        observed_age_s: seconds since the newest observation, one per place.
    """

    # Floats and flags alike.
    def chosen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array.reshape(*array.shape[:-2], -1)[..., places]

    kin = _siblings(history, pools)
    siblings = Siblings(chosen(kin.drops), chosen(kin.up_hours), chosen(kin.up), chosen(kin.known))
    own = History(*(chosen(getattr(history, name)) for name in FIELDS))
    return Evidence(own, siblings, observed_age_s)


def _groups(pools: Sequence[GridPool]) -> tuple[Integers, ...]:
    """The group of each pool, as a number from 0, for each of `GROUPS`."""
    keys = (
        [(p.provider, p.region, p.instance_type) for p in pools],
        [(p.provider, p.zone) for p in pools],
        [(p.provider,) for p in pools],
    )
    return tuple(_numbered(key) for key in keys)


def _numbered(keys: Sequence[tuple[str, ...]]) -> Integers:
    place = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.array([place[key] for key in keys], dtype=np.int64)


def _others(array: Floats, groups: tuple[Integers, ...], axis: int) -> Floats:
    """Sums over the other pools of each group; the axis [group] is put in at ``axis``."""
    sums = []
    for code in groups:
        order = np.argsort(code, kind="stable")
        starts = np.flatnonzero(np.diff(code[order], prepend=-1))
        total = np.add.reduceat(array[..., order], starts, axis=-1)[..., code]
        sums.append(np.maximum(total - array, 0.0))
    return np.stack(sums, axis=axis)


def _siblings(history: History, pools: Sequence[GridPool]) -> Siblings:
    groups = _groups(pools)
    return Siblings(
        _others(history.drops, groups, axis=1),
        _others(history.up_hours, groups, axis=1),
        _others((history.up & history.known).astype(np.float64), groups, axis=0),
        _others(history.known.astype(np.float64), groups, axis=0),
    )
