"""The forecast's core: causal, additive, monotone, and honest where it knows nothing."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from advisor.risk.backtest import backtest
from advisor.risk.dataset import Samples, samples
from advisor.risk.errors import HorizonError, TicksError, TooFewSamplesError
from advisor.risk.evidence import evidence_along, evidence_of
from advisor.risk.fitting import fit
from advisor.risk.grades import grade, median_hours, restricted_mean_hours
from advisor.risk.grid import timelines
from advisor.risk.history import FIELDS, History, record
from advisor.risk.horizons import HORIZONS_MINUTES, horizon_place
from advisor.risk.metrics import auc
from advisor.risk.splits import ended_before, leave_one_out, train_and_test, walk_forward
from tests.support.ticks import random_states, ticks_of

STEPS = 12 * 24 * 6


@pytest.fixture(scope="module")
def ticks() -> pl.DataFrame:
    """Six days of four zones, of which two are calm and two are not."""
    calm = random_states(2, STEPS, drop_per_hour=0.05, seed=1)
    wild = random_states(4, STEPS, drop_per_hour=0.8, seed=2)
    both = {**wild, **calm}
    return ticks_of(both)


@pytest.fixture(scope="module")
def rows(ticks: pl.DataFrame) -> Samples:
    """All samples of the ticks."""
    return samples(ticks)


def kinds(rows: Samples) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.zeros(rows.rows, dtype=np.int64)


def test_a_label_is_whether_any_point_of_the_window_is_down() -> None:
    up = np.ones(40, dtype=np.bool_)
    up[20] = False

    found = samples(ticks_of({"us-east-1a": up}))

    quarter, offset = found.label[0], found.offset_s / 300
    assert set(offset[quarter == 1].astype(int)) == {17, 18, 19}
    assert set(offset[np.isnan(quarter)].astype(int)) == {37, 38, 39}
    assert np.isnan(found.label[3]).all()
    assert 20 not in offset


def test_evidence_of_a_truncated_trace_is_that_of_the_whole_one(ticks: pl.DataFrame) -> None:
    whole = timelines(ticks)[0]
    cut = timelines(ticks.filter(pl.col("offset_s") <= 300.0 * 700))[0]
    history, shorter = record(whole), record(cut)
    points = cut.up.shape[0]

    for name in FIELDS:
        assert np.array_equal(
            getattr(history, name)[..., :points, :], getattr(shorter, name), equal_nan=True
        ), name
    up = whole.up & whole.known
    up[points:] = False
    one = evidence_along(whole, history, up)
    other = evidence_along(cut, shorter, cut.up & cut.known)
    assert np.array_equal(one.siblings.drops, other.siblings.drops)
    assert np.array_equal(one.observed_age_s, other.observed_age_s)


def test_a_history_told_tick_by_tick_is_the_recorded_one(ticks: pl.DataFrame) -> None:
    line = timelines(ticks)[0]
    kept, live = record(line), History.empty((len(line.pools),))

    for up, known in zip(line.up, line.known, strict=True):
        live.advance(up, known)

    for name in FIELDS:
        assert np.array_equal(getattr(kept, name)[..., -1, :], getattr(live, name), equal_nan=True)
    evidence = evidence_of(live, line.pools, line.observed_age_s[-1])
    assert evidence.rows == len(line.pools)


def test_another_future_changes_no_forecast_of_the_past(rows: Samples, ticks: pl.DataFrame) -> None:
    turn = 300.0 * STEPS / 2
    other = samples(
        ticks.with_columns(
            available=pl.when(pl.col("offset_s") > turn)
            .then(1 - pl.col("available"))
            .otherwise("available")
        )
    )
    model = fit(rows)
    past, past_too = rows.take(rows.offset_s <= turn), other.take(other.offset_s <= turn)

    one = model.forecast(past.evidence, kinds(past))
    two = model.forecast(past_too.evidence, kinds(past_too))

    assert np.array_equal(one.probability, two.probability)


def test_training_before_a_moment_knows_no_window_that_reaches_it(rows: Samples) -> None:
    moment = float(np.median(rows.time_s))

    cut = ended_before(rows, moment)

    for place, minutes in enumerate(HORIZONS_MINUTES):
        labelled = ~np.isnan(cut.label[place])
        assert (cut.time_s[labelled] + 60 * minutes < moment).all()


def test_risk_never_falls_with_the_horizon_and_lies_in_its_interval(rows: Samples) -> None:
    said = fit(rows).forecast(rows.evidence, kinds(rows))

    assert (np.diff(said.probability, axis=0) >= 0).all()
    assert (said.low <= said.probability).all()
    assert (said.probability <= said.high).all()
    assert ((said.probability > 0) & (said.probability < 1)).all()


@pytest.mark.parametrize("place", range(len(HORIZONS_MINUTES)))
def test_drivers_sum_to_the_log_odds(rows: Samples, place: int) -> None:
    model = fit(rows)
    familiar = model.knows(rows.pools)[rows.pool]
    said = model.forecast(rows.evidence, kinds(rows), familiar).probability[place]

    baseline, shares = model.drivers(rows.evidence, kinds(rows), place, familiar)

    total = baseline + np.sum(list(shares.values()), axis=0)
    assert np.max(np.abs(total - np.log(said / (1 - said)))) < 1e-9


def test_a_known_constant_hazard_is_recovered() -> None:
    steady = random_states(6, 12 * 24 * 10, drop_per_hour=0.3, seed=5)
    rows = samples(ticks_of(steady))
    late = rows.take(rows.time_s > np.quantile(rows.time_s, 0.5))

    said = fit(rows).forecast(late.evidence, kinds(late))

    truth = 1 - np.exp(-0.3)
    assert np.mean(said.probability[1]) == pytest.approx(truth, abs=0.03)
    inside = (said.low[1] <= truth) & (truth <= said.high[1])
    assert inside.mean() > 0.9


def test_shuffled_labels_leave_no_skill(rows: Samples) -> None:
    chance = np.random.default_rng(3)
    label = rows.label.copy()
    for one in label:
        known = ~np.isnan(one)
        one[known] = chance.permutation(one[known])
    early = rows.time_s < np.median(rows.time_s)
    # Age and rates come from drops, so those are shuffled as well.
    mixed = replace(rows, label=label, dropped_next=chance.permutation(rows.dropped_next))

    said = fit(mixed.take(early)).forecast(mixed.take(~early).evidence, kinds(mixed.take(~early)))
    outcome = mixed.take(~early).label[1]
    known = ~np.isnan(outcome)

    assert 0.45 < auc(outcome[known], said.probability[1][known]) < 0.55


def test_a_leak_planted_on_purpose_is_caught_by_truncation(ticks: pl.DataFrame) -> None:
    whole = timelines(ticks)[0].up
    cut = timelines(ticks.filter(pl.col("offset_s") <= 300.0 * 700))[0].up

    # "It will be lost some time": a feature that looks ahead.
    leaky = [np.logical_or.accumulate(~one[::-1], axis=0)[::-1] for one in (whole, cut)]

    assert not np.array_equal(leaky[0][: cut.shape[0]], leaky[1])


def test_a_pool_without_history_is_graded_prior_and_its_interval_is_wide(rows: Samples) -> None:
    model = fit(rows)
    nothing = evidence_of(History.empty((1,)), rows.pools[:1], np.zeros(1))
    old = rows.take(rows.evidence.history.watched > 48)

    new = model.forecast(nothing, np.zeros(1, dtype=np.int64))
    known = model.forecast(old.evidence, kinds(old))

    def width(low: object, high: object) -> float:
        return float(np.mean(_logit(high) - _logit(low)))

    assert grade(nothing).tolist() == ["prior"]
    assert set(grade(old.evidence)) == {"established"}
    assert width(new.low[1], new.high[1]) >= 2 * width(known.low[1], known.high[1])


def _logit(probability: object) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    share = np.asarray(probability, dtype=np.float64)
    return np.log(share / (1 - share))


def test_the_mean_time_up_within_a_day_follows_from_the_horizons() -> None:
    steady = 1 - np.exp(-0.1 * np.array([0.25, 1.0, 6.0, 24.0]))[:, None]

    assert restricted_mean_hours(steady)[0] == pytest.approx((1 - np.exp(-2.4)) / 0.1)
    assert median_hours(steady)[0] == pytest.approx(np.log(2) / 0.1)
    assert np.isnan(median_hours(steady * 0.1)[0])


def test_other_horizons_are_refused() -> None:
    assert horizon_place(3600) == 1
    with pytest.raises(HorizonError, match="not extrapolated"):
        horizon_place(1800)


def test_ticks_without_a_column_are_refused_by_name(ticks: pl.DataFrame) -> None:
    with pytest.raises(TicksError, match="available"):
        samples(ticks.drop("available"))


def test_pools_that_are_never_up_give_no_samples() -> None:
    with pytest.raises(TooFewSamplesError, match="no pool is ever up"):
        samples(ticks_of({"us-east-1a": np.zeros(50, dtype=np.bool_)}))


def test_a_backtest_has_one_result_per_kind_trace_and_horizon(rows: Samples) -> None:
    found = backtest(walk_forward(rows), np.random.default_rng(0), horizons_minutes=(15, 60))

    assert [(one["trace"], one["horizon_minutes"]) for one in found.results] == [
        ("aws-1", 15),
        ("aws-1", 60),
        ("all", 15),
        ("all", 60),
    ]
    best = found.results[-1]
    assert set(best["model"]) == {
        "log_loss", "brier", "brier_skill", "auc", "auc_within_pool",
        "average_precision", "ece", "coverage_90",
    }  # fmt: skip
    assert {"decayed_rate_6h", "age_curve_frailty", "core", "core_and_ridge"} <= set(
        best["baselines"]
    )
    assert best["model"]["log_loss"] < best["baselines"]["global_rate"]["log_loss"]
    assert found.predictions.columns == [
        "probe_kind", "trace_id", "zone", "instance_type", "offset_s", "horizon_minutes",
        "probability", "low", "high", "outcome",
    ]  # fmt: skip
    assert found.predictions.height == best["n"] + found.results[-2]["n"]


def test_a_trace_in_both_folders_continues(ticks: pl.DataFrame) -> None:
    turn = 300.0 * STEPS / 2
    split = train_and_test(
        ticks.filter(pl.col("offset_s") <= turn), ticks.filter(pl.col("offset_s") > turn)
    )

    assert split.training.offset_s.max() <= turn < split.testing.offset_s.min()
    assert split.testing.evidence.history.watched.min() > 48


def test_a_zone_that_is_left_out_is_in_no_training(rows: Samples) -> None:
    splits = list(leave_one_out(rows, "zone"))

    assert len(splits) == 4
    for split in splits:
        assert not set(split.testing.zone) & set(split.training.zone)
