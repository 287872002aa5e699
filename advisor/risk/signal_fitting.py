"""What signals are worth, learned from the outcomes of forecasts that knew them.

For each signal, kind of evidence and horizon one coefficient, held to its prior. It is kept only
if forecasts of days that it had not seen come out better than with the prior; a signal that says
nothing then stays where it was.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from advisor.risk.grid import Bools, Floats, Integers
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.logistic import Chunk, fit_logistic, logit, sigmoid
from advisor.risk.metrics import per_row_log_loss
from advisor.risk.recalibration import SHIFT_SD
from advisor.risk.resolved import ISSUE, blocks, events, floats, partition, window_weight
from advisor.risk.signal_conversions import QUANTITIES, Coefficient
from advisor.risk.signal_offsets import Offsets

LEAST_EVENTS = 20
"""Losses that the signal was there for, below which nothing is fitted (risk contract, 5.5)."""

LEAST_BLOCKS = 7
"""Blocks of days below which days cannot be told apart (`verification.LEAST_BLOCKS`)."""

FOLDS = 5
"""Parts of the blocks that are left out in turn."""

STANDARD_ERRORS = 2.0
"""How clearly the loss on days left out must fall; of signals without effect about one in forty
passes."""

SIGNAL_TYPES = pl.Struct(dict.fromkeys((*QUANTITIES, "added"), pl.Float64()))
"""What the column ``signals`` of a stored forecast holds."""


def fit_offsets(resolved: pl.DataFrame) -> Offsets:
    """The coefficients that outcomes support, by quantity, kind of evidence and horizon.

    Args:
        resolved: one row per forecast and machine or series, as
            `warehouse.forecasts.resolved_forecasts` gives them; ``signals`` is what was read when
            each was issued. Censored rows and rows without signals are passed over.
    """
    told = resolved.drop_nulls(["outcome", "signals"])
    read = told.with_columns(pl.col("signals").str.json_decode(SIGNAL_TYPES)).unnest("signals")
    fitted = {}
    for part in partition(read, *ISSUE):
        kind, seconds = part["evidence_kind"][0], float(part["horizon_seconds"][0])
        for name in QUANTITIES:
            if found := _fitted(name, part.drop_nulls(name), seconds):
                fitted[name, kind, seconds] = found
    return fitted


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one kind and horizon; arrays are [row]. ``base``: log odds without any signal."""

    reading: Floats
    outcome: Floats
    weight: Floats
    base: Floats

    def fit(self, prior: Coefficient, rows: Bools, *, is_free: bool) -> tuple[float, float, float]:
        """The level, the coefficient and its spread; the prior's own if it is not free."""
        reading = self.reading[rows]
        offset = self.base[rows] + (0.0 if is_free else prior.mean) * reading
        columns = np.stack((np.ones(reading.size), reading), axis=1)[:, : 2 if is_free else 1]

        def chunks() -> Iterable[Chunk]:
            yield Chunk(columns, self.outcome[rows], self.weight[rows], offset)

        # A level of its own, so that a model that is off is not corrected through the signal.
        mean, sd = np.array([0.0, prior.mean]), np.array([SHIFT_SD, prior.sd])
        size = columns.shape[1]
        found = fit_logistic(chunks, mean[:size], sd[:size])
        if not is_free:
            return float(found.coefficient[0]), prior.mean, prior.sd
        spread = float(np.sqrt(found.covariance[1, 1]))
        return float(found.coefficient[0]), float(found.coefficient[1]), spread

    def loss(self, fit: tuple[float, float, float], rows: Bools) -> Floats:
        """The weighted log loss of each of the rows."""
        level, coefficient, _ = fit
        said = sigmoid(self.base[rows] + level + coefficient * self.reading[rows])
        loss: Floats = self.weight[rows] * per_row_log_loss(self.outcome[rows], said)
        return loss


def _fitted(name: str, part: pl.DataFrame, seconds: float) -> Coefficient | None:
    """The coefficient of one signal, None where the prior should stay."""
    present = part.filter(pl.col(name) != 0.0)
    linked = events(present).n_unique() if present.height else 0
    block = blocks(part)
    if linked < LEAST_EVENTS or np.unique(block).size < LEAST_BLOCKS:
        return None
    prior = QUANTITIES[name].prior[HORIZONS_MINUTES.index(round(seconds / 60))]
    rows = _Rows(
        reading=floats(part[name]),
        outcome=floats(part["outcome"]),
        weight=floats(part.select(window_weight()).to_series()),
        base=logit(floats(part["probability"])) - floats(part["added"]),
    )
    if not _is_better(rows, prior, block):
        return None
    _, mean, sd = rows.fit(prior, np.ones(block.size, dtype=np.bool_), is_free=True)
    return Coefficient(mean, sd, linked)


def _is_better(rows: _Rows, prior: Coefficient, block: Integers) -> bool:
    """Whether the loss on blocks left out falls by more than `STANDARD_ERRORS`."""
    names, place = np.unique(block, return_inverse=True)
    change = np.zeros(names.size)
    for fold in range(FOLDS):
        out = place % FOLDS == fold
        free, held = (rows.fit(prior, ~out, is_free=is_free) for is_free in (True, False))
        difference = rows.loss(free, out) - rows.loss(held, out)
        change += np.bincount(place[out], weights=difference, minlength=names.size)
    error = float(change.std(ddof=1)) * math.sqrt(names.size)
    return float(change.sum()) < -STANDARD_ERRORS * error
