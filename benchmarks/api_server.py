"""The server that `benchmarks.api` asks: the real application under uvicorn, on a moved clock.

The clock starts at the end of the generated year, so that the market is fresh. With ``--ingest``
a writer stores a run of a feed every so many seconds, as `spotcast serve` does with its feeds.
``--bare`` serves one route that says a few words instead: what the frameworks alone take.
"""

import argparse
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.security.principal import LocalAccess
from api.server.views import ViewKeeper
from api.service.state import Service, service_of
from api.settings import settings_from
from benchmarks.large_market import END
from collector.watchlist import Watchlist
from warehouse.store import Warehouse
from warehouse.tables import RISK_FORECAST, SPOT_PRICE

CHANGES = 1_500
"""Prices that one run of a feed finds changed: of 30,000 pools a twentieth, as at a busy time."""

FORECASTS_EVERY = 12
"""Runs of feeds to one run of the forecast."""

PRICED = """
    select * from spot_price
    where effective_at > (select max(effective_at) from spot_price) - interval 20 days
    qualify row_number() over (
        partition by provider, region, zone, instance_type order by effective_at desc
    ) = 1
    order by provider, region, zone, instance_type
"""
FORECAST = "from risk_forecast where issued_at = (select max(issued_at) from risk_forecast)"

REPEATED = """
    update last_seen set seen_at = $now
    where fact = 'spot_price' and feed = $feed
"""


class Feeds:
    """A writer that stores what feeds tell: changed prices, what was repeated, forecasts."""

    def __init__(self, service: Service, every_seconds: float) -> None:
        self._service = service
        self._every = every_seconds
        self._rng = np.random.default_rng(1)
        with service.reading() as warehouse:
            self._prices = warehouse.ask(PRICED)
            self._forecasts = warehouse.ask(FORECAST)
        self._sources = self._prices["source"].unique().sort().to_list()
        self._runs = 0

    def run(self, is_over: threading.Event) -> None:
        """Store run after run."""
        while not is_over.wait(self._every):
            self.store()

    def store(self) -> None:
        """One run of one feed; of every few one of the forecast too."""
        now = self._service.clock()
        source = self._sources[self._runs % len(self._sources)]
        self._runs += 1
        changed = self._prices.filter(pl.col("source") == source).sample(CHANGES, seed=self._runs)
        factor = pl.Series(self._rng.lognormal(0.0, 0.1, changed.height))
        changed = changed.with_columns(
            pl.lit(now).alias("effective_at").cast(changed.schema["effective_at"]),
            pl.lit(now).alias("observed_at").cast(changed.schema["observed_at"]),
            (pl.col("price_per_hour") * factor).round(4).alias("price_per_hour"),
        )
        with self._service.writing() as warehouse, warehouse.transaction():
            warehouse.append(SPOT_PRICE, changed)
            warehouse.execute(REPEATED, {"now": now, "feed": source})
            if self._runs % FORECASTS_EVERY == 0:
                issued = pl.lit(now).alias("issued_at").cast(self._forecasts.schema["issued_at"])
                warehouse.append(RISK_FORECAST, self._forecasts.with_columns(issued))


def clock_from(start: datetime) -> Callable[[], datetime]:
    """A clock that shows ``start`` now and goes on from there."""
    began = datetime.now(UTC)
    return lambda: start + (datetime.now(UTC) - began)


def bare() -> FastAPI:
    """An application with one route."""
    app = FastAPI(openapi_url=None)

    @app.get("/bare")
    def say() -> dict[str, str]:
        return {"said": "a few words"}

    return app


def main() -> None:
    """Serve until the process is told to stop."""
    given = argparse.ArgumentParser()
    given.add_argument("--port", type=int, required=True)
    given.add_argument("--warehouse", type=Path)
    given.add_argument("--ingest", type=float, default=0.0, help="seconds between two runs")
    given.add_argument("--threads", type=int, help="of DuckDB; by default as the server sets it")
    asked = given.parse_args()
    if asked.warehouse is None:
        _serve(bare(), asked.port)
        return
    is_over = threading.Event()
    with Warehouse.open(asked.warehouse) as warehouse:
        service = service_of(warehouse, settings_from({}), clock_from(END), Watchlist())
        if asked.threads:
            warehouse.execute("set threads = $threads", {"threads": asked.threads})
        service.markets.refresh()
        keeper = ViewKeeper(service, made=lambda _: None)
        jobs = [threading.Thread(target=keeper.keep)]
        if asked.ingest:
            feeds = Feeds(service, asked.ingest)
            jobs.append(threading.Thread(target=feeds.run, args=(is_over,)))
        for job in jobs:
            job.start()
        app = create_app(service, LocalAccess())
        app.openapi()
        _serve(app, asked.port)
        is_over.set()
        service.stopping.set()
        keeper.wake()
        for job in jobs:
            job.join()


def _serve(app: FastAPI, port: int) -> None:
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
