"""The sentence on a place: its numbers, and a counterfactual that is true."""

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from advisor import Demand, Hazard, Policy, Ranking, Work, rank
from advisor.explain import counterfactual, explanation
from tests.support.market import NOW, a_pool, an_offering
from tests.support.ranking import a_forecast
from warehouse.records import Offering

CHEAP, CALM = an_offering(0.40, pool=a_pool("g4dn.xlarge")), an_offering(0.50)
DEMAND = Demand(interruption_cost_usd=2.0)


def ranking_of(
    prices: tuple[float, float], risks: tuple[float, float], demand: Demand = DEMAND
) -> Ranking:
    market: list[Offering] = [
        replace(one, usd_per_hour=usd) for one, usd in zip((CHEAP, CALM), prices, strict=True)
    ]
    hazards = {one.pool: a_forecast(risk, 60) for one, risk in zip(market, risks, strict=True)}
    return rank(market, hazards, demand, Policy())


def test_the_sentence_has_price_risk_cost_place_and_counterfactual() -> None:
    ranking = ranking_of((0.40, 0.50), (0.2, 0.01))

    assert [explanation(ranking, one) for one in ranking.ranked] == [
        (
            "g5.xlarge in use1-az4: 0.5000 USD an hour and 1% interrupted within 1 h as forecast "
            "(0.33 to 1%), 0.5212 USD an hour expected; by its interval anywhere from place 1 to "
            "2; first up to 0.7980 USD an hour"
        ),
        (
            "g4dn.xlarge in use1-az4: 0.4000 USD an hour and 18% interrupted within 1 h as "
            "forecast (6 to 18%), 0.8200 USD an hour expected; by its interval anywhere from place "
            "1 to 2; would be first below 0.1155 USD an hour"
        ),
    ]


prices = st.floats(0.05, 5)
risks = st.floats(0.001, 1)


@settings(deadline=None)
@given(prices, prices, risks, risks)
def test_at_the_price_that_the_counterfactual_names_the_order_turns(
    one: float, other: float, risk: float, other_risk: float
) -> None:
    ranking = ranking_of((one, other), (risk, other_risk))
    first, second = ranking.ranked
    assume(first.cost_usd_per_hour != second.cost_usd_per_hour)
    told = counterfactual(ranking, second) or ""
    named = re.fullmatch(r"would be first below (.*) USD an hour", told)
    assume(named)
    assert named is not None
    turning = float(named[1])

    def leader(usd: float) -> str:
        pair = (usd, other) if second.offering.pool == CHEAP.pool else (one, usd)
        return ranking_of(pair, (risk, other_risk)).ranked[0].offering.pool.instance_type

    own = second.offering.pool.instance_type
    assume(turning > 0.001)
    assert leader(turning - 0.0002) == own
    assert leader(turning + 0.0002) != own


def test_where_no_price_would_do_the_risk_that_would_is_named() -> None:
    ranking = ranking_of((0.40, 0.50), (0.9, 0.01))

    assert counterfactual(ranking, ranking.ranked[1]) == (
        "would be first below 0.058 interruptions an hour, at no price as it is"
    )


def test_where_neither_price_nor_risk_would_do_that_is_said() -> None:
    ranking = ranking_of((0.60, 0.10), (0.9, 0.001))

    assert counterfactual(ranking, ranking.ranked[1]) == (
        "neither a lower price nor a lower risk alone would make it first"
    )


def test_a_spot_price_above_on_demand_once_losses_count_is_said() -> None:
    ranking = ranking_of((0.90, 0.95), (0.2, 0.3))

    assert "on demand it is 1.0000 USD an hour, which is less than that" in explanation(
        ranking, ranking.ranked[0]
    )


def test_an_unknown_risk_has_no_counterfactual() -> None:
    ranking = rank([CHEAP, CALM], {CALM.pool: a_forecast(0.1, 60)}, DEMAND, Policy())

    assert counterfactual(ranking, ranking.ranked[1]) is None
    assert explanation(ranking, ranking.ranked[1]).endswith(
        "risk unknown; listed after all pools whose risk is known"
    )


@pytest.mark.parametrize(
    ("work", "unit"), [(Work.COMPUTE, "USD per PFLOPS-hour"), (Work.BANDWIDTH, "TB/s of GPU")]
)
def test_the_unit_of_work_is_named(work: Work, unit: str) -> None:
    ranking = ranking_of((0.4, 0.5), (0.1, 0.1), replace(DEMAND, work=work))

    assert unit in explanation(ranking, ranking.ranked[0])


def test_a_published_band_is_told_as_published() -> None:
    band = Hazard(1e-4, 5e-5, 2e-4, 0.05, 0.10, "aws", "aws.spot_advisor", NOW)
    ranking = rank([CALM], {CALM.pool: band}, DEMAND, Policy())

    assert "5-10% interrupted a month as published" in explanation(ranking, ranking.ranked[0])
