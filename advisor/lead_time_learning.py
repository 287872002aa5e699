"""The terms of a start as the user's own clusters show them, shrunk to what others have published.

Median and 90 % quantile of the own starts, newer ones counting more, are mixed in logarithms with
the default's as if that had been seen `PSEUDO` times; a start that is more like the one asked about
(the same instance type, image, model) corrects what the others of its cloud have taught. So a
single start says little, and thirty say nearly all.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from advisor.lead_time import Estimate, ImagePull, Part, Spread, Term, WeightLoad
from advisor.lead_time_terms import COMPILE_CACHE_FACTOR, EAGER_FACTORS, Start, default_terms
from warehouse.records import StartDuration

PSEUDO = 5.0
"""How many own starts the default counts for; assumed."""

HALF_LIFE = timedelta(days=30)
"""After which a start counts half: images and drivers change within months; assumed."""

REMEMBERED = timedelta(days=180)
"""How far back starts are read; what is older counts less than 1 part in 64."""

FAR_OFF = 3.0
"""Starts that are further from the median than so many standard deviations are set aside: of
lognormal ones 3 in 1,000. What else lies there is no start like the others (a pull in a queue, a
pod that lost its readiness later), and one of them in ten would be the 90 % quantile."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal variable over its median absolute deviation."""

COMPILE_CACHE, ENFORCE_EAGER = "compile-cache", "enforce-eager"
"""The ways of an engine that is spared something."""
ENGINE_FACTORS = {None: 1.0, COMPILE_CACHE: COMPILE_CACHE_FACTOR, ENFORCE_EAGER: EAGER_FACTORS[0]}
"""The median of each way over the plain one's."""

Floats = NDArray[np.float64]
Seen = tuple[float, datetime]
"""Seconds that a like start takes by one observation, and when that was."""


def learned_terms(
    start: Start, history: Sequence[StartDuration], now: datetime
) -> tuple[Term, ...]:
    """The terms of a start: the defaults, and what ``history`` (until ``now``) says of them."""
    terms = default_terms(start)
    known = [one for one in history if one.observed_at <= now]
    if not known:
        return terms
    learned = tuple(_learned(one, _levels(one.part, start, known), now) for one in terms)
    return _as_one(learned, start, known, now)


def spread_from(prior: Spread, seen: Sequence[Seen], now: datetime) -> tuple[Spread, int, int]:
    """The prior moved by what was seen; how many starts moved it, how many were set aside.

    The spread needs one start more than the median to count as much: one alone has none.
    """
    if not seen:
        return prior, 0, 0
    logs = np.log(np.array([seconds for seconds, _ in seen]))
    ages = np.array([(now - at) / HALF_LIFE for _, at in seen])
    weights: Floats = 0.5 ** np.maximum(ages, 0.0)
    near = _near(logs, weights, prior)
    kept, count = int(near.sum()), float(weights[near].sum())
    if not kept:
        return prior, 0, len(seen)
    middle, high = _quantiles(logs[near], weights[near], (0.5, 0.9))
    p50 = _mixed(log(prior.p50_seconds), middle, count)
    width = _mixed(log(prior.p90_seconds / prior.p50_seconds), high - middle, max(count - 1, 0.0))
    return Spread(exp(p50), exp(p50 + width)), kept, len(seen) - kept


def _mixed(prior: float, own: float, count: float) -> float:
    return (PSEUDO * prior + count * own) / (PSEUDO + count)


def _near(logs: Floats, weights: Floats, prior: Spread) -> NDArray[np.bool_]:
    """Which are not far off the median, which few starts move only part of the way."""
    own = _quantiles(logs, weights, (0.5,))[0]
    middle = _mixed(log(prior.p50_seconds), own, float(weights.sum()))
    deviation = _quantiles(np.abs(logs - own), weights, (0.5,))[0]
    sigma = max(prior.sigma, MAD_TO_SIGMA * deviation)
    return np.abs(logs - middle) <= FAR_OFF * sigma


def _quantiles(values: Floats, weights: Floats, shares: Sequence[float]) -> list[float]:
    """Weighted quantiles, each value in the middle of its own weight (Hazen's positions)."""
    order = np.argsort(values)
    at = np.cumsum(weights[order]) - weights[order] / 2
    found = np.interp(np.array(shares) * weights.sum(), at, values[order])
    return [float(one) for one in found]


def _learned(term: Term, levels: Sequence[Sequence[Seen]], now: datetime) -> Term:
    """The term by each level in turn, from the starts that are least like it to the most."""
    spread, observed, aside = term.spread, 0, 0
    for level in levels:
        spread, kept, far = spread_from(spread, level, now)
        observed, aside = observed + kept, aside + far
    return Term(term.part, spread, term.source, observed, aside)


def _levels(part: Part, start: Start, known: Sequence[StartDuration]) -> list[list[Seen]]:
    """The starts that tell of that part: those of its kind, then those that are most like it."""
    others: list[Seen] = []
    alike: list[Seen] = []
    for one in known:
        seconds = _as_asked(part, one, start)
        if seconds is not None:
            (alike if _is_alike(part, one, start) else others).append((seconds, one.observed_at))
    return [others, alike]


def _as_asked(part: Part, one: StartDuration, start: Start) -> float | None:
    """How long the start takes by that observation; None if it tells nothing of it."""
    if one.part != part or one.provider != start.provider:
        return None
    match part:
        case Part.BOOT:
            return one.seconds
        case Part.IMAGE if one.way == start.image_pull:
            is_whole = start.image_pull not in {ImagePull.LAZY, ImagePull.PRELOADED}
            return _scaled(
                one, start.image_gb if is_whole else None, is_same=_same_image(one, start)
            )
        case Part.WEIGHTS if one.way == start.weight_load:
            return _scaled(one, start.weights_gb, is_same=_same_model(one, start))
        case Part.ENGINE if _same_model(one, start) and one.way in ENGINE_FACTORS:
            return one.seconds / ENGINE_FACTORS[one.way] * ENGINE_FACTORS[engine_way(start)]
        case Part.LOADING if one.way == start.weight_load and _same_model(one, start):
            return one.seconds
        case _:
            return None


def _scaled(one: StartDuration, size_gb: float | None, *, is_same: bool) -> float | None:
    """By the size; without one, only the very same thing tells how long it takes."""
    if size_gb is not None and one.size_gb:
        return one.seconds * size_gb / one.size_gb
    return one.seconds if is_same else None


def _is_alike(part: Part, one: StartDuration, start: Start) -> bool:
    if part is Part.IMAGE:
        return _same_image(one, start)
    if part is Part.WEIGHTS:
        return _same_model(one, start)
    return start.instance_type is not None and one.instance_type == start.instance_type


def _same_image(one: StartDuration, start: Start) -> bool:
    return start.image is not None and one.image == start.image


def _same_model(one: StartDuration, start: Start) -> bool:
    return start.model is not None and one.model == start.model


def engine_way(start: Start) -> str | None:
    """What the engine is spared; None if nothing."""
    if start.enforces_eager:
        return ENFORCE_EAGER
    return COMPILE_CACHE if start.has_compile_cache else None


def _as_one(
    terms: tuple[Term, ...], start: Start, known: Sequence[StartDuration], now: datetime
) -> tuple[Term, ...]:
    """Weights and engine as one term where they were seen as one, with both as its prior.

    A server that was spared nothing tells nothing of one that is.
    """
    is_plain = engine_way(start) is None and start.weight_load is not WeightLoad.INITIALIZER
    levels = _levels(Part.LOADING, start, known) if is_plain else [[]]
    if not any(levels):
        return terms
    apart = [one for one in terms if one.part in {Part.WEIGHTS, Part.ENGINE}]
    p50, p90 = Estimate(tuple(apart)).quantiles(0.5, 0.9)
    source = "; ".join(one.source for one in apart)
    joint = _learned(Term(Part.LOADING, Spread(p50, p90), source), levels, now)
    return (*(one for one in terms if one not in apart), joint)
