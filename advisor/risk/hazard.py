"""The risk model: P(lost within 15 min, 1 h, 6 h, 24 h) of a machine that is up now.

For each horizon a logistic core of recent rates, age and siblings, at the short ones with a ridge
residual on top, at 24 h with a share of the age curve scaled by the pool's own drops. Linear in
the log odds, so what drives a forecast is told exactly. A longer horizon never has less risk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.risk.evidence import Evidence
from advisor.risk.features import AGE_LOGIT, age_logit, features, frailty_logit
from advisor.risk.grid import Bools, Floats, GridPool, Integers
from advisor.risk.horizons import HORIZONS_H, HORIZONS_MINUTES
from advisor.risk.logistic import sigmoid
from advisor.risk.priors import Priors
from advisor.risk.regression import Regression
from advisor.risk.settings import FitSettings

Z_90 = 1.6448536269514722
"""Half width of a central 90 % interval, standard deviations."""

UNWATCHED_FACTOR = 2.0
"""How much wider, relatively, the spread of a pool is that was never watched; halved after
`HALF_WATCHED_H`."""

HALF_WATCHED_H = 2.0

FRAILTY_SHARE = "frailty_blend"
"""Name of the share that the blend with the age curve has in the log odds."""

SHORTER_HORIZON = "shorter_horizon"
"""Name of what is added where a shorter horizon had more risk."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """All arrays are [horizon, row] of `HORIZONS_MINUTES`; the interval is of 90 %.

    ``low`` and ``high`` are of the pool's mean risk in this state, not of a single outcome.
    """

    probability: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class RiskModel:
    """A fitted model; one regression per horizon. ``familiar`` are the pools of training."""

    priors: Priors
    regressions: tuple[Regression, ...]
    settings: FitSettings
    familiar: frozenset[str]

    def knows(self, pools: Sequence[GridPool]) -> Bools:
        """Whether training knew each pool."""
        return np.array([pool_key(pool) in self.familiar for pool in pools], dtype=np.bool_)

    def forecast(
        self, evidence: Evidence, kind: Integers, familiar: Bools | None = None
    ) -> Forecasts:
        """The risk of each row that is up.

        ``kind`` as `Priors.place` gives it, ``familiar`` as `knows` does, both [row]; without
        ``familiar`` no pool is taken for one that training knew.
        """
        familiar = _or_none(familiar, evidence.rows)
        inputs = features(evidence, kind, self.priors)
        logits, sds = [], []
        unwatched = UNWATCHED_FACTOR / (1.0 + evidence.history.watched / HALF_WATCHED_H)
        for place in range(len(HORIZONS_MINUTES)):
            straight, variance, blend = self._parts(place, evidence, kind, familiar, inputs)
            pool_sd = self.settings.pool_sd[place] * (1.0 + unwatched)
            logits.append(straight + blend)
            sds.append(np.sqrt(variance + np.square(pool_sd)))
        middle, spread = np.stack(logits), Z_90 * np.stack(sds)
        return Forecasts(
            _rising(sigmoid(middle)),
            _rising(sigmoid(middle - spread)),
            _rising(sigmoid(middle + spread)),
        )

    def drivers(
        self, evidence: Evidence, kind: Integers, place: int, familiar: Bools | None = None
    ) -> tuple[float, dict[str, Floats]]:
        """The baseline's log odds, and what each input adds to it for each row.

        They sum to the log odds of the forecast at the horizon of that place.
        """
        familiar = _or_none(familiar, evidence.rows)
        inputs = features(evidence, kind, self.priors)
        risen = np.full(evidence.rows, -np.inf)
        for shorter in range(place):
            straight, _, blend = self._parts(shorter, evidence, kind, familiar, inputs)
            risen = np.maximum(risen, straight + blend)
        straight, _, blend = self._parts(place, evidence, kind, familiar, inputs)
        given = self._inputs(place, evidence, kind, inputs)
        shares = self.regressions[place].shares(given, familiar)
        shares[FRAILTY_SHARE] = blend
        shares[SHORTER_HORIZON] = np.maximum(risen - straight - blend, 0.0)
        return self.regressions[place].baseline, shares

    def _parts(
        self,
        place: int,
        evidence: Evidence,
        kind: Integers,
        familiar: Bools,
        inputs: Mapping[str, Floats],
    ) -> tuple[Floats, Floats, Floats]:
        """The regression's log odds, their variance, and what the blend adds; [row] each."""
        given = self._inputs(place, evidence, kind, inputs)
        value, variance = self.regressions[place].logit(given, familiar)
        share = self.settings.frailty_share[place]
        if not share:
            return value, variance, np.zeros(evidence.rows)
        frail = frailty_logit(evidence, kind, self.priors, HORIZONS_H[place])
        return value, variance, share * (frail - value)

    def _inputs(
        self, place: int, evidence: Evidence, kind: Integers, inputs: Mapping[str, Floats]
    ) -> dict[str, Floats]:
        return {**inputs, AGE_LOGIT: age_logit(evidence, kind, self.priors, HORIZONS_H[place])}


def pool_key(pool: GridPool) -> str:
    """The pool's name in an artifact."""
    return f"{pool.provider}/{pool.zone}/{pool.instance_type}"


def _or_none(familiar: Bools | None, rows: int) -> Bools:
    return np.zeros(rows, dtype=np.bool_) if familiar is None else familiar


def _rising(probability: Floats) -> Floats:
    """The same, never falling along the horizons."""
    return np.maximum.accumulate(probability, axis=0)
