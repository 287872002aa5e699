"""One horizon's regression: a core, and a residual of straight pieces on top of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.risk.basis import Piece, design, fit_pieces
from advisor.risk.grid import Bools, Floats, Integers
from advisor.risk.logistic import Chunk, fit_logistic

CHUNK_ROWS = 65536
"""Rows whose design is in memory at a time, about 60 MB."""

FAMILIAR = "familiar_pool"
"""Name of the share that being a pool of training has in the log odds."""

KNOT_ROWS = 200_000
"""Rows that quantiles and scales are taken from; more of them change nothing."""


@dataclass(frozen=True, slots=True)
class Residual:
    """What straight pieces add to the log odds: an intercept, then one coefficient per piece."""

    pieces: tuple[Piece, ...]
    coefficient: Floats
    covariance: Floats

    def logit(self, inputs: Mapping[str, Floats], rows: int) -> tuple[Floats, Floats]:
        """What it adds, and the variance of that, [row] each."""
        columns = with_intercept(design(self.pieces, inputs, rows))
        variance = np.sum((columns @ self.covariance) * columns, axis=1)
        return columns @ self.coefficient, variance


@dataclass(frozen=True, slots=True)
class Regression:
    """Log odds = core + bends + gate * local; linear, so each input's share of it is exact.

    ``core_coefficient``: intercept, then one for each of ``core``. ``core_mean``: what training
    had of each on average; shares are told from there. ``bends``: what holds in any pool.
    ``local``: what was learned of the pools of training and need not hold elsewhere; it counts
    in full for a pool that training knew, and by ``elsewhere`` (0 to 1) for any other.
    """

    core: tuple[str, ...]
    core_coefficient: Floats
    core_covariance: Floats
    core_mean: Floats
    bends: Residual | None = None
    local: Residual | None = None
    elsewhere: float = 0.0

    @property
    def baseline(self) -> float:
        """The log odds of a row that has all inputs as training had them on average."""
        start = float(self.core_coefficient[0] + self.core_coefficient[1:] @ self.core_mean)
        return start if self.bends is None else start + float(self.bends.coefficient[0])

    def gate(self, familiar: Bools) -> Floats:
        """How much ``local`` counts for each row; ``familiar`` where training knew the pool."""
        return np.where(familiar, 1.0, self.elsewhere)

    def logit(self, inputs: Mapping[str, Floats], familiar: Bools) -> tuple[Floats, Floats]:
        """The log odds and their variance from the coefficients' uncertainty, [row] each."""
        rows = familiar.size
        core = core_design(self.core, inputs, rows)
        value = core @ self.core_coefficient
        variance = np.sum((core @ self.core_covariance) * core, axis=1)
        if self.bends is not None:
            more, spread = self.bends.logit(inputs, rows)
            value, variance = value + more, variance + spread
        if self.local is not None:
            gate = self.gate(familiar)
            more, spread = self.local.logit(inputs, rows)
            value, variance = value + gate * more, variance + np.square(gate) * spread
        return value, variance

    def shares(self, inputs: Mapping[str, Floats], familiar: Bools) -> dict[str, Floats]:
        """What each input adds to `baseline`, [row] each; they sum to the log odds."""
        made: dict[str, Floats] = {}
        for place, name in enumerate(self.core):
            away = inputs[name] - self.core_mean[place]
            made[name] = self.core_coefficient[place + 1] * away
        for residual, gate in ((self.bends, None), (self.local, self.gate(familiar))):
            if residual is None:
                continue
            for place, piece in enumerate(residual.pieces):
                share: Floats = float(residual.coefficient[place + 1]) * piece.column(inputs)
                if gate is not None:
                    share = gate * share
                made[piece.feature] = (
                    made[piece.feature] + share if piece.feature in made else share
                )
        if self.local is not None:
            made[FAMILIAR] = self.gate(familiar) * float(self.local.coefficient[0])
        return made


@dataclass(frozen=True, slots=True)
class TrainingPart:
    """Rows to fit on, with their inputs; the arrays are [row]."""

    inputs: Mapping[str, Floats]
    outcome: Floats
    weight: Floats

    def take(self, rows: Bools | Integers) -> "TrainingPart":
        """The chosen rows."""
        inputs = {name: value[rows] for name, value in self.inputs.items()}
        return TrainingPart(inputs, self.outcome[rows], self.weight[rows])

    def chunks(self) -> Iterable[slice]:
        """Slices that cover all rows."""
        for start in range(0, self.outcome.size, CHUNK_ROWS):
            yield slice(start, min(start + CHUNK_ROWS, self.outcome.size))

    def sliced(self, rows: slice) -> dict[str, Floats]:
        """The inputs of some rows."""
        return {name: value[rows] for name, value in self.inputs.items()}


def fit_core(
    part: TrainingPart, core: tuple[str, ...], *, prior_mean: Floats, prior_sd: Floats
) -> Regression:
    """The core alone; the prior is of the intercept, then of each input."""

    def chunks() -> Iterable[Chunk]:
        for rows in part.chunks():
            size = rows.stop - rows.start
            yield Chunk(
                core_design(core, part.sliced(rows), size),
                part.outcome[rows],
                part.weight[rows],
                np.zeros(size),
            )

    fit = fit_logistic(_kept(part, chunks), prior_mean, prior_sd)
    mean = np.array([float(part.inputs[name].mean()) for name in core])
    return Regression(core, fit.coefficient, fit.covariance, mean)


def fit_residual(
    part: TrainingPart, offset: Floats, names: Sequence[str], residual_sd: float
) -> Residual:
    """Straight pieces of the named inputs on top of log odds that stay as they are, [row]."""
    step = max(part.outcome.size // KNOT_ROWS, 1)
    pieces = fit_pieces({name: part.inputs[name][::step] for name in names}, names)

    def chunks() -> Iterable[Chunk]:
        for rows in part.chunks():
            size, inputs = rows.stop - rows.start, part.sliced(rows)
            columns = with_intercept(design(pieces, inputs, size))
            yield Chunk(columns, part.outcome[rows], part.weight[rows], offset[rows])

    prior_sd = np.full(len(pieces) + 1, residual_sd)
    fit = fit_logistic(_kept(part, chunks), np.zeros(len(pieces) + 1), prior_sd)
    return Residual(pieces, fit.coefficient, fit.covariance)


def core_design(core: tuple[str, ...], inputs: Mapping[str, Floats], rows: int) -> Floats:
    """An intercept and the core's inputs, [row, 1 + input]."""
    made = np.empty((rows, len(core) + 1))
    made[:, 0] = 1.0
    for place, name in enumerate(core):
        made[:, place + 1] = inputs[name]
    return made


def with_intercept(columns: Floats) -> Floats:
    """The same with a first column of ones."""
    return np.concatenate((np.ones((columns.shape[0], 1)), columns), axis=1)


def _kept(
    part: TrainingPart, chunks: Callable[[], Iterable[Chunk]]
) -> Callable[[], Iterable[Chunk]]:
    """Chunks made once where all of them fit into memory, else made anew at each step."""
    if part.outcome.size > MOST_KEPT_ROWS:
        return chunks
    kept = list(chunks())
    return lambda: kept


MOST_KEPT_ROWS = 250_000
"""Rows up to which the design is kept between steps: about 200 MB."""
