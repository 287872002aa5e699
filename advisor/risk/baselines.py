"""What a model must beat: simple forecasts, each fitted on the same training as the model.

A baseline is fitted on samples and gives P(lost) of others at a horizon. All are given the same
rows and labels; none sees more of the past than the model does.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from advisor.risk.dataset import Samples
from advisor.risk.features import (
    AGE_LOGIT,
    FRAILTY,
    SIBLINGS,
    age_logit,
    decayed_log_rate,
    features,
    frailty_logit,
)
from advisor.risk.fitting import fit
from advisor.risk.grid import Bools, Floats, Integers
from advisor.risk.hazard import Forecasts, RiskModel, pool_key
from advisor.risk.history import FOREVER, HALF_LIVES_H
from advisor.risk.horizons import HORIZONS_H
from advisor.risk.logistic import Chunk, fit_logistic, sigmoid
from advisor.risk.priors import Priors, fit_priors
from advisor.risk.settings import CORE_AND_RIDGE, PLAIN_CORE, FitSettings
from advisor.risk.threads import one_thread

Predict = Callable[[Samples, int], Floats]
"""P(lost) of each row at the horizon of a place in `HORIZONS_H`; nan where it says nothing."""

Fit = Callable[[Samples], Predict]

POOL_STRENGTH_ROWS = 1.0
"""Rows at which a pool's own share is believed half: hardly any, it is the naive one."""

GAMMA_STRENGTH_H = 4.0
"""Hours up of the pool's Gamma prior; 3 to 5 by marginal likelihood (risk contract, 3.6)."""


def global_rate(training: Samples) -> Predict:
    """The share of training that was lost, for all."""
    share = _shares(training)
    return lambda samples, place: np.full(samples.rows, share[place])


def pool_constant(training: Samples) -> Predict:
    """The share of the pool's own training that was lost; the global one for a new pool."""
    shares = _shares(training)
    names = np.array([pool_key(pool) for pool in training.pools])
    tables: list[dict[str, float]] = []
    for place, share in enumerate(shares.tolist()):
        seen = ~np.isnan(training.label[place])
        pool, label = training.pool[seen], training.label[place, seen]
        rows = np.bincount(pool, minlength=names.size)
        lost = np.bincount(pool, weights=label, minlength=names.size)
        own = (lost + POOL_STRENGTH_ROWS * share) / (rows + POOL_STRENGTH_ROWS)
        tables.append(dict(zip(names.tolist(), own.tolist(), strict=True)))

    def predict(samples: Samples, place: int) -> Floats:
        of_pool = [tables[place].get(pool_key(pool), shares[place]) for pool in samples.pools]
        return np.array(of_pool)[samples.pool]

    return predict


def pool_gamma_poisson(training: Samples) -> Predict:
    """1 - exp(-rate h) with the pool's rate over all its past: the formula most tools use."""
    priors = _priors(training)

    def predict(samples: Samples, place: int) -> Floats:
        own, rate = samples.evidence.history, priors.rate(_kind(samples, priors))
        life = HALF_LIVES_H.index(FOREVER)
        shrunk = (own.drops[life] + GAMMA_STRENGTH_H * rate) / (
            own.up_hours[life] + GAMMA_STRENGTH_H
        )
        risk: Floats = -np.expm1(-shrunk * HORIZONS_H[place])
        return risk

    return predict


def decayed_rate(training: Samples) -> Predict:
    """The log rate with a half-life of 6 h, with Platt scaling at each horizon."""
    priors = _priors(training)

    def column(samples: Samples) -> Floats:
        return decayed_log_rate(samples.evidence, priors.rate(_kind(samples, priors)))

    return logistic(training, lambda samples: column(samples)[:, None])


def age_curve(training: Samples) -> Predict:
    """Kaplan-Meier by age alone."""
    priors = _priors(training)
    return lambda samples, place: sigmoid(
        age_logit(samples.evidence, _kind(samples, priors), priors, HORIZONS_H[place])
    )


def age_curve_frailty(training: Samples) -> Predict:
    """Kaplan-Meier by age, scaled by the pool's own drops so far."""
    priors = _priors(training)

    def predict(samples: Samples, place: int) -> Floats:
        kind = _kind(samples, priors)
        risk = priors.risk_by_age(samples.evidence, kind, HORIZONS_H[place])
        return sigmoid(frailty_logit(risk, features(samples.evidence, kind, priors)[FRAILTY]))

    return predict


def siblings(training: Samples) -> Predict:
    """The state and recent drops of other pools, and nothing of the pool itself."""
    priors = _priors(training)

    def columns(samples: Samples) -> Floats:
        inputs = features(samples.evidence, _kind(samples, priors), priors)
        return np.stack([inputs[name] for name in SIBLINGS], axis=1)

    return logistic(training, columns)


def gradient_boosting(training: Samples) -> Predict:
    """Boosted trees on all inputs, as they come out of the box."""
    # It takes longer to load than all else of a server, and only a backtest fits trees.
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

    priors = _priors(training)

    def table(samples: Samples, place: int) -> Floats:
        kind = _kind(samples, priors)
        inputs = features(samples.evidence, kind, priors)
        inputs[AGE_LOGIT] = age_logit(samples.evidence, kind, priors, HORIZONS_H[place])
        return np.stack(list(inputs.values()), axis=1)

    fitted = []
    for place in range(len(HORIZONS_H)):
        seen = ~np.isnan(training.label[place])
        trees = HistGradientBoostingClassifier(random_state=0)
        label = training.label[place, seen]
        constant = bool(np.all(label == label[:1])) if label.size else True
        fitted.append(None if constant else trees.fit(table(training, place)[seen], label))
    shares = _shares(training)

    def predict(samples: Samples, place: int) -> Floats:
        trees = fitted[place]
        if trees is None:
            return np.full(samples.rows, shares[place])
        risk: Floats = trees.predict_proba(table(samples, place))[:, 1]
        return risk

    return predict


def fitted_model(settings: FitSettings) -> Fit:
    """A `RiskModel` with these settings, as a baseline."""

    def fit_model(training: Samples) -> Predict:
        model = fit(training, settings=settings)
        return lambda samples, place: forecast_samples(model, samples).probability[place]

    return fit_model


def forecast_samples(model: RiskModel, samples: Samples) -> Forecasts:
    """The model's forecasts of samples, also of kinds of probe it was not fitted on."""
    return model.forecast(
        samples.evidence, _kind(samples, model.priors), model.knows(samples.pools)[samples.pool]
    )


BASELINES: Mapping[str, Fit] = {
    "global_rate": global_rate,
    "pool_constant": pool_constant,
    "pool_gamma_poisson": pool_gamma_poisson,
    "decayed_rate_6h": decayed_rate,
    "age_curve": age_curve,
    "age_curve_frailty": age_curve_frailty,
    "siblings": siblings,
    "gradient_boosting": gradient_boosting,
    "core": fitted_model(PLAIN_CORE),
    "core_and_ridge": fitted_model(CORE_AND_RIDGE),
}
"""What samples alone can give; `market_baselines.all_baselines` has those that need more.
`REFERENCE` is what Brier skill is over."""

REFERENCE = "pool_constant"


def _shares(training: Samples) -> Floats:
    """The share of windows in which a pool was lost, [horizon]; a half where none had ended."""
    lost = np.nansum(training.label, axis=1)
    windows = np.sum(~np.isnan(training.label), axis=1)
    return np.where(windows > 0, lost / np.maximum(windows, 1), 0.5)


def _priors(training: Samples) -> Priors:
    return fit_priors(training, np.ones(training.rows, dtype=np.bool_))


def _kind(samples: Samples, priors: Priors) -> Integers:
    return priors.place(samples.kinds, others=True)[samples.kind]


@one_thread()
def logistic(training: Samples, columns: Callable[[Samples], Floats]) -> Predict:
    """A logistic regression per horizon on some columns, all but free of a prior.

    Rows with a nan among the columns are not learned from and get nan; so do all rows if there
    is none to learn from.
    """
    table = _with_intercept(columns(training))
    known: Bools = ~np.isnan(table.sum(axis=1))
    coefficients = []
    for label in training.label:
        seen = known & ~np.isnan(label)
        chunk = Chunk(table[seen], label[seen], np.ones(seen.sum()), np.zeros(seen.sum()))
        sd = np.full(table.shape[1], 10.0)
        fitted = fit_logistic(partial(list, [chunk]), np.zeros(table.shape[1]), sd)
        coefficients.append(fitted.coefficient if known.any() else np.full(sd.size, np.nan))
    return lambda samples, place: sigmoid(_with_intercept(columns(samples)) @ coefficients[place])


def _with_intercept(columns: Floats) -> Floats:
    return np.concatenate((np.ones((columns.shape[0], 1)), columns), axis=1)
