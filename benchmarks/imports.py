"""Import speed: Parquet in, checked, deduplicated, on disk; as a ratio to the limit and to a peer.

The peer is DuckDB reading the same file into a table without any of that. Both run in one
process, turn by turn, so that a busy machine slows both. With a path the file is measured; without
one a file of the same shape as two years of daily prices is made.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from collector.history import KINDS, load_file
from warehouse.store import Warehouse

LIMIT_ROWS_PER_SECOND = 500_000
TURNS = 7
TYPES, DAYS = 1_000, 750
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def made_prices(path: Path) -> None:
    """Write 750,000 daily prices of 1,000 pools."""
    pools = pl.DataFrame({"instance_type": [f"type{n}.xlarge" for n in range(TYPES)]})
    days = pl.DataFrame({"effective_at": [NOW - timedelta(days=day) for day in range(1, DAYS + 1)]})
    pools.join(days, how="cross").with_columns(
        provider=pl.lit("aws"),
        region=pl.lit("us-east-1"),
        zone=pl.lit("*"),
        price_per_hour=(pl.int_range(pl.len()).hash(1) % 100_000 + 1) / 10_000,
        currency=pl.lit("USD"),
        semantics=pl.lit("interval"),
        source=pl.lit("benchmark"),
    ).write_parquet(path)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print; exit 1 if the median is below the limit."""
    with TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "prices.parquet"
        if len(sys.argv) == 1:
            made_prices(path)
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        ours, again, peer = [], [], []
        for turn in range(TURNS):
            database = Path(folder) / f"ours{turn}.duckdb"

            def load(database: Path = database) -> None:
                with Warehouse.open(database) as warehouse:
                    load_file(warehouse, KINDS["prices"], path, clock=lambda: datetime.now(UTC))

            def plain(database: Path = Path(folder) / f"peer{turn}.duckdb") -> None:
                with duckdb.connect(str(database)) as connection:
                    connection.read_parquet(str(path)).create("prices")

            ours.append(rows / seconds(load))
            again.append(rows / seconds(load))
            peer.append(rows / seconds(plain))
    median = statistics.median(ours)
    print(f"{rows:,} rows, {TURNS} turns, median (slowest to fastest), rows a second")
    for name, speeds in (("import", ours), ("import again", again), ("DuckDB alone", peer)):
        low, high = min(speeds), max(speeds)
        print(f"{name:13} {statistics.median(speeds):12,.0f} ({low:,.0f} to {high:,.0f})")
    print(f"import / limit of {LIMIT_ROWS_PER_SECOND:,}: {median / LIMIT_ROWS_PER_SECOND:.2f}")
    ratios = [mine / theirs for mine, theirs in zip(ours, peer, strict=True)]
    print(f"import / DuckDB alone: {statistics.median(ratios):.2f}")
    sys.exit(median < LIMIT_ROWS_PER_SECOND)


if __name__ == "__main__":
    main()
