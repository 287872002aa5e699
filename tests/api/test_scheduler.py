"""The desk: every feed at its own cadence, one failure stops no other, nothing is forgotten."""

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

from api.scheduler import Desk, Lease, background
from api.wiring import Connections, utc_now
from collector.errors import SourceUnavailableError
from collector.provider import Feed, Provider, Scope, Source
from collector.run import FeedReport
from collector.watchlist import Watchlist
from tests.support.clock import SteppedScheduler, stopped_at
from tests.support.market import a_pool, a_price
from warehouse.errors import WarehouseSpaceError
from warehouse.records import Record, RunOutcome, Semantics
from warehouse.runs import begin_run
from warehouse.store import Warehouse, lease

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

Collect = Callable[[Source], Iterator[Record]]


def prices(source: Source) -> Iterator[Record]:
    yield a_price(0.5, effective_at=source.now)


def a_feed(name: str, collect: Collect = prices, cadence: timedelta = HOUR) -> Feed:
    return Feed(
        name=name,
        title=name,
        meaning="",
        semantics=Semantics.SAMPLE,
        cadence=cadence,
        scope=Scope.REGION,
        collect=collect,
        needs_account=False,
    )


def provider(*feeds: Feed) -> Provider:
    return Provider("test", "Test", feeds, ("us-east-1",), lambda _: [])


def a_desk(
    warehouse: Warehouse,
    *feeds: Feed,
    watchlist: Watchlist | None = None,
    take: Lease | None = None,
) -> tuple[Desk, SteppedScheduler, list[FeedReport]]:
    scheduler, reports = SteppedScheduler(), list[FeedReport]()
    one = provider(*feeds)
    desk = Desk(
        take or (lambda: nullcontext(warehouse)),
        Connections(httpx.Client(), {}, is_replay=True),
        [(one, feed) for feed in feeds],
        watchlist or Watchlist(),
        clock=utc_now,
        scheduler=scheduler,
        told=reports.append,
    )
    return desk, scheduler, reports


def starts(warehouse: Warehouse, feed: str) -> list[datetime]:
    rows = warehouse.rows("select started_at from feed_run where feed = $f order by 1", {"f": feed})
    return [at for (at,) in rows]


def test_each_feed_runs_at_its_own_cadence(warehouse: Warehouse) -> None:
    feeds = a_feed("a", cadence=HOUR), a_feed("b", cadence=10 * HOUR)
    with stopped_at(START) as clock:
        desk, scheduler, _ = a_desk(warehouse, *feeds)
        desk.start()
        scheduler.run_until(START + timedelta(hours=24), clock)

    for feed in feeds:
        gaps = [later - sooner for sooner, later in pairwise(starts(warehouse, feed.name))]
        assert all(feed.cadence <= gap <= feed.cadence * 1.1 for gap in gaps)
    assert len(starts(warehouse, "a")) in range(22, 26)
    assert len(starts(warehouse, "b")) == 3


def test_a_feed_is_read_in_each_region_of_the_watchlist(warehouse: Warehouse) -> None:
    wanted = Watchlist(regions={"test": ("us-east-1", "eu-west-1")})
    with stopped_at(START) as clock:
        desk, scheduler, reports = a_desk(warehouse, a_feed("a"), watchlist=wanted)
        desk.start()
        scheduler.run_until(START, clock)

    assert sorted(one.scope for one in reports) == ["eu-west-1", "us-east-1"]


def test_a_feed_that_fails_or_breaks_stops_no_other_and_comes_back_by_itself(
    warehouse: Warehouse,
) -> None:
    def down_for_two_hours(source: Source) -> Iterator[Record]:
        if source.now < START + 2 * HOUR:
            raise SourceUnavailableError("down", "HTTP 503")
        yield from prices(source)

    def broken(_: Source) -> Iterator[Record]:
        raise AttributeError("nobody thought of this")

    feeds = a_feed("down", down_for_two_hours), a_feed("broken", broken), a_feed("good")
    with stopped_at(START) as clock:
        desk, scheduler, reports = a_desk(warehouse, *feeds)
        desk.start()
        scheduler.run_until(START + timedelta(hours=6), clock)

    outcomes = {
        name: [one.result.outcome for one in reports if one.feed == name]
        for name in ("down", "broken", "good")
    }
    assert set(outcomes["good"]) == {RunOutcome.OK}
    assert set(outcomes["broken"]) == {RunOutcome.FAILED}
    assert outcomes["down"][0] is RunOutcome.FAILED
    assert outcomes["down"][-1] is RunOutcome.OK
    assert len(outcomes["broken"]) < 20


def test_a_source_that_asks_for_patience_is_left_alone(warehouse: Warehouse) -> None:
    def throttled(_: Source) -> Iterator[Record]:
        raise SourceUnavailableError("slow", "HTTP 429", retry_after_seconds=7200)

    with stopped_at(START) as clock:
        desk, scheduler, _ = a_desk(warehouse, a_feed("slow", throttled, timedelta(minutes=5)))
        desk.start()
        scheduler.run_until(START + timedelta(hours=5), clock)

    ran = starts(warehouse, "slow")
    assert len(ran) == 3
    assert all(later - sooner >= 2 * HOUR for sooner, later in pairwise(ran))


def test_a_restart_waits_for_what_is_not_due_and_catches_up_once_on_what_is(
    warehouse: Warehouse,
) -> None:
    feeds = a_feed("hourly", cadence=HOUR), a_feed("daily", cadence=24 * HOUR)
    with stopped_at(START) as clock:
        desk, scheduler, _ = a_desk(warehouse, *feeds)
        desk.start()
        scheduler.run_until(START, clock)
        desk.stop()
    with stopped_at(START + 5 * HOUR) as clock:
        desk, scheduler, reports = a_desk(warehouse, *feeds)
        desk.start()
        scheduler.run_until(START + 5 * HOUR, clock)

    assert [one.feed for one in reports] == ["hourly"]


def test_a_machine_that_slept_reads_each_feed_once_when_it_wakes(warehouse: Warehouse) -> None:
    with stopped_at(START) as clock:
        desk, scheduler, reports = a_desk(warehouse, a_feed("a"), a_feed("b"))
        desk.start()
        scheduler.run_until(START, clock)
        clock.move_to(START + timedelta(days=3), tick=False)
        scheduler.run_until(START + timedelta(days=3), clock)

    assert sorted(one.feed for one in reports) == ["a", "a", "b", "b"]


def test_a_run_whose_process_was_killed_is_marked_and_repeated_soon(warehouse: Warehouse) -> None:
    begin_run(warehouse, "a", "us-east-1", START)
    with stopped_at(START + timedelta(seconds=10)) as clock:
        desk, scheduler, reports = a_desk(warehouse, a_feed("a", cadence=24 * HOUR))
        desk.start()
        scheduler.run_until(START + timedelta(minutes=2), clock)

    assert warehouse.rows("select outcome from feed_run order by started_at") == [
        ("killed",),
        ("ok",),
    ]
    assert len(reports) == 1


def test_a_warehouse_that_cannot_be_written_now_is_tried_again_in_a_minute(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    is_full = True

    def take() -> nullcontext[Warehouse]:
        if is_full and utc_now() > START:
            raise WarehouseSpaceError(tmp_path, "No space left on device")
        return nullcontext(warehouse)

    with stopped_at(START) as clock:
        desk, scheduler, reports = a_desk(warehouse, a_feed("a"), take=take)
        desk.start()
        scheduler.run_until(START, clock)
        scheduler.run_until(START + 2 * HOUR, clock)
        assert len(reports) == 1
        is_full = False
        scheduler.run_until(START + 2 * HOUR + timedelta(minutes=2), clock)

    assert len(reports) == 2


def test_in_threads_feeds_are_read_at_once_and_stored_one_after_the_other(
    tmp_path: Path,
) -> None:
    both = threading.Barrier(2, timeout=10)
    done = threading.Semaphore(0)

    def together(source: Source) -> Iterator[Record]:
        both.wait()
        yield a_price(0.5, a_pool(f"g{source.region}.xlarge"), effective_at=source.now)

    feeds = a_feed("a", together), a_feed("b", together)
    one = provider(*feeds)
    take = lease(tmp_path / "w.duckdb")
    reports: list[FeedReport] = []

    def told(report: FeedReport) -> None:
        reports.append(report)
        done.release()

    desk = Desk(
        take,
        Connections(httpx.Client(), {}, is_replay=True),
        [(one, feed) for feed in feeds],
        Watchlist(),
        clock=utc_now,
        scheduler=background(2),
        told=told,
    )
    desk.start()
    assert all(done.acquire(timeout=20) for _ in feeds)
    desk.stop()

    assert [one.result.outcome for one in reports] == [RunOutcome.OK, RunOutcome.OK]


def test_stopping_waits_for_the_run_under_way_and_begins_no_other(tmp_path: Path) -> None:
    begun, may_end, stopped = threading.Event(), threading.Event(), threading.Event()

    def slow(source: Source) -> Iterator[Record]:
        begun.set()
        assert may_end.wait(20)
        yield a_price(0.5, effective_at=source.now)

    feeds = a_feed("slow", slow), a_feed("queued")
    reports: list[FeedReport] = []
    one = provider(*feeds)
    desk = Desk(
        lease(tmp_path / "w.duckdb"),
        Connections(httpx.Client(), {}, is_replay=True),
        [(one, feed) for feed in feeds],
        Watchlist(),
        clock=utc_now,
        scheduler=background(1),
        told=reports.append,
    )
    desk.start()
    assert begun.wait(20)

    def stop() -> None:
        desk.stop()
        stopped.set()

    threading.Thread(target=stop).start()
    assert not stopped.wait(0.2)
    may_end.set()

    assert stopped.wait(20)
    assert [one.feed for one in reports] == ["slow"]


def test_a_database_held_for_a_moment_by_another_process_is_waited_for(tmp_path: Path) -> None:
    take = lease(tmp_path / "w.duckdb")
    with take() as first:
        first.rows("select 1")
    with Warehouse.open(tmp_path / "w.duckdb", read_only=True) as reader:
        assert reader.rows("from feed_run") == []


@pytest.mark.parametrize("count", [0, 3])
def test_the_desk_knows_its_jobs(warehouse: Warehouse, count: int) -> None:
    desk, _, _ = a_desk(warehouse, *(a_feed(f"f{number}") for number in range(count)))

    assert [job.name for job in desk.jobs] == [f"f{number}@us-east-1" for number in range(count)]


class Given(BaseExecutor):  # type: ignore[misc] # the library has no types
    """Is given what is due, and tells of it."""

    def __init__(self, told: Callable[[Job], None]) -> None:
        super().__init__()
        self._told = told

    def _do_submit_job(self, job: Job, run_times: object) -> None:
        del run_times
        self._told(job)


def stop(scheduler: BaseScheduler, _: Job) -> None:
    """As `shutdown` begins: it waits for nobody before."""
    scheduler.state = STATE_STOPPED


def lose(scheduler: BaseScheduler, job: Job) -> None:
    """What nobody does: with a scheduler that goes on, this is a fault."""
    scheduler.remove_job(job.id)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("meanwhile", "deaths"), [(stop, 0), (lose, 1)])
def test_a_scheduler_that_is_stopped_in_the_middle_of_its_work_died_of_nothing(
    meanwhile: Callable[[BaseScheduler, Job], None], deaths: int
) -> None:
    died: list[BaseException] = []
    before = set(threading.enumerate())
    scheduler = background(died=died.append)
    scheduler.add_executor(Given(lambda job: meanwhile(scheduler, job)), "own")
    scheduler.add_job(print, "date", run_date=utc_now(), executor="own", misfire_grace_time=None)
    scheduler.start()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert len(died) == deaths
