"""The arrays say what the records say, one by one."""

import math
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor import Demand, Policy, Universe, Work, rank_in
from advisor.offerings import on_demand
from tests.support.market import a_pool, a_shape, an_offering
from tests.support.ranking import (
    WINDOWS,
    a_forecast,
    demands,
    markets,
    one_offering,
    policies,
)
from warehouse.records import Offering


@settings(deadline=None)
@given(markets, demands, policies)
def test_what_is_left_out_is_what_the_demand_and_the_policy_say_of_each_offering(
    market: list[Offering], demand: Demand, policy: Policy
) -> None:
    universe = Universe(market, {})

    rows, left_out = universe.fitting(demand, policy)

    fit = [
        one
        for one in universe.offerings
        if not demand.unmet_by(one.instance_type) and not policy.refuses(one)
    ]
    assert [universe.offerings[row] for row in rows] == fit
    assert sum(left_out.values()) == len(market) - len(fit)


@settings(deadline=None)
@given(markets, demands, st.lists(st.floats(0.001, 2), min_size=12, max_size=12))
def test_every_cost_is_the_price_and_the_hazard_of_the_window_that_reaches(
    market: list[Offering], demand: Demand, risks: list[float]
) -> None:
    hazards = {
        one.pool: [a_forecast(risk * (1 + place), window) for place, window in enumerate(WINDOWS)]
        for one, risk in zip(market, risks, strict=False)
    }
    ahead = demand.looks_ahead("aws") / timedelta(minutes=1)
    reached = next((window for window in WINDOWS if window >= ahead), WINDOWS[-1])

    for one in rank_in(Universe(market, hazards), demand, Policy()).ranked:
        usd = one.offering.usd_per_hour
        assert one.hazard is not None
        assert one.hazard.horizon == timedelta(minutes=reached)
        if usd is None:
            assert one.cost_usd_per_hour is None
            continue
        loss = usd * 0.25 + demand.interruption_cost_usd
        assert one.cost_usd_per_hour is not None
        assert math.isclose(one.cost_usd_per_hour, usd + one.hazard.per_hour * loss)
        assert one.cost_low_usd_per_hour is not None
        assert one.cost_high_usd_per_hour is not None
        assert one.cost_low_usd_per_hour <= one.cost_usd_per_hour <= one.cost_high_usd_per_hour


@settings(deadline=None)
@given(markets, demands, st.lists(st.none() | st.floats(0.001, 2), min_size=12, max_size=12))
def test_a_place_lies_between_the_best_and_the_worst_that_the_intervals_allow(
    market: list[Offering], demand: Demand, risks: list[float | None]
) -> None:
    pairs = zip(market, risks, strict=False)
    hazards = {one.pool: [a_forecast(risk, 1440)] for one, risk in pairs if risk is not None}

    ranked = rank_in(Universe(market, hazards), demand, Policy()).ranked

    known = [one for one in ranked if one.cost_usd_per_work is not None]
    for one in known:
        assert one.rank_best is not None
        assert one.rank_worst is not None
        assert one.rank_best <= one.rank <= one.rank_worst <= len(known)
    assert all(one.rank > len(known) for one in ranked if one.cost_usd_per_work is None)


@settings(deadline=None)
@given(one_offering, demands, st.floats(0.001, 2))
def test_an_unknown_risk_never_stands_above_the_same_offering_at_its_upper_bound(
    offering: Offering, demand: Demand, risk: float
) -> None:
    same = replace(offering, pool=replace(offering.pool, zone="use1-az1"))
    at_worst = replace(a_forecast(risk, 1440), per_hour=2 * risk)

    ranked = rank_in(Universe([offering, same], {same.pool: [at_worst]}), demand, Policy()).ranked

    if ranked and offering.usd_per_hour is not None:
        assert ranked[0].offering.pool.zone == "use1-az1"


@given(st.floats(0.001, 2))
def test_renaming_zones_and_types_changes_no_cost_and_no_order(risk: float) -> None:
    dear, cheap = an_offering(2.0), an_offering(1.0, pool=a_pool("g6.xlarge"))
    renamed = [
        replace(one, pool=replace(one.pool, instance_type=name, zone="other"))
        for one, name in ((dear, "a.1"), (cheap, "z.1"))
    ]

    def costs(market: list[Offering]) -> list[float | None]:
        hazards = {one.pool: [a_forecast(risk, 60)] for one in market}
        ranked = rank_in(Universe(market, hazards), Demand(), Policy()).ranked
        return [one.cost_usd_per_hour for one in ranked]

    assert costs([dear, cheap]) == costs(renamed)


def test_on_demand_is_ranked_by_its_price_alone_as_it_is_not_interrupted() -> None:
    spot = an_offering(0.9, on_demand_usd_per_hour=1.0)
    listed = on_demand(spot)
    assert listed is not None
    universe = Universe([spot, listed], {spot.pool: [a_forecast(1.0, 60)]})

    first, second = rank_in(universe, Demand(), Policy()).ranked

    assert (first.offering, first.cost_usd_per_hour, first.hazard) == (listed, 1.0, None)
    assert first.hazard_per_hour == 0.0
    assert second.cost_usd_per_hour == 0.9 + 1.0 * 0.9 * 0.25
    assert "on-demand, not interrupted" in first.reason()


def test_the_notice_of_the_cloud_shortens_what_must_be_foreseen() -> None:
    demand = Demand(lead_time=timedelta(minutes=16, seconds=30))
    aws = an_offering(1.0)
    gcp = an_offering(1.0, pool=a_pool("g2-standard-4", "us-east1-b", "us-east1", "gcp"))
    hazards = {one.pool: [a_forecast(0.1, 15), a_forecast(0.2, 60)] for one in (aws, gcp)}

    ranked = rank_in(Universe([aws, gcp], hazards), demand, Policy()).ranked

    assert {one.offering.pool.provider: one.hazard_per_hour for one in ranked} == {
        "aws": 0.1,
        "gcp": 0.2,
    }


def test_per_unit_of_work_a_fast_machine_goes_before_a_cheap_one() -> None:
    slow = an_offering(0.5, shape=a_shape("g4dn.xlarge", gpu_name="T4", gpu_memory_gib=16))
    fast = an_offering(1.0, shape=a_shape("g6e.xlarge", gpu_name="L40S", gpu_memory_gib=44.7))
    vague = an_offering(0.1, shape=a_shape("x1.xlarge", gpu_name="X900", gpu_memory_gib=16))
    market = [
        replace(one, pool=a_pool(one.instance_type.instance_type)) for one in (slow, fast, vague)
    ]
    hazards = {one.pool: [a_forecast(0.01, 60)] for one in market}

    def order(work: Work) -> list[str]:
        ranked = rank_in(Universe(market, hazards), Demand(work=work), Policy()).ranked
        return [one.offering.pool.instance_type for one in ranked]

    assert order(Work.HOUR) == ["x1.xlarge", "g4dn.xlarge", "g6e.xlarge"]
    assert order(Work.COMPUTE) == ["g6e.xlarge", "g4dn.xlarge", "x1.xlarge"]
