"""A service under each policy, on traces small enough to follow by hand."""

from datetime import timedelta

import numpy as np
import pytest

from advisor.simulation.availability import Availability, Bools, Floats
from advisor.simulation.outcomes import Outcome
from advisor.simulation.policies import Bandit, Moment, SpotHedge
from advisor.simulation.replay_settings import ReplaySettings, ServingJob
from advisor.simulation.replay_traces import replay

ONE = ServingJob(replicas=1)
STEP_HOURS = 5 / 60


def traces(*rows: str) -> Availability:
    """One row per pool, one letter per step: 1 is up."""
    up = np.array([[letter == "1" for letter in row] for row in rows])
    return Availability(tuple("ABCD"[: len(rows)]), up)


def steady(*risk: float, steps: int) -> dict[int, Floats]:
    """The same probability for each pool at every step and horizon."""
    return {minutes: np.tile(np.array([risk]).T, steps) for minutes in (15, 60)}


def played(
    policy: str,
    *rows: str,
    job: ServingJob = ONE,
    risk: tuple[float, ...] = (),
    signals: Bools | None = None,
    target: float = 0.97,
    prices: tuple[float, ...] = (),
) -> Outcome:
    """One replay; risks and signals are 0 unless given."""
    steps = len(rows[0])
    settings = ReplaySettings(job, target=target, hedge_spare=0, prices=prices)
    forecasts = steady(*(risk or (0.0,) * len(rows)), steps=steps)
    quiet = np.zeros((len(rows), steps), dtype=np.bool_)
    return replay(
        traces(*rows),
        forecasts,
        policy,
        settings,
        rng=np.random.default_rng(3),
        signals=quiet if signals is None else signals,
    )


def signalled(pools: int, steps: int, pool: int, step: int) -> Bools:
    """One signal."""
    signals = np.zeros((pools, steps), dtype=np.bool_)
    signals[pool, step] = True
    return signals


def test_a_lost_replica_is_missing_for_a_cold_start_less_the_notice() -> None:
    outcome = played("reactive", "1100111111")

    # Lost at step 2, on demand from then to step 6; spot again from step 4, serving from step 7.
    assert outcome.total("uncovered_minutes") == pytest.approx(13)
    assert outcome.total("on_demand_hours") == pytest.approx(5 * STEP_HOURS)
    assert outcome.total("spot_hours") == pytest.approx(8 * STEP_HOURS)
    assert outcome.total("cost") == pytest.approx((8 + 3 * 5) * STEP_HOURS)
    assert outcome.total("losses") == 1


def test_without_notice_the_whole_cold_start_is_missing() -> None:
    job = ServingJob(replicas=1, notice=timedelta(0))

    outcome = played("reactive", "11000000", job=job)

    assert outcome.total("uncovered_minutes") == pytest.approx(15)


@pytest.mark.parametrize(
    ("cold_start_minutes", "missing"), [(2, 0), (4, 2), (5, 3), (7, 5), (9, 7), (12, 10)]
)
def test_a_launch_is_late_by_the_minute(cold_start_minutes: int, missing: float) -> None:
    job = ServingJob(replicas=1, cold_start=timedelta(minutes=cold_start_minutes))

    outcome = played("reactive", "11000000", job=job)

    assert outcome.total("uncovered_minutes") == pytest.approx(missing)


def test_a_launch_that_is_lost_comes_late_again() -> None:
    outcome = played("reactive", "1101000000", "0010111111")

    # Lost at 2 and launched in B, lost there at 3 and launched in A, lost at 4 and launched in B,
    # serving from 7: launches that did not serve yet had no notice to gain from.
    assert outcome.total("losses") == 1
    assert outcome.total("uncovered_minutes") == pytest.approx(25)


def test_one_spare_in_another_pool_leaves_no_gap() -> None:
    outcome = played("static-n+1", "1100000000", "1111111111")

    assert outcome.total("uncovered_minutes") == 0
    # Two machines throughout: the lost one is replaced in the other pool at once.
    assert outcome.total("spot_hours") == pytest.approx(20 * STEP_HOURS)


def test_two_spares_cover_two_pools() -> None:
    rows = ("1100000000", "1110000000", "1111111111")

    assert played("static-n+2", *rows).total("uncovered_minutes") == 0


def test_a_limit_per_pool_is_filled_up_on_demand() -> None:
    job = ServingJob(replicas=3, most_per_pool=1)

    outcome = played("reactive", "1111", "1111", job=job)

    assert outcome.placed.tolist() == [[1, 1, 1]] * 4


def test_prices_are_those_of_the_pools() -> None:
    outcome = played("reactive", "1111", "0000", prices=(2.0, 4.0))

    assert outcome.total("cost") == pytest.approx(4 * 2.0 * STEP_HOURS)


def test_a_signal_moves_the_replica_before_it_is_lost() -> None:
    rows = ("1111110000", "0111111111")

    outcome = played("rebalance", *rows, signals=signalled(2, 10, pool=0, step=1))

    assert outcome.total("uncovered_minutes") == 0
    assert outcome.total("hand_overs") == 1
    assert outcome.total("false_alarms") == 0
    # Both machines for a cold start, steps 1 to 3.
    assert outcome.placed[:, :2].tolist() == [[1, 0], *[[1, 1]] * 3, *[[0, 1]] * 6]


def test_a_signal_without_a_loss_in_the_next_hour_is_a_false_alarm() -> None:
    outcome = played("rebalance", "1" * 20, "0" + "1" * 19, signals=signalled(2, 20, 0, 1))

    assert outcome.total("hand_overs") == 1
    assert outcome.total("false_alarms") == 1


def test_with_nowhere_to_go_a_signal_changes_nothing() -> None:
    outcome = played("rebalance", "1" * 6, "0" * 6, signals=signalled(2, 6, 0, 1))

    assert outcome.total("hand_overs") == 0
    assert outcome.total("uncovered_minutes") == 0


@pytest.mark.parametrize(
    ("policy", "risk", "moves"),
    [
        ("threshold", 0.16, 1),
        ("threshold", 0.14, 0),
        ("threshold", float("nan"), 0),
        # A gap of 13 minutes at 10 an hour against 15 minutes of a second machine.
        ("expected-cost", 0.13, 1),
        ("expected-cost", 0.12, 0),
        ("expected-cost", float("nan"), 0),
    ],
)
def test_a_risky_pool_is_left_where_it_pays(policy: str, risk: float, moves: int) -> None:
    outcome = played(policy, "1" * 8, "0" + "1" * 7, risk=(risk, 0.01))

    assert outcome.total("hand_overs") == moves


@pytest.mark.parametrize(
    ("risk", "target", "placed"),
    [
        ((0.5, 0.01), 0.97, [0, 1, 0]),
        ((0.1, 0.1), 0.97, [1, 1, 0]),
        # Three replicas in two pools are no safer than two: 0.75 is all there is.
        ((0.5, 0.5), 0.97, [1, 1, 0]),
        ((float("nan"), 0.01), 0.97, [0, 1, 0]),
    ],
)
def test_headroom_holds_what_the_forecast_asks_for(
    risk: tuple[float, float], target: float, placed: list[int]
) -> None:
    outcome = played("headroom", "1111", "1111", risk=risk, target=target)

    assert outcome.placed.tolist() == [placed] * 4


def test_headroom_without_a_forecast_is_not_without_risk() -> None:
    outcome = played("headroom", "1111", "1111", risk=(float("nan"), float("nan")))

    assert outcome.placed.sum(axis=1).tolist() == [3] * 4


def test_the_oracle_moves_just_in_time() -> None:
    outcome = played("oracle", "1111111110000000", "0111111111111111")

    assert outcome.total("uncovered_minutes") == 0
    # The pool goes at step 9; its replacement is launched 15 minutes before.
    assert outcome.placed[:, 1].tolist() == [0] * 6 + [1] * 10
    assert outcome.total("on_demand_hours") == 0


def test_the_oracle_buys_on_demand_ahead_of_a_drought() -> None:
    outcome = played("oracle", "1111111110000000")

    assert outcome.total("uncovered_minutes") == 0
    assert outcome.placed[:, 1].tolist() == [0] * 6 + [1] * 10


def moment(*, up: str, ready: tuple[int, ...], lost: tuple[int, ...] = (), step: int = 1) -> Moment:
    """What a policy sees: nothing launching, ties by place."""
    pools = len(up)
    nothing = np.zeros(pools, dtype=np.int64)
    return Moment(
        step=step,
        up=np.array([letter == "1" for letter in up]),
        ready=np.array(ready),
        launching=nothing,
        lost=np.array(lost) if lost else nothing,
        came_up=nothing,
        risk_lead=np.zeros(pools),
        risk_hour=np.zeros(pools),
        signalled=np.zeros(pools, dtype=np.bool_),
        order=np.arange(pools) / pools,
    )


def test_spothedge_avoids_the_pool_that_took_a_machine() -> None:
    policy = SpotHedge(ONE, spare=0, pools=3)

    after_a_loss = policy.decide(moment(up="011", ready=(0, 0, 0), lost=(1, 0, 0)))
    once_it_is_back = policy.decide(moment(up="111", ready=(0, 0, 0)))

    assert after_a_loss.want.tolist() == [0, 1, 0]
    assert after_a_loss.on_demand == 1
    assert once_it_is_back.want.tolist() == [0, 1, 0]


def test_spothedge_forgives_when_too_few_pools_are_left() -> None:
    policy = SpotHedge(ONE, spare=0, pools=3)

    policy.decide(moment(up="001", ready=(0, 0, 1), lost=(1, 1, 0)))
    decision = policy.decide(moment(up="110", ready=(0, 0, 0), lost=(0, 0, 1)))

    assert decision.want.tolist() == [1, 0, 0]


def test_the_bandit_goes_where_it_lost_least_of_what_it_tried() -> None:
    policy = Bandit(ONE, pools=2)
    for _ in range(50):
        policy.decide(moment(up="11", ready=(1, 0), lost=(1, 0)))
        policy.decide(moment(up="11", ready=(0, 1)))

    decision = policy.decide(moment(up="11", ready=(0, 0)))

    assert decision.want.tolist() == [0, 1]
