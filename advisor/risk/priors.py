"""What training says of a kind of probe as a whole: its rate and its risk by age.

Kinds measure different things (a lost launch probe is an answer, a lost machine an outage), so
each has its own rate and age curve, drawn to the curve of all kinds where it has little data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.risk.ages import AgeCounts, AgeCurve
from advisor.risk.dataset import Samples
from advisor.risk.errors import UnknownProbeKindError
from advisor.risk.evidence import Evidence
from advisor.risk.grid import Bools, Floats, Integers

PRIOR_DROPS = 5.0
"""Drops' worth of belief that a kind has the rate of all kinds."""


@dataclass(frozen=True, slots=True)
class Priors:
    """Rate (drops per hour up) and `AgeCurve` of each of ``kinds``, and of all together."""

    kinds: tuple[str, ...]
    rates_per_hour: tuple[float, ...]
    curves: tuple[AgeCurve, ...]
    rate_per_hour: float
    curve: AgeCurve

    def place(self, kinds: Sequence[str], *, others: bool = False) -> Integers:
        """The place of each kind among those that were fitted.

        Args:
            kinds: names of kinds of probe.
            others: give a kind that was not fitted the place -1, which stands for all kinds
                together: a transfer that only a backtest should make.

        Raises:
            UnknownProbeKindError: a kind was not fitted and ``others`` is false.
        """
        for kind in kinds:
            if kind not in self.kinds and not others:
                raise UnknownProbeKindError(kind, self.kinds)
        known = {kind: place for place, kind in enumerate(self.kinds)}
        return np.array([known.get(kind, -1) for kind in kinds], dtype=np.int64)

    def rate(self, kind: Integers) -> Floats:
        """The rate of each row's kind (place, -1 for all)."""
        return np.array([*self.rates_per_hour, self.rate_per_hour])[kind]

    def risk_by_age(self, evidence: Evidence, kind: Integers, horizon_h: float) -> Floats:
        """P(lost within the horizon) from age and kind alone; one per row."""
        risk = np.empty(evidence.rows)
        for rows, curve in self._parts(kind):
            age, censored = evidence.history.age[rows], evidence.history.censored[rows]
            risk[rows] = curve.risk(age, censored, horizon_h)
        return risk

    def expected_drops(self, aged_hours: Floats, kind: Integers) -> Floats:
        """Drops expected of time up at each age; ``aged_hours`` is [band, row]."""
        curves = (*self.curves, self.curve)
        hazard = np.stack([curve.hazard_per_hour for curve in curves], axis=1)
        expected = np.zeros(kind.size)
        for band, hours in enumerate(aged_hours):
            expected += hazard[band][kind] * hours
        return expected

    def _parts(self, kind: Integers) -> list[tuple[Bools | slice, AgeCurve]]:
        """The rows of each kind that there is, and its curve."""
        curves = (*self.curves, self.curve)
        places = (np.flatnonzero(np.bincount(kind + 1)) - 1).tolist()
        if len(places) == 1:
            return [(slice(None), curves[places[0]])]
        return [(kind == place, curves[place]) for place in places]


def fit_priors(samples: Samples, rows: Bools) -> Priors:
    """The priors of the chosen rows; a kind without rows is left out."""
    counts = {
        name: _counts(samples, rows & (samples.kind == place))
        for place, name in enumerate(samples.kinds)
        if bool(np.any(rows & (samples.kind == place)))
    }
    everything = _counts(samples, rows)
    overall = everything.curve()
    belief = PRIOR_DROPS / everything.rate
    return Priors(
        kinds=tuple(counts),
        rates_per_hour=tuple(
            (float(one.drops.sum()) + PRIOR_DROPS) / (float(one.hours.sum()) + belief)
            for one in counts.values()
        ),
        curves=tuple(one.curve(like=overall) for one in counts.values()),
        rate_per_hour=everything.rate,
        curve=overall,
    )


def _counts(samples: Samples, rows: Bools) -> AgeCounts:
    own = samples.evidence.history
    return AgeCounts.of(own.age[rows], own.censored[rows], samples.dropped_next[rows])
