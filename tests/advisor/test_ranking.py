"""Ranking: cheaper and safer first, and what is unknown never taken for safe."""

import math
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor import Demand, Hazard, Policy, Ranking, published_hazards, rank
from tests.support.market import NOW, a_pool, a_shape, a_signal, an_offering
from warehouse.records import Offering, Pool

SOME = Demand(restart=timedelta(hours=1), interruption_cost_usd=1.0)


def hazard(per_hour: float) -> Hazard:
    return Hazard(per_hour, per_hour / 2, per_hour * 2, 0.05, 0.10, "d", "s", NOW)


def order(ranking: Ranking) -> list[str]:
    return [one.offering.pool.instance_type for one in ranking.ranked]


def test_expected_cost_is_price_plus_risk_times_the_cost_of_one_interruption() -> None:
    offering = an_offering(0.5)

    one = rank([offering], {offering.pool: hazard(0.1)}, SOME, Policy()).ranked[0]

    assert one.cost_usd_per_hour == pytest.approx(0.5 + 0.1 * (0.5 * 1 + 1.0))
    assert one.cost_low_usd_per_hour == pytest.approx(0.5 + 0.05 * 1.5)
    assert one.cost_high_usd_per_hour == pytest.approx(0.5 + 0.2 * 1.5)
    assert one.saving_share == pytest.approx(0.5)


def test_a_dear_interruption_turns_the_order_of_a_cheap_and_a_calm_pool() -> None:
    cheap, calm = an_offering(0.4, pool=a_pool("g4dn.xlarge")), an_offering(0.5)
    hazards = {cheap.pool: hazard(0.05), calm.pool: hazard(0.001)}

    assert order(rank([cheap, calm], hazards, Demand(), Policy())) == ["g4dn.xlarge", "g5.xlarge"]
    dear = Demand(interruption_cost_usd=10)
    assert order(rank([cheap, calm], hazards, dear, Policy())) == ["g5.xlarge", "g4dn.xlarge"]


def test_an_unknown_risk_stands_after_all_known_ones_however_cheap() -> None:
    unknown, known = an_offering(0.01, pool=a_pool("p3.2xlarge")), an_offering(9.0)

    ranking = rank([unknown, known], {known.pool: hazard(0.5)}, SOME, Policy())

    assert order(ranking) == ["g5.xlarge", "p3.2xlarge"]
    assert ranking.ranked[1].cost_usd_per_hour is None
    assert "risk unknown" in ranking.ranked[1].reason()


def test_an_unknown_price_stands_last() -> None:
    dear, unpriced = an_offering(9.0), an_offering(None, pool=a_pool("g6.xlarge"))

    ranking = rank([unpriced, dear], {unpriced.pool: hazard(0.001)}, SOME, Policy())

    assert order(ranking) == ["g5.xlarge", "g6.xlarge"]
    assert "unknown worth in USD" in ranking.ranked[1].reason()


def test_what_does_not_meet_the_demand_is_counted_by_wish() -> None:
    offerings = [
        an_offering(shape=a_shape("m7i.large", gpu_name=None, gpu_count=0, gpu_memory_gib=None)),
        an_offering(shape=a_shape("g4dn.xlarge", gpu_name="T4", gpu_memory_gib=16)),
        an_offering(shape=a_shape("odd.1", gpu_name="L4", gpu_memory_gib=None)),
        an_offering(),
    ]

    ranking = rank(offerings, {}, Demand(gpus=1, gpu_memory_min_gib=20), Policy())

    assert order(ranking) == ["g5.xlarge"]
    assert ranking.left_out == {
        "a GPU": 1,
        "at least 20 GiB per GPU": 1,
        "a known GPU memory": 1,
    }


def offerings_of(count: int) -> st.SearchStrategy[list[tuple[Offering, float | None]]]:
    return st.lists(
        st.tuples(
            st.integers(0, 8),
            st.floats(0.001, 100),
            st.one_of(st.none(), st.floats(0.0001, 2)),
        ),
        max_size=count,
        unique_by=lambda one: one[0],
    ).map(
        lambda rows: [
            (an_offering(price, pool=a_pool(f"g{number}.xlarge")), risk)
            for number, price, risk in rows
        ]
    )


def ranked_of(rows: list[tuple[Offering, float | None]]) -> Ranking:
    hazards = {one.pool: hazard(risk) for one, risk in rows if risk is not None}
    return rank([one for one, _ in rows], hazards, SOME, Policy())


@given(offerings_of(9), st.randoms())
def test_the_order_in_which_offerings_come_changes_nothing(
    rows: list[tuple[Offering, float | None]], chance: Random
) -> None:
    shuffled = rows.copy()
    chance.shuffle(shuffled)

    assert ranked_of(rows) == ranked_of(shuffled)


@given(offerings_of(9))
def test_a_cheaper_and_safer_offering_never_stands_below(
    rows: list[tuple[Offering, float | None]],
) -> None:
    places: dict[Pool, int] = {one.offering.pool: one.rank for one in ranked_of(rows).ranked}
    known = [(one, risk) for one, risk in rows if risk is not None]

    for one, risk in known:
        for other, other_risk in known:
            if (one.price_per_hour, risk) < (other.price_per_hour, other_risk) and (
                risk <= other_risk
            ):
                assert places[one.pool] < places[other.pool]


@given(offerings_of(9))
def test_no_unknown_risk_stands_above_a_known_one(
    rows: list[tuple[Offering, float | None]],
) -> None:
    unknown = [one.hazard is None for one in ranked_of(rows).ranked]

    assert unknown == sorted(unknown)


def test_a_band_becomes_the_hazard_that_loses_its_middle_share_in_a_month() -> None:
    one = published_hazards([a_pool()], [a_signal(0.05, 0.10)])[a_pool()]

    assert 1 - math.exp(-one.per_hour * 730) == pytest.approx(0.075)
    assert 1 - math.exp(-one.low_per_hour * 730) == pytest.approx(0.05)
    assert one.high_per_hour is not None
    assert 1 - math.exp(-one.high_per_hour * 730) == pytest.approx(0.10)
    assert one.band == "5-10%"


def test_an_open_band_has_no_upper_end() -> None:
    one = published_hazards([a_pool()], [a_signal(0.20, None)])[a_pool()]

    assert one.high_per_hour is None
    assert one.band == ">20%"
    assert (
        rank([an_offering()], {a_pool(): one}, SOME, Policy()).ranked[0].cost_high_usd_per_hour
        is None
    )


def test_a_share_of_everything_is_at_least_one_loss_per_window() -> None:
    signal = a_signal(1.0, 1.0, definition="alibaba.interruption_rate_trailing_30_days")

    one = published_hazards([a_pool()], [signal])[a_pool()]

    assert one.per_hour == pytest.approx(1 / 720)
    assert one.high_per_hour is None


def test_a_zones_own_signal_goes_before_the_regions() -> None:
    zone = a_signal(0.20, None, pool=a_pool())
    region = a_signal(0.0, 0.05)

    hazards = published_hazards([a_pool(), a_pool(zone="use1-az6")], [zone, region])

    assert hazards[a_pool()].band == ">20%"
    assert hazards[a_pool(zone="use1-az6")].band == "<5%"


def test_a_signal_of_another_definition_is_not_read_as_a_rate() -> None:
    saving = a_signal(0.6, 0.6, definition="aws.advisor_saving_trailing_month")

    assert published_hazards([a_pool()], [saving]) == {}


def test_a_band_is_stale_after_forty_five_days() -> None:
    one = published_hazards([a_pool()], [a_signal()])[a_pool()]

    assert not one.is_stale(NOW + timedelta(days=45))
    assert one.is_stale(NOW + timedelta(days=46))
