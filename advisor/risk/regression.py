"""One horizon's regression: a core, and a residual of straight pieces on top of it.

Rows come in blocks, to be fitted and to be forecast: a block's columns stay in the processor's
cache, and memory does not grow with the rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.risk.basis import Piece, design, fit_pieces
from advisor.risk.grid import Bools, Floats, Integers
from advisor.risk.logistic import Chunk, fit_logistic, linear

BLOCK_ROWS = 8192
"""Rows whose columns are made at a time, about 4 MB; 2,048 to 16,384 took the same time."""

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
        return linear(design(self.pieces, inputs, rows), self.coefficient, self.covariance)


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
        value, variance = np.empty(familiar.size), np.empty(familiar.size)
        for rows in blocks(familiar.size):
            part = {name: column[rows] for name, column in inputs.items()}
            value[rows], variance[rows] = self._block(part, familiar[rows])
        return value, variance

    def _block(self, inputs: Mapping[str, Floats], familiar: Bools) -> tuple[Floats, Floats]:
        core = core_design(self.core, inputs, familiar.size)
        value, variance = linear(core, self.core_coefficient, self.core_covariance)
        if self.bends is not None:
            more, spread = self.bends.logit(inputs, familiar.size)
            value, variance = value + more, variance + spread
        if self.local is not None:
            gate = self.gate(familiar)
            more, spread = self.local.logit(inputs, familiar.size)
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
    """Rows to fit on; ``rows``, ``outcome`` and ``weight`` are [row].

    ``inputs_of`` gives all inputs of the rows at some places, which are those in ``rows``. It is
    asked for a block of them at a time, so that they need not be in memory together.
    ``is_small``: columns may be kept between the steps of a fit; else they are made anew.
    """

    inputs_of: Callable[[Integers], Mapping[str, Floats]]
    rows: Integers
    outcome: Floats
    weight: Floats
    is_small: bool

    def take(self, rows: Bools) -> "TrainingPart":
        """The chosen rows."""
        return replace(
            self, rows=self.rows[rows], outcome=self.outcome[rows], weight=self.weight[rows]
        )

    def blocks(self) -> Iterator[tuple[slice, Mapping[str, Floats]]]:
        """Slices that cover all rows, and their inputs."""
        for rows in blocks(self.rows.size):
            yield rows, self.inputs_of(self.rows[rows])

    def every(self, step: int, names: Sequence[str]) -> dict[str, Floats]:
        """The named inputs of every ``step``-th row."""
        thin = self.rows[::step]
        made = {name: np.empty(thin.size) for name in names}
        for rows in blocks(thin.size):
            inputs = self.inputs_of(thin[rows])
            for name, column in made.items():
                column[rows] = inputs[name]
        return made


def blocks(rows: int) -> Iterator[slice]:
    """Slices of up to `BLOCK_ROWS` that cover so many rows."""
    for start in range(0, rows, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, rows))


def fit_core(
    part: TrainingPart, core: tuple[str, ...], *, prior_mean: Floats, prior_sd: Floats
) -> Regression:
    """The core alone; the prior is of the intercept, then of each input."""

    def chunks() -> Iterable[Chunk]:
        for rows, inputs in part.blocks():
            columns = core_design(core, inputs, rows.stop - rows.start)
            offset = np.zeros(rows.stop - rows.start)
            yield Chunk(columns, part.outcome[rows], part.weight[rows], offset)

    kept = _kept(part, chunks)
    fit = fit_logistic(kept, prior_mean, prior_sd)
    total = np.sum([chunk.design[:, 1:].sum(axis=0) for chunk in kept()], axis=0)
    return Regression(core, fit.coefficient, fit.covariance, total / part.rows.size)


def fit_residual(
    part: TrainingPart, offset: Floats, names: Sequence[str], residual_sd: float
) -> Residual:
    """Straight pieces of the named inputs on top of log odds that stay as they are, [row]."""
    step = max(part.rows.size // KNOT_ROWS, 1)
    pieces = fit_pieces(part.every(step, names), names)

    def chunks() -> Iterable[Chunk]:
        for rows, inputs in part.blocks():
            columns = design(pieces, inputs, rows.stop - rows.start)
            yield Chunk(columns, part.outcome[rows], part.weight[rows], offset[rows])

    prior_sd = np.full(len(pieces) + 1, residual_sd)
    fit = fit_logistic(_kept(part, chunks), np.zeros(len(pieces) + 1), prior_sd)
    return Residual(pieces, fit.coefficient, fit.covariance)


def core_design(core: tuple[str, ...], inputs: Mapping[str, Floats], rows: int) -> Floats:
    """An intercept and the core's inputs, [row, 1 + input]."""
    made = np.empty((len(core) + 1, rows))
    made[0] = 1.0
    for place, name in enumerate(core):
        made[place + 1] = inputs[name]
    return made.T


def _kept(
    part: TrainingPart, chunks: Callable[[], Iterable[Chunk]]
) -> Callable[[], Iterable[Chunk]]:
    """Chunks made once if the part is small, else made anew at each step."""
    if not part.is_small:
        return chunks
    kept = list(chunks())
    return lambda: kept
