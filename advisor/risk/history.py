"""What a pool has been through, as numbers that one more grid point updates.

Everything a forecast may know of the past is in `History`; its only way to change is `advance`,
which is told one grid point. So a feature cannot know the future, and a forecast from a log that
is replayed equals the one that was made live. `record` runs it along a timeline and keeps the
numbers at every point.

Counts fade by half-lives; the half-life `FOREVER` does not fade. Time at risk is time up: an
hour counts as up if the pool was up at its start, and ends in a drop if it is down at its end.
"""

from dataclasses import dataclass

import numpy as np

from advisor.risk.grid import STEP_H, Bools, Floats, Timeline

FOREVER = np.inf
HALF_LIVES_H = (1.0, 6.0, 24.0, 168.0, FOREVER)
"""Hours. Autocorrelation of a pool's daily log rate is .28 to .51 after a day and .08 to .22
after two (risk contract, 3.6): 6 h and 24 h carry most, the rest is for shrinkage."""

AGED_HALF_LIVES = (2, 4)
"""Places in `HALF_LIVES_H` (24 h, forever) at which time at risk is kept by age."""

AGE_EDGES_H = (0.0, 1 / 12, 1 / 6, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
"""Lower edges of the bands of age, hours. 22 to 39 % of up spells end within 15 minutes."""

AGE_BANDS = len(AGE_EDGES_H) + 1
"""The bands and, last, one for time at risk at an age that is not known."""

_ROUND_DOWN = 1e-9
"""Keeps an age that is a sum of steps in the band that it has just entered."""


@dataclass(slots=True)
class History:
    """The past of pools side by side; every array ends in the axis [pool], times in hours.

    ``drops``, ``up_hours``, ``hours``: [half-life, pool] of `HALF_LIVES_H`, faded.
    ``aged_hours``: [aged half-life, age band, pool], time up by the age it was up at.
    ``age``: time in the present up spell, 0 if down. ``censored``: the spell was on when the
    pool was first seen, so its true age is more. ``down``: time in the present down spell.
    ``last_up``, ``last_down``: length of the spell before (nan if none was seen from its start).
    ``since_drop``: since the last drop (nan if none). ``watched``: time seen in all.
    ``up``, ``known``: the state at the newest point.
    """

    drops: Floats
    up_hours: Floats
    hours: Floats
    aged_hours: Floats
    age: Floats
    censored: Bools
    down: Floats
    last_up: Floats
    last_down: Floats
    since_drop: Floats
    watched: Floats
    up: Bools
    known: Bools

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> "History":
        """Nothing seen yet of pools of this shape."""
        lives = len(HALF_LIVES_H)

        def zeros(*front: int) -> Floats:
            return np.zeros((*front, *shape))

        return cls(
            drops=zeros(lives),
            up_hours=zeros(lives),
            hours=zeros(lives),
            aged_hours=zeros(len(AGED_HALF_LIVES), AGE_BANDS),
            age=zeros(),
            censored=np.zeros(shape, dtype=np.bool_),
            down=zeros(),
            last_up=np.full(shape, np.nan),
            last_down=np.full(shape, np.nan),
            since_drop=np.full(shape, np.nan),
            watched=zeros(),
            up=np.zeros(shape, dtype=np.bool_),
            known=np.zeros(shape, dtype=np.bool_),
        )

    def advance(self, up: Bools, known: Bools) -> None:
        """Move one grid point on: ``up`` is the state there, where ``known``; both [pool]."""
        linked = known & self.known
        at_risk = linked & self.up
        dropped = at_risk & ~up
        recovered = linked & ~self.up & up
        self._fade(at_risk, dropped, linked)
        self._spells(up, known, linked, dropped, recovered)
        self.up, self.known = up & known, known.copy()

    def _fade(self, at_risk: Bools, dropped: Bools, linked: Bools) -> None:
        fade = _FADE[:, None]
        self.drops *= fade
        self.drops += dropped
        self.up_hours *= fade
        self.up_hours += STEP_H * at_risk
        self.hours *= fade
        self.hours += STEP_H * linked
        for place, life in enumerate(AGED_HALF_LIVES):
            if HALF_LIVES_H[life] != FOREVER:
                self.aged_hours[place] *= _FADE[life]
        exposed = np.flatnonzero(at_risk)
        band = age_band(self.age[exposed], self.censored[exposed])
        self.aged_hours[:, band, exposed] += STEP_H
        self.watched += STEP_H * linked

    def _spells(
        self, up: Bools, known: Bools, linked: Bools, dropped: Bools, recovered: Bools
    ) -> None:
        whole = dropped & ~self.censored
        np.copyto(self.last_up, self.age + STEP_H, where=whole)
        np.copyto(self.last_down, self.down + STEP_H, where=recovered)
        self.since_drop += STEP_H
        self.since_drop[dropped] = 0.0
        stays_up = linked & self.up & up
        # After a gap nobody knows how long the spell has been on.
        self.censored = (stays_up & self.censored) | (up & known & ~linked)
        self.age = np.where(stays_up, self.age + STEP_H, 0.0)
        self.down = np.where(linked & ~self.up & ~up, self.down + STEP_H, 0.0)

    def copy_to(self, other: "History", point: int) -> None:
        """Write this into grid point ``point`` of a history whose arrays are [.., time, pool]."""
        for name in FIELDS:
            getattr(other, name)[..., point, :] = getattr(self, name)


FIELDS = tuple(History.__dataclass_fields__)

_FADE: Floats = 0.5 ** (STEP_H / np.array(HALF_LIVES_H))


def age_band(age_h: Floats, censored: Bools) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The place of each age among `AGE_EDGES_H`; the last band where the age is not known."""
    band = np.searchsorted(AGE_EDGES_H, age_h + _ROUND_DOWN, side="right") - 1
    return np.where(censored, AGE_BANDS - 1, band).astype(np.int64)


def record(timeline: Timeline) -> History:
    """The history at every grid point; arrays are [.., time, pool], the point itself included."""
    points, pools = timeline.up.shape
    kept, now = History.empty((points, pools)), History.empty((pools,))
    for point in range(points):
        now.advance(timeline.up[point], timeline.known[point])
        now.copy_to(kept, point)
    return kept
