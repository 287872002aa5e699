"""Plain forecasts that the model must beat, on numbers small enough to check."""

import numpy as np
import pytest

from advisor.risk.baselines import (
    BASELINES,
    REFERENCE,
    age_curve_frailty,
    global_rate,
    logistic,
    pool_constant,
    pool_gamma_poisson,
)
from advisor.risk.dataset import Samples, samples
from advisor.risk.horizons import HORIZONS_MINUTES
from tests.support.ticks import random_states, ticks_of


@pytest.fixture(scope="module")
def rows() -> Samples:
    """Three days of three zones."""
    return samples(ticks_of(random_states(3, 12 * 24 * 3, drop_per_hour=0.5, seed=8)))


def test_every_baseline_gives_a_probability_of_every_row(rows: Samples) -> None:
    assert REFERENCE in BASELINES
    for name, make in BASELINES.items():
        predict = make(rows)
        for place in range(len(HORIZONS_MINUTES)):
            said = predict(rows, place)
            assert said.shape == (rows.rows,), name
            assert ((said >= 0) & (said <= 1)).all(), name


def test_the_global_rate_is_the_share_of_windows_that_were_lost() -> None:
    up = np.ones(24, dtype=np.bool_)
    up[10] = False
    found = samples(ticks_of({"us-east-1a": up}))

    # Of 20 windows of 15 minutes that had ended, three reach the one loss.
    assert global_rate(found)(found, 0)[0] == pytest.approx(3 / 20)
    assert global_rate(found)(found, 3)[0] == 0.5


def test_a_new_pool_gets_the_global_rate(rows: Samples) -> None:
    known = rows.take(rows.pool != 0)

    said = pool_constant(known)(rows, 1)

    assert said[rows.pool == 0] == pytest.approx(global_rate(known)(rows, 1)[0])
    assert np.unique(said[rows.pool != 0]).size == 2


def test_risk_at_a_constant_rate_grows_with_the_horizon(rows: Samples) -> None:
    predict = pool_gamma_poisson(rows)

    assert predict(rows, 1) == pytest.approx(1 - (1 - predict(rows, 0)) ** 4)


def test_a_pool_with_more_losses_than_its_ages_explain_is_riskier(rows: Samples) -> None:
    said = age_curve_frailty(rows)(rows, 1)
    drops, hours = rows.evidence.history.drops[-1], rows.evidence.history.up_hours[-1]
    young = (rows.evidence.history.age < 0.1) & (hours > 24)

    rate = drops[young] / hours[young]

    assert np.corrcoef(rate, said[young])[0, 1] > 0.5


def test_a_row_with_an_unknown_column_is_neither_learned_from_nor_forecast(rows: Samples) -> None:
    column = rows.evidence.history.age.copy()
    unknown = np.arange(rows.rows) % 2 == 0
    column[unknown] = np.nan
    table = column[:, None]

    said = logistic(rows, lambda _: table)(rows, 0)
    alone = logistic(rows.take(~unknown), lambda _: table[~unknown])(rows.take(~unknown), 0)

    assert np.isnan(said[unknown]).all()
    assert said[~unknown] == pytest.approx(alone)
