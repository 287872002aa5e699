"""Straight pieces of each input, on one scale, so that one ridge treats them alike.

An input becomes itself and its excess over each of a few knots; a linear model of these bends at
the knots and stays straight outside. Columns are centered and scaled by training; beyond the
values that training had, inputs are cut, so that nothing is extrapolated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.risk.grid import Floats

KNOTS = (0.2, 0.5, 0.8)
"""Quantiles of training; five knots gave no more than three on the 2022 traces."""

FLAT = 1e-6
"""A column with a smaller standard deviation says nothing and is left out."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One column: the excess of an input over ``knot`` (the input itself if None)."""

    feature: str
    knot: float | None
    low: float
    high: float
    mean: float
    sd: float

    def column(self, inputs: Mapping[str, Floats]) -> Floats:
        """The standardized column, [row]."""
        value = np.clip(inputs[self.feature], self.low, self.high)
        if self.knot is not None:
            value -= self.knot
            np.maximum(value, 0.0, out=value)
        value -= self.mean
        value /= self.sd
        return value


def fit_pieces(
    inputs: Mapping[str, Floats], names: Sequence[str], *, knots: Sequence[float] = KNOTS
) -> tuple[Piece, ...]:
    """The pieces of the named inputs, as training has them; flat ones are left out."""
    pieces = []
    for name in names:
        value = inputs[name]
        low, high = float(value.min()), float(value.max())
        places: list[float | None] = [None]
        if np.unique(value).size > len(knots):
            places += [float(at) for at in np.unique(np.quantile(value, knots))]
        for knot in places:
            column = value if knot is None else np.maximum(value - knot, 0.0)
            mean, sd = float(column.mean()), float(column.std())
            if sd > FLAT:
                pieces.append(Piece(name, knot, low, high, mean, sd))
    return tuple(pieces)


def design(pieces: Sequence[Piece], inputs: Mapping[str, Floats], rows: int) -> Floats:
    """An intercept and the columns of all pieces, [row, 1 + piece].

    Each column lies in one piece of memory: so it is written, and multiplied, at once.
    """
    made = np.empty((len(pieces) + 1, rows))
    made[0] = 1.0
    for place, piece in enumerate(pieces):
        made[place + 1] = piece.column(inputs)
    return made.T
