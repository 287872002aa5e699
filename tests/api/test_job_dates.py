"""When jobs are due: cron in UTC, and what became of the newest date."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.config.jobs import JobsSection, RetentionSection
from api.job_dates import RETRIES, Attempt, ScheduleError, next_attempt, schedule_of
from warehouse.job_runs import Standing

NOW = datetime(2026, 11, 24, 9, 20, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURLY = schedule_of("7 * * * *")
DUE = datetime(2026, 11, 24, 9, 7, tzinfo=UTC)
NEXT = Attempt(DUE + HOUR, DUE + HOUR)
TEXTS = ("* * * * *", "7,37 * * * *", "*/5 3 * * *", "40 6 * * mon", "0 0 29 2 *", "0 0 31 * *")


def standing(*, done: bool = False, failures: int = 0, kills: int = 0) -> Standing:
    return Standing(DUE, DUE, done, failures, kills, DUE + MINUTE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 2 3", "has 3 fields"),
        ("99 * * * *", "higher than the maximum"),
        ("* * * * 1", "name the days"),
        ("0 0 1 * mon", "not both"),
        ("0 0 31 2 *", "there is no such day"),
        ("", "has 0 fields"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        schedule_of(text)
    with pytest.raises(ValidationError, match=why):
        JobsSection(forecast=text)


def test_a_job_may_be_off_and_terms_must_fit() -> None:
    assert JobsSection(forecast="off").forecast == "off"
    with pytest.raises(ValidationError, match="45 days at least"):
        RetentionSection(raw_days=30)
    with pytest.raises(ValidationError, match="no shorter than facts"):
        RetentionSection(hourly_days=60)


@given(
    st.sampled_from(TEXTS),
    st.integers(0, 75 * 366 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
def test_no_date_lies_between_the_newest_and_the_next(text: str, now: datetime) -> None:
    schedule = schedule_of(text)

    newest, following = schedule.newest(now), schedule.after(now)

    assert newest is not None
    assert following is not None
    assert newest <= now < following
    assert schedule.after(newest) == following


def test_a_job_that_never_ran_is_due_and_one_that_was_done_waits() -> None:
    assert next_attempt(HOURLY, None, NOW) == Attempt(DUE, DUE)
    assert next_attempt(HOURLY, standing(done=True), NOW) == NEXT


def test_of_dates_that_were_missed_the_last_is_due() -> None:
    later = next_attempt(HOURLY, standing(failures=1), NOW + 5 * HOUR)

    assert later == Attempt(DUE + 5 * HOUR, DUE + 5 * HOUR)


def test_a_failed_run_is_tried_again_so_often_and_then_waits_for_the_next_date() -> None:
    found = [next_attempt(HOURLY, standing(failures=n), NOW) for n in range(1, 5)]

    retried = [Attempt(DUE, DUE + MINUTE + wait) for wait in RETRIES]
    assert found == [*retried, NEXT]


def test_a_killed_run_is_done_again_at_once_and_later_ever_more_slowly() -> None:
    found = [next_attempt(schedule_of("7 9 * * *"), standing(kills=n), NOW) for n in (1, 2, 4, 20)]

    waits = [timedelta(0), MINUTE, 4 * MINUTE, HOUR]
    assert found == [Attempt(DUE, DUE + MINUTE + wait) for wait in waits]
