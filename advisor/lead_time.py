"""How long a served model takes from the order of a machine to its first answer, with its spread.

The terms of a start (a machine, an image, weights, an engine) are lognormal, each by its median and
its 90 % quantile; the start is ``max(boot + image, prefetch) + download + weights + engine``. Its
quantiles are read off evenly spread points of all terms at once: matching moments (Fenton and
Wilkinson) knows no max, and was off by up to 40 % where terms are wide (a sigma up to 1.5).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from advisor.errors import AdvisorError

Z90 = NormalDist().inv_cdf(0.9)
PLANNED_WITH = 0.95
"""The quantile that is planned with: terms are not quite independent (the contract of the start's
model), and what is late one time in ten is late every week."""

POINTS, GENERATOR = 8191, 5767
"""A Korobov lattice: point i has ``i * GENERATOR**k mod POINTS`` in dimension k. Of 700 generators
drawn the one that spreads five and eight dimensions most evenly; over 60 starts of
six terms with a sigma up to 1.5, quantiles up to 95 % were within 2.2 % of 400,000 random draws."""


class ImagePull(StrEnum):
    """How the server's image comes to a node."""

    EAGER = "eager"
    SOCI = "soci"
    SOCI_BOTTLEROCKET = "soci-bottlerocket"
    LAZY = "lazy"
    PRELOADED = "preloaded"


class WeightLoad(StrEnum):
    """How the model's weights come to the server."""

    INITIALIZER = "storage-initializer"
    DIRECT = "direct"
    FLUID = "fluid"
    STREAMER = "streamer"
    NODE_CACHE = "node-cache"


class Part(StrEnum):
    """The terms of a start, in the order in which they come."""

    BOOT = "boot"
    """Launched by the cloud, until the node's GPU can be given to pods."""
    IMAGE = "image"
    PREFETCH = "prefetch"
    """A cache that fills beside boot and image."""
    DOWNLOAD = "download"
    """Of weights to the node's own cache, before the server may read them."""
    WEIGHTS = "weights"
    ENGINE = "engine"
    """Profiling, compiling and graphs, until the readiness path answers."""
    LOADING = "weights+engine"
    """Both at once, where the server itself reads the weights: seen from outside they are one."""


class StartError(AdvisorError):
    """A start that cannot be; says which figure and what it should be."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A lognormal duration: its median and the time within which nine of ten are over.

    Raises:
        StartError: they are not finite times above 0, or the wrong way round.
    """

    p50_seconds: float
    p90_seconds: float

    def __post_init__(self) -> None:
        """Refuse what is no duration."""
        if not 0 < self.p50_seconds <= self.p90_seconds < float("inf"):
            raise StartError(
                f"p50 {self.p50_seconds:g} s, p90 {self.p90_seconds:g} s: both are above 0, and "
                "the second is no less than the first"
            )

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm."""
        return log(self.p90_seconds / self.p50_seconds) / Z90

    def times(self, factor: float) -> "Spread":
        """The same shape, so many times as long."""
        return Spread(self.p50_seconds * factor, self.p90_seconds * factor)


def of_rate(size_gb: float, p50_mb_per_s: float, p10_mb_per_s: float) -> Spread:
    """How long so many GB (10^9 bytes) take at a rate: its median, and what 9 of 10 are above."""
    return Spread(size_gb * 1000 / p50_mb_per_s, size_gb * 1000 / p10_mb_per_s)


def of_sigma(p50_seconds: float, sigma: float) -> Spread:
    """By its median and the standard deviation of its logarithm."""
    return Spread(p50_seconds, p50_seconds * exp(sigma * Z90))


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a start; ``source`` is where its spread is from.

    ``observed`` are the starts of the user's own that it was learned from, ``set_aside`` those
    that were too far off to count.
    """

    part: Part
    spread: Spread
    source: str
    observed: int = 0
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """The terms of one start; each part at most once.

    ``correlation`` is that of the terms' logarithms: a slow region is slow in all of them.

    Raises:
        StartError: the correlation is not 0 to below 1.
    """

    terms: tuple[Term, ...]
    correlation: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a correlation that cannot be."""
        if not 0 <= self.correlation < 1:
            raise StartError(f"a correlation of {self.correlation:g}; it is 0 to below 1")

    def term(self, part: Part) -> Term | None:
        """The term of that part; None if the start has none."""
        return next((one for one in self.terms if one.part is part), None)

    def quantiles(self, *shares: float) -> tuple[float, ...]:
        """Seconds within which these shares of such starts are over."""
        found = np.quantile(self._seconds(), shares)
        return tuple(float(one) for one in found)

    def replaced(self, terms: Iterable[Term]) -> "Estimate":
        """The same with other terms."""
        return replace(self, terms=tuple(terms))

    def _seconds(self) -> NDArray[np.float64]:
        normal = _normals()
        shared, own = sqrt(self.correlation), sqrt(1 - self.correlation)
        parts = list(Part)
        drawn = {
            one.part: one.spread.p50_seconds
            * np.exp(one.spread.sigma * (shared * normal[-1] + own * normal[parts.index(one.part)]))
            for one in self.terms
        }
        nothing = np.zeros(POINTS)
        fetched = drawn.pop(Part.PREFETCH, nothing)
        ready = drawn.pop(Part.BOOT, nothing) + drawn.pop(Part.IMAGE, nothing)
        total: NDArray[np.float64] = np.maximum(ready, fetched)
        return sum(drawn.values(), start=total)


@cache
def _normals() -> NDArray[np.float64]:
    """Standard normal points: one row for each part, and one that all of them share."""
    quantile = np.array([NormalDist().inv_cdf((i + 0.5) / POINTS) for i in range(POINTS)])
    steps = [pow(GENERATOR, k, POINTS) for k in range(len(Part) + 1)]
    return np.stack([quantile[np.arange(POINTS) * step % POINTS] for step in steps])
