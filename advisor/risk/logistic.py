"""Ridge logistic regression on an offset, by Newton's method, in chunks.

A fit needs only sums over rows, so rows come in chunks and memory does not grow with them. The
covariance is that of the penalised likelihood at its maximum (Laplace): with weights that count
independent windows it is honest, with one weight per row it would be far too small.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from advisor.risk.grid import Floats

MOST_STEPS = 50
"""Newton needs 5 to 10 here."""

CLOSE_ENOUGH = 1e-7
"""Largest change of a coefficient at which the fit ends; what is left is about its square."""

LARGEST_STEP = 4.0
"""Bound on one step of a coefficient; keeps separable data from jumping off."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a regression: ``design`` [row, column], the others [row]."""

    design: Floats
    outcome: Floats
    weight: Floats
    offset: Floats


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """``coefficient`` [column] and ``covariance`` [column, column]."""

    coefficient: Floats
    covariance: Floats


def sigmoid(logit: Floats) -> Floats:
    """1 / (1 + exp(-logit)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logit))


def logit(probability: Floats) -> Floats:
    """The log odds, of probabilities within 1e-9 of 0 and 1 at most."""
    kept = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.log(kept) - np.log1p(-kept)


def linear(design: Floats, coefficient: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """The log odds of each row and their variance from the coefficients' uncertainty, [row]."""
    around = covariance @ design.T
    around *= design.T
    return design @ coefficient, around.sum(axis=0)


def fit_logistic(
    chunks: Callable[[], Iterable[Chunk]], prior_mean: Floats, prior_sd: Floats
) -> LogisticFit:
    """The coefficients that are most likely, given the rows and a normal prior on each.

    Args:
        chunks: gives all rows, anew for each step.
        prior_mean: where each coefficient is without data, [column].
        prior_sd: how far it may stray; infinite for none, [column].
    """
    precision = 1.0 / np.square(prior_sd)
    coefficient = prior_mean.astype(np.float64)
    curvature = np.diag(precision)
    for _ in range(MOST_STEPS):
        gradient = -precision * (coefficient - prior_mean)
        curvature = np.diag(precision)
        for chunk in chunks():
            said = sigmoid(chunk.design @ coefficient + chunk.offset)
            gradient = gradient + chunk.design.T @ (chunk.weight * (chunk.outcome - said))
            # A matrix times its own transpose takes half of the work of any other product.
            root = np.sqrt(chunk.weight * said * (1.0 - said))[:, None] * chunk.design
            curvature = curvature + root.T @ root
        # A column that never varies and has no prior would make the system singular.
        curvature += 1e-9 * np.eye(curvature.shape[0])
        step = np.clip(np.linalg.solve(curvature, gradient), -LARGEST_STEP, LARGEST_STEP)
        coefficient = coefficient + step
        if float(np.max(np.abs(step), initial=0.0)) < CLOSE_ENOUGH:
            break
    covariance: Floats = np.linalg.inv(curvature).astype(np.float64)
    return LogisticFit(coefficient, covariance)
