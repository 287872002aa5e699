"""Orders and summaries of a ranking from arrays: what plain loops over its rows give."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor import Demand, Hazard, Policy, Ranked, Ranking, rank
from api.answers import FORECAST, NO_RISK, PUBLISHED, Answer
from api.rows.offerings import Sort, ordered
from tests.support.market import NOW, a_pool, an_offering
from warehouse.records import CapacityType, Offering, Pool

RATES = st.sampled_from([0.0, 0.01, 0.02, 1.0])


def hazard(rate: float, hours: float | None) -> Hazard:
    return Hazard(
        per_hour=rate,
        low_per_hour=rate / 2,
        high_per_hour=None if rate == 1.0 else 2 * rate,
        share_low=0.1,
        share_high=0.2,
        definition="any",
        source="any",
        observed_at=NOW,
        horizon=None if hours is None else timedelta(hours=hours),
        share=None if hours is None else 0.1,
    )


POOLS = st.builds(
    a_pool,
    st.sampled_from(["g5.xlarge", "a.large", "z.large"]),
    st.sampled_from(["use1-az1", "use1-az2", "*"]),
    st.sampled_from(["us-east-1", "eu-west-1"]),
)
OFFERINGS = st.builds(
    replace,
    st.builds(
        an_offering,
        st.sampled_from([None, 0.1, 0.2, 0.3]),
        pool=POOLS,
        on_demand_usd_per_hour=st.sampled_from([None, 0.0, 0.2, 1.0]),
        observed_at=st.integers(0, 3).map(lambda hours: NOW - timedelta(hours=hours)),
    ),
    capacity_type=st.sampled_from([CapacityType.SPOT, CapacityType.ON_DEMAND]),
)
FORECASTS = st.tuples(RATES, RATES).map(lambda two: (hazard(two[0], 1.0), hazard(two[1], 6.0)))
HAZARDS = st.one_of(
    st.tuples(st.builds(hazard, RATES, st.none())),
    st.tuples(st.builds(hazard, RATES, st.sampled_from([1.0, 6.0]))),
    FORECASTS,
)


def ranked(offerings: list[Offering], hazards: dict[Pool, tuple[Hazard, ...]]) -> Ranking:
    """A ranking of all of them."""
    return rank(offerings, hazards, Demand(gpu_manufacturer=None), Policy())


RANKINGS = st.builds(
    ranked,
    st.lists(OFFERINGS, max_size=8, unique_by=lambda one: (one.pool, one.capacity_type)),
    st.dictionaries(POOLS, HAZARDS, max_size=6),
)

KEYS: dict[Sort, Callable[[Ranked], Any]] = {
    Sort.COST: lambda one: one.rank,
    Sort.PRICE: lambda one: one.offering.usd_per_hour,
    Sort.SAVING: lambda one: None if one.saving_share is None else -one.saving_share,
    Sort.RISK: lambda one: one.hazard_per_hour,
    Sort.TYPE: lambda one: (one.offering.pool.instance_type, one.offering.pool),
    Sort.AGE: lambda one: -one.offering.price_observed_at.timestamp(),
}


@pytest.mark.parametrize("sort", list(Sort))
@given(ranking=RANKINGS)
def test_each_order_puts_the_unknown_last_and_ties_by_rank(ranking: Ranking, sort: Sort) -> None:
    rows: list[Ranked] = list(ranking.ranked)
    key = KEYS[sort]
    known = sorted((one for one in rows if key(one) is not None), key=key)
    expected = known + [one for one in rows if key(one) is None]
    found = ordered(ranking.ranked, sort)
    assert list(found) == expected
    assert found[1:3] == expected[1:3]


@given(ranking=RANKINGS)
def test_the_basis_and_the_age_of_an_answer_are_those_of_its_rows(ranking: Ranking) -> None:
    answer = Answer(ranking, NOW, timedelta(hours=1), [])
    rows = list(ranking.ranked)
    kinds = {one.hazard.is_forecast for one in rows if one.hazard}
    expected = FORECAST if True in kinds else PUBLISHED if kinds else NO_RISK
    assert answer.risk_basis == expected
    assert answer.data_as_of == min((one.offering.price_observed_at for one in rows), default=None)
