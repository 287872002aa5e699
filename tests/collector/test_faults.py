"""The fault matrix: whatever a source does, each feed says so in our words and stores nothing.

Every feed is run against every fault, through its own client and over a real connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import stamina

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.provider import Source
from collector.run import gather, keep, run_feed
from tests.support.faults import (
    Fault,
    FaultyServer,
    always,
    closed_port,
    cut_gzip,
    drip,
    faulty_server,
    silent,
    unknown_words,
    wrong_types,
)
from tests.support.feeds import CASES, NOW, Case, each, facts, source_for
from warehouse.records import Record, RunOutcome
from warehouse.runs import begin_run, latest_runs
from warehouse.store import Warehouse

SHORT_SECONDS = 0.3
"""How long a feed waits for a server that will not answer."""
LONG_SECONDS = 10.0
"""The same for one that does, on a machine that is busy."""
MOST_REQUESTS = 60
"""More than any feed makes of the payloads: one that goes round in circles makes more."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fault is, and what it must be told as."""

    fault: Fault
    told_as: tuple[type[SourceError], ...]


GONE = (SourceUnavailableError,)
DENIED = (SourceDeniedError,)
CHANGED = (SourceChangedError,)

FAULTS = {
    "time-out": Expected(silent, GONE),
    # botocore hands on what it got before the line broke, which is then no XML.
    "slow drip that breaks": Expected(drip, (SourceUnavailableError, SourceChangedError)),
    "401": Expected(always(401), DENIED),
    "403": Expected(always(403), DENIED),
    "404": Expected(always(404), (SourceChangedError, NotOfferedError)),
    "429": Expected(always(429), GONE),
    "429 with Retry-After": Expected(always(429, retry_after="7"), GONE),
    "500": Expected(always(500), GONE),
    "503": Expected(always(503), GONE),
    "truncated gzip": Expected(cut_gzip, CHANGED),
    "HTML": Expected(always(200, b"<!DOCTYPE html><html>sign in</html>"), CHANGED),
    "empty body": Expected(always(200, b""), CHANGED),
}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    with faulty_server() as made:
        yield made


@pytest.fixture(scope="module")
def untouched() -> Iterator[Warehouse]:
    """A database in which no fault may leave a fact."""
    with Warehouse.in_memory() as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_tried_twice() -> None:
    stamina.set_testing(True, attempts=1)


def told(case: Case, source: Source, warehouse: Warehouse) -> list[Record] | SourceError:
    """What the feed told; its run is closed like any other."""
    run_id = begin_run(warehouse, case.feed.name, case.scope, NOW)
    found = gather(case.feed, source)
    keep(warehouse, case.feed, source, found, run_id=run_id, now=NOW)
    return found


def is_ours(error: object) -> bool:
    """Whether an error is a fault of the feed's own code."""
    return str(error).endswith(" inside")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_fault_is_told_for_what_it_is_and_nothing_is_stored(
    server: FaultyServer, untouched: Warehouse, case: Case, fault: str
) -> None:
    expected = FAULTS[fault]
    server.break_with(expected.fault)
    waits = SHORT_SECONDS if expected.fault is silent else LONG_SECONDS
    with source_for(case, server.url, timeout_seconds=waits) as source:
        error = told(case, source(), untouched)

    if error == [] and case.feed.may_be_quiet:
        assert fault == "empty body"  # An empty answer of a queue is an empty queue.
    else:
        assert isinstance(error, expected.told_as), error
        assert not is_ours(error)
        assert str(error).startswith(f"{case.feed.name}: ")
    if fault == "429 with Retry-After":
        assert isinstance(error, SourceUnavailableError)
        assert error.retry_after_seconds == 7
    assert facts(untouched.rows) == {}


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_refused_connection_is_told(untouched: Warehouse, case: Case) -> None:
    with source_for(case, closed_port(), timeout_seconds=SHORT_SECONDS) as source:
        error = told(case, source(), untouched)

    assert isinstance(error, SourceUnavailableError), error
    assert facts(untouched.rows) == {}


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_source_that_breaks_at_its_last_request_leaves_no_half_of_a_run(
    server: FaultyServer, untouched: Warehouse, case: Case
) -> None:
    with source_for(case, server.url, timeout_seconds=LONG_SECONDS) as source:
        server.break_with(None)
        assert not isinstance(gather(case.feed, source()), SourceError)
        server.break_with(always(503), after=server.asked - 1)
        error = told(case, source(), untouched)

    # A feed may do without a last request that only adds detail, but never half a run.
    if isinstance(error, SourceError):
        assert isinstance(error, SourceUnavailableError)
        assert facts(untouched.rows) == {}
    else:
        _forget(untouched)


def _forget(warehouse: Warehouse) -> None:
    for table in facts(warehouse.rows):
        warehouse.execute(f"delete from {table}")  # noqa: S608 - names of our own


@pytest.mark.parametrize("mutation", [wrong_types, unknown_words])
@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_values_of_other_types_and_unknown_words_break_no_feed(
    server: FaultyServer, warehouse: Warehouse, case: Case, mutation: Fault
) -> None:
    server.break_with(mutation)
    with source_for(case, server.url, timeout_seconds=LONG_SECONDS) as source:
        report = run_feed(warehouse, case.feed, source(), lambda: NOW)

    assert not is_ours(report.result.error), report
    if report.result.outcome is not RunOutcome.OK:
        assert facts(warehouse.rows) == {}


@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_source_that_gives_its_first_page_for_ever_is_not_asked_for_ever(
    server: FaultyServer, warehouse: Warehouse, case: Case
) -> None:
    server.repeat_first_pages()
    with source_for(case, server.url, timeout_seconds=LONG_SECONDS) as source:
        report = run_feed(warehouse, case.feed, source(), lambda: NOW)

    assert server.asked < MOST_REQUESTS
    assert not is_ours(report.result.error), report


@pytest.mark.parametrize("shift", [timedelta(days=-4000), timedelta(days=4000)])
@pytest.mark.parametrize("case", CASES, ids=each(CASES))
def test_a_clock_that_is_years_off_breaks_no_feed(
    server: FaultyServer, warehouse: Warehouse, case: Case, shift: timedelta
) -> None:
    server.break_with(None)
    moment = NOW + shift
    with source_for(case, server.url, timeout_seconds=LONG_SECONDS, now=moment) as source:
        report = run_feed(warehouse, case.feed, source(), lambda: moment)

    assert not is_ours(report.result.error), report
    assert latest_runs(warehouse)["outcome"].to_list() != ["running"]
    if report.result.outcome is not RunOutcome.OK:
        assert facts(warehouse.rows) == {}
