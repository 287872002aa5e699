"""Every feed there is, by the scheduler's own loop, for some simulated minutes.

`make bench` does the same for two days, and looks at memory too.
"""

from contextlib import nullcontext
from datetime import timedelta

from api.scheduler import Desk
from api.wiring import utc_now
from tests.support.clock import SteppedScheduler, stopped_at
from tests.support.feeds import CASES, NOW, WATCHLIST, connections
from warehouse.store import Warehouse

MINUTES = 12


def test_every_feed_runs_when_it_is_due_and_none_fails(warehouse: Warehouse) -> None:
    scheduler = SteppedScheduler()
    with connections() as reached, stopped_at(NOW) as clock:
        desk = Desk(
            lambda: nullcontext(warehouse),
            reached,
            [(case.provider, case.feed) for case in CASES],
            WATCHLIST,
            clock=utc_now,
            scheduler=scheduler,
        )
        desk.start()
        scheduler.run_until(NOW + timedelta(minutes=MINUTES), clock)
        desk.stop()

    outcomes = warehouse.rows("select distinct outcome from feed_run order by 1")
    counts = dict(warehouse.rows("select feed, count(*) from feed_run group by 1"))
    assert {one for (one,) in outcomes} <= {"ok", "unchanged"}
    assert set(counts) == {case.name for case in CASES}
    for case in CASES:
        fewest = int(timedelta(minutes=MINUTES) / (case.feed.cadence * 1.1)) + 1
        assert fewest <= counts[case.name] <= timedelta(minutes=MINUTES) / case.feed.cadence + 1
