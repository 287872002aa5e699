"""A training job on one machine: where it runs, how often it saves, and what it loses.

Time within a step is exact: work, checkpoints, restarts and moves follow each other by the
minute. A pool that is down at a grid point took the machine at that point, and with it the work
since the last checkpoint.
"""

import numpy as np

from advisor.simulation.availability import STEP_HOURS, STEP_MINUTES, steps_left
from advisor.simulation.outcomes import ALARM_STEPS, TRAINING_MEASURES, Outcome, by_day
from advisor.simulation.replay_settings import TrainingJob
from advisor.simulation.scene import Scene
from advisor.simulation.training_policies import (
    MINUTE,
    NOWHERE,
    Choice,
    TrainingMoment,
    TrainingPolicy,
)


class Progress:
    """The job between two steps, and the minutes counted in the present one."""

    def __init__(self, job: TrainingJob) -> None:
        self._job = job
        self.place = NOWHERE
        self._unsaved = 0.0
        self._delay = 0.0
        self._saving = 0.0
        self.work = 0.0
        self.overhead = 0.0

    def lose(self) -> float:
        """The machine is gone; minutes of work lost with it."""
        lost = 0.0 if self._job.saves_on_notice else self._unsaved
        self.place, self._unsaved, self._delay, self._saving = NOWHERE, 0.0, 0.0, 0.0
        return lost

    def follow(self, choice: Choice) -> None:
        """Go where the policy says, and run one step there."""
        self.work, self.overhead = 0.0, 0.0
        if choice.place != self.place:
            self._go(choice.place)
        if choice.place != NOWHERE:
            self._run(choice.interval_minutes, save_at_end=choice.save_at_end)

    def _go(self, place: int) -> None:
        """Restart in a pool, or move there with the work saved."""
        moving = self.place != NOWHERE
        self._delay = (self._job.move if moving else self._job.restart) / MINUTE
        self.place, self._unsaved, self._saving = place, 0.0, 0.0

    def _run(self, interval_minutes: float, *, save_at_end: bool) -> None:
        """One step: first what delays, then work and checkpoints in turn."""
        cost = self._job.checkpoint_cost / MINUTE
        reserved = min(cost, STEP_MINUTES) if save_at_end else 0.0
        free = STEP_MINUTES - reserved
        while free > 0:
            if self._delay > 0:
                self._delay, free = self._spend(self._delay, free)
            elif self._saving > 0:
                self._saving, free = self._spend(self._saving, free)
                self._unsaved = 0.0 if self._saving == 0 else self._unsaved
            elif self._unsaved >= interval_minutes:
                self._saving = cost
            else:
                worked = min(free, interval_minutes - self._unsaved)
                self.work, self._unsaved, free = (
                    self.work + worked, self._unsaved + worked, free - worked,
                )  # fmt: skip
        self.overhead += reserved
        self._unsaved = 0.0 if reserved else self._unsaved

    def _spend(self, owed: float, free: float) -> tuple[float, float]:
        """Pay what is owed in time: (still owed, still free)."""
        paid = min(owed, free)
        self.overhead += paid
        return owed - paid, free - paid


def train(scene: Scene, policy: TrainingPolicy, job: TrainingJob, name: str) -> Outcome:
    """Replay one policy, called ``name``; the job starts, with a restart, when the trace begins."""
    traces = scene.traces
    quiet = steps_left(traces.up) > ALARM_STEPS
    rows = np.zeros((len(TRAINING_MEASURES), traces.steps))
    placed = np.zeros((traces.steps, len(traces.pools) + 1), dtype=np.int64)
    progress = Progress(job)
    for step in range(traces.steps):
        seen, lost_minutes = _look(scene, step, progress)
        choice = policy.choose(seen)
        moved = seen.is_running and choice.place != seen.place
        progress.follow(choice)
        running = choice.place != NOWHERE
        if running:
            placed[step, choice.place] = 1
        rows[:, step] = (
            (progress.work - lost_minutes) / 60,
            lost_minutes / 60,
            progress.overhead / 60,
            0.0 if running else STEP_HOURS,
            scene.prices[choice.place] * STEP_HOURS if running else 0.0,
            seen.lost != NOWHERE,
            moved,
            moved and quiet[seen.place, step],
        )
    days = [by_day(row, traces.day) for row in rows]
    return Outcome(name, dict(zip(TRAINING_MEASURES, days, strict=True)), placed)


def _look(scene: Scene, step: int, progress: Progress) -> tuple[TrainingMoment, float]:
    """What the policy sees, and the minutes of work that went with the machine."""
    up, place, lost, lost_minutes = scene.traces.up[:, step], progress.place, NOWHERE, 0.0
    if place != NOWHERE and not up[place]:
        lost, place, lost_minutes = place, NOWHERE, progress.lose()
    seen = TrainingMoment(
        step=step,
        up=up,
        place=place,
        lost=lost,
        risk_hour=scene.risk_hour[:, step],
        signalled=scene.signals[:, step],
        order=scene.order[step],
    )
    return seen, lost_minutes
