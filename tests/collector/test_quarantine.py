"""A payload that shrank: not stored, kept aside, looked at, then stored or forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from collector.errors import ShrunkError
from collector.http import Fetcher
from collector.provider import Feed, Scope, Source
from collector.quarantine import Quarantine, check_loss
from collector.run import append, run_feed
from tests.support.market import NOW, a_pool, a_price
from warehouse.records import Record, RunOutcome, Semantics
from warehouse.runs import RunResult
from warehouse.store import Warehouse


def a_list(pools: int, *, is_snapshot: bool = True, rows_each: int = 1) -> Feed:
    def collect(_: Source) -> Iterator[Record]:
        for number in range(pools):
            for hour in range(rows_each):
                at = NOW - timedelta(hours=hour)
                yield a_price(0.5, a_pool(f"g{number}.xlarge"), effective_at=at)

    return Feed(
        name="test.list",
        title="A list",
        meaning="",
        semantics=Semantics.SAMPLE,
        cadence=timedelta(hours=1),
        scope=Scope.REGION,
        collect=collect,
        needs_account=False,
        is_snapshot=is_snapshot,
    )


class Market:
    """A warehouse that is told one list after the other, an hour apart."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.quarantine = Quarantine(folder)
        self.now = NOW

    def told(self, feed: Feed) -> RunResult:
        """Run the feed an hour later."""
        self.now += timedelta(hours=1)
        source = Source(region="us-east-1", now=self.now, http=Fetcher(httpx.Client()))
        return run_feed(self.warehouse, feed, source, lambda: self.now, self.quarantine).result


@pytest.fixture
def market(warehouse: Warehouse, tmp_path: Path) -> Market:
    return Market(warehouse, tmp_path / "quarantine")


def test_a_list_that_loses_more_than_30_percent_is_kept_aside_and_nothing_of_it_stored(
    market: Market,
) -> None:
    market.told(a_list(10))

    shrunk = market.told(a_list(6))

    assert shrunk.outcome is RunOutcome.QUARANTINED
    assert shrunk.error == (
        "test.list: tells of 6 pools where the last good run told of 10 (40% fewer): kept aside, "
        "see `spotcast quarantine`"
    )
    assert len(market.warehouse.rows("from spot_price")) == 10
    assert [(one.pools, one.pools_before) for one in market.quarantine.held()] == [(6, 10)]


@pytest.mark.parametrize(("before", "now"), [(10, 7), (10, 10), (10, 30), (None, 1), (0, 1)])
def test_a_list_that_loses_less_or_grows_is_stored(before: int | None, now: int) -> None:
    check_loss("test.list", now, before)


def test_a_list_just_beyond_the_bound_is_refused() -> None:
    with pytest.raises(ShrunkError, match="31% fewer"):
        check_loss("test.list", 69, 100)


def test_it_is_measured_by_the_last_good_list_however_many_bad_ones_came_between(
    market: Market,
) -> None:
    outcomes = [market.told(a_list(pools)).outcome for pools in (10, 6, 5, 4, 8)]

    assert outcomes == [
        RunOutcome.OK,
        RunOutcome.QUARANTINED,
        RunOutcome.QUARANTINED,
        RunOutcome.QUARANTINED,
        RunOutcome.OK,
    ]


def test_a_shorter_window_of_the_same_pools_is_no_loss(market: Market) -> None:
    assert market.told(a_list(10, rows_each=20)).rows_read == 200

    assert market.told(a_list(10, rows_each=1)).outcome is RunOutcome.OK


def test_a_feed_that_tells_only_of_some_pools_each_time_may_tell_of_fewer(market: Market) -> None:
    market.told(a_list(10, is_snapshot=False))

    assert market.told(a_list(1, is_snapshot=False)).outcome is RunOutcome.OK


def test_what_was_kept_aside_can_be_stored_later_as_it_was(market: Market) -> None:
    market.told(a_list(10))
    market.told(a_list(3, rows_each=2))
    (held,) = market.quarantine.held()

    with market.warehouse.transaction():
        new = append(market.warehouse, market.quarantine.frames(held))

    assert new == 3  # The rows of the hour before; the newest were there already.
    assert len(market.warehouse.rows("from spot_price")) == 13


def test_what_is_discarded_is_gone(market: Market) -> None:
    market.told(a_list(10))
    market.told(a_list(3))
    (held,) = market.quarantine.held()

    market.quarantine.discard(held)

    assert market.quarantine.held() == []


def test_a_payload_half_written_when_the_process_was_killed_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".half").mkdir()
    (tmp_path / ".half" / "run.json").write_text("{}")

    assert Quarantine(tmp_path).held() == []


def test_without_a_folder_a_shrunk_list_is_refused_all_the_same(warehouse: Warehouse) -> None:
    source = Source(region="us-east-1", now=NOW, http=Fetcher(httpx.Client()))
    run_feed(warehouse, a_list(10), source, lambda: NOW)

    later = replace(source, now=NOW + timedelta(hours=1))
    report = run_feed(warehouse, a_list(1), later, lambda: later.now)

    assert report.result.outcome is RunOutcome.QUARANTINED
