"""``/healthz`` and ``/readyz``."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from api.service.readiness import Reading
from api.service.state import Service
from collector.provider import Feed, Scope
from tests.support.market import NOW
from tests.support.served import a_client, a_service
from warehouse.errors import WarehouseError
from warehouse.records import RunOutcome, Semantics
from warehouse.runs import RunResult, begin_run, finish_run

HOUR = timedelta(hours=1)
FEED = Feed(
    name="aws.prices",
    title="",
    meaning="",
    semantics=Semantics.SAMPLE,
    cadence=HOUR,
    scope=Scope.REGION,
    collect=lambda _: iter(()),
    needs_account=False,
)


@pytest.fixture
def planned() -> Iterator[Service]:
    """A service that reads one feed in one region, and has a view of its market."""
    with a_service() as made:
        made.markets.refresh()
        yield replace(made, planned=[(FEED, "us-east-1")])


def a_run(service: Service, outcome: RunOutcome, ago: timedelta, error: str | None = None) -> None:
    with service.writing() as warehouse:
        run_id = begin_run(warehouse, FEED.name, "us-east-1", NOW - ago)
        finish_run(warehouse, run_id, RunResult(outcome, rows_read=1, error=error), NOW - ago)


def test_a_process_whose_threads_all_live_is_alive(service: Service) -> None:
    answer = a_client(service).get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive", "dead_threads": []})


def test_a_process_with_a_dead_thread_says_which(service: Service) -> None:
    answer = a_client(replace(service, dead=lambda: ["guard"])).get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "dying", "dead_threads": ["guard"]}


def test_before_the_first_view_of_the_market_it_is_not_ready(service: Service) -> None:
    answer = a_client(service).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["view_made_at"] is None
    assert answer.json()["notes"][0] == "The market has not been read yet."


def test_without_feeds_it_is_ready_with_a_view_and_says_that_nothing_is_read(
    service: Service,
) -> None:
    service.markets.refresh()
    answer = a_client(service).get("/readyz")
    assert answer.status_code == 200
    assert "reads no feeds" in answer.json()["notes"][0]


def test_a_planned_feed_that_was_never_read_is_waited_for(planned: Service) -> None:
    answer = a_client(planned).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["late"] == [
        {
            "feed": "aws.prices",
            "scope": "us-east-1",
            "state": "never read",
            "last_good_at": None,
        }
    ]


@pytest.mark.parametrize(("hours", "status"), [(0.0, 200), (2.0, 200), (2.01, 503)])
def test_a_feed_is_late_after_twice_its_cadence_and_since_when_is_said(
    planned: Service, hours: float, status: int
) -> None:
    a_run(planned, RunOutcome.OK, hours * HOUR)
    answer = a_client(planned).get("/readyz")
    assert answer.status_code == status
    since = [one["last_good_at"] for one in answer.json()["late"]]
    good_at = (NOW - hours * HOUR).isoformat().replace("+00:00", "Z")
    assert since == ([good_at] if status == 503 else [])


def test_a_feed_that_fails_is_named_and_its_error_is_not_told(planned: Service) -> None:
    a_run(planned, RunOutcome.FAILED, HOUR, "key AKIA... was refused")
    answer = a_client(planned).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["late"][0]["state"] == "failed"
    assert "AKIA" not in answer.text


def test_a_source_that_has_nothing_for_us_holds_nothing_up(planned: Service) -> None:
    a_run(planned, RunOutcome.SKIPPED, HOUR)
    assert a_client(planned).get("/readyz").status_code == 200


def test_a_server_that_is_stopping_takes_no_more_requests(service: Service) -> None:
    service.markets.refresh()
    service.stopping.set()
    assert a_client(service).get("/readyz").status_code == 503


def test_a_database_that_cannot_be_read_is_not_ready_and_its_words_are_for_the_log(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Service) -> list[Reading]:
        raise WarehouseError("/secret/place.duckdb: damaged")

    service.markets.refresh()
    monkeypatch.setattr("api.service.readiness.readings", fail)
    answer = a_client(service).get("/readyz")
    assert answer.status_code == 503
    assert "secret" not in answer.text
