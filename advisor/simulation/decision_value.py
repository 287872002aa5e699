"""What each policy comes to on real traces, and how far it is from the plain ones.

Rows are per campaign, and per kind of probe over all its campaigns; kinds are never added up.
Differences are of totals, with a bootstrap over days: policies see the same days, so days pair up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.simulation.availability import STEPS_PER_DAY, Floats
from advisor.simulation.outcomes import relative_difference
from advisor.simulation.replay_settings import ReplaySettings, ServingJob
from advisor.simulation.replay_traces import replay
from advisor.simulation.stretches import Stretch

ALL = "all"
"""The campaign of a row over all campaigns of a kind of probe."""

HEADROOM = "headroom"
"""The policy that has a target, and is replayed at several."""

SERVING_REFERENCES = ("static-n+1", "static-n+2")
TRAINING_REFERENCES = ("reactive",)

SERVING_COMPARED = ("cost", "uncovered_minutes")
TRAINING_COMPARED = ("waste_hours", "useful_hours")

WASTE = "waste_hours"
"""Of a training job: work that was lost, and checkpoints, restarts and moves."""

Interval = tuple[float, float, float]
"""Low, middle and high; nan is unknown."""


@dataclass(frozen=True, slots=True)
class Value:
    """What one policy came to.

    ``target`` is that of headroom, else None. ``per_day``: means per 24 h replayed of the
    measures in `outcomes`, and `WASTE`. ``against``: for each reference policy and compared
    measure the relative difference of the totals, -0.2 is 20 % less, with its 95 % interval.
    """

    campaign: str
    probe_kind: str
    policy: str
    target: float | None
    days: float
    per_day: Mapping[str, float]
    against: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True, slots=True)
class _Run:
    policy: str
    target: float | None = None


@dataclass(frozen=True, slots=True)
class _Played:
    """A stretch under every run: each measure [day]."""

    stretch: Stretch
    days: Mapping[_Run, Mapping[str, Floats]]


def decision_values(
    stretches: Sequence[Stretch],
    policies: Iterable[str],
    settings: ReplaySettings,
    *,
    targets: Sequence[float],
    seed: int,
) -> list[Value]:
    """One row per campaign and policy, headroom of a service once for each target.

    Args:
        stretches: what is replayed.
        policies: names that the job knows, in the order of the rows.
        settings: the job and the knobs; its own target is not used where there are targets.
        targets: of headroom, in the order of the rows.
        seed: of ties, signals and the intervals' days, the same for all policies.

    Raises:
        LeadTimeError: the cold start is longer than any forecast.
        ValueError: a policy that the job does not know.
    """
    serves = isinstance(settings.job, ServingJob)
    asked = [
        run
        for policy in policies
        for run in (
            [_Run(policy, target) for target in targets]
            if serves and policy == HEADROOM
            else [_Run(policy)]
        )
    ]
    references = [_Run(one) for one in (SERVING_REFERENCES if serves else TRAINING_REFERENCES)]
    runs = dict.fromkeys([*asked, *references])
    played = [_play(stretch, runs, settings, seed) for stretch in stretches]
    compared = SERVING_COMPARED if serves else TRAINING_COMPARED
    return [
        _value(name, group, run, _against(group, run, references, compared, seed=seed))
        for name, group in _groups(played)
        for run in asked
    ]


def _play(stretch: Stretch, runs: Iterable[_Run], settings: ReplaySettings, seed: int) -> _Played:
    days = {}
    for run in runs:
        own = settings if run.target is None else replace(settings, target=run.target)
        rng = np.random.default_rng(seed)
        outcome = replay(stretch.traces, stretch.forecasts, run.policy, own, rng=rng)
        days[run] = dict(outcome.by_day)
        if "lost_hours" in outcome.by_day:
            days[run][WASTE] = outcome.by_day["lost_hours"] + outcome.by_day["overhead_hours"]
    return _Played(stretch, days)


def _groups(played: Sequence[_Played]) -> list[tuple[str, list[_Played]]]:
    """The stretches of each campaign, then of all campaigns of a kind that has several."""
    kinds = dict.fromkeys(one.stretch.probe_kind for one in played)
    groups = list[tuple[str, list[_Played]]]()
    for kind in kinds:
        of_kind = [one for one in played if one.stretch.probe_kind == kind]
        names = dict.fromkeys(one.stretch.campaign for one in of_kind)
        for name in names:
            groups.append((name, [one for one in of_kind if one.stretch.campaign == name]))
        if len(names) > 1:
            groups.append((ALL, of_kind))
    return groups


def _against(
    group: Sequence[_Played],
    run: _Run,
    references: Iterable[_Run],
    compared: Iterable[str],
    *,
    seed: int,
) -> dict[str, dict[str, Interval]]:
    """Each compared measure against each other reference; the same days are drawn every time."""
    own = _joined(group, run)
    return {
        reference.policy: {
            measure: relative_difference(
                own[measure],
                _joined(group, reference)[measure],
                rng=np.random.default_rng(seed),
            )
            for measure in compared
        }
        for reference in references
        if reference != run
    }


def _value(
    name: str,
    group: Sequence[_Played],
    run: _Run,
    against: Mapping[str, Mapping[str, Interval]],
) -> Value:
    days = sum(one.stretch.traces.steps for one in group) / STEPS_PER_DAY
    return Value(
        campaign=name,
        probe_kind=group[0].stretch.probe_kind,
        policy=run.policy,
        target=run.target,
        days=days,
        per_day={name: float(row.sum()) / days for name, row in _joined(group, run).items()},
        against=against,
    )


def _joined(group: Sequence[_Played], run: _Run) -> dict[str, Floats]:
    """Each measure over the days of all stretches."""
    measures = group[0].days[run]
    return {name: np.concatenate([one.days[run][name] for one in group]) for name in measures}
