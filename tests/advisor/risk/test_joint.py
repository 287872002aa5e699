"""P(at least k lost at once): what must hold whatever the risks and wherever machines are."""

import itertools
import math
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.risk.joint import (
    JointModel,
    groups_of,
    probability_at_least,
    probability_within,
    tail,
)
from advisor.risk.joint_artifact import shipped_joint
from advisor.risk.joint_distribution import (
    INDEPENDENT,
    MOST_STATES,
    WHOLE_POOLS,
    Cause,
    Causes,
    Groups,
    likelihood,
    losses,
    numbered,
)
from tests.support.market import a_pool
from warehouse.records import Pool

MODEL, _ = shipped_joint()
POOLS = [
    a_pool(kind, zone, region)
    for region, zone in (("us-east-1", "a"), ("us-east-1", "b"), ("us-west-2", "c"))
    for kind in ("g5.xlarge", "g5.2xlarge", "g6.xlarge")
]

probabilities = st.floats(0.0, 0.6)
shares = st.lists(st.floats(0.01, 1.0), min_size=6, max_size=6)
chances = st.floats(0.05, 1.0)


@st.composite
def causes(draw: st.DrawFn) -> Causes:
    mild, severe, kind, family, zone, own = draw(shares)
    total = mild + severe + kind + family + zone + own
    hit, kill = draw(chances), draw(chances)
    return Causes(
        pool=(Cause(mild / total, 0.1), Cause(severe / total, 0.4)),
        instance_type=Cause(kind / total, kill, hit),
        family=Cause(family / total, kill, hit),
        zone=Cause(zone / total, kill, hit),
    )


@st.composite
def placements(draw: st.DrawFn) -> dict[Pool, int]:
    pools = draw(st.lists(st.sampled_from(POOLS), min_size=1, max_size=4, unique=True))
    return {pool: draw(st.integers(1, 3)) for pool in pools}


def at_least(
    k: int, placement: Mapping[Pool, int], hazards: Mapping[Pool, float], causes: Causes
) -> float:
    return probability_at_least(k, placement, hazards, model=JointModel(causes, ())).value


@settings(max_examples=40, deadline=None)
@given(causes(), placements(), st.data())
def test_every_machine_keeps_its_own_risk(
    by: Causes, placement: dict[Pool, int], data: st.DataObject
) -> None:
    pools = list(placement)
    q = np.array([data.draw(probabilities) for _ in pools])
    for place, pool in enumerate(pools):
        alone = np.where(np.arange(len(pools)) == place, 1, 0)
        assert tail(by, groups_of(pools), q, alone, 1) == pytest.approx(q[place], abs=1e-9)
        assert tail(by, groups_of([pool]), q[[place]], np.array([1]), 1) == pytest.approx(
            q[place], abs=1e-9
        )


@settings(max_examples=40, deadline=None)
@given(causes(), placements(), st.data())
def test_chances_sum_to_one_and_their_mean_is_the_sum_of_the_risks(
    by: Causes, placement: dict[Pool, int], data: st.DataObject
) -> None:
    q = np.array([data.draw(probabilities) for _ in placement])
    counts = np.array([*placement.values()])
    chance = losses(by, groups_of([*placement]), q[None], counts[None])[0]
    assert chance.sum() == pytest.approx(1.0, abs=1e-9)
    assert chance @ np.arange(chance.size) == pytest.approx(q @ counts, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(causes(), placements(), st.data())
def test_one_machine_more_never_lowers_the_joint_risk(
    by: Causes, placement: dict[Pool, int], data: st.DataObject
) -> None:
    hazards = {pool: data.draw(st.floats(0.0, 3.0)) for pool in POOLS}
    k = data.draw(st.integers(1, 4))
    more = data.draw(st.sampled_from(POOLS))
    grown = {**placement, more: placement.get(more, 0) + 1}
    assert at_least(k, grown, hazards, by) >= at_least(k, placement, hazards, by) - 1e-12


@settings(max_examples=30, deadline=None)
@given(causes(), placements(), st.data())
def test_a_machine_that_is_not_asked_about_changes_nothing(
    by: Causes, placement: dict[Pool, int], data: st.DataObject
) -> None:
    """Summing a machine out of the likelihood gives the likelihood without it."""
    pools = [*placement]
    other = data.draw(st.sampled_from(POOLS))
    every = [*pools, *({other} - {*pools})]
    q = np.array([[data.draw(probabilities) for _ in every]])
    counts = np.array([[placement.get(pool, 0) for pool in every]])
    lost = np.array([[data.draw(st.integers(0, placement.get(pool, 0))) for pool in every]])
    unit = np.array([[int(pool == other) for pool in every]])
    groups = groups_of(every)
    without = likelihood(by, groups, q, counts, lost)
    stays = likelihood(by, groups, q, counts + unit, lost)
    goes = likelihood(by, groups, q, counts + unit, lost + unit)
    assert stays + goes == pytest.approx(without, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(placements(), st.data())
def test_the_order_of_pools_and_the_names_of_places_change_nothing(
    placement: dict[Pool, int], data: st.DataObject
) -> None:
    hazards = {pool: data.draw(st.floats(0.0, 3.0)) for pool in placement}
    k = data.draw(st.integers(1, 4))
    renamed = {
        pool: Pool(pool.provider, f"z{pool.region}", f"q{pool.zone}", pool.instance_type)
        for pool in placement
    }
    one = at_least(k, placement, hazards, MODEL.causes)
    other = at_least(
        k,
        {renamed[pool]: count for pool, count in reversed(placement.items())},
        {renamed[pool]: hazard for pool, hazard in hazards.items()},
        MODEL.causes,
    )
    assert one == pytest.approx(other, abs=1e-12)


def _simulated(
    by: Causes, groups: Groups, q: np.ndarray, counts: np.ndarray, times: int
) -> np.ndarray:
    """How many are lost, by drawing every shock: written apart from the exact sum."""
    chance = np.random.default_rng(7)
    total = np.zeros(times, dtype=np.int64)
    strength = {
        name: chance.random((times, 1 + int(of.max())))
        for name, of in (
            ("zone", groups.zone),
            ("family", groups.family),
            ("instance_type", groups.instance_type),
        )
    }
    for pool in range(q.size):
        survives = np.full(times, (1 - q[pool]) ** by.own)
        shocks = [(one, chance.random(times)) for one in by.pool]
        for name, drawn in strength.items():
            shocks.append((getattr(by, name), drawn[:, getattr(groups, name)[pool]]))
        for cause, drawn in shocks:
            loss = 1 - (1 - q[pool]) ** cause.share
            reached = drawn < min(1.0, loss / (cause.hit * cause.kill))
            hit = reached & (chance.random(times) < cause.hit)
            survives *= np.where(hit, 1 - cause.kill, 1.0)
        total += chance.binomial(counts[pool], 1 - survives)
    return np.bincount(total, minlength=int(counts.sum()) + 1) / times


def test_the_exact_sum_is_what_drawn_shocks_come_to() -> None:
    by = Causes(
        (Cause(0.2, 0.1), Cause(0.1, 0.4)),
        Cause(0.25, 0.6, 0.7),
        Cause(0.1, 0.6, 0.7),
        Cause(0.15, 0.6, 0.7),
    )
    q = np.array([0.02, 0.11, 0.05, 0.08, 0.19, 0.03, 0.14, 0.07, 0.1])
    counts = np.array([1, 2, 0, 3, 1, 1, 2, 1, 1])
    groups = groups_of(POOLS)
    exact = losses(by, groups, q[None], counts[None])[0]
    drawn = _simulated(by, groups, q, counts, 400_000)
    assert exact == pytest.approx(drawn, abs=4 * math.sqrt(0.25 / 400_000))


def test_independent_machines_and_whole_pools_are_the_two_ends() -> None:
    placement = {POOLS[0]: 2, POOLS[1]: 1}
    q = probability_within(0.5, timedelta(minutes=5))
    hazards = dict.fromkeys(placement, 0.5)
    assert at_least(3, placement, hazards, INDEPENDENT) == pytest.approx(q**3)
    assert at_least(2, placement, hazards, WHOLE_POOLS) == pytest.approx(q)
    assert at_least(3, placement, hazards, WHOLE_POOLS) == pytest.approx(q * q)


def test_machines_in_one_pool_are_lost_together_more_often_than_spread_ones() -> None:
    one_pool = {POOLS[0]: 4}
    same_type = {POOLS[0]: 2, POOLS[3]: 2}
    far_apart = {POOLS[0]: 1, POOLS[2]: 1, POOLS[4]: 1, POOLS[6]: 1}
    hazards = dict.fromkeys(POOLS, 0.2)
    risks = [at_least(2, one, hazards, MODEL.causes) for one in (one_pool, same_type, far_apart)]
    assert risks == sorted(risks, reverse=True)
    assert at_least(2, far_apart, hazards, INDEPENDENT) < risks[-1]


def test_an_unknown_risk_counts_as_surely_lost() -> None:
    placement = {POOLS[0]: 1, POOLS[8]: 1}
    for hazards in ({POOLS[8]: 0.1}, {POOLS[0]: math.nan, POOLS[8]: 0.1}):
        found = probability_at_least(1, placement, hazards, model=MODEL)
        assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_the_interval_holds_the_value_and_is_not_empty() -> None:
    found = probability_at_least(2, {POOLS[0]: 4}, {POOLS[0]: 0.3}, model=MODEL)
    assert 0 < found.low < found.value < found.high < 1


def test_more_than_are_there_are_never_lost_and_none_always_are() -> None:
    never = probability_at_least(3, {POOLS[0]: 2}, {POOLS[0]: 9.0}, model=MODEL)
    always = probability_at_least(0, {}, {}, model=MODEL)
    assert (never.value, always.value) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("placement", "hazard", "window"),
    [
        ({POOLS[0]: -1}, 0.1, timedelta(minutes=5)),
        ({POOLS[0]: 1}, -0.1, timedelta(minutes=5)),
        ({POOLS[0]: 1}, 0.1, timedelta(hours=1)),
        ({POOLS[0]: 1}, 0.1, timedelta(0)),
    ],
)
def test_what_cannot_be_is_refused(
    placement: dict[Pool, int], hazard: float, window: timedelta
) -> None:
    with pytest.raises(ValueError, match=r"counted|below|window"):
        probability_at_least(1, placement, {POOLS[0]: hazard}, window, model=MODEL)


def test_many_pools_in_many_zones_are_summed_within_the_limit_and_keep_their_mean() -> None:
    many = [
        a_pool(f"g{kind}.xlarge", f"zone-{zone}")
        for zone, kind in itertools.product(range(5), range(5))
    ]
    assert MOST_STATES < 6**5
    q = np.linspace(0.001, 0.2, len(many))
    counts = np.ones(len(many), dtype=np.int64)
    chance = losses(MODEL.causes, groups_of(many), q[None], counts[None])[0]
    assert chance.sum() == pytest.approx(1.0, abs=1e-9)
    assert chance @ np.arange(chance.size) == pytest.approx(q.sum(), abs=1e-9)


def test_equal_names_have_equal_numbers() -> None:
    assert numbered(["b", "a", "b"]).tolist() == [0, 1, 0]
