"""How many nodes may be disrupted as drifted: by hand where the rule is short, else by a peer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.kubernetes_budgets import drift_allowed
from tests.support.guarded_objects import a_nodepool

THURSDAY = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def allowed(*budgets: dict[str, Any], nodes: int = 15, now: datetime = THURSDAY) -> int:
    return drift_allowed(a_nodepool(budgets=list(budgets)), nodes, now)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"nodes": "10%"}, 2),
        ({"nodes": "100%"}, 15),
        ({"nodes": "0%"}, 0),
        ({"nodes": "3"}, 3),
        ({"nodes": "99"}, 15),
        ({"nodes": "0", "reasons": ["Empty", "Underutilized"]}, 15),
        ({"nodes": "1", "reasons": ["Drifted"]}, 1),
        ({"nodes": "1", "schedule": "not a schedule", "duration": "1h"}, 0),
        ({"nodes": "1", "schedule": "0 12 * * *", "duration": "1h"}, 1),
        ({"nodes": "1", "schedule": "0 11 * * *", "duration": "1h"}, 15),
        ({"nodes": "1", "schedule": "0 11 * * *", "duration": "1h1m"}, 1),
        ({"nodes": "1", "schedule": "@daily", "duration": "12h30m"}, 1),
        ({"nodes": "1", "schedule": "@weekly", "duration": "24h"}, 15),
        ({"nodes": "1", "schedule": "0 9 * * mon-fri", "duration": "8h"}, 1),
        ({"nodes": "1", "schedule": "0 9 * * sat,sun", "duration": "8h"}, 15),
    ],
)
def test_a_budget_allows_what_karpenter_allows(budget: dict[str, Any], expected: int) -> None:
    assert allowed(budget) == expected


def test_the_strictest_budget_in_force_counts() -> None:
    at_night = {"nodes": "0", "schedule": "0 22 * * *", "duration": "8h"}

    assert allowed({"nodes": "50%"}, {"nodes": "3"}, at_night) == 3
    assert allowed({"nodes": "3"}, at_night, now=THURSDAY + timedelta(hours=12)) == 0


def test_a_nodepool_that_says_nothing_has_karpenters_default() -> None:
    assert drift_allowed(a_nodepool(), 15, THURSDAY) == 2
    assert allowed() == 15


def test_of_a_day_and_a_weekday_one_is_enough_and_a_stepped_star_names_days_too() -> None:
    # 1 January 2026 is a Thursday.
    either = {"nodes": "1", "schedule": "0 12 2 * thu", "duration": "1h"}
    stepped = {"nodes": "1", "schedule": "0 12 */2 * fri", "duration": "1h"}
    both = {"nodes": "1", "schedule": "0 12 * * fri", "duration": "1h"}

    assert (allowed(either), allowed(stepped), allowed(both)) == (1, 1, 15)


def test_times_are_in_utc_wherever_we_are() -> None:
    budget = {"nodes": "1", "schedule": "0 12 * * *", "duration": "1h"}
    elsewhere = THURSDAY.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+09:00").tzinfo)

    assert allowed(budget, now=elsewhere) == 1


def field(least: int, most: int) -> st.SearchStrategy[str]:
    """One field of a schedule, in all its forms."""
    numbers = st.integers(least, most)
    spans = st.tuples(numbers, numbers).map(sorted)
    return st.one_of(
        st.just("*"),
        st.lists(numbers, min_size=1, max_size=3).map(lambda found: ",".join(map(str, found))),
        spans.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        # The peer takes no step that is longer than the span.
        st.tuples(st.integers(least, most - 3), st.integers(1, 3)).map(
            lambda one: f"{one[0]}-{one[0] + 3}/{one[1]}"
        ),
        st.integers(1, 9).map(lambda step: f"*/{step}"),
    )


@settings(max_examples=150, deadline=None)
@given(
    schedule=st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12)),
    lasting=st.integers(1, 40 * 60),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds it
)
def test_a_schedule_is_in_force_when_an_independent_scheduler_says_so(
    schedule: tuple[str, str, str, str], lasting: int, now: datetime
) -> None:
    minute, hour, day, month = schedule
    trigger = CronTrigger(
        year="2025-2028", minute=minute, hour=hour, day=day, month=month, timezone=UTC
    )
    after = now - timedelta(minutes=lasting)
    # The peer rounds up to a whole second, and takes the start in.
    next_one = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    budget = {
        "nodes": "1",
        "schedule": " ".join((*schedule, "*")),
        "duration": f"{lasting}m",
    }

    expected = 1 if next_one is not None and next_one <= now else 15
    assert allowed(budget, now=now) == expected
