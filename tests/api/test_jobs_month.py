"""No job is lost: a month of all jobs, and thirty kills at any step of what the process does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.job_dates import Schedule
from api.jobs import JOBS
from api.jobs_running import schedule_in
from tests.support.jobs import START, World, settings_with
from warehouse.store import Warehouse

DAY = timedelta(days=1)
RUNS = "select due_at, outcome, finished_at from job_run where job = $job order by started_at"
SELDOM = {
    "forecast": "7 */6 * * *",
    "verify": "37 */6 * * *",
    "alerts": "11 */6 * * *",
    "deliver": "13 */6 * * *",
}
"""Not by the half hour or minute: the month is of hundreds of runs as it is."""


def a_world(seed: int) -> World:
    with_quick = [replace(job, is_quick=job.is_quick or job.name == "verify") for job in JOBS]
    made = settings_with(**SELDOM)
    return World(Warehouse.in_memory(), np.random.default_rng(seed), made, with_quick)


def with_kills(
    world: World, kills: Sequence[tuple[datetime, int]], settled: timedelta = timedelta(0)
) -> None:
    """Live through all of them, and on for two days in which nothing fails.

    ``settled`` is how long a process lives at least.
    """
    for at, steps in kills:
        world.kill_after(max(at, world.now + settled), steps)
        world.live_until(world.now + 400 * DAY)
    world.share_failing = 0.0
    world.live_until(world.now + 2 * DAY)


def dates(schedule: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """All dates of a schedule from the last before ``start``."""
    date = schedule.newest(start)
    while date is not None and date <= end:
        yield date
        date = schedule.after(date)


def is_covered(span: tuple[datetime, datetime], away: Sequence[tuple[datetime, datetime]]) -> bool:
    """Whether nothing could begin in all of the span."""
    reached = span[0]
    for begun, ended in sorted(away):
        if begun <= reached:
            reached = max(reached, ended)
    return reached >= span[1]


def check(world: World) -> None:
    """Every date was done once, or there is a reason why a later one stands for it."""
    for job in world.jobs:
        schedule = schedule_in(world.settings, job)
        assert schedule is not None
        rows = world.warehouse.rows(RUNS, {"job": job.name})
        done = [due for due, outcome, _ in rows if outcome == "ok"]
        begun = {due for due, _, _ in rows}
        assert rows
        assert len(done) == len(set(done)), "a date was done twice"
        assert done == sorted(done), "an older date was done after a newer one"
        assert {outcome for _, outcome, _ in rows} <= {"ok", "failed", "killed", "refused"}
        assert all(finished for _, _, finished in rows)
        every = list(dates(schedule, START, world.now))
        assert set(done) <= set(every)
        assert every[-1] - done[-1] < 3 * DAY or len(every) < 2 or done[-1] >= every[-2]
        for due, following in zip(every, [*every[1:], world.now], strict=True):
            if due not in begun:
                assert is_covered((due, following), world.away), (job.name, due)
            else:
                assert due in done or any(later > due for later in done) or due == every[-1]


def test_a_month_of_all_jobs_with_thirty_kills_loses_none() -> None:
    world = a_world(9)
    chance = np.random.default_rng(30)
    kills = [(START + number * DAY * 31 / 30, int(chance.integers(10))) for number in range(30)]

    with_kills(world, kills, settled=timedelta(hours=1))
    check(world)

    assert world.kills == 30
    assert world.now >= START + 30 * DAY
    outcomes = dict(world.warehouse.rows("select outcome, count(*) from job_run group by 1"))
    assert min(outcomes.values()) >= 5
    assert set(outcomes) == {"ok", "failed", "killed", "refused"}


@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 2 * 24 * 60), st.integers(0, 40)), max_size=6),
)
@settings(
    max_examples=4,
    suppress_health_check=[HealthCheck.too_slow],
    # Each example lives through days: one that fails is told by its seed.
    phases=[Phase.explicit, Phase.generate],
)
def test_no_kill_at_any_step_loses_a_job(seed: int, kills: list[tuple[int, int]]) -> None:
    world = a_world(seed)
    at = sorted((START + timedelta(minutes=minutes), steps) for minutes, steps in kills)

    with_kills(world, at)

    check(world)
