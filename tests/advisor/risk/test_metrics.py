"""The measures of a forecast: against slow plain versions, scikit-learn and known answers."""

import json
import math
from collections import defaultdict
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.risk import metrics
from advisor.risk.metrics import Floats

# By name, because scikit-learn publishes no types.
sklearn = import_module("sklearn.metrics")
calibration = import_module("sklearn.calibration")

NOTHING = np.zeros(0)

Rows = list[tuple[float, int, int]]

# Outcome, probability in eighths (so that ties are common) and pool or day.
ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 8), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


def columns(rows: Rows) -> tuple[Floats, Floats, Floats]:
    outcome, eighths, label = np.array(rows, dtype=np.float64).T
    return outcome, eighths / 8, label


def array(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def honest_forecast(rows: int, seed: int) -> tuple[Floats, Floats]:
    """Outcomes that come true as often as their probabilities (on a grid of 1 %) say."""
    rng = np.random.default_rng(seed)
    probability = rng.integers(1, 100, rows) / 100
    return (rng.random(rows) < probability).astype(np.float64), probability


def plain_auc(outcome: Floats, probability: Floats, pool: Floats) -> float:
    won = [
        float(np.sign(probability[i] - probability[j]) + 1) / 2
        for i, j in product(range(outcome.size), repeat=2)
        if outcome[i] == 1 and outcome[j] == 0 and pool[i] == pool[j]
    ]
    return sum(won) / len(won) if won else math.nan


def plain_average_precision(outcome: Floats, probability: Floats) -> float:
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(probability.tolist()), reverse=True):
        alerted = outcome[probability >= threshold]
        recall = float(alerted.sum() / outcome.sum())
        area += (recall - recall_before) * float(alerted.mean())
        recall_before = recall
    return area


def plain_ece(outcome: Floats, probability: Floats, bins: int) -> float:
    surplus: defaultdict[int, float] = defaultdict(float)
    for said, came in zip(probability.tolist(), outcome.tolist(), strict=True):
        below = int(np.sum(probability < said))
        tied = int(np.sum(probability == said))
        surplus[(2 * below + tied) * bins // (2 * outcome.size)] += said - came
    return sum(abs(one) for one in surplus.values()) / outcome.size


def plain_coverage(outcome: Floats, low: Floats, high: Floats, pool: Floats, day: Floats) -> float:
    cells: defaultdict[tuple[float, float], list[int]] = defaultdict(list)
    for row, (its_pool, its_day) in enumerate(zip(pool.tolist(), day.tolist(), strict=True)):
        cells[its_pool, (its_day - day[pool == its_pool].min()) // 3].append(row)
    large = [rows for rows in cells.values() if len(rows) >= 20]
    inside = [low[one].mean() <= outcome[one].mean() <= high[one].mean() for one in large]
    return float(np.mean(inside))


@given(ROWS)
def test_auc_is_the_share_of_pairs_in_order_with_ties_as_half(rows: Rows) -> None:
    outcome, probability, pool = columns(rows)

    within = metrics.auc_within_pool(outcome, probability, pool)
    over_all = metrics.auc(outcome, probability)

    assert within == pytest.approx(plain_auc(outcome, probability, pool), nan_ok=True)
    assert over_all == pytest.approx(plain_auc(outcome, probability, 0 * pool), nan_ok=True)


@given(ROWS)
def test_average_precision_is_the_area_summed_over_thresholds(rows: Rows) -> None:
    outcome, probability, _ = columns(rows)
    plain = plain_average_precision(outcome, probability) if outcome.any() else math.nan

    assert metrics.average_precision(outcome, probability) == pytest.approx(plain, nan_ok=True)


@given(ROWS, st.integers(1, 20))
def test_calibration_error_is_that_of_rows_placed_one_by_one(rows: Rows, bins: int) -> None:
    outcome, probability, _ = columns(rows)

    assert metrics.ece(outcome, probability, bins) == pytest.approx(
        plain_ece(outcome, probability, bins)
    )


@given(ROWS)
def test_reliability_does_not_depend_on_the_order_of_the_rows(rows: Rows) -> None:
    outcome, probability, _ = columns(rows)

    bins = metrics.reliability(outcome, probability)
    again = metrics.reliability(outcome[::-1], probability[::-1])

    assert np.array(bins) == pytest.approx(np.array(again))
    assert sum(one.rows for one in bins) == outcome.size
    assert all(0 <= one.low <= one.observed_share <= one.high <= 1 for one in bins)


@pytest.mark.parametrize("seed", range(10))
def test_coverage_is_that_of_cells_counted_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outcome, probability = honest_forecast(600, seed)
    pool, day = rng.integers(0, 4, 600), rng.integers(-4, 14, 600)
    low, high = probability - 0.06, probability + 0.06

    coverage = metrics.pool_mean_coverage(outcome, low, high, probability, pool, day)

    assert 0 < coverage < 1
    assert coverage == plain_coverage(outcome, low, high, pool.astype(float), day.astype(float))


@given(ROWS)
def test_the_day_bootstrap_is_that_of_whole_days_laid_end_to_end(rows: Rows) -> None:
    loss_a, loss_b, day = columns(rows)
    days = [np.flatnonzero(day == one) for one in np.unique(day)]
    times = np.random.default_rng(7).multinomial(len(days), [1 / len(days)] * len(days), size=50)
    means = []
    for draw in times:
        taken = np.concatenate(
            [one for one, count in zip(days, draw, strict=True) for _ in range(count)]
        )
        means.append(np.mean(loss_a[taken] - loss_b[taken]))

    low, middle, high = metrics.day_bootstrap_difference(
        loss_a, loss_b, day, draws=50, rng=np.random.default_rng(7)
    )

    assert middle == pytest.approx(np.mean(loss_a - loss_b))
    if len(days) > 1:
        assert [low, high] == pytest.approx(np.quantile(means, [0.025, 0.975]))


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_scikit_learn(seed: int) -> None:
    outcome, probability = honest_forecast(500, seed)
    weight = np.random.default_rng(seed).random(500)

    assert metrics.auc(outcome, probability) == pytest.approx(
        sklearn.roc_auc_score(outcome, probability)
    )
    assert metrics.average_precision(outcome, probability) == pytest.approx(
        sklearn.average_precision_score(outcome, probability)
    )
    for one in (None, weight):
        assert metrics.log_loss(outcome, probability, one) == pytest.approx(
            sklearn.log_loss(outcome, probability, sample_weight=one)
        )
        assert metrics.brier(outcome, probability, one) == pytest.approx(
            sklearn.brier_score_loss(outcome, probability, sample_weight=one)
        )
    precision, recall = metrics.precision_recall_at(outcome, probability, 0.6)
    assert precision == pytest.approx(sklearn.precision_score(outcome, probability >= 0.6))
    assert recall == pytest.approx(sklearn.recall_score(outcome, probability >= 0.6))


def test_the_reliability_curve_is_that_of_scikit_learn_where_nothing_is_tied() -> None:
    rng = np.random.default_rng(3)
    probability = rng.random(1000)
    outcome = (rng.random(1000) < probability).astype(np.float64)

    bins = metrics.reliability(outcome, probability)

    curve = calibration.calibration_curve(outcome, probability, n_bins=10, strategy="quantile")
    assert [one.observed_share for one in bins] == pytest.approx(curve[0])
    assert [one.mean_probability for one in bins] == pytest.approx(curve[1])
    assert [one.rows for one in bins] == [100] * 10


def test_a_certain_and_wrong_forecast_costs_the_logarithm_of_a_millionth() -> None:
    losses = metrics.per_row_log_loss(array(1, 0, 1, 0), array(0, 1, 1, 0.5))

    assert losses == pytest.approx([math.log(1e6), math.log(1e6), 1e-6, math.log(2)])


def test_brier_skill_is_one_for_the_perfect_and_zero_for_the_reference_itself() -> None:
    outcome, half = array(1, 0, 0, 1), array(0.5, 0.5, 0.5, 0.5)

    assert metrics.brier_skill(outcome, outcome, half) == 1
    assert metrics.brier_skill(outcome, half, half) == 0
    assert metrics.brier_skill(outcome, 1 - outcome, half) == -3
    assert math.isnan(metrics.brier_skill(outcome, half, outcome))


def test_knowing_the_pools_only_is_order_over_all_and_none_within() -> None:
    outcome = array(1, 1, 1, 0, 1, 0, 0, 0)
    pool = np.repeat(["calm", "busy"], 4)
    probability = np.where(pool == "calm", 0.75, 0.25)

    assert metrics.auc(outcome, probability) == 0.75
    assert metrics.auc_within_pool(outcome, probability, pool) == 0.5


def test_a_constant_forecast_is_one_bin_and_errs_by_its_distance_to_the_base_rate() -> None:
    outcome, probability = np.repeat([1.0, 0.0], [70, 30]), np.full(100, 0.9)

    assert metrics.ece(outcome, probability) == pytest.approx(0.2)
    # The Wilson interval of 70 of 100 as tables give it.
    assert metrics.reliability(outcome, probability) == [
        pytest.approx((0.9, 0.7, 100, 0.6042, 0.7811), abs=1e-4)
    ]


def test_a_bin_without_an_interruption_still_has_an_upper_end() -> None:
    (one,) = metrics.reliability(np.zeros(10), np.full(10, 0.1))

    # 0 of 10: the upper end is z^2 / (n + z^2).
    assert (one.low, one.high) == pytest.approx((0, 3.8415 / 13.8415), abs=1e-4)


def test_an_honest_forecast_is_calibrated_and_an_overconfident_one_is_not() -> None:
    outcome, probability = honest_forecast(100_000, seed=11)
    odds = probability / (1 - probability)
    overconfident = odds**2 / (1 + odds**2)

    # By chance a bin errs by 0.4 / sqrt(rows per bin) on average, at most; four times that.
    noise = 0.4 / math.sqrt(100_000 / 15)
    assert metrics.ece(outcome, probability) < 4 * noise
    too_sure = np.mean(np.abs(overconfident - probability))
    assert metrics.ece(outcome, overconfident) == pytest.approx(too_sure, abs=4 * noise)
    assert metrics.log_loss(outcome, probability) < metrics.log_loss(outcome, overconfident)
    assert metrics.auc(outcome, probability) == metrics.auc(outcome, overconfident)
    lowest, *_, highest = metrics.reliability(outcome, overconfident)
    assert lowest.low > lowest.mean_probability
    assert highest.high < highest.mean_probability


def test_the_wilson_interval_holds_an_honest_probability_nineteen_times_in_twenty() -> None:
    outcome, probability = honest_forecast(200_000, seed=5)

    parts = zip(np.split(outcome, 40), np.split(probability, 40), strict=True)
    held = [
        one.low <= one.mean_probability <= one.high
        for part in parts
        for one in metrics.reliability(*part)
    ]

    # A share of 400 bins has a standard deviation of 1.1 %: four of them.
    assert len(held) == 400
    assert np.mean(held) == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 400))


def share_of_intervals_that_hold(repeats: int, label: Floats) -> float:
    """Of a true difference of 0.1, in 40 days of 25 rows that share half of their variance."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(repeats):
        loss = np.repeat(rng.normal(0.1, 1, 40), 25) + rng.normal(0, 1, 1000)
        low, _, high = metrics.day_bootstrap_difference(
            loss, np.zeros(1000), label, draws=200, rng=rng
        )
        held += low <= 0.1 <= high
    return held / repeats


def test_the_day_bootstrap_holds_a_known_difference_at_its_nominal_rate() -> None:
    held = share_of_intervals_that_hold(600, np.repeat(np.arange(40.0), 25))

    # The 2.5 % quantile of 200 draws is the 6th of 201 gaps (3 %, 1.88 standard deviations), and
    # 40 days underrate theirs by sqrt(39 / 40): |t| < 1.86 with 39 degrees of freedom is 93.0 %.
    assert held == pytest.approx(0.93, abs=4 * math.sqrt(0.93 * 0.07 / 600))


def test_rows_taken_one_by_one_would_pretend_to_know_more() -> None:
    held = share_of_intervals_that_hold(100, np.arange(1000.0))

    # Their standard error is sqrt(2 / 1000), the true one sqrt(1.04 / 40), 3.6 times as much:
    # |z| < 1.96 / 3.6 is 41 %.
    assert held == pytest.approx(0.41, abs=4 * math.sqrt(0.41 * 0.59 / 100))


def test_the_same_generator_gives_the_same_interval_and_the_sign_says_who_is_better() -> None:
    worse, better = np.full(60, 0.5), np.linspace(0.3, 0.4, 60)
    day = np.repeat(np.arange(6), 10)

    first, again = (
        metrics.day_bootstrap_difference(better, worse, day, rng=np.random.default_rng(1))
        for _ in range(2)
    )

    assert first == again
    assert first[0] < first[1] < first[2] < 0


def test_one_day_gives_a_difference_without_an_interval() -> None:
    interval = metrics.day_bootstrap_difference(
        array(1, 2), array(0, 0), array(4, 4), rng=np.random.default_rng(1)
    )

    assert interval == pytest.approx((math.nan, 1.5, math.nan), nan_ok=True)


def test_a_right_interval_of_the_mean_covers_about_nine_cells_in_ten() -> None:
    rng = np.random.default_rng(8)
    pool, day = np.repeat(np.arange(400), 300), np.tile(np.repeat(np.arange(3), 100), 400)
    probability = np.repeat(rng.uniform(0.2, 0.8, 400), 300)
    outcome = (rng.random(pool.size) < probability).astype(np.float64)
    # 90 % of a normal distribution lie within 1.645 standard deviations.
    reach = 1.645 * np.sqrt(probability * (1 - probability) / 300)

    coverage = metrics.pool_mean_coverage(
        outcome, probability - reach, probability + reach, probability, pool, day
    )

    assert coverage == pytest.approx(0.9, abs=4 * math.sqrt(0.9 * 0.1 / 400))


def test_cells_are_pools_in_three_days_with_twenty_rows() -> None:
    # Days 0 to 2 hold 20 rows and a share of 0.5; day 3 holds 19 and is too small.
    outcome = np.concatenate([np.tile([0.0, 1.0], 10), np.ones(19)])
    day = np.concatenate([np.repeat([0, 1, 2, 2], 5), np.full(19, 3)])
    low, high, pool = np.full(39, 0.4), np.full(39, 0.6), np.full(39, "a")

    assert metrics.pool_mean_coverage(outcome, low, high, low, pool, day) == 1
    assert metrics.pool_mean_coverage(outcome, low + 0.11, high, low, pool, day) == 0
    assert math.isnan(metrics.pool_mean_coverage(outcome, low, high, low, pool, 3 * day))
    larger = metrics.Cells(days=3, rows=21)
    assert math.isnan(metrics.pool_mean_coverage(outcome, low, high, low, pool, day, cells=larger))


def test_rows_without_an_interval_are_left_out_of_the_coverage() -> None:
    outcome, low, high = np.repeat([0.0, 1.0], 20), np.zeros(40), np.full(40, 0.1)
    low[20:] = math.nan

    assert metrics.pool_mean_coverage(outcome, low, high, high, high, high) == 1


def test_what_the_rows_cannot_say_is_nan() -> None:
    calm, half = np.zeros(3), np.full(3, 0.5)
    mixed, unknown = array(0, 1, 1), array(0.5, math.nan, 0.5)

    assert all(map(math.isnan, metrics.precision_recall_at(calm, half, 0.9)))
    assert all(
        math.isnan(figure)
        for figure in (
            metrics.auc(calm, half),
            metrics.auc_within_pool(mixed, half, mixed),
            metrics.average_precision(calm, half),
            metrics.log_loss(calm, half, calm),
            metrics.log_loss(mixed, unknown),
            metrics.brier(mixed, unknown),
            metrics.auc(mixed, unknown),
            metrics.average_precision(mixed, unknown),
            metrics.ece(mixed, unknown),
            *metrics.day_bootstrap_difference(*[NOTHING] * 3, rng=np.random.default_rng(1)),
        )
    )


def test_the_summary_holds_each_figure_by_name() -> None:
    outcome, probability = honest_forecast(300, seed=1)
    low, high = probability - 0.2, probability + 0.2
    half, pool, day = np.full(300, 0.5), np.arange(300) % 3, np.arange(300) // 100

    assert metrics.summary(outcome, probability, low, high, half, pool, day) == {
        "log_loss": metrics.log_loss(outcome, probability),
        "brier": metrics.brier(outcome, probability),
        "brier_skill": metrics.brier_skill(outcome, probability, half),
        "auc": metrics.auc(outcome, probability),
        "auc_within_pool": metrics.auc_within_pool(outcome, probability, pool),
        "average_precision": metrics.average_precision(outcome, probability),
        "ece": metrics.ece(outcome, probability),
        "coverage_90": metrics.pool_mean_coverage(outcome, low, high, probability, pool, day),
    }


def test_a_summary_of_nothing_is_null_throughout() -> None:
    figures = metrics.summary(*[NOTHING] * 7)

    assert set(json.loads(json.dumps(figures, allow_nan=False)).values()) == {None}
    assert len(figures) == 8
    assert metrics.reliability(NOTHING, NOTHING) == []
