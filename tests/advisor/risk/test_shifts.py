"""The level of forecasts, corrected by what became of earlier ones of the same kind."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from advisor.risk.logistic import logit, sigmoid
from advisor.risk.recalibration import SHIFT_SD
from advisor.risk.shifts import shifts_of
from tests.support.market import NOW
from tests.support.risk import outcomes_of

KEY = ("aws", "launch_probe", 3600.0)


def outcomes(lost: int, kept: int, *, days_ago: float = 0.0) -> pl.DataFrame:
    """Forecasts of 20 % an hour apart, so that each is an outcome of its own; losses spread."""
    rows = lost + kept
    end = NOW - timedelta(days=days_ago)
    return outcomes_of(
        {
            "issued_at": [end - timedelta(hours=one + 1) for one in range(rows)],
            "outcome": np.diff(np.arange(rows + 1) * lost // max(rows, 1)).astype(np.float64),
        }
    )


def test_forecasts_that_came_true_are_not_shifted() -> None:
    assert shifts_of(outcomes(20, 80), NOW)[KEY] == pytest.approx(0.0, abs=0.05)


def test_too_many_losses_raise_and_too_few_lower_the_level() -> None:
    raised, lowered = (shifts_of(outcomes(lost, 100 - lost), NOW)[KEY] for lost in (60, 2))

    assert 0.2 < raised < 1.8
    assert -1.0 < lowered < -0.2


def test_a_handful_of_outcomes_moves_next_to_nothing() -> None:
    assert 0 < shifts_of(outcomes(2, 0), NOW)[KEY] < SHIFT_SD / 2


def test_what_was_added_before_is_taken_off() -> None:
    rows = outcomes(60, 40)
    moved = sigmoid(logit(np.array([0.2])) + 0.7)[0]
    shifted = rows.with_columns(probability=pl.lit(moved), recalibration=pl.lit(0.7))

    assert shifts_of(shifted, NOW) == pytest.approx(shifts_of(rows, NOW))


def test_overlapping_windows_and_machines_of_one_pool_count_once() -> None:
    once = outcomes(10, 0)
    machines = pl.concat([once.with_columns(subject=pl.lit(f"i-{n}")) for n in range(50)])
    # Issued every minute within the same hours.
    minutes = pl.concat(
        [
            once.with_columns(pl.col("issued_at") + timedelta(minutes=n), pl.col("resolved_at"))
            for n in range(30)
        ]
    )

    assert shifts_of(machines, NOW)[KEY] == pytest.approx(shifts_of(once, NOW)[KEY])
    assert shifts_of(minutes, NOW)[KEY] == pytest.approx(shifts_of(once, NOW)[KEY])


def test_an_outcome_fades_and_is_forgotten() -> None:
    now, old, forgotten = (
        shifts_of(outcomes(20, 0, days_ago=days), NOW)[KEY] for days in (0, 14, 60)
    )

    assert now > old > 0
    assert forgotten == 0


def test_a_forecast_teaches_only_about_what_it_was_made_from() -> None:
    rows = outcomes(60, 40)

    for made_from in ("published_band", "held_instance", None):
        other = rows.with_columns(made_from=pl.lit(made_from, pl.String()))
        assert shifts_of(other, NOW) == {}
    machine = rows.with_columns(made_from=pl.lit("machine"), evidence_kind=pl.lit("machine"))
    assert shifts_of(machine, NOW).keys() == {("aws", "machine", 3600.0)}


def test_clouds_and_horizons_are_apart() -> None:
    raised = outcomes(60, 40)
    lowered = outcomes(2, 98).with_columns(provider=pl.lit("gcp"))
    longer = outcomes(2, 98).with_columns(horizon_seconds=pl.lit(6 * 3600.0))

    found = shifts_of(pl.concat([raised, lowered, longer]), NOW)

    assert found[KEY] > 0
    assert found["gcp", "launch_probe", 3600.0] < 0
    assert found["aws", "launch_probe", 6 * 3600.0] < 0


def test_where_many_outcomes_are_censored_nothing_is_learned() -> None:
    rows = outcomes(60, 40)
    censored = outcomes(0, 30).with_columns(outcome=pl.lit(None, pl.Float64()))

    assert shifts_of(pl.concat([rows, censored]), NOW) == {}
    assert shifts_of(pl.concat([rows, censored.head(20)]), NOW).keys() == {KEY}


def test_without_outcomes_there_are_no_shifts() -> None:
    assert shifts_of(outcomes(1, 0).clear(), NOW) == {}
