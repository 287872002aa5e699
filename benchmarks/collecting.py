"""All feeds by the clock: simulated hours in which no run may be missed, doubled, or leak memory.

The scheduler's own loop runs against the replayed payloads of every feed on a clock that is moved
on instead of waited for; everything else (clients, connections, warehouse on disk) is as in
`spotcast watch`. Takes the hours as an argument, 48 by default.
"""

import gc
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from api.scheduler import Desk
from api.wiring import utc_now
from collector.cadence import JITTER, LONGEST_JITTER
from tests.support.clock import SteppedScheduler, stopped_at
from tests.support.feeds import CASES, KNOWN, NOW, WATCHLIST, connections
from warehouse.store import Warehouse

HOURS = 48
WARM_UP_HOURS = 6
"""What a process keeps for good (caches, code, DuckDB's buffers) is there by then."""

LARGEST_GROWTH = 1.10
"""Memory at the end over memory after the warm-up, at most."""

RUNS = """
    select feed, scope, started_at, outcome
    from feed_run
    order by feed, scope, started_at
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of it: all runs, and the process's memory at each full hour, MiB."""

    runs: pl.DataFrame
    memory_mib: list[float]
    database_mib: list[float]
    seconds: float


def memory_mib() -> float:
    """The memory that this process holds now, MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


class Held:
    """A database that is opened when it is wanted and kept until it is let go.

    `spotcast watch` lets go after each run, a server never does; here it is once an hour, so that
    what DuckDB keeps in memory of its own does not hide what this project would leak.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._warehouse: Warehouse | None = None

    @contextmanager
    def take(self) -> Generator[Warehouse]:
        """The database, open."""
        if self._warehouse is None:
            self._warehouse = Warehouse.open(self._path)
        yield self._warehouse

    def let_go(self) -> None:
        """Close it."""
        if self._warehouse is not None:
            self._warehouse.close()
        self._warehouse = None


def watch(hours: int, database: Path) -> Watched:
    """Run all feeds for so many simulated hours from an empty database."""
    memory, size, started = [], [], time.perf_counter()
    held = Held(database)
    with connections() as reached, stopped_at(NOW) as clock:
        scheduler = SteppedScheduler()
        feeds = [(case.provider, case.feed) for case in CASES]
        desk = Desk(
            held.take,
            reached,
            feeds,
            WATCHLIST,
            clock=utc_now,
            scheduler=scheduler,
        )
        desk.start()
        for hour in range(hours + 1):
            scheduler.run_until(NOW + timedelta(hours=hour), clock)
            held.let_go()
            memory.append(memory_mib())
            size.append(sum(one.stat().st_size for one in database.parent.iterdir()) / 2**20)
        with held.take() as warehouse:
            runs = warehouse.ask(RUNS)
        held.let_go()
    return Watched(runs, memory, size, time.perf_counter() - started)


def gaps(runs: pl.DataFrame) -> pl.DataFrame:
    """Per feed and scope: runs, and the shortest and longest time between two, over its cadence.

    A feed whose runs were not good keeps another pace and is left out.
    """
    cadence = {feed.name: feed.cadence for one in KNOWN.values() for feed in one.feeds}
    good = runs.group_by("feed", "scope").agg(
        all_good=pl.col("outcome").is_in(["ok", "unchanged"]).all(),
        runs=pl.len(),
        shortest=pl.col("started_at").diff().min(),
        longest=pl.col("started_at").diff().max(),
    )
    return (
        good.filter("all_good")
        .with_columns(
            cadence=pl.col("feed").replace_strict(cadence, return_dtype=pl.Duration("us"))
        )
        .sort("feed", "scope")
    )


def faults(found: pl.DataFrame) -> list[str]:
    """What was missed or doubled, in words; empty if nothing was."""
    told = []
    for row in found.drop_nulls("shortest").iter_rows(named=True):
        cadence = row["cadence"]
        latest = cadence + min(cadence * JITTER, LONGEST_JITTER)
        if row["shortest"] < cadence:
            told.append(f"{row['feed']} ran twice within {row['shortest']}")
        if row["longest"] > latest + timedelta(seconds=1):
            told.append(f"{row['feed']} was missed: {row['longest']} between two runs")
    return told


def expected(found: pl.DataFrame, until: datetime) -> tuple[int, int]:
    """The fewest and the most runs that cadences and jitter allow up to then, for these feeds."""
    fewest = most = 0
    for cadence in found["cadence"]:
        span = until - NOW
        most += span // cadence + 1
        fewest += span // (cadence + min(cadence * JITTER, LONGEST_JITTER)) + 1
    return fewest, most


def main() -> None:
    """Measure and print; exit 1 if a run was missed or doubled, or memory grew."""
    hours = int(sys.argv[1]) if len(sys.argv) > 1 else HOURS
    with TemporaryDirectory() as folder:
        watched = watch(hours, Path(folder) / "watched.duckdb")
    found = gaps(watched.runs)
    fewest, most = expected(found, NOW + timedelta(hours=hours))
    outcomes = watched.runs.group_by("outcome").len().sort("outcome").rows()
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes)
    print(
        "memory, MiB, by the hour:", *(f"{one:.0f}" for one in watched.memory_mib), file=sys.stderr
    )
    start = watched.memory_mib[min(WARM_UP_HOURS, hours)]
    growth = watched.memory_mib[-1] / start
    runs, good, end = watched.runs.height, found["runs"].sum(), watched.memory_mib[-1]
    print(f"{hours} simulated hours of {len(CASES)} feeds: {runs:,} runs ({told})")
    print(f"  good feeds: {good:,} runs; cadence and jitter allow {fewest:,} to {most:,}")
    print(f"  memory {start:.0f} MiB after {WARM_UP_HOURS} h, {end:.0f} MiB at the end: ", end="")
    print(f"ratio {growth:.3f} (limit {LARGEST_GROWTH})")
    print(f"  database {watched.database_mib[-1]:.1f} MiB; ", end="")
    print(f"{watched.seconds:.0f} s in all, {1000 * watched.seconds / runs:.0f} ms a run")
    wrong = faults(found)
    print(*(wrong or ["  no run missed, none doubled"]), sep="\n")
    if wrong or growth > LARGEST_GROWTH or not fewest <= good <= most:
        sys.exit(1)


if __name__ == "__main__":
    main()
