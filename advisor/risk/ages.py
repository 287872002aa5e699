"""How risk depends on how long a machine has been up: the pooled Kaplan-Meier curve.

Spells are heavy-tailed (means 3 to 6 times the median): the first minutes are the worst, and a
pool that has lasted a day is likely to last the next hour. Estimated as one hazard per band of
age, from time at risk and drops within training; a spell cut by the end of training counts for
the time it was watched.

A pool that was up when first seen is not young: its true age is anywhere above the time it has
been watched. Its risk is the mean over the training ages above that.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from advisor.risk.grid import STEP_H, Bools, Floats, Integers
from advisor.risk.history import AGE_BANDS, AGE_EDGES_H, age_band

NEIGHBOR_DROPS = 2.0
"""Drops' worth of belief that a band has the hazard of the band before; an empty band needs one."""

OVERALL_DROPS = 20.0
"""Drops' worth of belief that a kind of probe has the curve of all kinds, scaled to its rate."""

SMALLEST_RATE = 1e-6
"""Drops per hour up: a log without a drop is not proof that there are none."""


@dataclass(frozen=True)
class AgeCurve:
    """Hazard per hour in each band of `AGE_EDGES_H`, the last for unknown ages.

    ``hours`` is the time at risk that training had in each band, for means over ages.
    """

    hazard_per_hour: Floats
    hours: Floats

    def risk(self, age_h: Floats, censored: Bools, horizon_h: float) -> Floats:
        """P(lost within ``horizon_h``, up at ``age_h``); one per row."""
        known = -np.expm1(self._cumulative(age_h) - self._cumulative(age_h + horizon_h))
        if not censored.any():
            return known
        known[censored] = np.interp(age_h[censored], AGE_EDGES_H, self._mean_beyond(horizon_h))
        return known

    @cached_property
    def _at_edges(self) -> Floats:
        widths = np.diff(AGE_EDGES_H)
        return np.concatenate(([0.0], np.cumsum(self.hazard_per_hour[: len(widths)] * widths)))

    def _cumulative(self, age_h: Floats) -> Floats:
        """The hazard from age 0 to each age, straight between edges and beyond the last."""
        last = AGE_EDGES_H[-1]
        tail = np.maximum(age_h - last, 0.0) * self.hazard_per_hour[len(AGE_EDGES_H) - 1]
        cumulative: Floats = np.interp(age_h, AGE_EDGES_H, self._at_edges) + tail
        return cumulative

    def _mean_beyond(self, horizon_h: float) -> Floats:
        """At each edge, the risk averaged over the training time at that age or more."""
        edges = np.array(AGE_EDGES_H)
        middle = np.append((edges[:-1] + edges[1:]) / 2, 1.5 * edges[-1])
        known = np.zeros(edges.size, dtype=np.bool_)
        risk = self.risk(middle, known, horizon_h)
        # A little time in every band keeps the mean over an empty tail defined.
        hours = self.hours[: edges.size] + STEP_H
        return np.cumsum((risk * hours)[::-1])[::-1] / np.cumsum(hours[::-1])[::-1]


@dataclass(frozen=True, slots=True)
class AgeCounts:
    """Drops and hours up in each band, as sums that add over chunks; arrays are [band]."""

    drops: Floats
    hours: Floats

    @classmethod
    def of(cls, age_h: Floats, censored: Bools, dropped_next: Floats) -> "AgeCounts":
        """Count rows; one whose next step is not known (nan) is left out."""
        seen = ~np.isnan(dropped_next)
        band: Integers = age_band(age_h[seen], censored[seen])
        drops = np.bincount(band, weights=dropped_next[seen], minlength=AGE_BANDS)
        hours = STEP_H * np.bincount(band, minlength=AGE_BANDS)
        return cls(drops.astype(np.float64), hours.astype(np.float64))

    def __add__(self, other: "AgeCounts") -> "AgeCounts":
        return AgeCounts(self.drops + other.drops, self.hours + other.hours)

    @property
    def rate(self) -> float:
        """Drops per hour up, over all ages."""
        drops, hours = float(self.drops.sum()), float(self.hours.sum())
        return (drops + 0.5) / (hours + 0.5 / float(np.sqrt(SMALLEST_RATE)))

    def curve(self, like: AgeCurve | None = None) -> AgeCurve:
        """The curve of these counts; bands with little lean on ``like``, scaled to the rate."""
        if like is not None:
            expected = float(np.sum(like.hazard_per_hour * self.hours))
            scale = (float(self.drops.sum()) + 1.0) / (expected + 1.0)
            prior = like.hazard_per_hour * scale
            hazard = (self.drops + OVERALL_DROPS) / (self.hours + OVERALL_DROPS / prior)
            return AgeCurve(hazard, self.hours)
        overall = max(self.rate, SMALLEST_RATE)
        hazard, before = np.empty(AGE_BANDS), overall
        for band in range(AGE_BANDS):
            if band == AGE_BANDS - 1:
                before = overall
            before = (self.drops[band] + NEIGHBOR_DROPS) / (
                self.hours[band] + NEIGHBOR_DROPS / before
            )
            hazard[band] = before
        return AgeCurve(hazard, self.hours)
