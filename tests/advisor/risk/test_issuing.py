"""What live signals and earlier outcomes add is stored, told, and can be taken off again."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.risk.drivers import Drivers
from advisor.risk.hazard import Forecasts
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.issuing import COLUMNS, Shifts, Stated, issued, pools_frame
from advisor.risk.logistic import logit, sigmoid
from advisor.risk.signal_conversions import Coefficient
from advisor.risk.signal_offsets import SIGNALS, Offsets, readings_of
from tests.support.market import NOW, a_pool

SAID = np.array([0.05, 0.2, 0.5, 0.8])


def stated(said: np.ndarray[tuple[int], np.dtype[np.float64]] = SAID) -> Stated:
    """One pool of AWS, forecast from launch probes, with an interval of 0.5 to either side."""
    middle = logit(said)[:, None]
    return Stated(
        pools=pools_frame([a_pool()]),
        made_from="launch_probe",
        forecasts=Forecasts(said[:, None], sigmoid(middle - 0.5), sigmoid(middle + 0.5)),
        grades=pl.Series(["learning"]),
        evidence_until=pl.Series([NOW]),
        drivers=tuple(Drivers.of(np.zeros(1), {"age": one}) for one in middle),
    )


def rows(
    said: Stated, *, shifts: Shifts | None = None, offsets: Offsets | None = None, score: float = 0
) -> pl.DataFrame:
    """What is issued, with a placement score if one is given."""
    given = [("aws", "us-east-1", "*", "g5.xlarge", "aws.spot_placement_score", score, NOW)]
    signals = pl.DataFrame(given[: bool(score)], schema=SIGNALS, orient="row")
    return issued(
        said,
        readings_of(said.pools, signals, NOW),
        version="m1",
        now=NOW,
        shifts=shifts or {},
        offsets=offsets or {},
    )


def shift(*added: float) -> Shifts:
    return {
        ("aws", "launch_probe", 60.0 * minutes): one
        for minutes, one in zip(HORIZONS_MINUTES, added, strict=True)
    }


def sums(frame: pl.DataFrame) -> list[float]:
    told = [json.loads(one) for one in frame["drivers"]]
    return [
        one["baseline"] + sum(share["logit"] for share in one["drivers"]) + one["others"]
        for one in told
    ]


def test_without_signals_and_outcomes_it_is_what_the_model_says() -> None:
    found = rows(stated())

    assert tuple(found.columns) == COLUMNS
    assert found["probability"].to_list() == pytest.approx(SAID.tolist())
    assert found["probability_low"].to_list() == pytest.approx(sigmoid(logit(SAID) - 0.5).tolist())
    assert found["recalibration"].to_list() == [0.0] * 4
    assert found["signals"].null_count() == 4
    assert found["horizon_seconds"].to_list() == [60.0 * one for one in HORIZONS_MINUTES]


def test_a_shift_moves_forecast_and_interval_and_is_told() -> None:
    found = rows(stated(), shifts=shift(0.25, 0.25, 0.25, 0.25))

    expected = logit(SAID) + 0.25
    assert found["probability"].to_list() == pytest.approx(sigmoid(expected).tolist())
    assert found["probability_high"].to_list() == pytest.approx(sigmoid(expected + 0.5).tolist())
    assert found["recalibration"].to_list() == pytest.approx([0.25] * 4)
    told = json.loads(found["drivers"][0])["drivers"]
    assert ("recalibration", "what became of earlier forecasts") in {
        (one["name"], one["text"]) for one in told
    }


def test_a_shift_is_of_its_cloud_and_kind_only() -> None:
    others = {("gcp", "launch_probe", 3600.0): 1.0, ("aws", "machine", 3600.0): 1.0}

    assert rows(stated(), shifts=others)["recalibration"].to_list() == [0.0] * 4


def test_an_unfitted_signal_widens_the_interval_and_moves_nothing() -> None:
    without, found = rows(stated()), rows(stated(), score=1)

    assert found["probability"].to_list() == pytest.approx(without["probability"].to_list())
    assert (found["probability_low"] < without["probability_low"]).all()
    assert (found["probability_high"] > without["probability_high"]).all()
    assert json.loads(found["signals"][0]) == {"added": 0.0, "placement_score": 1.0}
    told = [one["text"] for one in json.loads(found["drivers"][0])["drivers"]]
    assert told[-1] == "placement score 1 of 10 (unfitted)"


small = st.floats(-1.5, 1.5)


@given(
    said=st.lists(st.floats(0.001, 0.999), min_size=4, max_size=4).map(sorted),
    added=st.tuples(small, small, small, small),
    fitted=st.tuples(small, small, small, small),
)
def test_drivers_sum_horizons_rise_and_what_was_added_comes_off(
    said: list[float], added: tuple[float, ...], fitted: tuple[float, ...]
) -> None:
    offsets = {
        ("placement_score", "launch_probe", 60.0 * minutes): Coefficient(mean, 0.1, 40)
        for minutes, mean in zip(HORIZONS_MINUTES, fitted, strict=True)
    }
    plain = stated(np.array(said))

    found = rows(plain, shifts=shift(*added), offsets=offsets, score=1)
    unshifted = rows(plain, offsets=offsets, score=1)

    log_odds = logit(found["probability"].to_numpy())
    assert sums(found) == pytest.approx(log_odds.tolist(), abs=1e-9)
    assert (np.diff(log_odds) >= -1e-12).all()
    before = log_odds - found["recalibration"].to_numpy()
    assert before == pytest.approx(logit(unshifted["probability"].to_numpy()), abs=1e-9)
    assert found.filter(pl.col("probability_low") > pl.col("probability")).is_empty()
    assert found.filter(pl.col("probability_high") < pl.col("probability")).is_empty()
