"""A kill at any moment of an import: the database opens, and importing again completes it."""

import multiprocessing
import random
import signal
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import polars as pl

from collector.history import KINDS, load_file
from warehouse.runs import abandon_runs
from warehouse.store import Warehouse

KILLS = 20
ROWS = 400_000
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)

EVERY_ROW = "select * exclude (observed_at) from spot_price order by all"


def import_prices(database: Path, prices: Path, begun: Connection) -> None:
    """What is killed: a process that says when it begins, and imports."""
    with Warehouse.open(database) as warehouse:
        begun.send("importing")
        load_file(
            warehouse, KINDS["prices"], prices, batch_rows=20_000, clock=lambda: datetime.now(UTC)
        )


def write_prices(path: Path) -> None:
    hours = ROWS // 100
    frame = pl.DataFrame(
        {
            "instance_type": [f"type-{number}" for number in range(100)],
        }
    ).join(
        pl.DataFrame(
            {"effective_at": [NOW - timedelta(hours=hour) for hour in range(1, hours + 1)]}
        ),
        how="cross",
    )
    frame.with_columns(
        provider=pl.lit("aws"),
        region=pl.lit("us-east-1"),
        zone=pl.lit("use1-az4"),
        price_per_hour=pl.int_range(pl.len()).mod(997).add(1) / 1000,
        currency=pl.lit("USD"),
        semantics=pl.lit("sample"),
        source=pl.lit("made for this test"),
    ).write_parquet(path)


def test_twenty_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    prices, database = tmp_path / "prices.parquet", tmp_path / "killed.duckdb"
    write_prices(prices)
    chance = random.Random(20261124)  # noqa: S311 - moments of a test, no secret
    killed_at = []

    # Each is a process of its own, forked from one that has loaded what it needs.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    for _ in range(KILLS):
        told, begun = context.Pipe(duplex=False)
        process = context.Process(target=import_prices, args=(database, prices, begun))
        process.start()
        begun.close()
        assert told.recv() == "importing"
        told.close()
        process.join(chance.uniform(0.0, 0.9))
        process.kill()
        process.join()
        assert process.exitcode in {0, -signal.SIGKILL}
        with Warehouse.open(database) as warehouse:
            killed_at.append(warehouse.rows("select count(*) from spot_price")[0][0])

    with Warehouse.open(database) as warehouse, Warehouse.in_memory() as clean:
        abandon_runs(warehouse)
        for each in (warehouse, clean):
            load_file(each, KINDS["prices"], prices, clock=lambda: NOW)
        assert warehouse.ask(EVERY_ROW).equals(clean.ask(EVERY_ROW))
        assert warehouse.rows("select count(*) from spot_price") == [(ROWS,)]
        assert warehouse.rows("from last_seen order by all") == clean.rows(
            "from last_seen order by all"
        )
        outcomes = dict(warehouse.rows("select outcome, count(*) from feed_run group by all"))
    # The kills must have hit imports that were under way, or this proves nothing.
    assert killed_at == sorted(killed_at)
    assert any(0 < rows < ROWS for rows in killed_at)
    assert outcomes["killed"] >= 1
    assert sum(outcomes.values()) >= outcomes["killed"] + outcomes["ok"]
