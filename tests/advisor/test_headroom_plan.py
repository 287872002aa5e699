"""Spares by forecast beside static rules: no more than needed, and never counted on the unknown."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.hazards import Hazard
from advisor.headroom import NoReplicasError, Workload, lost_within, plan_headroom
from advisor.published_risk import hazard_of
from advisor.risk.headroom import probability_covered, safest_places
from tests.support.market import a_pool, a_signal
from tests.support.ranking import a_forecast
from warehouse.records import Pool

POOLS = [a_pool(zone=f"use1-az{number}") for number in range(1, 4)]
PRICES = {pool: 1.0 + place for place, pool in enumerate(POOLS)}


def held(replicas: tuple[int, ...], needed: int, minutes: int = 15) -> Workload:
    return Workload(
        dict(zip(POOLS, replicas, strict=False)), needed, timedelta(minutes=minutes), PRICES
    )


def forecasts(*per_hour: float) -> dict[Pool, list[Hazard]]:
    return {
        pool: [a_forecast(one, 15), a_forecast(one, 60)]
        for pool, one in zip(POOLS, per_hour, strict=False)
    }


def test_a_calm_hour_needs_no_spare_and_a_bad_one_several() -> None:
    calm = plan_headroom(held((2, 2, 2), 6), forecasts(0.001, 0.001, 0.001), 0.99)
    bad = plan_headroom(held((2, 2, 2), 6), forecasts(1.0, 0.5, 0.001), 0.99)

    assert calm.by_forecast is not None
    assert bad.by_forecast is not None
    assert calm.by_forecast.spares == 0
    assert bad.by_forecast.spares == 4
    assert bad.by_forecast.covered >= 0.99
    assert [one.covered < 0.99 for one in bad.static] == [True, True, True]


def test_spares_go_to_the_safe_pools_and_cost_their_price() -> None:
    plan = plan_headroom(held((2, 2, 2), 6), forecasts(1.0, 0.5, 0.001), 0.99)

    assert plan.by_forecast is not None
    assert plan.by_forecast.places == {POOLS[2]: 4}
    assert plan.by_forecast.usd_per_hour == 4 * PRICES[POOLS[2]]


def test_a_pool_of_unknown_risk_is_counted_as_lost_and_named() -> None:
    plan = plan_headroom(held((1, 1), 1), forecasts(0.001), 0.9)

    assert plan.unknown == (POOLS[1],)
    assert plan.by_forecast is not None
    assert plan.by_forecast.covered < 1
    assert plan.static[0].covered == pytest.approx(plan.by_forecast.covered)


def test_a_target_out_of_reach_is_said_and_the_static_rules_stand() -> None:
    plan = plan_headroom(held((1,), 1), forecasts(2.0), 0.9999)

    assert plan.by_forecast is None
    assert plan.out_of_reach is not None
    assert "add pools" in str(plan.out_of_reach)
    assert len(plan.static) == 3


def test_an_unknown_price_makes_the_cost_unknown_and_not_zero() -> None:
    workload = Workload({POOLS[0]: 2}, 2, timedelta(minutes=15), {})

    rules = plan_headroom(workload, forecasts(0.001), 0.9).static

    assert [one.usd_per_hour for one in rules] == [0.0, None, None]


def test_without_a_pool_there_is_nothing_to_plan() -> None:
    with pytest.raises(NoReplicasError, match="name at least one pool"):
        plan_headroom(Workload({}, 1, timedelta(minutes=5), {}), {}, 0.9)


def test_a_published_rate_holds_for_any_lead_time() -> None:
    band = hazard_of(a_signal(0.05, 0.10))

    found = lost_within({POOLS[0]: [band]}, timedelta(hours=730))

    assert found[POOLS[0]] == pytest.approx(0.075)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(0.001, 2), min_size=3, max_size=3),
    st.lists(st.integers(0, 4), min_size=3, max_size=3),
    st.integers(1, 8),
    st.sampled_from([0.8, 0.95, 0.999]),
)
def test_one_spare_less_would_miss_the_target(
    risks: list[float], replicas: list[int], needed: int, target: float
) -> None:
    workload = held((replicas[0], replicas[1], replicas[2]), needed)

    plan = plan_headroom(workload, forecasts(*risks), target)

    chosen = plan.by_forecast
    if chosen is None:
        return
    assert chosen.covered >= target
    assert 0 <= chosen.short <= needed
    assert (chosen.spares == 0) == (plan.static[0].covered >= target)
    if chosen.spares:
        order = safest_places(workload.replicas, plan.lost_within, chosen.spares)
        fewer = Counter({pool: workload.replicas[pool] for pool in POOLS}) + Counter(order[:-1])
        lost = [plan.lost_within[pool] for pool in POOLS]
        assert probability_covered([fewer[pool] for pool in POOLS], lost, needed) < target
