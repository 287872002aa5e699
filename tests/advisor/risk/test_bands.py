"""Forecasts from a published band: constant in time, wide, and wider with age."""

import json
from datetime import timedelta

import numpy as np
import pytest

from advisor import Hazard, published_hazards
from advisor.risk.bands import band_log_hazard, stated_by_bands
from tests.support.market import NOW, a_pool, a_signal
from warehouse.records import Signal


def hazard(signal: Signal) -> Hazard:
    return published_hazards([signal.pool], [signal])[signal.pool]


def test_a_band_is_the_baseline_and_nothing_drives_it() -> None:
    band = hazard(a_signal(0.05, 0.10))

    said = stated_by_bands([a_pool()], {a_pool(): band}, NOW)

    hours = np.array([0.25, 1, 6, 24])
    assert said.forecasts.probability[:, 0] == pytest.approx(1 - np.exp(-band.per_hour * hours))
    assert said.made_from == "published_band"
    assert said.grades.to_list() == ["prior"]
    told = json.loads(said.drivers[1].as_json()[0])
    risk = said.forecasts.probability[1, 0]
    assert told["baseline"] == pytest.approx(np.log(risk / (1 - risk)))
    assert told["drivers"] == [
        {"name": "published_band", "logit": 0.0, "text": "published band 5-10%"}
    ]


def test_the_interval_of_an_open_band_reaches_what_was_measured_in_it() -> None:
    open_band = hazard(a_signal(0.20, None))

    middle, spread = band_log_hazard(open_band, NOW)

    assert open_band.per_hour < np.exp(middle) < 1.7
    assert middle + 1.96 * spread == pytest.approx(np.log(1.7))
    assert spread > 2 > band_log_hazard(hazard(a_signal(0.05, 0.10)), NOW)[1]


def test_a_band_of_last_month_is_less_sure_than_one_of_today() -> None:
    signals = [a_signal(observed_at=NOW - timedelta(days=days)) for days in (0, 29, 365)]

    spreads = [band_log_hazard(hazard(one), NOW)[1] for one in signals]

    assert spreads == pytest.approx([1.28, np.sqrt(1.28**2 + 0.35), np.sqrt(1.28**2 + 0.83)])


def test_a_published_rate_of_zero_is_a_small_risk_and_not_none() -> None:
    nothing = hazard(a_signal(0.0, 0.0))

    middle, _ = band_log_hazard(nothing, NOW)

    assert nothing.per_hour == 0
    assert np.exp(middle) == pytest.approx(0.005 / 730, rel=0.01)
