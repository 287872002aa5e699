"""The risk model: P(lost within 15 min, 1 h, 6 h, 24 h) of a machine that is up now.

For each horizon a logistic core of recent rates, age and siblings, at the short ones with a ridge
residual on top; and a share of two plain views, the age curve scaled by the pool's own drops and
the decayed rate. A pool that was hardly watched is taken for one of its neighbors. Linear in the
log odds, so what drives a forecast is told exactly. A longer horizon never has less risk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.risk.evidence import Evidence
from advisor.risk.features import AGE_LOGIT, FRAILTY, features, frailty_logit
from advisor.risk.grid import Bools, Floats, GridPool, Integers
from advisor.risk.horizons import HORIZONS_H, HORIZONS_MINUTES
from advisor.risk.logistic import logit, sigmoid
from advisor.risk.priors import Priors
from advisor.risk.regression import Regression
from advisor.risk.settings import FitSettings
from advisor.risk.threads import one_thread

Z_90 = 1.6448536269514722
"""Half width of a central 90 % interval, standard deviations."""

UNWATCHED_FACTOR = 2.0
"""How much wider, relatively, the spread of a pool is that was never watched; halved after
`HALF_WATCHED_H`."""

HALF_WATCHED_H = 2.0

VIEWS_SHARE = "plain_views"
"""Name of the share that the blend with the two plain views has in the log odds."""

NEIGHBORS_SHARE = "hardly_watched"
"""Name of the share that the neighbors' rate has, in place of what little was seen of the pool."""

DOUBT = "doubt"
"""Name of what is taken off the log odds for how uncertain the coefficients are."""

PROBIT = np.pi / 8.0
"""Where a logistic curve is as steep as a normal one: the mean of the risk over normal log odds
is, but for a hundredth, the risk at the middle divided by sqrt(1 + PROBIT x variance) (D. MacKay,
"The evidence framework applied to classification networks", Neural Computation 4, 1992)."""

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
    """A fitted model; one regression per horizon. ``familiar`` are the pools of training.

    ``decayed`` and ``neighbors`` are regressions on the decayed rate, and on the neighbors' rate,
    alone.
    """

    priors: Priors
    regressions: tuple[Regression, ...]
    decayed: tuple[Regression, ...]
    neighbors: tuple[Regression, ...]
    settings: FitSettings
    familiar: frozenset[str]

    def knows(self, pools: Sequence[GridPool]) -> Bools:
        """Whether training knew each pool."""
        return np.array([pool_key(pool) in self.familiar for pool in pools], dtype=np.bool_)

    @one_thread()
    def forecast(
        self,
        evidence: Evidence,
        kind: Integers,
        familiar: Bools | None = None,
        *,
        inputs: Mapping[str, Floats] | None = None,
    ) -> Forecasts:
        """The risk of each row that is up.

        Args:
            evidence: what is known of each row.
            kind: as `Priors.place` gives it, [row].
            familiar: as `knows` gives it, [row]; if None no pool is taken for one of training.
            inputs: the `features` of the evidence, where they are at hand already.
        """
        familiar = _or_none(familiar, evidence.rows)
        if inputs is None:
            inputs = features(evidence, kind, self.priors)
        logits, sds = [], []
        unwatched = UNWATCHED_FACTOR / (1.0 + evidence.history.watched / HALF_WATCHED_H)
        for place in range(len(HORIZONS_MINUTES)):
            straight, variance, blends = self._parts(place, evidence, kind, familiar, inputs)
            pool_sd = self.settings.pool_sd[place] * (1.0 + unwatched)
            logits.append(straight + sum(blends.values()))
            sds.append(np.sqrt(variance + np.square(pool_sd)))
        middle, spread = np.stack(logits), Z_90 * np.stack(sds)
        return Forecasts(
            _rising(sigmoid(middle)),
            _rising(sigmoid(middle - spread)),
            _rising(sigmoid(middle + spread)),
        )

    @one_thread()
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
            straight, _, blends = self._parts(shorter, evidence, kind, familiar, inputs)
            risen = np.maximum(risen, straight + sum(blends.values()))
        straight, _, blends = self._parts(place, evidence, kind, familiar, inputs)
        risk = self.priors.risk_by_age(evidence, kind, HORIZONS_H[place])
        given = {**inputs, AGE_LOGIT: logit(risk)}
        shares = self.regressions[place].shares(given, familiar)
        shares.update(blends)
        shares[SHORTER_HORIZON] = np.maximum(risen - straight - sum(blends.values()), 0.0)
        return self.regressions[place].baseline, shares

    def _parts(
        self,
        place: int,
        evidence: Evidence,
        kind: Integers,
        familiar: Bools,
        inputs: Mapping[str, Floats],
    ) -> tuple[Floats, Floats, dict[str, Floats]]:
        """The regression's log odds, their variance, and what each blend adds; [row] each."""
        risk = self.priors.risk_by_age(evidence, kind, HORIZONS_H[place])
        given = {**inputs, AGE_LOGIT: logit(risk)}
        value, variance = self.regressions[place].logit(given, familiar)
        views = np.zeros(evidence.rows)
        if share := self.settings.frailty_share[place]:
            views += share * (frailty_logit(risk, inputs[FRAILTY]) - value)
        if share := self.settings.decayed_share[place]:
            decayed, _ = self.decayed[place].logit(inputs, familiar)
            views += share * (decayed - value)
        near = np.zeros(evidence.rows)
        if half_h := self.settings.neighbors_h[place]:
            neighbors, _ = self.neighbors[place].logit(inputs, familiar)
            strange = 1.0 / (1.0 + np.square(evidence.history.watched / half_h))
            near = strange * (neighbors - value - views)
        blends = {VIEWS_SHARE: views, NEIGHBORS_SHARE: near}
        if self.settings.doubted:
            blends[DOUBT] = (value + views + near) * (1.0 / np.sqrt(1.0 + PROBIT * variance) - 1.0)
        return value, variance, blends


def pool_key(pool: GridPool) -> str:
    """The pool's name in an artifact."""
    return f"{pool.provider}/{pool.zone}/{pool.instance_type}"


def _or_none(familiar: Bools | None, rows: int) -> Bools:
    return np.zeros(rows, dtype=np.bool_) if familiar is None else familiar


def _rising(probability: Floats) -> Floats:
    """The same, never falling along the horizons."""
    return np.maximum.accumulate(probability, axis=0)
