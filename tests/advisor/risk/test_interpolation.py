"""The risk within a lead time that is no horizon."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.risk.interpolation import LeadTimeError, pools_lost_within, risk_within
from warehouse.records import Pool

MINUTE = timedelta(minutes=1)
FORECAST = {15: np.array([0.1]), 60: np.array([0.271])}
POOL = Pool("aws", "us-east-1", "use1-az1", "p3.2xlarge")


@pytest.mark.parametrize(
    ("minutes", "risk"),
    [
        (0, 0.0),
        (5, 1 - 0.9 ** (1 / 3)),
        (15, 0.1),
        # Survival falls from 0.9 to 0.729 in 45 minutes: by a tenth in each half of them.
        (37.5, 0.19),
        (60, 0.271),
    ],
)
def test_between_two_horizons_the_hazard_is_constant(minutes: float, risk: float) -> None:
    assert risk_within(FORECAST, minutes * MINUTE) == pytest.approx(risk)


def test_a_longer_horizon_never_has_less_risk() -> None:
    crossing = {15: np.array([0.3]), 60: np.array([0.2]), 360: np.array([0.1])}

    assert risk_within(crossing, 200 * MINUTE) == pytest.approx(0.3)


def test_what_is_not_known_stays_unknown() -> None:
    given = {15: np.array([np.nan, 0.1]), 60: np.array([0.2, np.nan])}

    assert np.isnan(risk_within(given, 15 * MINUTE)).tolist() == [True, False]
    assert np.isnan(risk_within(given, 30 * MINUTE)).all()
    assert risk_within(given, 60 * MINUTE)[0] == pytest.approx(0.2)
    assert math.isnan(pools_lost_within({POOL: {}}, 15 * MINUTE)[POOL])


def test_a_certain_loss_is_certain_at_once() -> None:
    sure = {15: np.array([1.0]), 60: np.array([1.0])}

    assert risk_within(sure, MINUTE) == pytest.approx(1.0)
    assert risk_within(sure, 0 * MINUTE) == pytest.approx(0.0)


def test_beyond_the_longest_horizon_nothing_is_said() -> None:
    with pytest.raises(LeadTimeError, match="61 minutes ahead: the longest horizon is 60"):
        risk_within(FORECAST, 61 * MINUTE)
    with pytest.raises(LeadTimeError):
        pools_lost_within({POOL: {15: 0.1}}, 16 * MINUTE)


def test_the_past_and_what_is_no_probability_are_refused() -> None:
    with pytest.raises(ValueError, match="lies in the past"):
        risk_within(FORECAST, -MINUTE)
    with pytest.raises(ValueError, match="within 15 minutes"):
        risk_within({15: np.array([1.1])}, MINUTE)


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.floats(0, 1440),
    st.floats(0, 1440),
)
def test_the_risk_never_falls_with_the_lead_time(
    risks: list[float], one: float, other: float
) -> None:
    forecast = {
        horizon: np.array([risk]) for horizon, risk in zip((15, 60, 360, 1440), risks, strict=True)
    }
    short, long = sorted((one, other))

    before, after = (risk_within(forecast, minutes * MINUTE) for minutes in (short, long))

    assert 0 <= before[0] <= after[0] + 1e-12 <= 1 + 1e-12
