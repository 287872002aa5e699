"""Placements: the caps always hold, the cheapest is found, and what cannot be is explained."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor import Hazard, Ranked
from advisor.diversity import Limits, Placed, Placement, SpreadError, options_of, spread
from advisor.families import family_of
from advisor.risk.joint import JointModel, probability_at_least
from advisor.risk.joint_artifact import shipped_joint
from tests.support.market import NOW, a_pool, a_shape, an_offering
from warehouse.records import CapacityType, Pool

SHARES = ("pool_share", "family_share", "zone_share")
MODEL = JointModel(shipped_joint()[0].causes, shipped_joint()[0].draws[:5])
PLACES = [
    a_pool(kind, zone)
    for kind, zone in itertools.product(("g5.xlarge", "g5.2xlarge", "g6.xlarge"), ("a", "b"))
]


def a_hazard(per_hour: float, high_per_hour: float | None = None) -> Hazard:
    return Hazard(
        per_hour=per_hour,
        low_per_hour=per_hour / 2,
        high_per_hour=high_per_hour,
        share_low=0.05,
        share_high=0.1,
        definition="aws.advisor_band_trailing_month",
        source="test",
        observed_at=NOW,
    )


def a_ranked(
    pool: Pool,
    usd_per_hour: float = 0.5,
    hazard_per_hour: float | None = 0.1,
    *,
    on_demand_usd_per_hour: float | None = None,
) -> Ranked:
    offering = an_offering(
        usd_per_hour,
        pool=pool,
        shape=a_shape(pool.instance_type),
        on_demand_usd_per_hour=on_demand_usd_per_hour,
    )
    hazard = None if hazard_per_hour is None else a_hazard(hazard_per_hour, 2 * hazard_per_hour)
    cost = None if hazard_per_hour is None else usd_per_hour * (1 + hazard_per_hour / 4)
    return Ranked(0, offering, hazard, cost, cost, cost)


def counted(placement: Placement) -> Counter[tuple[Pool, CapacityType]]:
    found = Counter[tuple[Pool, CapacityType]]()
    for one in placement.placed:
        found[one.offering.pool, one.offering.capacity_type] += one.count
    return found


@st.composite
def markets(draw: st.DrawFn) -> list[Ranked]:
    pools = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4, unique=True))
    return [
        a_ranked(
            pool,
            draw(st.integers(10, 60)) / 100,
            draw(st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.5])),
            on_demand_usd_per_hour=draw(st.sampled_from([None, 1.0, 1.2])),
        )
        for pool in pools
    ]


@st.composite
def wishes(draw: st.DrawFn) -> Limits:
    count = draw(st.integers(1, 4))
    share = st.sampled_from([1.0, 0.75, 0.5])
    least = draw(st.integers(0, min(1, count)))
    wish: dict[str, Any] = {
        "count": count,
        "lose": draw(st.integers(1, 3)),
        "bound": draw(st.sampled_from([1e-4, 1e-3, 5e-3, 2e-2, 0.1, 1.0])),
        "pool_share": draw(share),
        "family_share": draw(share),
        "zone_share": draw(share),
        "on_demand_min": least,
        "on_demand_max": draw(st.integers(least, count)),
        "types_min": draw(st.integers(1, min(2, count))),
    }
    eased: dict[str, Any] = {**wish, **dict.fromkeys(SHARES, 1.0)}
    try:
        return Limits(**wish)
    except SpreadError:
        return Limits(**eased)


def risk_of(placed: Sequence[Placed], lose: int) -> float:
    spots = [one for one in placed if one.offering.capacity_type is CapacityType.SPOT]
    counts = {one.offering.pool: one.count for one in spots}
    hazards = {
        one.offering.pool: math.nan if one.hazard_per_hour is None else one.hazard_per_hour
        for one in spots
    }
    return probability_at_least(lose, counts, hazards, model=JointModel(MODEL.causes, ())).value


def _family(pool: Pool) -> str:
    return family_of(pool.provider, pool.instance_type)


def is_allowed(placed: Sequence[Placed], limits: Limits) -> bool:
    """Every limit, written apart from the search."""
    spots = [one for one in placed if one.offering.capacity_type is CapacityType.SPOT]
    listed = sum(one.count for one in placed) - sum(one.count for one in spots)
    for share, groups in (
        (limits.pool_share, [one.offering.pool for one in spots]),
        (limits.zone_share, [one.offering.pool.zone for one in spots]),
        (limits.family_share, [_family(one.offering.pool) for one in spots]),
    ):
        held = Counter[object]()
        for group, one in zip(groups, spots, strict=True):
            held[group] += one.count
        if any(count > share * limits.count + 1e-9 for count in held.values()):
            return False
    most = limits.on_demand_min if limits.on_demand_max is None else limits.on_demand_max
    return (
        sum(one.count for one in placed) == limits.count
        and limits.on_demand_min <= listed <= most
        and len({one.offering.pool.instance_type for one in placed}) >= limits.types_min
        and (limits.bound == 1 or risk_of(placed, limits.lose) <= limits.bound)
    )


def brute_force(ranked: Sequence[Ranked], limits: Limits) -> float | None:
    """The least cost of all placements there are; None if none is allowed."""
    options = options_of(ranked, limits)
    least = None
    for chosen in itertools.combinations_with_replacement(range(len(options)), limits.count):
        placed = [
            Placed(one.offering, count, one.usd_per_hour, one.hazard_per_hour)
            for one, count in ((options[at], count) for at, count in Counter(chosen).items())
        ]
        cost = sum(one.count * one.cost_usd_per_hour for one in placed)
        if (least is None or cost < least - 1e-9) and is_allowed(placed, limits):
            least = cost
    return least


def cost_of(ranked: Sequence[Ranked], limits: Limits) -> float | None:
    try:
        return spread(ranked, limits, model=MODEL).usd_per_hour
    except SpreadError:
        return None


@settings(max_examples=40, deadline=None)
@given(markets(), wishes())
def test_the_choice_is_the_cheapest_of_all_there_are_and_keeps_every_limit(
    ranked: list[Ranked], limits: Limits
) -> None:
    least = brute_force(ranked, limits)
    if least is None:
        with pytest.raises(SpreadError, match=r"spread: .+"):
            spread(ranked, limits, model=MODEL)
        return
    found = spread(ranked, limits, model=MODEL)
    assert found.usd_per_hour == pytest.approx(least)
    assert is_allowed(found.placed, limits)
    assert found.gap_usd_per_hour == 0.0
    assert found.cheapest_usd_per_hour <= found.usd_per_hour + 1e-9


@settings(max_examples=15, deadline=None)
@given(markets(), wishes(), st.floats(1.0, 100.0))
def test_a_looser_bound_never_costs_more(
    ranked: list[Ranked], limits: Limits, factor: float
) -> None:
    tight = cost_of(ranked, limits)
    loose = cost_of(ranked, replace(limits, bound=min(1.0, limits.bound * factor)))
    if tight is not None:
        assert loose is not None
        assert loose <= tight + 1e-9


@settings(max_examples=15, deadline=None)
@given(markets(), wishes(), st.randoms(use_true_random=False))
def test_reordering_and_renaming_change_nothing(
    ranked: list[Ranked], limits: Limits, chance: Random
) -> None:
    def renamed(one: Ranked) -> Ranked:
        pool = one.offering.pool
        other = replace(pool, zone=f"zone-{'ba'['ab'.index(pool.zone)]}", region="elsewhere-1")
        return replace(one, offering=replace(one.offering, pool=other))

    shuffled = [renamed(one) for one in ranked]
    chance.shuffle(shuffled)
    one, other = cost_of(ranked, limits), cost_of(shuffled, limits)
    assert one == (None if other is None else pytest.approx(other))


def test_twenty_machines_are_kept_under_a_tight_bound_within_the_caps() -> None:
    ranked = [
        a_ranked(a_pool(f"{family}.{size}", zone), 0.3 + 0.01 * place, 0.01)
        for place, (family, size, zone) in enumerate(
            itertools.product(("g5", "g6", "g4dn"), ("xlarge", "2xlarge"), ("a", "b", "c"))
        )
    ]
    limits = Limits(
        count=20, lose=4, bound=0.0008, pool_share=0.2, family_share=0.5, zone_share=0.4
    )
    found = spread(ranked, limits, model=MODEL)
    assert is_allowed(found.placed, limits)
    assert found.cheapest_joint.value > limits.bound
    assert any("at most" in text for text in found.binding)


def test_an_unknown_risk_is_left_out_unless_it_is_allowed() -> None:
    cheap, dear = a_ranked(PLACES[0], 0.1, None), a_ranked(PLACES[1], 0.5, 0.001)
    limits = Limits(count=2, lose=2, bound=0.01)
    found = spread([cheap, dear], limits, model=MODEL)
    assert counted(found) == {(PLACES[1], CapacityType.SPOT): 2}
    allowed = spread([cheap, dear], replace(limits, allow_unknown=True), model=MODEL)
    assert counted(allowed)[PLACES[0], CapacityType.SPOT] == 1
    assert risk_of(allowed.placed, 1) == pytest.approx(1.0)


def test_on_demand_machines_are_never_lost_and_cost_the_list_price() -> None:
    risky = a_ranked(PLACES[0], 0.2, 2.0, on_demand_usd_per_hour=1.0)
    limits = Limits(count=3, lose=2, bound=0.01, on_demand_min=2)
    found = spread([risky], limits, model=MODEL)
    assert counted(found)[PLACES[0], CapacityType.ON_DEMAND] == 2
    assert found.joint.value == 0.0
    assert found.usd_per_hour == pytest.approx(2.0 + 0.2 * 1.5)
    assert "at least 2 on demand" in found.binding


def test_a_pool_without_an_upper_end_of_its_risk_is_surely_lost_at_its_worst() -> None:
    one = a_ranked(PLACES[0], 0.5, 0.001)
    open_ended = replace(one, hazard=a_hazard(0.001))
    closed = spread([one], Limits(count=2, bound=0.1), model=MODEL)
    opened = spread([open_ended], Limits(count=2, bound=0.1), model=MODEL)
    assert closed.joint.value < closed.joint_at_high < 1
    assert opened.joint_at_high == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"count": 0}, "0 machines cannot be spread; ask for at least 1"),
        ({"lose": 0}, "losing 0 is no loss"),
        ({"bound": 1.5}, "the bound 1.5 is no probability"),
        ({"pool_share": 0.2}, "less than one machine; allow at least 0.25"),
        ({"on_demand_min": 5}, "5 to 5 machines on demand do not fit into 4"),
        ({"types_min": 5}, "4 machines cannot be of 5 different types; ask for 1 to 4"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_what_could(
    wish: dict[str, Any], sentence: str
) -> None:
    asked: dict[str, Any] = {"count": 4, **wish}
    with pytest.raises(SpreadError, match=re.escape(sentence)):
        Limits(**asked)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (
            {"zone_share": 0.5},
            "at most 2 machines per zone in 1 make 2, and 4 are wanted on spot; allow a share of 1",
        ),
        ({"types_min": 3}, "3 different types are wanted and 2 are offered; ask for 2 at most"),
        ({"on_demand_min": 1}, "1 machines on demand are wanted, and no list price is known"),
    ],
)
def test_what_leaves_no_room_is_named_with_what_would_relax_it(
    wish: dict[str, Any], sentence: str
) -> None:
    ranked = [a_ranked(PLACES[0]), a_ranked(PLACES[2])]
    asked: dict[str, Any] = {"count": 4, "bound": 1.0, **wish}
    limits = Limits(**asked)
    with pytest.raises(SpreadError, match=re.escape(sentence)):
        spread(ranked, limits, model=MODEL)


def test_a_bound_out_of_reach_says_how_near_one_can_come_and_what_would_do() -> None:
    ranked = [a_ranked(pool, 0.5, 0.8, on_demand_usd_per_hour=1.0) for pool in PLACES]
    limits = Limits(count=6, lose=2, bound=1e-4)
    with pytest.raises(SpreadError) as told:
        spread(ranked, limits, model=MODEL)
    words = re.search(r"allow (\d+) machines on demand, or a bound of ([\d.e-]+)", str(told.value))
    assert words is not None
    eased = replace(limits, on_demand_max=int(words[1]), on_demand_min=int(words[1]))
    assert spread(ranked, eased, model=MODEL).joint.value <= limits.bound
    nearest = spread(ranked, replace(limits, bound=float(words[2])), model=MODEL)
    assert nearest.joint.value <= float(words[2])


def test_no_known_risk_and_no_known_price_are_told_apart() -> None:
    with pytest.raises(SpreadError, match="unknown is not safe; allow unknown risk"):
        spread([a_ranked(PLACES[0], 0.5, None)], Limits(count=1), model=MODEL)
    with pytest.raises(SpreadError, match="no offering has a known price in USD"):
        spread([], Limits(count=1), model=MODEL)
