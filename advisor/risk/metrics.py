"""How good probabilities of interruption are: sharpness, order, calibration, intervals.

Every array has one row per forecast: ``outcome`` is 1.0 if the pool was interrupted within the
horizon and 0.0 if not, ``probability`` what was said of it (0 to 1). Pools differ much more from
each other than one pool does over time, so a figure over all rows flatters whoever knows the
pools only; `auc_within_pool` does not. Rows of one day share their luck, so intervals resample
whole days. A figure that the rows cannot give is nan, never 0; a nan probability makes its
figure nan as well, if the function does not say otherwise.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Labels = npt.NDArray[np.generic]
"""Anything with an order; integers are several times faster than strings."""

SMALLEST_PROBABILITY = 1e-6
"""Log loss reads probabilities as at least this and at most 1 minus this, so that one certain and
wrong forecast costs 13.8 and not infinity."""

BLOCK_DAYS = 3
"""Days whose luck is taken as independent: windows of 24 h overlap days, but hardly this."""


class Cells(NamedTuple):
    """What `pool_mean_coverage` looks at: a pool in so many days, up in at least so many rows."""

    days: float
    rows: float


DEFAULT_CELLS = Cells(BLOCK_DAYS, 20)

ROUNDING = 1e-9
"""A mean of equal numbers differs from them by less than this."""

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


class ReliabilityBin(NamedTuple):
    """What was said and what happened for rows of similar probability.

    ``low`` and ``high`` are the 95 % Wilson interval of ``observed_share``; it takes rows as
    independent, which overlapping windows are not, so it is too narrow for them.
    """

    mean_probability: float
    observed_share: float
    rows: int
    low: float
    high: float


def per_row_log_loss(outcome: Floats, probability: Floats) -> Floats:
    """The negative log likelihood of each row, in nats; clipped at `SMALLEST_PROBABILITY`."""
    clipped = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return -(outcome * np.log(clipped) + (1 - outcome) * np.log1p(-clipped))


def log_loss(outcome: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """The mean of `per_row_log_loss`, lower is better; clipped at `SMALLEST_PROBABILITY` (1e-6).

    nan if there is no row or the weights sum to 0.
    """
    return _mean(per_row_log_loss(outcome, probability), weight)


def brier(outcome: Floats, probability: Floats, weight: Floats | None = None) -> float:
    """The mean squared distance of probability and outcome, 0 (best) to 1.

    nan if there is no row or the weights sum to 0.
    """
    return _mean(np.square(probability - outcome), weight)


def brier_skill(outcome: Floats, probability: Floats, reference_probability: Floats) -> float:
    """The share of the reference's Brier score that the forecast saves: 1 is perfect, 0 no gain.

    Below 0 the reference is better. nan if the reference is perfect or there is no row.
    """
    reference = brier(outcome, reference_probability)
    return 1 - brier(outcome, probability) / reference if reference else math.nan


def auc(outcome: Floats, probability: Floats) -> float:
    """The chance that an interrupted row has a higher probability than one that was not.

    Ties count half; 0.5 is no order at all. nan if all outcomes are the same.
    """
    return auc_within_pool(outcome, probability, np.zeros(outcome.size, dtype=np.int64))


def auc_within_pool(outcome: Floats, probability: Floats, pool: Labels) -> float:
    """`auc` over pairs of rows of the same pool: does the forecast know when, not only where?

    Every pair counts the same, so a pool weighs by its interrupted rows times its others, and
    one without either has no say. nan if no pool has both.
    """
    if np.isnan(probability).any():
        return math.nan
    code = _codes(pool)
    order = np.lexsort((probability, code))
    code, hit = code[order], outcome[order] > 0
    start, end = _ties(code, probability[order])
    rows = np.bincount(code)
    hits = np.bincount(code, weights=hit)
    # Mid-ranks from 1 within the pool; their sum over the hits is the Mann-Whitney statistic
    # plus what the hits contribute by being ranked among themselves.
    rank = (start + end + 1) / 2 - (np.cumsum(rows) - rows)[code]
    won = np.bincount(code, weights=rank * hit) - hits * (hits + 1) / 2
    pairs = float(np.sum(hits * (rows - hits)))
    return float(np.sum(won)) / pairs if pairs else math.nan


def average_precision(outcome: Floats, probability: Floats) -> float:
    """The mean precision over the interrupted rows, each at the threshold that just finds it.

    The area under the precision-recall curve, as a step function. Compare it with the base rate,
    which is what a forecast without any order gets. nan without an interrupted row.
    """
    if np.isnan(probability).any() or not (outcome > 0).any():
        return math.nan
    order = np.argsort(-probability, kind="stable")
    hit = outcome[order] > 0
    _, end = _ties(probability[order])
    precision = np.cumsum(hit)[end - 1] / end
    return float(np.mean(precision[hit]))


def ece(outcome: Floats, probability: Floats, bins: int = 15) -> float:
    """The expected calibration error: mean distance of said and observed share over bins (0 to 1).

    Bins hold equal counts of the sorted probabilities, as in `reliability`, and weigh by their
    rows. Even a perfect forecast has up to 0.4 / sqrt(rows per bin) by chance. nan without a row.
    """
    if not outcome.size:
        return math.nan
    said, observed, count = _binned(outcome, probability, bins)
    return float(np.sum(np.abs(said - observed) * count) / outcome.size)


def reliability(outcome: Floats, probability: Floats, bins: int = 10) -> list[ReliabilityBin]:
    """Said and observed shares in up to ``bins`` bins of equal count, by rising probability.

    Rows of the same probability are never parted: they go to the bin of their middle, so the
    answer does not depend on the order of the rows. Where many are tied, counts are unequal and
    bins fewer. An empty list without a row.
    """
    said, observed, count = _binned(outcome, probability, bins)
    low, high = _wilson(observed, count)
    columns = (column.tolist() for column in (said, observed, count, low, high))
    return [ReliabilityBin(*row) for row in zip(*columns, strict=True)]


def precision_recall_at(
    outcome: Floats, probability: Floats, threshold: float
) -> tuple[float, float]:
    """Of the alerts, the share that came true; of the interrupted rows, the share alerted.

    A row is alerted if its probability is at least ``threshold``; nan is no alert. Precision is
    nan without an alert, recall without an interrupted row.
    """
    alerted = probability >= threshold
    hit = outcome > 0
    found = np.count_nonzero(alerted & hit)
    alerts, hits = np.count_nonzero(alerted), np.count_nonzero(hit)
    return (found / alerts if alerts else math.nan, found / hits if hits else math.nan)


def day_bootstrap_difference(
    loss_a: Floats,
    loss_b: Floats,
    day: Labels,
    *,
    draws: int = 1000,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """The 95 % interval of mean(loss_a - loss_b) as (low, middle, high); below 0, a is better.

    Whole days are drawn with replacement; the mean is over rows, so a day weighs by its rows.
    The middle is the difference of the rows as they are. With few days the interval is too
    narrow (30 days: about 94 %, 10 days: about 90 %); windows of 24 h reach into the next day,
    for them pass blocks of days as ``day``.

    One day cannot show how days differ: low and high are then nan, not a point that would pass
    for certainty. All three are nan without a row.
    """
    if not loss_a.size:
        return (math.nan, math.nan, math.nan)
    code = _codes(day)
    sums = np.bincount(code, weights=loss_a - loss_b)
    rows = np.bincount(code)
    middle = float(np.sum(sums) / np.sum(rows))
    if rows.size == 1:
        return (math.nan, middle, math.nan)
    times = rng.multinomial(rows.size, np.full(rows.size, 1 / rows.size), size=draws)
    low, high = np.quantile((times @ sums) / (times @ rows), (0.025, 0.975)).tolist()
    return (low, middle, high)


def pool_mean_coverage(  # noqa: PLR0917 - one column each, in the order of the predictions' file
    outcome: Floats,
    low: Floats,
    high: Floats,
    probability: Floats,
    pool: Labels,
    day: npt.NDArray[np.integer] | Floats,
    *,
    cells: Cells = DEFAULT_CELLS,
) -> float:
    """The share of cells whose observed share of interruptions lies in their mean interval.

    An interval is of a pool's mean risk, not of a single outcome, so it is checked on means. A
    cell is a pool in a block of days, counted from its first ``day``, and large enough as
    ``cells`` has it. Its interval reaches from the mean ``low`` to the mean ``high`` of its rows,
    ends included. Sampling noise is not taken off: small cells miss more often.

    Rows without a forecast (nan in ``probability``, ``low`` or ``high``) are left out. nan if no
    cell is large enough.
    """
    known = ~np.isnan(probability + low + high)
    code, days = _codes(pool[known]), day[known].astype(np.float64)
    first = np.full(code.max(initial=-1) + 1, np.inf)
    np.minimum.at(first, code, days)
    block = _codes(np.floor_divide(days - first[code], cells.days))
    cell = _codes(code * (block.max(initial=0) + 1) + block)
    rows = np.bincount(cell)
    large = rows >= cells.rows
    if not large.any():
        return math.nan
    observed, bottom, top = (
        np.bincount(cell, weights=column[known])[large] / rows[large]
        for column in (outcome, low, high)
    )
    inside = (bottom - ROUNDING <= observed) & (observed <= top + ROUNDING)
    return float(np.mean(inside))


def summary(  # noqa: PLR0917 - one column each, in the order of the predictions' file
    outcome: Floats,
    probability: Floats,
    low: Floats,
    high: Floats,
    reference_probability: Floats,
    pool: Labels,
    day: npt.NDArray[np.integer] | Floats,
    *,
    cells: Cells = DEFAULT_CELLS,
) -> dict[str, float | None]:
    """The figures of one forecast as JSON takes them: None where a figure is nan.

    ``low`` and ``high`` are the 90 % interval (nan for a forecast without one),
    ``reference_probability`` what `brier_skill` compares with, ``cells`` those of the coverage.
    """
    figures = {
        "log_loss": log_loss(outcome, probability),
        "brier": brier(outcome, probability),
        "brier_skill": brier_skill(outcome, probability, reference_probability),
        "auc": auc(outcome, probability),
        "auc_within_pool": auc_within_pool(outcome, probability, pool),
        "average_precision": average_precision(outcome, probability),
        "ece": ece(outcome, probability),
        "coverage_90": pool_mean_coverage(outcome, low, high, probability, pool, day, cells=cells),
    }
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def _mean(values: Floats, weight: Floats | None) -> float:
    """The weighted mean; nan without rows or weight."""
    if weight is None:
        return float(np.mean(values)) if values.size else math.nan
    total = float(np.sum(weight))
    return float(np.sum(values * weight)) / total if total else math.nan


def _codes(labels: Labels) -> Integers:
    """Each label's place among the distinct ones, from 0."""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64, copy=False)


def _ties(*keys: npt.NDArray[np.generic]) -> tuple[Integers, Integers]:
    """For each row of sorted keys, where its run of equal rows starts and ends (exclusive)."""
    size = keys[0].size
    differs = np.ones(size, dtype=np.bool_)
    differs[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    first = np.flatnonzero(differs)
    length = np.diff(first, append=size)
    return np.repeat(first, length), np.repeat(first + length, length)


def _binned(outcome: Floats, probability: Floats, bins: int) -> tuple[Floats, Floats, Integers]:
    """Mean probability, observed share and count of each bin that has rows."""
    order = np.argsort(probability, kind="stable")
    start, end = _ties(probability[order])
    # In whole numbers, so that no row changes its bin by rounding.
    place = _codes((start + end) * bins // max(2 * outcome.size, 1))
    count = np.bincount(place)
    said = np.bincount(place, weights=probability[order]) / count
    observed = np.bincount(place, weights=outcome[order]) / count
    return said, observed, count


def _wilson(share: Floats, count: Integers) -> tuple[Floats, Floats]:
    """The 95 % interval of a share observed in ``count`` independent rows, within 0 to 1."""
    shrink = 1 + Z_95**2 / count
    middle = (share + Z_95**2 / (2 * count)) / shrink
    half = Z_95 / shrink * np.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2))
    # The share lies within in theory; a share of 0 or 1 can miss the end by a rounding.
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)
