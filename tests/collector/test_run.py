"""Running feeds: all of a run or nothing, always a row, and one failure stops no other."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from collector.errors import (
    NotOfferedError,
    SourceDeniedError,
    SourceUnavailableError,
    UnchangedError,
)
from collector.http import Fetcher, PageVersion
from collector.provider import Feed, Scope, Source, providers
from collector.run import progress, run_feed
from tests.support.market import NOW, a_pool, a_price, a_signal
from warehouse.records import Record, RunOutcome, Semantics
from warehouse.runs import abandon_runs, begin_run, last_success, latest_runs
from warehouse.store import Warehouse


def a_feed(collect: Callable[[Source], Iterator[Record]]) -> Feed:
    return Feed(
        name="test.feed",
        title="A feed",
        meaning="",
        semantics=Semantics.SAMPLE,
        cadence=timedelta(hours=1),
        scope=Scope.REGION,
        collect=collect,
        needs_account=False,
    )


def a_source() -> Source:
    return Source(region="us-east-1", now=NOW, http=Fetcher(httpx.Client()))


def run(warehouse: Warehouse, *records: Record, error: Exception | None = None) -> RunOutcome:
    def collect(_: Source) -> Iterator[Record]:
        yield from records
        if error:
            raise error

    return run_feed(warehouse, a_feed(collect), a_source(), lambda: NOW).result.outcome


def runs(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select outcome, rows_read, rows_new, error from feed_run")


def test_a_run_stores_its_rows_and_says_how_many_are_new(warehouse: Warehouse) -> None:
    assert run(warehouse, a_price(0.5), a_price(0.5)) is RunOutcome.OK

    assert runs(warehouse) == [("ok", 2, 1, None)]
    assert last_success(warehouse, "test.feed", "us-east-1") == NOW


def test_a_feed_that_breaks_half_way_stores_nothing(warehouse: Warehouse) -> None:
    broken = SourceUnavailableError("test.feed", "HTTP 503")

    assert run(warehouse, a_price(0.5), error=broken) is RunOutcome.FAILED

    assert runs(warehouse) == [("failed", None, None, "test.feed: HTTP 503")]
    assert warehouse.rows("from spot_price") == []
    assert last_success(warehouse, "test.feed", "us-east-1") is None


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (a_price(-0.1), "price_per_hour -0.1 is not above 0"),
        (a_price(float("nan")), "price_per_hour NaN is not a finite number"),
        (a_price(1e6), "price_per_hour 1000000.0 is more than any machine costs"),
        (a_price(0.5, effective_at=NOW + timedelta(hours=1)), "is in the future"),
    ],
)
def test_one_implausible_row_refuses_the_run_and_keeps_what_was_stored(
    warehouse: Warehouse, price: Record, reason: str
) -> None:
    run(warehouse, a_price(0.4))

    assert run(warehouse, a_price(0.5, a_pool("g6.xlarge")), price) is RunOutcome.FAILED

    outcome, _, _, error = runs(warehouse)[1]
    assert outcome == "failed"
    assert str(error).startswith(
        "test.feed: spot_price aws/us-east-1/use1-az4/g5.xlarge/2026-11-24"
    )
    assert reason in str(error)
    assert warehouse.rows("select price_per_hour from spot_price") == [(0.4,)]


def test_an_answer_without_rows_is_no_success(warehouse: Warehouse) -> None:
    assert run(warehouse) is RunOutcome.FAILED

    assert "gave no rows at all for us-east-1" in str(runs(warehouse)[0][3])


def test_a_region_that_is_not_offered_is_skipped_not_failed(warehouse: Warehouse) -> None:
    skipped = NotOfferedError("test.feed", "the account has not opted in")

    assert run(warehouse, error=skipped) is RunOutcome.SKIPPED


def test_a_signal_that_is_repeated_is_seen_again_and_stored_once(warehouse: Warehouse) -> None:
    later = NOW + timedelta(hours=6)

    run(warehouse, a_signal(observed_at=NOW))
    feed = a_feed(lambda _: iter([a_signal(observed_at=later)]))
    again = Source(region="us-east-1", now=later, http=Fetcher(httpx.Client()))
    report = run_feed(warehouse, feed, again, lambda: later)

    assert report.result.rows_new == 0
    assert warehouse.rows("select observed_at from signal") == [(NOW,)]
    assert warehouse.rows("select fact, seen_at from last_seen") == [
        ("aws.advisor_band_trailing_month", later)
    ]


def test_a_signal_that_changes_and_changes_back_is_stored_each_time(warehouse: Warehouse) -> None:
    for hour, low in enumerate((0.05, 0.10, 0.05)):
        at = NOW + timedelta(hours=hour)
        feed = a_feed(lambda _, low=low, at=at: iter([a_signal(low, None, observed_at=at)]))  # type: ignore[misc] # bound per turn
        source = Source(region="us-east-1", now=at, http=Fetcher(httpx.Client()))
        run_feed(warehouse, feed, source, lambda at=at: at)  # type: ignore[misc] # the same

    assert warehouse.rows("select value_low from signal order by observed_at") == [
        (0.05,),
        (0.10,),
        (0.05,),
    ]


def test_an_unforeseen_error_leaves_a_run_that_the_next_writer_marks_as_killed(
    warehouse: Warehouse,
) -> None:
    begin_run(warehouse, "test.feed", "us-east-1", NOW)

    abandon_runs(warehouse)

    assert runs(warehouse) == [("killed", None, None, "its process ended before the run did")]
    assert latest_runs(warehouse)["outcome"].to_list() == ["killed"]


def test_a_refusal_names_what_a_person_must_do(warehouse: Warehouse) -> None:
    denied = SourceDeniedError("test.feed", "grant ec2:DescribeSpotPriceHistory")

    assert run(warehouse, error=denied) is RunOutcome.FAILED
    assert "grant ec2:" in str(runs(warehouse)[0][3])


def test_every_feed_that_is_found_says_what_it_is() -> None:
    feeds = [(provider, feed) for provider in providers().values() for feed in provider.feeds]

    assert len(providers()) >= 2
    assert len(feeds) >= 10
    for provider, feed in feeds:
        assert feed.name.startswith(f"{provider.name}.")
        assert feed.title
        assert feed.meaning
        assert feed.cadence > timedelta(0)
        assert bool(feed.permissions) == feed.needs_account, feed.name
    assert len({feed.name for _, feed in feeds}) == len(feeds)


def carrying(collect: Callable[[Source], Iterator[Record]], warehouse: Warehouse) -> Source:
    """One run's source with the progress that the last stored run left, after the run."""
    source = replace(a_source(), progress=progress(warehouse, "test.feed", "us-east-1"))
    run_feed(warehouse, a_feed(collect), source, lambda: NOW)
    return source


def test_a_cursor_is_kept_with_the_rows_of_its_run(warehouse: Warehouse) -> None:
    def collect(source: Source) -> Iterator[Record]:
        source.progress.cursor = "7"
        source.progress.pages["https://a"] = PageVersion('"v"', None, "hash")
        yield a_price(0.5)

    carrying(collect, warehouse)

    kept = progress(warehouse, "test.feed", "us-east-1")
    assert kept.cursor == "7"
    assert kept.pages == {"https://a": PageVersion('"v"', None, "hash")}


@pytest.mark.parametrize(
    "record", [a_price(-1.0), None], ids=["an implausible row", "an error of the source"]
)
def test_a_cursor_of_a_run_that_stored_nothing_is_lost_with_it(
    warehouse: Warehouse, record: Record | None
) -> None:
    def good(source: Source) -> Iterator[Record]:
        source.progress.cursor = "7"
        yield a_price(0.5)

    def bad(source: Source) -> Iterator[Record]:
        assert source.progress.cursor == "7"
        source.progress.cursor = "8"
        if record is None:
            raise SourceUnavailableError("test.feed", "HTTP 503")
        yield record

    carrying(good, warehouse)
    carrying(bad, warehouse)

    assert progress(warehouse, "test.feed", "us-east-1").cursor == "7"


def test_messages_are_acknowledged_after_their_rows_are_stored_and_only_then(
    warehouse: Warehouse,
) -> None:
    stored_when_told: list[int] = []

    def collect(source: Source, price: float = 0.5) -> Iterator[Record]:
        source.progress.after_stored.append(
            lambda: stored_when_told.append(len(warehouse.rows("from spot_price")))
        )
        yield a_price(price)

    carrying(lambda source: collect(source, -1.0), warehouse)
    assert stored_when_told == []
    carrying(collect, warehouse)
    assert stored_when_told == [1]


def test_a_run_that_does_not_acknowledge_leaves_the_messages(warehouse: Warehouse) -> None:
    told: list[str] = []
    source = a_source()
    source.progress.after_stored.append(lambda: told.append("deleted"))

    run_feed(
        warehouse, a_feed(lambda _: iter([a_price(0.5)])), source, lambda: NOW, acknowledges=False
    )

    assert told == []


def test_an_acknowledgement_that_fails_does_not_fail_the_run(warehouse: Warehouse) -> None:
    def refuse() -> None:
        raise SourceUnavailableError("test.feed", "HTTP 503")

    source = a_source()
    source.progress.after_stored.append(refuse)

    report = run_feed(warehouse, a_feed(lambda _: iter([a_price(0.5)])), source, lambda: NOW)

    assert report.result.outcome is RunOutcome.OK


def test_an_unchanged_source_stores_nothing_and_its_facts_are_fresh_again(
    warehouse: Warehouse,
) -> None:
    later = NOW + timedelta(hours=3)

    def unchanged(_: Source) -> Iterator[Record]:
        raise UnchangedError("test.feed", later)
        yield

    price = replace(a_price(0.5), source="test.feed")
    run_feed(warehouse, a_feed(lambda _: iter([price])), a_source(), lambda: NOW)
    report = run_feed(warehouse, a_feed(unchanged), a_source(), lambda: later)

    assert (report.result.outcome, report.result.rows_new) == (RunOutcome.UNCHANGED, 0)
    assert warehouse.rows("select seen_at from last_seen") == [(later,)]


def test_a_quiet_feed_may_give_no_rows(warehouse: Warehouse) -> None:
    quiet = replace(a_feed(lambda _: iter(())), may_be_quiet=True)

    assert run_feed(warehouse, quiet, a_source(), lambda: NOW).result.outcome is RunOutcome.OK


def test_a_fault_of_ours_in_a_feed_fails_its_run_and_no_more(warehouse: Warehouse) -> None:
    def broken(_: Source) -> Iterator[Record]:
        raise AttributeError("secret detail")
        yield

    report = run_feed(warehouse, a_feed(broken), a_source(), lambda: NOW)

    assert report.result.outcome is RunOutcome.FAILED
    assert report.result.error == "test.feed: cannot be read: AttributeError inside"
