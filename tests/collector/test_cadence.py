"""When a feed is due: what holds whatever its runs left behind."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cadence import FIRST_RETRY, JITTER, LONGEST_RETRY, LastRun, next_run
from warehouse.records import RunOutcome

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
CADENCES = st.timedeltas(timedelta(minutes=1), timedelta(days=7))
OUTCOMES = st.sampled_from(RunOutcome)


def a_run(outcome: RunOutcome = RunOutcome.OK, **given_: object) -> LastRun:
    fields: dict[str, object] = {
        "feed": "test.feed",
        "scope": "us-east-1",
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=5),
        "outcome": outcome,
    }
    return LastRun(**{**fields, **given_})  # type: ignore[arg-type] # fields by name


def test_a_feed_that_never_ran_is_due_at_once() -> None:
    assert next_run(timedelta(hours=1), None, NOW) == NOW


@given(CADENCES, st.sampled_from([RunOutcome.OK, RunOutcome.UNCHANGED, RunOutcome.QUARANTINED]))
def test_after_a_good_run_a_feed_keeps_its_cadence_within_the_jitter(
    cadence: timedelta, outcome: RunOutcome
) -> None:
    wait = next_run(cadence, a_run(outcome), NOW) - NOW

    assert cadence <= wait <= cadence * (1 + JITTER)


@given(CADENCES, OUTCOMES, st.integers(0, 10_000), st.floats(0, 1e6))
def test_a_source_that_asked_for_patience_is_never_asked_sooner(
    cadence: timedelta, outcome: RunOutcome, failures: int, seconds: float
) -> None:
    last = a_run(outcome, failures=failures, retry_after_seconds=seconds)

    due = next_run(cadence, last, NOW)

    assert due >= NOW + timedelta(seconds=5) + timedelta(seconds=seconds)


@given(CADENCES, OUTCOMES, st.integers(0, 10_000))
def test_a_feed_is_always_due_later_than_it_ran_and_within_reach(
    cadence: timedelta, outcome: RunOutcome, failures: int
) -> None:
    due = next_run(cadence, a_run(outcome, failures=failures), NOW)

    assert NOW < due <= NOW + max(cadence, LONGEST_RETRY) * (1 + JITTER)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 0.5), (2, 1), (3, 2), (5, 8), (8, 60), (100, 60)]
)
def test_the_wait_doubles_with_each_failure_up_to_an_hour(failures: int, minutes: float) -> None:
    due = next_run(timedelta(minutes=10), a_run(RunOutcome.FAILED, failures=failures), NOW)

    wait = timedelta(minutes=minutes)
    assert wait <= due - NOW <= wait * (1 + JITTER)


def test_a_daily_feed_that_failed_is_tried_again_soon_but_in_the_end_daily() -> None:
    day = timedelta(days=1)

    first = next_run(day, a_run(RunOutcome.FAILED, failures=1), NOW) - NOW
    late = next_run(day, a_run(RunOutcome.FAILED, failures=50), NOW) - NOW

    assert first <= FIRST_RETRY * (1 + JITTER)
    assert day <= late


def test_two_regions_and_two_runs_of_a_feed_get_other_jitter_each_process_the_same() -> None:
    hour = timedelta(hours=1)
    runs = [
        a_run(scope=scope, started_at=NOW + shift)
        for scope in ("a", "b", "c")
        for shift in (timedelta(0), hour)
    ]

    waits = [next_run(hour, one, NOW) - one.started_at for one in runs]

    assert len(set(waits)) == len(runs)
    assert waits == [next_run(hour, one, NOW) - one.started_at for one in runs]
