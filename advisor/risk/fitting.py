"""Fit a `RiskModel` on what was known before a moment."""

from dataclasses import replace

import numpy as np

from advisor.risk.dataset import Samples
from advisor.risk.errors import TooFewSamplesError
from advisor.risk.features import AGE_LOGIT, DECAYED, NEAR, age_logit, features
from advisor.risk.grid import STEP_S, Bools, Floats, Integers
from advisor.risk.hazard import RiskModel, pool_key
from advisor.risk.horizons import HORIZONS_H, HORIZONS_MINUTES
from advisor.risk.logistic import sigmoid
from advisor.risk.metrics import per_row_log_loss
from advisor.risk.priors import Priors, fit_priors
from advisor.risk.regression import Regression, TrainingPart, fit_core, fit_residual
from advisor.risk.settings import FitSettings
from advisor.risk.threads import one_thread

ZONE_GROUPS = 4
"""Zones are left out in this many groups to see what local knowledge is worth elsewhere."""

ELSEWHERE = (0.0, 0.25, 0.5, 1.0)
"""Shares of the local part that are tried on left-out zones."""

FREE_SD: Floats = np.array([np.inf, 10.0])
"""A rate alone is scaled freely (Platt): intercept, slope."""

MOST_KEPT_ROWS = 250_000
"""Rows up to which inputs and columns are kept in memory, about 200 MB; beyond, they are made anew
for each block of rows and step of a fit, which takes about three times as long."""

FAMILIAR_ROWS = 288
"""Rows of training (24 hours up) from which on a pool is familiar."""


@one_thread()
def fit(
    samples: Samples,
    *,
    before_s: float = np.inf,
    settings: FitSettings | None = None,
    rows: Bools | None = None,
    most_kept_rows: int = MOST_KEPT_ROWS,
) -> RiskModel:
    """A model of all that was known before a moment.

    A row is used for a horizon only if its window had ended by then, so nothing of what comes
    after is in the model.

    Args:
        samples: rows with labels.
        before_s: the moment, seconds since 1970.
        settings: how to fit; the model's own if None.
        rows: which rows may be used, [row]; all if None.
        most_kept_rows: with more rows than this, time is paid for memory; the model is the same.

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
    regressions, decayed, neighbors = list[Regression](), list[Regression](), list[Regression]()
    for place in range(len(HORIZONS_MINUTES)):
        kept = _kept_rows(samples, place, allowed, before_s, chosen.stride[place])
        if not kept.size and not regressions:
            raise TooFewSamplesError("training", "no window of 15 minutes had ended")
        if not kept.size:
            # Nothing that long has been seen: the horizon before is the best guess.
            for fitted in (regressions, decayed, neighbors):
                fitted.append(fitted[-1])
            continue
        part = _training_part(samples, kept, kind, priors, place=place, stride=chosen.stride[place])
        if kept.size <= most_kept_rows:
            part = _in_memory(part)
        before = regressions[-1] if regressions and chosen.chained else None
        regressions.append(_fit_horizon(part, samples.zone[kept], chosen, place, before))
        decayed.append(fit_core(part, (DECAYED,), prior_mean=np.zeros(2), prior_sd=FREE_SD))
        neighbors.append(fit_core(part, (NEAR,), prior_mean=np.zeros(2), prior_sd=FREE_SD))
    seen = np.bincount(samples.pool[ended], minlength=len(samples.pools)) >= FAMILIAR_ROWS
    familiar = frozenset(pool_key(samples.pools[at]) for at in np.flatnonzero(seen).tolist())
    return RiskModel(priors, tuple(regressions), tuple(decayed), tuple(neighbors), chosen, familiar)


def _fit_horizon(
    part: TrainingPart, zone: Integers, settings: FitSettings, place: int, before: Regression | None
) -> Regression:
    size = len(settings.core)
    mean = np.zeros(size + 1) if before is None else before.core_coefficient
    sd = np.full(size + 1, settings.core_sd if before is None else settings.step_sd)
    sd[0] = np.inf
    regression = fit_core(part, settings.core, prior_mean=mean, prior_sd=sd)
    if settings.bends_sd[place]:
        offset = _logit(regression, part)
        bends = fit_residual(part, offset, settings.bends, settings.bends_sd[place])
        regression = replace(regression, bends=bends)
    if settings.local_sd[place]:
        offset = _logit(regression, part)
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
        rest, before = part.take(outside), offset[outside]
        for rows, inputs in rest.blocks():
            more, _ = local.logit(inputs, rows.stop - rows.start)
            for place, share in enumerate(ELSEWHERE):
                said = sigmoid(before[rows] + share * more)
                loss[place] += float(np.sum(per_row_log_loss(rest.outcome[rows], said)))
    return ELSEWHERE[int(np.argmin(loss))]


def _kept_rows(
    samples: Samples, place: int, allowed: Bools, before_s: float, stride: int
) -> Integers:
    """Rows whose window at this horizon had ended by then, thinned to every ``stride`` points."""
    horizon_s = 60.0 * HORIZONS_MINUTES[place]
    whole = allowed & ~np.isnan(samples.label[place]) & (samples.time_s + horizon_s < before_s)
    return np.flatnonzero(whole & (np.floor(samples.time_s / STEP_S) % stride == 0))


def _logit(regression: Regression, part: TrainingPart) -> Floats:
    """The log odds of each row, as if training knew none of the pools."""
    value = np.empty(part.rows.size)
    for rows, inputs in part.blocks():
        anywhere = np.zeros(rows.stop - rows.start, dtype=np.bool_)
        value[rows], _ = regression.logit(inputs, anywhere)
    return value


def _training_part(
    samples: Samples, kept: Integers, kind: Integers, priors: Priors, *, place: int, stride: int
) -> TrainingPart:
    """The inputs of some rows, weighted by how many independent windows they are worth."""

    def inputs_of(rows: Integers) -> dict[str, Floats]:
        evidence = samples.evidence.take(_as_slice(rows))
        inputs = features(evidence, kind[rows], priors)
        inputs[AGE_LOGIT] = age_logit(evidence, kind[rows], priors, HORIZONS_H[place])
        return inputs

    weight = min(1.0, 2 * stride * STEP_S / (60.0 * HORIZONS_MINUTES[place]))
    outcome = samples.label[place, kept]
    return TrainingPart(inputs_of, kept, outcome, np.full(kept.size, weight), is_small=False)


def _in_memory(part: TrainingPart) -> TrainingPart:
    """The same with its inputs made once, and as one of which columns may be kept."""
    names = tuple(part.inputs_of(part.rows[:1]))
    made = part.every(1, names)

    def inputs_of(rows: Integers) -> dict[str, Floats]:
        return {name: column[rows] for name, column in made.items()}

    return replace(part, inputs_of=inputs_of, rows=np.arange(part.rows.size), is_small=True)


def _as_slice(rows: Integers) -> Integers | slice:
    """Rising rows without a gap as a slice, which needs no copy."""
    whole = rows.size and rows[-1] - rows[0] == rows.size - 1
    return slice(int(rows[0]), int(rows[-1]) + 1) if whole else rows
