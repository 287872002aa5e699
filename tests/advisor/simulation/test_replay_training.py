"""A training job under each policy, to the minute."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from advisor.simulation.availability import Availability, Bools
from advisor.simulation.outcomes import Outcome
from advisor.simulation.replay_settings import ReplaySettings, TrainingJob
from advisor.simulation.replay_traces import replay
from advisor.simulation.training_policies import interval_minutes

JOB = TrainingJob()
AN_HOUR = "1" * 12


def trained(
    policy: str,
    *rows: str,
    job: TrainingJob = JOB,
    risk: tuple[float, ...] = (),
    signal: tuple[int, int] | None = None,
) -> Outcome:
    """One replay; risks are 0 and there is no signal unless given (pool, step)."""
    up = np.array([[letter == "1" for letter in row] for row in rows])
    signals: Bools = np.zeros_like(up)
    if signal is not None:
        signals[signal] = True
    return replay(
        Availability(tuple("ABCD"[: len(rows)]), up),
        {60: np.tile(np.array([risk or (0.0,) * len(rows)]).T, up.shape[1])},
        policy,
        ReplaySettings(job),
        rng=np.random.default_rng(3),
        signals=signals,
    )


def minutes(outcome: Outcome) -> dict[str, float]:
    """Useful, lost, overhead and waiting, in minutes."""
    names = ("useful", "lost", "overhead", "waiting")
    return {name: round(60 * outcome.total(f"{name}_hours"), 6) for name in names}


def test_work_and_checkpoints_alternate_after_the_start() -> None:
    outcome = trained("reactive", AN_HOUR * 2)

    # 10 to start, then 30 + 1 three times, then 17.
    assert minutes(outcome) == {"useful": 107, "lost": 0, "overhead": 13, "waiting": 0}
    assert outcome.total("cost") == pytest.approx(2)


def test_a_loss_takes_the_work_since_the_last_checkpoint() -> None:
    outcome = trained("reactive", AN_HOUR + "000" + "111")

    # 10 to start, 30 saved by 1, 19 lost; 15 without a pool; 10 to restart, 5 of work.
    assert minutes(outcome) == {"useful": 35, "lost": 19, "overhead": 21, "waiting": 15}
    assert outcome.total("losses") == 1


def test_a_job_that_saves_on_notice_loses_no_work() -> None:
    job = replace(JOB, saves_on_notice=True)

    outcome = trained("reactive", AN_HOUR + "000" + "111", job=job)

    assert minutes(outcome) == {"useful": 54, "lost": 0, "overhead": 21, "waiting": 15}


@pytest.mark.parametrize(("cost_minutes", "lost"), [(5, 0), (6, 30)])
def test_a_checkpoint_that_is_cut_short_saves_nothing(cost_minutes: int, lost: float) -> None:
    job = replace(JOB, restart=timedelta(0), checkpoint_cost=timedelta(minutes=cost_minutes))

    outcome = trained("reactive", "1" * 7 + "0", job=job)

    assert minutes(outcome)["lost"] == lost


def test_a_signal_moves_the_job_with_its_work() -> None:
    outcome = trained("rebalance", AN_HOUR, "0" + AN_HOUR[1:], signal=(0, 6))

    # 10 to start, 20 of work, 5 to move, 25 of work.
    assert minutes(outcome) == {"useful": 45, "lost": 0, "overhead": 15, "waiting": 0}
    assert outcome.total("hand_overs") == 1
    assert outcome.total("false_alarms") == 1, "the end of the trace is no loss"


@pytest.mark.parametrize(
    ("policy", "here", "moves"),
    [
        ("threshold", 0.16, 1),
        ("threshold", 0.14, 0),
        ("threshold", float("nan"), 0),
        # 10 minutes of restart and half an interval are at stake, and a move costs 5.
        ("expected-cost", 0.40, 1),
        ("expected-cost", 0.20, 0),
        ("headroom", 0.90, 0),
    ],
)
def test_a_job_moves_where_the_policy_finds_it_worth_it(
    policy: str, here: float, moves: int
) -> None:
    rows = (AN_HOUR * 2, "0" + "1" * 23)

    assert trained(policy, *rows, risk=(here, 0.01)).total("hand_overs") == moves


def test_the_forecast_picks_the_pool_and_sets_the_checkpoints() -> None:
    outcome = trained("headroom", AN_HOUR * 2, AN_HOUR * 2, risk=(0.5, 0.2))

    assert outcome.placed[:, 1].all()
    assert interval_minutes(JOB, 0.5) < interval_minutes(JOB, 0.2) < interval_minutes(JOB, 0.01)
    assert interval_minutes(JOB, float("nan")) == 30


def test_the_oracle_leaves_in_the_last_step_and_loses_nothing() -> None:
    moved = trained("oracle", AN_HOUR + "0" * 12, "0" + "1" * 23)
    stayed = trained("oracle", AN_HOUR + "0" * 12)

    assert moved.placed[:, 1].tolist() == [0] * 11 + [1] * 13
    assert minutes(moved) == {"useful": 105, "lost": 0, "overhead": 15, "waiting": 0}
    assert minutes(stayed) == {"useful": 49, "lost": 0, "overhead": 11, "waiting": 60}


@pytest.mark.parametrize("policy", ["spothedge", "ucb"])
def test_a_pool_that_took_the_machine_is_not_the_next_one(policy: str) -> None:
    rows = ("1" * 6 + "0" + "1" * 5, "0" * 8 + "1" * 4, "0" * 8 + "1" * 4)

    outcome = trained(policy, *rows)

    assert outcome.placed[:6, 0].all()
    assert outcome.placed[7, 0] == 1, "it is the only one that is up"
    later = trained(policy, "1" * 6 + "0" * 2 + "1" * 4, *rows[1:])
    assert later.placed[8:, 1:3].any(axis=1).all()
