"""Replays of real availability: what each policy would have cost, and what it would have missed.

All policies see the same trace, the same forecasts, the same signals and the same ties, so that
days pair up and a difference between two policies is one of decisions. What the replay assumes
is in `replay_settings`, and above all this: a pool that is down has taken every machine in it, so
a refused launch counts as a loss (pessimistic for traces of launch probes); a launch in a pool
that is up succeeds; prices are equal unless given.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from advisor.risk.interpolation import risk_within
from advisor.simulation.availability import Availability, Bools, Floats
from advisor.simulation.decayed_rate import Forecasts
from advisor.simulation.outcomes import Outcome
from advisor.simulation.policies import SERVING_POLICIES
from advisor.simulation.rebalance_signal import rebalance_signals
from advisor.simulation.replay_settings import ReplaySettings, ServingJob
from advisor.simulation.scene import Scene
from advisor.simulation.serving import serve
from advisor.simulation.training import train
from advisor.simulation.training_policies import TRAINING_POLICIES

HOUR = timedelta(hours=1)


def replay(
    traces: Availability,
    forecasts: Forecasts,
    policy: str,
    settings: ReplaySettings,
    *,
    rng: np.random.Generator,
    signals: Bools | None = None,
) -> Outcome:
    """What one policy comes to.

    Args:
        traces: what is up when.
        forecasts: P(lost within the horizon) by horizon in minutes, [pool, step]; nan is
            unknown. Made by anyone; the value at a step may know the trace up to it, no more.
        policy: a name in `SERVING_POLICIES` or `TRAINING_POLICIES`, whichever fits the job.
        settings: the job, and how the policies act.
        rng: for ties and rebalance signals; the same seed gives all policies the same.
        signals: rebalance signals, [pool, step]; None draws them as `settings.signal` says.

    Raises:
        LeadTimeError: no forecast reaches an hour ahead, or as far as the cold start.
        ValueError: a policy that the job does not know, or arrays that do not fit the trace.
    """
    job = settings.job
    known = SERVING_POLICIES if isinstance(job, ServingJob) else TRAINING_POLICIES
    if policy not in known:
        raise ValueError(f"{policy}: the policies of this job are {', '.join(known)}")
    if settings.prices and len(settings.prices) != len(traces.pools):
        raise ValueError(f"{len(settings.prices)} prices for {len(traces.pools)} pools")
    scene = _scene(traces, forecasts, settings, rng, signals)
    if isinstance(job, ServingJob):
        return serve(scene, SERVING_POLICIES[policy](job, settings, traces), job, policy)
    return train(scene, TRAINING_POLICIES[policy](job, settings, traces), job, policy)


def _scene(
    traces: Availability,
    forecasts: Forecasts,
    settings: ReplaySettings,
    rng: np.random.Generator,
    signals: Bools | None,
) -> Scene:
    """What is the same for all policies: the ties are drawn first, then the signals."""
    job = settings.job
    order = rng.random((traces.steps, len(traces.pools)))
    if signals is None:
        signals = rebalance_signals(traces.up, settings.signal, rng)
    hour = _risk(forecasts, HOUR, traces)
    lead = hour
    if isinstance(job, ServingJob):
        lead = _risk(forecasts, job.cold_start, traces)
    prices = np.array(settings.prices) if settings.prices else np.ones(len(traces.pools))
    return Scene(traces, lead, hour, signals, order, prices)


def replays(
    traces: Availability,
    forecasts: Forecasts,
    policies: Iterable[str],
    settings: ReplaySettings,
    *,
    seed: int,
) -> dict[str, Outcome]:
    """What each policy comes to, all with the same ties and signals."""
    return {
        policy: replay(traces, forecasts, policy, settings, rng=np.random.default_rng(seed))
        for policy in policies
    }


def target_curve(
    traces: Availability,
    forecasts: Forecasts,
    targets: Iterable[float],
    settings: ReplaySettings,
    *,
    seed: int,
) -> dict[float, Outcome]:
    """What headroom comes to at each target: a curve of coverage against cost."""
    return {
        target: replay(
            traces,
            forecasts,
            "headroom",
            replace(settings, target=target),
            rng=np.random.default_rng(seed),
        )
        for target in targets
    }


def _risk(forecasts: Forecasts, lead: timedelta, traces: Availability) -> Floats:
    """P(lost within ``lead``), [pool, step].

    Raises:
        LeadTimeError: no horizon reaches that far.
        ValueError: an array does not fit the trace, or holds what is no probability.
    """
    for given in forecasts.values():
        if given.shape != traces.up.shape:
            raise ValueError(f"forecasts {given.shape} do not fit the trace {traces.up.shape}")
    return risk_within(forecasts, lead)
