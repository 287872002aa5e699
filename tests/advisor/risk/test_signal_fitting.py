"""What signals are worth: recovered where there is an effect, left alone where there is none."""

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from advisor.risk.logistic import sigmoid
from advisor.risk.signal_conversions import Coefficient
from advisor.risk.signal_fitting import LEAST_EVENTS, fit_offsets
from tests.support.market import NOW
from tests.support.risk import outcomes_of

HOURS = 24 * 20
KEY = ("placement_score", "launch_probe", 3600.0)


def outcomes(
    effect: float, *, seed: int, hours: int = HOURS, level: float = 0.0, added: float = 0.0
) -> pl.DataFrame:
    """Hourly forecasts of 20 % in 8 pools, where a full placement score adds ``effect``.

    ``level``: what the forecasts were off by; ``added``: what signals had added to them.
    """
    chance = np.random.default_rng(seed)
    pools, rows = 8, 8 * hours
    reading = chance.uniform(-1, 1, rows)
    base = np.log(0.25)
    lost = chance.random(rows) < sigmoid(base + level + effect * reading)
    told = [json.dumps({"added": added, "placement_score": float(one)}) for one in reading]
    return outcomes_of(
        {
            "issued_at": [NOW + timedelta(hours=hour) for hour in range(hours)] * pools,
            "zone": np.repeat([f"use1-az{pool}" for pool in range(pools)], hours),
            "probability": np.full(rows, sigmoid(np.array([base + added]))[0]),
            "outcome": lost.astype(np.float64),
            "signals": told,
        }
    )


@pytest.mark.parametrize("effect", [0.8, -0.8])
def test_an_effect_is_found_within_its_interval(effect: float) -> None:
    fitted = fit_offsets(outcomes(effect, seed=1))

    assert fitted.keys() == {KEY}
    found = fitted[KEY]
    assert abs(found.mean - effect) < 2.6 * found.sd
    assert found.sd < 0.15
    assert found.events > 400


def test_a_signal_without_effect_is_left_alone() -> None:
    kept = [KEY in fit_offsets(outcomes(0.0, seed=seed)) for seed in range(12)]

    assert sum(kept) <= 1


def test_a_model_that_is_off_is_not_corrected_through_the_signal() -> None:
    assert fit_offsets(outcomes(0.0, seed=3, level=0.5)) == {}


def test_what_signals_had_added_is_taken_off_first() -> None:
    before, after = (fit_offsets(outcomes(0.8, seed=1, added=one)) for one in (0.0, 0.7))

    assert after[KEY].mean == pytest.approx(before[KEY].mean, abs=1e-6)


def test_a_few_losses_teach_nothing() -> None:
    few = outcomes(3.0, seed=1)
    lost = few.filter(pl.col("outcome") > 0).head(LEAST_EVENTS - 1)
    kept = few.filter(pl.col("outcome") == 0)

    assert fit_offsets(pl.concat([kept, lost])) == {}


def test_losses_of_one_burst_count_once() -> None:
    burst = outcomes(0.8, seed=1).with_columns(
        zone=pl.lit("use1-az4"), event_at=pl.when(pl.col("outcome") > 0).then(pl.lit(NOW))
    )

    assert fit_offsets(burst) == {}


def test_kinds_and_horizons_are_fitted_apart() -> None:
    hour = outcomes(0.8, seed=1)
    quarter = outcomes(0.0, seed=2).with_columns(horizon_seconds=pl.lit(900.0))
    machine = outcomes(-0.8, seed=3).with_columns(evidence_kind=pl.lit("machine"))

    fitted = fit_offsets(pl.concat([hour, quarter, machine]))

    assert {key: one.mean > 0 for key, one in fitted.items()} == {
        KEY: True,
        ("placement_score", "machine", 3600.0): False,
    }


def test_forecasts_without_signals_or_outcomes_teach_nothing() -> None:
    rows = outcomes(0.8, seed=1)

    assert fit_offsets(rows.with_columns(signals=pl.lit(None, pl.String()))) == {}
    assert fit_offsets(rows.with_columns(outcome=pl.lit(None, pl.Float64()))) == {}
    assert fit_offsets(rows.clear()) == {}


def test_the_measured_recommendation_stays_where_it_was_without_better_evidence() -> None:
    rows = outcomes(1.04, seed=4).with_columns(
        signals=pl.col("signals").str.replace("placement_score", "rebalance")
    )

    fitted = fit_offsets(rows)

    assert fitted == {} or isinstance(next(iter(fitted.values())), Coefficient)
