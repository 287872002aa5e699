"""What holds for all policies: bounds, causality, seeds; and what real traces say."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.risk.grid import timelines
from advisor.risk.interpolation import LeadTimeError
from advisor.simulation.availability import Availability, Bools, availabilities
from advisor.simulation.decayed_rate import decayed_rate
from advisor.simulation.outcomes import SERVING_MEASURES, TRAINING_MEASURES, Outcome
from advisor.simulation.policies import SERVING_POLICIES
from advisor.simulation.replay_settings import ReplaySettings, ServingJob, TrainingJob
from advisor.simulation.replay_traces import replay, replays, target_curve
from advisor.simulation.training_policies import TRAINING_POLICIES

JOBS: dict[str, ServingJob | TrainingJob] = {
    "serving": ServingJob(replicas=3),
    "training": TrainingJob(),
}
EVERY = [
    *(("serving", policy) for policy in SERVING_POLICIES),
    *(("training", policy) for policy in TRAINING_POLICIES),
]
CAUSAL = [(job, policy) for job, policy in EVERY if policy != "oracle"]
STEPS = 200


def market(seed: int, pools: int = 3, steps: int = STEPS) -> Availability:
    """Pools that come and go: they last an hour on mean, and so do the droughts."""
    flips = np.random.default_rng(seed).random((pools, steps)) < 1 / 12
    up = np.cumsum(flips, axis=1) % 2 == 0
    return Availability(tuple("ABCD"[:pools]), up)


def signals_of(seed: int, pools: int = 3, steps: int = STEPS) -> Bools:
    """Signals that know nothing."""
    return np.random.default_rng(seed + 1).random((pools, steps)) < 0.02


def played(traces: Availability, job: str, policy: str, seed: int = 0) -> Outcome:
    """One replay with the decayed rate as forecast."""
    return replay(
        traces,
        decayed_rate(traces.up),
        policy,
        ReplaySettings(JOBS[job]),
        rng=np.random.default_rng(seed),
        signals=signals_of(seed),
    )


def test_every_policy_of_the_command_line_is_there() -> None:
    assert set(SERVING_POLICIES) == {
        *("reactive", "static-n+1", "static-n+2", "rebalance", "threshold"),
        *("expected-cost", "headroom", "spothedge", "ucb", "oracle"),
    }
    assert set(TRAINING_POLICIES) == set(SERVING_POLICIES) - {"static-n+1", "static-n+2"}


@pytest.mark.parametrize(("job", "policy"), CAUSAL)
@pytest.mark.parametrize("cut", [1, 77, 150])
def test_no_decision_depends_on_what_comes_after_it(job: str, policy: str, cut: int) -> None:
    traces = market(seed=5)
    other = Availability(traces.pools, np.where(np.arange(STEPS) < cut, traces.up, ~traces.up))

    before, after = (played(one, job, policy).placed[:cut] for one in (traces, other))

    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("job", JOBS)
def test_the_check_for_causality_finds_the_oracle_out(job: str) -> None:
    traces = market(seed=5)

    def is_moved_by_the_future(cut: int) -> bool:
        other = np.where(np.arange(STEPS) < cut, traces.up, ~traces.up)
        both = (traces, Availability(traces.pools, other))
        before, after = (played(one, job, "oracle").placed[:cut] for one in both)
        return not np.array_equal(before, after)

    assert any(is_moved_by_the_future(cut) for cut in range(10, STEPS, 10))


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_nobody_covers_more_than_the_oracle(seed: int) -> None:
    traces = market(seed)
    missed = {
        policy: played(traces, "serving", policy, seed).total("uncovered_minutes")
        for policy in SERVING_POLICIES
    }

    assert missed["oracle"] == 0
    assert min(missed.values()) == 0


@pytest.mark.parametrize("seed", range(5))
def test_nobody_wastes_less_than_the_oracle(seed: int) -> None:
    traces = market(seed)
    wasted = {
        policy: outcome.total("lost_hours") + outcome.total("overhead_hours")
        for policy in TRAINING_POLICIES
        for outcome in (played(traces, "training", policy, seed),)
    }

    assert played(traces, "training", "oracle", seed).total("lost_hours") == 0
    assert wasted["oracle"] <= min(wasted.values()) + 1e-9


@pytest.mark.parametrize("policy", SERVING_POLICIES)
def test_the_counts_of_a_service_add_up(policy: str) -> None:
    traces = market(seed=9)

    outcome = played(traces, "serving", policy)

    assert tuple(outcome.by_day) == SERVING_MEASURES
    hours = outcome.total("spot_hours") + outcome.total("on_demand_hours")
    assert hours == pytest.approx(outcome.placed.sum() * 5 / 60)
    expected = outcome.total("spot_hours") + 3 * outcome.total("on_demand_hours")
    assert outcome.total("cost") == pytest.approx(expected)
    assert not outcome.placed[:, :3][~traces.up.T].any(), "nothing lives in a pool that is down"
    assert 0 <= outcome.total("uncovered_minutes") <= 3 * 5 * STEPS
    assert 0 <= outcome.total("false_alarms") <= outcome.total("hand_overs")


@pytest.mark.parametrize("policy", TRAINING_POLICIES)
def test_the_hours_of_a_job_add_up(policy: str) -> None:
    traces = market(seed=9)

    outcome = played(traces, "training", policy)

    assert tuple(outcome.by_day) == TRAINING_MEASURES
    parts = [outcome.total(f"{part}_hours") for part in ("useful", "lost", "overhead", "waiting")]
    assert sum(parts) == pytest.approx(STEPS * 5 / 60)
    assert outcome.total("waiting_hours") == pytest.approx((~traces.up.any(axis=0)).sum() * 5 / 60)


@pytest.mark.parametrize(("job", "policy"), EVERY)
def test_nothing_is_missed_where_nothing_is_lost(job: str, policy: str) -> None:
    calm = Availability(("A", "B", "C"), np.ones((3, STEPS), dtype=np.bool_))

    outcome = played(calm, job, policy)

    missed = "uncovered_minutes" if job == "serving" else "lost_hours"
    assert outcome.total(missed) == 0
    assert outcome.total("losses") == 0


def test_the_same_seed_gives_the_same_replay() -> None:
    traces = market(seed=3)
    forecasts = decayed_rate(traces.up)

    first = replays(traces, forecasts, SERVING_POLICIES, ReplaySettings(), seed=8)
    again = replays(traces, forecasts, sorted(SERVING_POLICIES), ReplaySettings(), seed=8)

    for policy in SERVING_POLICIES:
        np.testing.assert_array_equal(first[policy].placed, again[policy].placed)


def test_a_higher_target_holds_more() -> None:
    traces = market(seed=3)

    curve = target_curve(
        traces, decayed_rate(traces.up), (0.0, 0.9, 0.999), ReplaySettings(), seed=8
    )

    hours = [outcome.total("spot_hours") for outcome in curve.values()]
    assert hours == sorted(hours)
    assert hours[0] < hours[-1]


def test_what_does_not_fit_is_refused() -> None:
    traces = market(seed=3)
    forecasts = decayed_rate(traces.up)
    rng = np.random.default_rng(0)

    with pytest.raises(ValueError, match="hope: the policies of this job are reactive"):
        replay(traces, forecasts, "hope", ReplaySettings(), rng=rng)
    with pytest.raises(ValueError, match=r"static-n\+1: the policies of this job are"):
        replay(traces, forecasts, "static-n+1", ReplaySettings(TrainingJob()), rng=rng)
    with pytest.raises(ValueError, match="2 prices for 3 pools"):
        replay(traces, forecasts, "reactive", ReplaySettings(prices=(1.0, 1.0)), rng=rng)
    with pytest.raises(LeadTimeError, match="no forecast reaches 60 minutes"):
        replay(traces, {15: forecasts[15]}, "reactive", ReplaySettings(), rng=rng)
    with pytest.raises(ValueError, match="do not fit"):
        replay(market(seed=3, pools=2), forecasts, "reactive", ReplaySettings(), rng=rng)


@pytest.fixture(scope="module")
def t4_campaign() -> str:
    """Six zones of p3.2xlarge, probed every 195 s for 30 days from 2023-02-15."""
    return "aws-02-15-2023"


def test_on_a_real_trace_spares_help_and_a_forecast_helps_more(
    real_data: Path, t4_campaign: str
) -> None:
    ticks = pl.read_parquet(real_data / "interruptions" / "availability_ticks.parquet")
    campaign = ticks.filter(pl.col("trace_id").str.starts_with(t4_campaign))
    (traces,) = availabilities(timelines(campaign)[0])
    policies = ("reactive", "static-n+1", "static-n+2", "headroom", "oracle")

    outcomes = replays(
        traces, decayed_rate(traces.up), policies, ReplaySettings(target=0.9), seed=1
    )

    missed = {name: outcome.total("uncovered_minutes") for name, outcome in outcomes.items()}
    assert missed["static-n+2"] < missed["static-n+1"] < missed["reactive"]
    assert missed["headroom"] < missed["static-n+2"]
    assert outcomes["headroom"].total("cost") < 0.8 * outcomes["static-n+2"].total("cost")
    assert missed["oracle"] == 0
