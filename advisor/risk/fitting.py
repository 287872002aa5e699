"""Fit a `RiskModel` on what was known before a moment."""

from dataclasses import replace

import numpy as np

from advisor.risk.dataset import Samples
from advisor.risk.errors import TooFewSamplesError
from advisor.risk.features import AGE_LOGIT, age_logit, features
from advisor.risk.grid import STEP_S, Bools, Floats, Integers
from advisor.risk.hazard import RiskModel, pool_key
from advisor.risk.horizons import HORIZONS_H, HORIZONS_MINUTES
from advisor.risk.logistic import sigmoid
from advisor.risk.metrics import per_row_log_loss
from advisor.risk.priors import Priors, fit_priors
from advisor.risk.regression import Regression, TrainingPart, fit_core, fit_residual
from advisor.risk.settings import FitSettings

ZONE_GROUPS = 4
"""Zones are left out in this many groups to see what local knowledge is worth elsewhere."""

ELSEWHERE = (0.0, 0.25, 0.5, 1.0)
"""Shares of the local part that are tried on left-out zones."""

FAMILIAR_ROWS = 288
"""Rows of training (24 hours up) from which on a pool is familiar."""


def fit(
    samples: Samples,
    *,
    before_s: float = np.inf,
    settings: FitSettings | None = None,
    rows: Bools | None = None,
) -> RiskModel:
    """A model of all that was known before a moment.

    A row is used for a horizon only if its window had ended by then, so nothing of what comes
    after is in the model.

    Args:
        samples: rows with labels.
        before_s: the moment, seconds since 1970.
        settings: how to fit; the model's own if None.
        rows: which rows may be used, [row]; all if None.

    Raises:
        TooFewSamplesError: no window of the shortest horizon had ended by then.
    """
    chosen = settings or FitSettings()
    allowed = np.ones(samples.rows, dtype=np.bool_) if rows is None else rows
    ended = allowed & (samples.time_s + STEP_S < before_s)
    if not ended.any():
        raise TooFewSamplesError("training", "no pool was up before it ends")
    priors = fit_priors(samples, ended)
    kind = priors.place(samples.kinds, others=True)[samples.kind]
    regressions: list[Regression] = []
    for place in range(len(HORIZONS_MINUTES)):
        kept = _kept_rows(samples, place, allowed, before_s, chosen.stride[place])
        if not kept.size and not regressions:
            raise TooFewSamplesError("training", "no window of 15 minutes had ended")
        if not kept.size:
            # Nothing that long has been seen: the horizon before is the best guess.
            regressions.append(regressions[-1])
            continue
        part = _training_part(samples, kept, kind, priors, place=place, stride=chosen.stride[place])
        before = regressions[-1] if regressions and chosen.chained else None
        regressions.append(_fit_horizon(part, samples.zone[kept], chosen, place, before))
    seen = np.bincount(samples.pool[ended], minlength=len(samples.pools)) >= FAMILIAR_ROWS
    familiar = frozenset(pool_key(samples.pools[at]) for at in np.flatnonzero(seen).tolist())
    return RiskModel(priors, tuple(regressions), chosen, familiar)


def _fit_horizon(
    part: TrainingPart, zone: Integers, settings: FitSettings, place: int, before: Regression | None
) -> Regression:
    size = len(settings.core)
    mean = np.zeros(size + 1) if before is None else before.core_coefficient
    sd = np.full(size + 1, settings.core_sd if before is None else settings.step_sd)
    sd[0] = np.inf
    regression = fit_core(part, settings.core, prior_mean=mean, prior_sd=sd)
    anywhere = np.zeros(zone.size, dtype=np.bool_)
    if settings.bends_sd[place]:
        offset, _ = regression.logit(part.inputs, anywhere)
        bends = fit_residual(part, offset, settings.bends, settings.bends_sd[place])
        regression = replace(regression, bends=bends)
    if settings.local_sd[place]:
        offset, _ = regression.logit(part.inputs, anywhere)
        names, local_sd = settings.local[place], settings.local_sd[place]
        local = fit_residual(part, offset, names, local_sd)
        elsewhere = _worth_elsewhere(part, zone, offset, names, local_sd)
        regression = replace(regression, local=local, elsewhere=elsewhere)
    return regression


def _worth_elsewhere(
    part: TrainingPart, zone: Integers, offset: Floats, names: tuple[str, ...], local_sd: float
) -> float:
    """The share of the local part that is best where it was not learned; 0 with one zone."""
    zones = np.unique(zone)
    group = np.searchsorted(zones, zone) % ZONE_GROUPS
    loss = np.zeros(len(ELSEWHERE))
    for left_out in range(min(ZONE_GROUPS, zones.size)):
        outside, inside = group == left_out, group != left_out
        if not inside.any():
            return 0.0
        local = fit_residual(part.take(inside), offset[inside], names, local_sd)
        rest = part.take(outside)
        more, _ = local.logit(rest.inputs, rest.outcome.size)
        for place, share in enumerate(ELSEWHERE):
            said = sigmoid(offset[outside] + share * more)
            loss[place] += float(np.sum(per_row_log_loss(rest.outcome, said)))
    return ELSEWHERE[int(np.argmin(loss))]


def _kept_rows(
    samples: Samples, place: int, allowed: Bools, before_s: float, stride: int
) -> Integers:
    """Rows whose window at this horizon had ended by then, thinned to every ``stride`` points."""
    horizon_s = 60.0 * HORIZONS_MINUTES[place]
    whole = allowed & ~np.isnan(samples.label[place]) & (samples.time_s + horizon_s < before_s)
    return np.flatnonzero(whole & (np.floor(samples.time_s / STEP_S) % stride == 0))


def _training_part(
    samples: Samples, kept: Integers, kind: Integers, priors: Priors, *, place: int, stride: int
) -> TrainingPart:
    """The inputs of some rows, weighted by how many independent windows they are worth."""
    evidence = samples.evidence.take(kept)
    inputs = features(evidence, kind[kept], priors)
    inputs[AGE_LOGIT] = age_logit(evidence, kind[kept], priors, HORIZONS_H[place])
    weight = min(1.0, 2 * stride * STEP_S / (60.0 * HORIZONS_MINUTES[place]))
    return TrainingPart(inputs, samples.label[place, kept], np.full(kept.size, weight))
