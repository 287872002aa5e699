"""How many spares to hold, and how often to save."""

import math
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from advisor.risk.headroom import (
    TargetOutOfReachError,
    checkpoint_interval,
    headroom,
    probability_covered,
    safest_places,
    spares_needed,
    survivors,
)
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.interpolation import LeadTimeError, pools_lost_within
from warehouse.records import Pool

A, B, C = (Pool("aws", "us-east-1", f"use1-az{place}", "p3.2xlarge") for place in (1, 2, 4))
MINUTE = timedelta(minutes=1)

probabilities = st.floats(0, 1)
fleets = st.lists(st.tuples(st.integers(0, 4), probabilities), min_size=1, max_size=5)


def by_enumeration(replicas: list[int], lost: list[float], needed: int) -> float:
    """P(at least ``needed`` remain), by going through every set of pools that is lost."""
    covered = 0.0
    for gone in product((True, False), repeat=len(replicas)):
        chance = math.prod(p if is_lost else 1 - p for is_lost, p in zip(gone, lost, strict=True))
        left = sum(size for is_lost, size in zip(gone, replicas, strict=True) if not is_lost)
        covered += chance if left >= needed else 0.0
    return covered


@given(fleets, st.integers(0, 12))
def test_the_probability_is_that_of_every_set_of_lost_pools(
    fleet: list[tuple[int, float]], needed: int
) -> None:
    replicas, lost = [size for size, _ in fleet], [p for _, p in fleet]

    expected = by_enumeration(replicas, lost, needed)

    assert probability_covered(replicas, lost, needed) == pytest.approx(expected, abs=1e-12)
    assert math.fsum(survivors(replicas, lost)) == pytest.approx(1)


def test_a_pool_is_lost_as_a_whole() -> None:
    assert survivors([3], [0.1]) == pytest.approx([0.1, 0, 0, 0.9])
    assert survivors([1, 2], [0.1, 0.5]) == pytest.approx([0.05, 0.45, 0.05, 0.45])


def test_one_spare_covers_the_loss_of_one_replica() -> None:
    held = {A: 1, B: 1, C: 0}
    lost = dict.fromkeys((A, B, C), 0.1)

    # Two of two: 0.81. Two of three: 0.729 + 3 x 0.081 = 0.972. Of 2, 1, 1: 0.9 + 0.1 x 0.81.
    assert spares_needed(held, 2, lost, 0.81 - 1e-9) == 0
    assert spares_needed(held, 2, lost, 0.97) == 1
    assert spares_needed(held, 2, lost, 0.98) == 2
    assert spares_needed(held, 2, lost, 0.985) == 3


def test_replicas_already_held_count_as_spares() -> None:
    assert spares_needed({A: 2, B: 2}, 2, {A: 0.1, B: 0.1}, 0.99) == 0


def test_a_pool_of_unknown_risk_is_taken_for_lost() -> None:
    held = {A: 2, B: 1}

    assert spares_needed(held, 2, {A: 0.01}, 0.98) == 0
    with pytest.raises(
        TargetOutOfReachError, match=r"32 spare replicas reach .* 0\.99, not 0\.999"
    ):
        spares_needed(held, 2, {A: 0.01, B: math.nan}, 0.999)
    assert spares_needed(held, 2, {A: 0.01}, 0.999, unknown=0.01) == 1


def test_a_target_out_of_reach_says_what_can_be_reached() -> None:
    with pytest.raises(TargetOutOfReachError) as caught:
        spares_needed({A: 1}, 1, {A: 0.25}, 0.9, most=3)

    assert caught.value.reached == pytest.approx(0.75)
    assert "3 spare replicas" in str(caught.value)


def test_spares_go_where_they_are_told_to() -> None:
    held, lost = {A: 1}, {A: 0.5, B: 0.01}

    assert spares_needed(held, 1, lost, 0.99, places=[B]) == 1
    with pytest.raises(TargetOutOfReachError):
        spares_needed(held, 1, lost, 0.99, places=[A, A])


def test_without_a_pool_nothing_is_covered() -> None:
    assert spares_needed({}, 0, {}, 1.0) == 0
    with pytest.raises(TargetOutOfReachError):
        spares_needed({}, 1, {}, 0.5)
    assert safest_places({}, {}, 3) == []


@pytest.mark.parametrize(
    ("held", "needed", "lost", "target"),
    [
        ({A: -1}, 1, {A: 0.1}, 0.9),
        ({A: 1}, -1, {A: 0.1}, 0.9),
        ({A: 1}, 1, {A: 1.1}, 0.9),
        ({A: 1}, 1, {A: 0.1}, 0.0),
        ({A: 1}, 1, {A: 0.1}, 1.1),
    ],
)
def test_numbers_out_of_range_are_refused(
    held: dict[Pool, int], needed: int, lost: dict[Pool, float], target: float
) -> None:
    with pytest.raises(ValueError, match=r"probability|counted from 0"):
        spares_needed(held, needed, lost, target)


def spares_or_more(
    held: dict[Pool, int], needed: int, lost: dict[Pool, float], target: float
) -> float:
    """The answer, and infinity where there is none."""
    try:
        return spares_needed(held, needed, lost, target, most=8)
    except TargetOutOfReachError:
        return math.inf


hundredths = st.integers(0, 100).map(lambda value: value / 100)
held_replicas = st.fixed_dictionaries({pool: st.integers(0, 3) for pool in (A, B, C)})
lost_pools = st.fixed_dictionaries(dict.fromkeys((A, B, C), hundredths))
targets = st.integers(1, 999).map(lambda value: value / 1000 + 1e-7)


@given(held_replicas, st.integers(0, 6), lost_pools, targets, hundredths)
def test_a_higher_probability_never_asks_for_fewer_spares(
    held: dict[Pool, int], needed: int, lost: dict[Pool, float], target: float, higher: float
) -> None:
    assume(higher >= lost[B])

    worse = {**lost, B: higher}

    assert spares_or_more(held, needed, lost, target) <= spares_or_more(held, needed, worse, target)


@given(held_replicas, st.integers(0, 6), lost_pools, targets, targets)
def test_a_higher_target_never_asks_for_fewer_spares(
    held: dict[Pool, int], needed: int, lost: dict[Pool, float], one: float, other: float
) -> None:
    low, high = sorted((one, other))

    assert spares_or_more(held, needed, lost, low) <= spares_or_more(held, needed, lost, high)


FORECASTS = {
    A: {15: 0.1, 60: 0.19, 360: 0.5, 1440: 0.9},
    B: {15: 0.1, 60: 0.19, 360: 0.5, 1440: 0.9},
    C: {15: 0.1, 60: 0.19, 360: 0.5, 1440: 0.9},
}


def test_a_longer_cold_start_asks_for_more_spares() -> None:
    held = {A: 1, B: 1, C: 0}

    # At 15 minutes two of two outlast it with 0.81, two of three with 0.972. At an hour all of
    # three with 0.531, two of three with 0.531 + 3 x 0.19 x 0.656 = 0.905.
    assert headroom(held, 2, 15 * MINUTE, 0.97, forecasts=FORECASTS) == 1
    assert headroom(held, 2, 60 * MINUTE, 0.90, forecasts=FORECASTS) == 1
    assert headroom(held, 2, 60 * MINUTE, 0.92, forecasts=FORECASTS) == 2


def test_a_cold_start_of_no_time_needs_no_spare() -> None:
    assert headroom({A: 2}, 2, 0 * MINUTE, 1.0, forecasts=FORECASTS) == 0


def test_a_pool_without_a_forecast_counts_for_nothing() -> None:
    forecasts = {A: {15: 0.01}, B: {}}

    assert headroom({A: 2, B: 1}, 2, 15 * MINUTE, 0.98, forecasts=forecasts) == 0
    assert headroom({B: 1, A: 1}, 2, 15 * MINUTE, 0.98, forecasts=forecasts, places=[A]) == 1
    with pytest.raises(TargetOutOfReachError, match=r"reach .* 0, not 0\.98"):
        headroom({B: 1}, 1, 15 * MINUTE, 0.98, forecasts=forecasts)


def test_a_cold_start_beyond_the_longest_horizon_is_refused() -> None:
    with pytest.raises(LeadTimeError, match=r"1500 minutes ahead: the longest horizon is 1440"):
        headroom({A: 1}, 1, timedelta(hours=25), 0.9, forecasts=FORECASTS)


rising = st.lists(hundredths, min_size=4, max_size=4).map(sorted)


@given(
    held_replicas,
    st.integers(0, 6),
    st.fixed_dictionaries(dict.fromkeys((A, B, C), rising)),
    targets,
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)).map(sorted),
)
def test_a_longer_cold_start_never_asks_for_fewer_spares(
    held: dict[Pool, int],
    needed: int,
    risks: dict[Pool, list[float]],
    target: float,
    leads: list[int],
) -> None:
    forecasts: dict[Pool, dict[int, float]] = {
        pool: dict(zip(HORIZONS_MINUTES, risk, strict=True)) for pool, risk in risks.items()
    }
    short, long = (
        spares_or_more(held, needed, pools_lost_within(forecasts, minutes * MINUTE), target)
        for minutes in leads
    )

    assert short <= long


def test_spares_go_to_safe_pools_but_not_all_to_one() -> None:
    lost = {A: 0.01, B: 0.02, C: 0.5}

    assert safest_places({A: 0, B: 0, C: 0}, lost, 4) == [A, B, A, A]
    assert safest_places({A: 0, B: 0}, {B: 0.9}, 1) == [B]


def expected_hours(interval_h: float, cost_h: float, mean_h: float) -> float:
    """Time per hour of work under a constant hazard, without the restart (Daly's model)."""
    return mean_h * math.expm1((interval_h + cost_h) / mean_h) / interval_h


@given(st.floats(0.01, 10), st.floats(0.5, 30))
def test_no_other_interval_costs_much_less(hazard_per_hour: float, cost_minutes: float) -> None:
    cost = cost_minutes * MINUTE
    assume(cost_minutes / 60 < 0.5 / hazard_per_hour)

    chosen_h = checkpoint_interval(hazard_per_hour, cost) / timedelta(hours=1)

    best = min(
        expected_hours(chosen_h * 1.1**power, cost_minutes / 60, 1 / hazard_per_hour)
        for power in range(-25, 25)
    )
    assert expected_hours(chosen_h, cost_minutes / 60, 1 / hazard_per_hour) <= best * 1.002


def test_the_interval_is_near_youngs_for_a_cheap_checkpoint() -> None:
    interval = checkpoint_interval(0.1, timedelta(seconds=36))

    # Young: sqrt(2 x 0.01 h x 10 h) = 0.447 h; Daly adds 0.003 h and takes off the cost.
    assert interval / timedelta(hours=1) == pytest.approx(0.4406, abs=1e-3)


def test_the_interval_is_the_mean_time_where_saving_costs_more_than_it_saves() -> None:
    assert checkpoint_interval(4.0, timedelta(hours=1)) == timedelta(minutes=15)


def test_without_hazard_the_job_still_saves_once_a_day() -> None:
    assert checkpoint_interval(0.0, MINUTE) == timedelta(days=1)
    assert checkpoint_interval(5e-324, MINUTE) == timedelta(days=1)
    assert checkpoint_interval(1e-3, MINUTE, longest=timedelta(hours=2)) == timedelta(hours=2)


@given(st.floats(1e-6, 20), st.floats(1e-6, 20))
def test_a_higher_hazard_never_saves_less_often(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assume(high * MINUTE.total_seconds() / 3600 < 1)

    assert checkpoint_interval(high, MINUTE) <= checkpoint_interval(low, MINUTE)


@pytest.mark.parametrize(
    ("hazard", "cost"), [(-0.1, MINUTE), (math.nan, MINUTE), (math.inf, MINUTE), (0.1, 0 * MINUTE)]
)
def test_an_unknown_hazard_or_a_free_checkpoint_is_refused(hazard: float, cost: timedelta) -> None:
    with pytest.raises(ValueError, match=r"finite number|above 0"):
        checkpoint_interval(hazard, cost)
