"""What goes into a replay and what comes out: traces, a plain forecast, signals, intervals."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.risk.grid import timelines
from advisor.simulation.availability import Availability, Bools, availabilities, steps_left
from advisor.simulation.decayed_rate import decayed_rate
from advisor.simulation.outcomes import difference, relative_difference
from advisor.simulation.rebalance_signal import SignalQuality, rebalance_signals
from advisor.simulation.replay_settings import ReplaySettings, ServingJob, TrainingJob


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def flickering(pools: int, steps: int, seed: int) -> Bools:
    """Pools that go and come as they like: up for an hour and a half, down for an hour, on mean."""
    draws = np.random.default_rng(seed).random((pools, steps))
    up = np.empty((pools, steps), dtype=np.bool_)
    state = np.ones(pools, dtype=np.bool_)
    for step in range(steps):
        state = np.where(state, draws[:, step] > 1 / 18, draws[:, step] < 1 / 12)
        up[:, step] = state
    return up


def ticks(trace_id: str, zone: str, began: datetime, available: list[int]) -> pl.DataFrame:
    """A probe every 5 minutes."""
    count = len(available)
    return pl.DataFrame(
        {
            "trace_id": trace_id,
            "source": "test",
            "probe_kind": "launch_probe",
            "provider": "aws",
            "zone": zone,
            "instance_type": "p3.2xlarge",
            "target_capacity": 1,
            "offset_s": [300.0 * tick for tick in range(count)],
            "ts_utc": [began + timedelta(minutes=5 * tick) for tick in range(count)],
            "available": available,
        }
    )


def test_a_timeline_becomes_one_stretch_for_each_time_it_was_watched() -> None:
    began = datetime(2023, 2, 15, tzinfo=UTC)
    later = began + timedelta(days=2)
    rows = [
        ticks("first/a", "us-east-1a", began, [1, 1, 0]),
        ticks("first/b", "us-east-1b", began, [0, 1]),
        ticks("second/a", "us-east-1a", later, [0, 1]),
    ]

    first, second = availabilities(timelines(pl.concat(rows))[0])

    assert first.pools == ("us-east-1a/p3.2xlarge", "us-east-1b/p3.2xlarge")
    assert first.up.tolist() == [[True, True, False], [False, True, False]]
    assert second.up.tolist() == [[False, True], [False, False]]


def test_pools_can_be_chosen_and_time_cut_off() -> None:
    whole = Availability(("A", "B"), np.array([[True, False], [False, True]]))

    assert whole.only(["B"]).up.tolist() == [[False, True]]
    assert whole.until(1).up.tolist() == [[True], [False]]
    assert whole.day.tolist() == [0, 0]


def test_a_trace_must_have_a_row_for_each_pool() -> None:
    with pytest.raises(ValueError, match="for 2 pools"):
        Availability(("A", "B"), np.ones((1, 3), dtype=np.bool_))


def test_steps_left_end_with_a_loss_but_not_with_the_trace() -> None:
    up = np.array([[True, True, False, True]])

    assert steps_left(up).tolist() == [[2, 1, 0, 5]]


def test_the_decayed_rate_follows_what_was_lost_of_late() -> None:
    up = np.ones((2, 600), dtype=np.bool_)
    up[0, 24:36:2] = False

    forecast = decayed_rate(up)

    assert np.isnan(forecast[60][:, :6]).all(), "no hour has been seen yet"
    assert forecast[15][0, 40] > 3 * forecast[15][1, 40]
    assert forecast[60][0, 599] < forecast[60][0, 40] / 5, "two days later it is forgotten"
    assert (forecast[15][:, 7:] <= forecast[60][:, 7:]).all()
    never = decayed_rate(up, half_life=None)
    assert never[60][0, 599] > forecast[60][0, 599], "the rate of all time is not"


@given(st.integers(0, 300), st.integers(0, 1000))
def test_the_decayed_rate_knows_nothing_of_later(cut: int, seed: int) -> None:
    up = flickering(3, 300, seed)
    other = up.copy()
    other[:, cut:] = ~up[:, cut:]

    before, after = decayed_rate(up)[60][:, :cut], decayed_rate(other)[60][:, :cut]

    np.testing.assert_array_equal(before, after)


def test_signals_are_as_unsure_as_they_are_said_to_be() -> None:
    up = flickering(6, 8640, seed=1)
    quality = SignalQuality()
    left = steps_left(up)

    signals = rebalance_signals(up, quality, rng())

    lead = 3
    assert not (signals & ~up).any()
    right = signals & (left <= lead)
    assert right.sum() / signals.sum() == pytest.approx(0.30, abs=0.01)
    assert right.sum() / (left == 1).sum() == pytest.approx(0.60, abs=0.03)


def test_a_perfect_signal_has_no_false_alarm() -> None:
    up = flickering(2, 500, seed=2)

    signals = rebalance_signals(up, SignalQuality(precision=1, recall=1), rng())

    assert (steps_left(up)[signals] <= 3).all()
    assert signals.sum() == (steps_left(up) == 1).sum()


def test_a_difference_comes_with_its_interval() -> None:
    other = rng().uniform(50, 150, size=60)
    one = 0.8 * other

    low, middle, high = relative_difference(one, other, rng=rng())

    assert (low, middle, high) == pytest.approx((-0.2, -0.2, -0.2))
    low, middle, high = difference(one, other, rng=rng())
    assert middle == pytest.approx(-0.2 * other.mean())
    assert low < middle < high
    wide = difference(one, other, rng=rng(), block_days=10)
    assert wide[1] == pytest.approx(middle)


def test_what_cannot_be_told_is_nan() -> None:
    day = np.array([1.0])

    assert np.isnan(relative_difference(day, 0 * day, rng=rng())).all()
    assert np.isnan(difference(day, day, rng=rng())).tolist() == [True, False, True]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="start at 1"):
        ServingJob(replicas=0)
    with pytest.raises(ValueError, match="notice"):
        ServingJob(notice=timedelta(hours=1))
    with pytest.raises(ValueError, match="on_demand_ratio"):
        ServingJob(on_demand_ratio=0)
    with pytest.raises(ValueError, match="checkpoint"):
        TrainingJob(checkpoint_cost=timedelta(0))
    with pytest.raises(ValueError, match="restart"):
        TrainingJob(restart=-timedelta(minutes=1))
    with pytest.raises(ValueError, match="probabilities"):
        ReplaySettings(target=1.1)
    with pytest.raises(ValueError, match="spares"):
        ReplaySettings(most_spare=-1)
    with pytest.raises(ValueError, match="prices"):
        ReplaySettings(prices=(1.0, 0.0))
    with pytest.raises(ValueError, match="shares"):
        SignalQuality(precision=0)
