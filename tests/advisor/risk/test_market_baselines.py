"""Baselines of the market: prices, published bands, and signals that are made from outcomes."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from advisor.published_risk import hazard_of
from advisor.risk.backtest import backtest
from advisor.risk.baselines import REFERENCE
from advisor.risk.dataset import Samples, samples
from advisor.risk.market_baselines import (
    FROM_THE_FUTURE,
    PRICE,
    REBALANCE,
    Prices,
    all_baselines,
    price_change,
    published_band,
    rebalance_simulated,
    signal_records,
    signalled,
)
from advisor.risk.splits import walk_forward
from advisor.simulation.rebalance_signal import SignalQuality
from tests.support.ticks import START, random_states, ticks_of
from warehouse.records import Pool, Signal

BAND = "aws.advisor_band_trailing_month"


@pytest.fixture(scope="module")
def ticks() -> pl.DataFrame:
    """Four days of three zones."""
    return ticks_of(random_states(3, 12 * 24 * 4, drop_per_hour=0.6, seed=4))


@pytest.fixture(scope="module")
def rows(ticks: pl.DataFrame) -> Samples:
    """All samples of the ticks."""
    return samples(ticks)


def a_band(days: float, low: float, high: float | None, *, region: str = "us-east-1") -> Signal:
    pool = Pool("aws", region, "*", "p3.2xlarge")
    return Signal(pool, START + timedelta(days=days), BAND, low, high, "test")


def test_a_price_moves_against_an_hour_ago_a_day_ago_and_its_own_mean() -> None:
    hours = 3600.0 * np.array([0.0, 10.0, 30.0])
    prices = Prices.of(pl.DataFrame({"offset_s": hours, PRICE: [1.0, 2.0, 4.0]}))

    moves = prices.moves(3600.0 * np.array([-1.0, 0.0, 5.0, 10.0, 30.5]))

    two = np.log(2)
    assert np.isnan(moves[0]).all()
    assert moves[1].tolist() == [0, 0, 0]
    assert moves[2].tolist() == [0, 0, 0]
    assert moves[3] == pytest.approx([two, two, two])
    # 10 hours at 0, 20 at log 2 and half an hour at log 4.
    mean = (20 * two + 0.5 * 2 * two) / 30.5
    assert moves[4] == pytest.approx([two, 2 * two, 2 * two - mean])


def test_a_later_price_changes_no_move_of_before() -> None:
    whole = pl.DataFrame({"offset_s": [0.0, 900.0, 1800.0], PRICE: [1.0, 1.5, 9.0]})
    before = np.arange(0.0, 1800.0, 300.0)

    assert np.array_equal(
        Prices.of(whole).moves(before), Prices.of(whole.filter(pl.col(PRICE) < 9)).moves(before)
    )


def test_a_price_that_jumps_before_each_loss_is_found(ticks: pl.DataFrame, rows: Samples) -> None:
    coming = pl.col("available").shift(-1).over("trace_id") < pl.col("available")
    told = ticks.with_columns(pl.when(coming).then(2.0).otherwise(1.0).alias(PRICE))

    said = price_change(told)(rows)(rows, 0)

    jumped = rows.dropped_next == 1
    assert said[jumped].min() > said[~jumped].max()


def test_without_a_price_nothing_is_said(ticks: pl.DataFrame, rows: Samples) -> None:
    zone = pl.col("zone") == "us-east-1a"
    one = ticks.with_columns(pl.when(zone).then(1.0).alias(PRICE))
    of_zone = np.array([trace.pool.zone == "us-east-1a" for trace in rows.traces])[rows.trace]

    nothing = price_change(ticks)(rows)(rows, 1)
    some = price_change(one)(rows)(rows, 1)

    assert np.isnan(nothing).all()
    assert np.array_equal(np.isnan(some), ~of_zone)


def test_the_newest_band_by_then_is_taken_at_its_word(rows: Samples) -> None:
    early, late = a_band(1, 0.05, 0.10), a_band(2, 0.20, None)

    said = published_band([late, early])(rows)(rows, 1)

    day = (rows.time_s - START.timestamp()) / 86_400
    expected = [1 - np.exp(-hazard_of(one).per_hour) for one in (early, late)]
    assert np.isnan(said[day < 1]).all()
    assert said[(day >= 1) & (day < 2)] == pytest.approx(expected[0])
    assert said[day >= 2] == pytest.approx(expected[1])


def test_a_band_of_another_region_or_definition_says_nothing(rows: Samples) -> None:
    pool = Pool("aws", "us-east-1", "*", "p3.2xlarge")
    others = [
        a_band(0, 0.05, 0.10, region="eu-west-1"),
        Signal(pool, START, "aws.spot_placement_score", 3.0, 3.0, "test"),
    ]

    assert np.isnan(published_band(others)(rows)(rows, 0)).all()


def test_signals_are_as_good_as_was_measured() -> None:
    many = samples(ticks_of(random_states(8, 12 * 24 * 20, drop_per_hour=0.2, seed=6)))

    flag = signalled(many)

    lost = many.dropped_next == 1
    assert flag[lost].mean() == pytest.approx(0.6, abs=0.05)
    # A row with a signal of the last 15 minutes; three true signals in ten, seven false.
    known = flag & ~np.isnan(many.label[0])
    assert 0.2 < many.label[0, known].mean() < 0.4
    assert np.array_equal(flag, signalled(many))


def test_a_signal_does_not_outlive_its_spell() -> None:
    up = np.ones(40, dtype=np.bool_)
    up[[10, 12]] = False
    found = samples(ticks_of({"us-east-1a": up}))

    flag = signalled(found, SignalQuality(precision=1.0, recall=1.0))

    step = found.offset_s / 300
    assert flag[np.isin(step, [9, 11])].all()
    assert not flag[~np.isin(step, [7, 8, 9, 11])].any()


def test_signals_made_from_outcomes_are_worth_something(rows: Samples) -> None:
    said = rebalance_simulated(rows)(rows, 0)
    flag = signalled(rows)

    assert np.unique(said).size == 2
    assert said[flag].min() > said[~flag].max()
    assert REBALANCE in FROM_THE_FUTURE


def test_a_baseline_that_says_nothing_has_figures_that_are_null(rows: Samples) -> None:
    every = all_baselines()
    silent = {name: every[name] for name in (REFERENCE, "price_change", "published_band")}

    found = backtest(
        walk_forward(rows), np.random.default_rng(0), horizons_minutes=(60,), baselines=silent
    )

    whole = json.loads(json.dumps(found.results[-1], allow_nan=False))
    assert whole["baselines"][REFERENCE]["log_loss"] > 0
    for name in ("price_change", "published_band"):
        figures = dict(whole["baselines"][name])
        assert figures.pop("log_loss_difference") == [None, None, None]
        assert set(figures.values()) == {None}


def test_shares_of_a_file_become_signals_and_scores_are_left_out() -> None:
    frame = pl.DataFrame(
        {
            "provider": "aws",
            "region": "us-east-1",
            "zone": "*",
            "instance_type": "p3.2xlarge",
            "observed_at": [datetime(2022, 6, 26, tzinfo=UTC)] * 2,
            "definition": [BAND, "aws.spot_placement_score"],
            "value_low": [0.2, 3.0],
            "value_high": [None, 3.0],
            "source": "file",
        }
    )

    pool, at = Pool("aws", "us-east-1", "*", "p3.2xlarge"), datetime(2022, 6, 26, tzinfo=UTC)
    assert signal_records(frame) == [Signal(pool, at, BAND, 0.2, None, "file")]
