"""Return to spot: it moves seldom, for a clear saving, and never on what is not known."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.fallback import (
    ON_DEMAND,
    SPOT,
    FallbackSettings,
    FallbackSettingsError,
    SpotOffer,
    Stay,
    decide,
)
from advisor.fallback_replay import (
    HistoryShapeError,
    Losses,
    PoolHistory,
    always_the_cheaper,
    least_cost,
    never_return,
    replay,
    with_hysteresis,
)
from advisor.risk.grid import Floats
from warehouse.records import CapacityType

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SETTINGS = FallbackSettings(min_stay=HOUR, quiet=HOUR, moves_per_day=4)
LONG_AGO = NOW - timedelta(days=3)


def an_offer(
    cost: float | None = 0.5,
    *,
    low: float | None = None,
    high: float | None = None,
    listed: float | None = 1.0,
    is_stale: bool = False,
    is_obtainable: bool | None = True,
) -> SpotOffer:
    """Spot at half of on-demand's dollar, its risk certain but for ``low`` and ``high``."""
    return SpotOffer(
        "g5.xlarge in use1-az4",
        cost if low is None else low,
        cost,
        cost if high is None else high,
        listed,
        is_stale,
        is_obtainable,
    )


costs = st.floats(0.01, 3.0) | st.none()
offers = st.builds(
    SpotOffer,
    st.just("a"),
    costs,
    costs,
    costs,
    st.floats(0.5, 2.0) | st.none(),
    st.booleans(),
    st.sampled_from([True, False, None]),
)
policies = st.builds(
    FallbackSettings,
    min_stay=st.integers(1, 300).map(lambda minutes: timedelta(minutes=minutes)),
    margin_to_return=st.floats(0.06, 0.5),
    margin_to_leave=st.floats(0.0, 0.05),
    quiet=st.integers(0, 300).map(lambda minutes: timedelta(minutes=minutes)),
    moves_per_day=st.integers(1, 6),
)


def test_a_clear_saving_brings_the_workload_back() -> None:
    decision = decide(Stay(ON_DEMAND, LONG_AGO), [an_offer(0.5)], NOW, SETTINGS)

    assert (decision.is_move, decision.capacity_type) == (True, SPOT)
    assert decision.reason == (
        "returns to spot: g5.xlarge in use1-az4 costs at most 0.5000 USD an hour, interruptions "
        "included, against 1.0000 on demand"
    )
    assert decision.ask_again_at == NOW + SETTINGS.min_stay


@pytest.mark.parametrize(
    ("stay", "offer", "reason", "again"),
    [
        (
            Stay(ON_DEMAND, NOW - timedelta(minutes=20)),
            an_offer(),
            "stays on demand: the minimum stay of 1 h",
            timedelta(minutes=40),
        ),
        (
            Stay(ON_DEMAND, LONG_AGO, lost_at=NOW - timedelta(minutes=50)),
            an_offer(),
            "stays on demand: spot was lost less than 1 h ago",
            timedelta(minutes=10),
        ),
        (
            Stay(ON_DEMAND, LONG_AGO, moves=tuple(NOW - hours * HOUR for hours in (2, 5, 9, 20))),
            an_offer(),
            "stays on demand: 4 moves within a day",
            timedelta(hours=4),
        ),
        (
            Stay(ON_DEMAND, LONG_AGO),
            an_offer(0.5, high=0.95),
            (
                "stays on demand: g5.xlarge in use1-az4 may cost up to 0.9500 USD an hour, "
                "interruptions included, and would have to stay below 0.9000 (1.0000 on demand)"
            ),
            SETTINGS.recheck,
        ),
        (
            Stay(ON_DEMAND, LONG_AGO),
            replace(an_offer(), cost_high_usd_per_hour=None),
            (
                "stays on demand: the risk of g5.xlarge in use1-az4 has no upper end, so it "
                "may cost anything"
            ),
            SETTINGS.recheck,
        ),
        (
            Stay(ON_DEMAND, LONG_AGO),
            an_offer(is_obtainable=False),
            "stays on demand: g5.xlarge in use1-az4 had no capacity when it was last asked",
            SETTINGS.recheck,
        ),
        (
            Stay(SPOT, LONG_AGO),
            an_offer(0.5),
            (
                "stays on spot: g5.xlarge in use1-az4 may cost as little as 0.5000 USD an hour, "
                "and on demand wins above 1.0500"
            ),
            SETTINGS.recheck,
        ),
    ],
)
def test_it_stays_for_one_reason_and_says_when_to_ask_again(
    stay: Stay, offer: SpotOffer, reason: str, again: timedelta
) -> None:
    decision = decide(stay, [offer], NOW, SETTINGS)

    assert not decision.is_move
    assert decision.reason == reason
    assert decision.ask_again_at == NOW + again


def test_spot_that_is_surely_dearer_is_left() -> None:
    decision = decide(Stay(SPOT, LONG_AGO), [an_offer(1.2, low=1.06)], NOW, SETTINGS)

    assert (decision.is_move, decision.capacity_type, decision.offer) == (True, ON_DEMAND, None)
    assert decision.reason.startswith("leaves spot: g5.xlarge in use1-az4 costs at least 1.0600")
    assert not decide(Stay(SPOT, LONG_AGO), [an_offer(1.2, low=1.04)], NOW, SETTINGS).is_move


def test_capacity_that_nobody_saw_is_said() -> None:
    decision = decide(Stay(ON_DEMAND, LONG_AGO), [an_offer(is_obtainable=None)], NOW, SETTINGS)

    assert decision.is_move
    assert decision.reason.endswith("so start it before the other one ends")


def test_the_first_offer_that_serves_is_taken() -> None:
    dear, good = an_offer(0.95), replace(an_offer(0.6), name="g6.xlarge in use1-az1")

    assert decide(Stay(ON_DEMAND, LONG_AGO), [dear, good], NOW, SETTINGS).offer == good
    refused = decide(Stay(ON_DEMAND, LONG_AGO), [dear, dear], NOW, SETTINGS)
    assert refused.reason.endswith("(1.0000 on demand); 1 other offer no better")
    assert not decide(Stay(ON_DEMAND, LONG_AGO), [], NOW, SETTINGS).is_move


@given(st.lists(offers, max_size=3), st.sampled_from([SPOT, ON_DEMAND]), policies)
def test_what_is_unknown_or_stale_moves_nothing(
    drawn: list[SpotOffer], place: CapacityType, settings: FallbackSettings
) -> None:
    doubtful = [one for one in drawn if one.doubt() is not None]

    decision = decide(Stay(place, LONG_AGO), doubtful, NOW, settings)

    assert not decision.is_move
    assert decision.ask_again_at > NOW
    if doubtful:
        assert "unknown" in decision.reason or "stale" in decision.reason


@given(st.lists(st.tuples(offers, st.booleans()), max_size=200), st.integers(1, 90), policies)
def test_moves_are_far_apart_and_few_a_day_whatever_the_market_does(
    market: list[tuple[SpotOffer, bool]], minutes: int, settings: FallbackSettings
) -> None:
    stay, moves = Stay(ON_DEMAND, NOW), []
    for step, (offer, is_lost) in enumerate(market):
        now = NOW + step * timedelta(minutes=minutes)
        if is_lost and stay.capacity_type is SPOT:
            stay = stay.lost(now)
        decision = decide(stay, [offer], now, settings)
        assert decision.ask_again_at > now
        if decision.is_move:
            stay = stay.moved(decision.capacity_type, now)
            moves.append(now)

    assert all(later - one >= settings.min_stay for one, later in itertools.pairwise(moves))
    for one in moves:
        within = [other for other in moves if timedelta(0) <= other - one < timedelta(days=1)]
        assert len(within) <= settings.moves_per_day


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=100), st.sampled_from([SPOT, ON_DEMAND]))
def test_noise_around_the_on_demand_price_makes_no_move(
    noise: list[float], place: CapacityType
) -> None:
    for step, one in enumerate(noise):
        cost = 1.0 + (0.0499 if one > 0 else 0.0999) * one
        now = NOW + step * HOUR
        assert not decide(Stay(place, LONG_AGO), [an_offer(cost)], now, SETTINGS).is_move


@given(
    st.sampled_from([1 - SETTINGS.margin_to_return, 1 + SETTINGS.margin_to_leave]),
    st.lists(st.floats(-0.07, 0.07), min_size=1, max_size=100),
    st.sampled_from([SPOT, ON_DEMAND]),
)
def test_noise_around_a_threshold_makes_one_move_at_most(
    threshold: float, noise: list[float], place: CapacityType
) -> None:
    stay, moves = Stay(place, LONG_AGO), 0
    for step, one in enumerate(noise):
        now = NOW + step * HOUR
        decision = decide(stay, [an_offer(threshold + one)], now, SETTINGS)
        if decision.is_move:
            stay, moves = stay.moved(decision.capacity_type, now), moves + 1

    assert moves <= 1


@given(offers, st.floats(0.0, 0.5))
def test_a_cheaper_offer_is_never_refused_where_a_dearer_one_was_taken(
    offer: SpotOffer, less: float
) -> None:
    stay = Stay(ON_DEMAND, LONG_AGO)
    if offer.cost_high_usd_per_hour is None:
        return
    cheaper = replace(offer, cost_high_usd_per_hour=offer.cost_high_usd_per_hour - less)

    taken = decide(stay, [offer], NOW, SETTINGS).is_move

    assert not taken or decide(stay, [cheaper], NOW, SETTINGS).is_move


@given(st.integers(0, 119), st.integers(0, 119))
def test_asking_at_the_time_that_was_named_finds_the_wait_over(since: int, lost: int) -> None:
    stay = Stay(ON_DEMAND, NOW - timedelta(minutes=since), lost_at=NOW - timedelta(minutes=lost))
    first = decide(stay, [an_offer()], NOW, SETTINGS)

    again = decide(stay, [an_offer()], first.ask_again_at, SETTINGS)

    assert first.is_move or again.is_move
    just_before = first.ask_again_at - timedelta(seconds=1)
    assert first.is_move or not decide(stay, [an_offer()], just_before, SETTINGS).is_move


@pytest.mark.parametrize(
    "wrong",
    [
        {"margin_to_return": 0.05, "margin_to_leave": 0.05},
        {"margin_to_leave": -0.1},
        {"margin_to_return": 1.0},
        {"min_stay": timedelta(0)},
        {"recheck": timedelta(0)},
        {"quiet": timedelta(seconds=-1)},
        {"moves_per_day": 0},
    ],
)
def test_settings_that_would_flap_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(FallbackSettingsError):
        replace(SETTINGS, **wrong)


def a_history(
    spot: Floats,
    *,
    available: list[bool] | None = None,
    listed: float = 1.0,
    hazard: float = 0.01,
    minutes: int = 15,
) -> PoolHistory:
    size = len(spot)
    return PoolHistory(
        name="a",
        begins_at=NOW,
        step=timedelta(minutes=minutes),
        spot=np.asarray(spot, dtype=float),
        on_demand=np.full(size, listed),
        available=np.array([True] * size if available is None else available, dtype=bool),
        hazard_low=np.full(size, hazard / 2),
        hazard=np.full(size, hazard),
        hazard_high=np.full(size, hazard * 2),
    )


def test_a_price_that_swings_around_on_demand_is_not_followed() -> None:
    swings = 1.0 + 0.04 * np.where(np.arange(4 * 24 * 7) % 2, 1.0, -1.0)
    history = a_history(swings)

    followed = replay(history, always_the_cheaper, Losses())
    kept = replay(history, with_hysteresis(SETTINGS), Losses())

    assert len(followed.moves) > 600
    assert kept.moves == ()
    assert kept.cost_usd < followed.cost_usd


def test_capacity_that_flickers_costs_less_if_it_is_let_rest() -> None:
    up = [bool(step % 3) for step in range(4 * 24 * 3)]
    history = a_history(np.full(len(up), 0.4), available=up)
    losses = Losses(interruption_cost_usd=0.5)

    followed = replay(history, always_the_cheaper, losses)
    kept = replay(history, with_hysteresis(SETTINGS), losses)

    assert (followed.losses, len(followed.moves)) == (95, 96)
    assert (kept.losses, kept.moves) == (0, ())
    assert kept.cost_usd < followed.cost_usd


def test_one_fall_in_a_calm_market_is_followed_by_one_return() -> None:
    history = a_history(np.full(96, 0.4))

    kept = replay(history, with_hysteresis(SETTINGS), Losses())

    assert kept.moves == (NOW + HOUR,)
    assert kept.spot_hours == pytest.approx(23.0)
    assert kept.cost_usd == pytest.approx(1.0 + 23 * 0.4 + 8 / 60 * 0.4)
    assert replay(history, never_return, Losses()).cost_usd == pytest.approx(24.0)


histories = st.lists(
    st.tuples(st.floats(0.1, 1.5), st.booleans(), st.floats(0.0, 3.0)), min_size=1, max_size=40
).map(
    lambda rows: a_history(
        np.array([row[0] for row in rows]), available=[row[1] for row in rows], hazard=rows[0][2]
    )
)


@given(histories, st.floats(0.0, 2.0))
def test_no_rule_is_cheaper_than_the_least_cost(history: PoolHistory, usd: float) -> None:
    losses = Losses(interruption_cost_usd=usd)
    least = least_cost(history, losses)

    for rule in (with_hysteresis(SETTINGS), always_the_cheaper, never_return):
        assert replay(history, rule, losses).cost_usd >= least - 1e-9


@given(
    st.lists(st.tuples(st.floats(0.1, 1.5), st.booleans()), min_size=1, max_size=7),
    st.floats(0.0, 1.0),
)
def test_the_least_cost_is_that_of_the_best_of_all_plans(
    rows: list[tuple[float, bool]], usd: float
) -> None:
    history = a_history(
        np.array([row[0] for row in rows]), available=[row[1] for row in rows], minutes=60
    )
    losses = Losses(interruption_cost_usd=usd)

    best = min(
        replay(
            history,
            lambda _stay, _offer, now, plan=plan: plan[int((now - NOW) / HOUR)],  # type: ignore[misc] # the plan of this turn
            losses,
        ).cost_usd
        for plan in itertools.product((SPOT, ON_DEMAND), repeat=len(rows))
    )

    assert least_cost(history, losses) == pytest.approx(best)


def test_series_of_different_lengths_are_no_history() -> None:
    with pytest.raises(HistoryShapeError, match="a: the series of its history differ in length"):
        replace(a_history(np.ones(3)), on_demand=np.ones(2))
