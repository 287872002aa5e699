"""A small week of a market with something in every section of a report, and where it is kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from api.reports.market.asked import span_of
from api.reports.market.build import build
from api.reports.market.document import Period, ReportDocument
from api.settings import settings_from
from tests.support.market import a_pool, a_price, a_shape, a_signal
from warehouse.forecasts import append_forecasts
from warehouse.frames import frames_of
from warehouse.records import (
    AvailabilityTick,
    EndedBy,
    Exposure,
    Interruption,
    InterruptionKind,
    OnDemandPrice,
    Pool,
    ProbeKind,
    Record,
    Replacement,
    RunOutcome,
)
from warehouse.replacements import advance
from warehouse.runs import RunResult, begin_run, finish_run
from warehouse.store import Warehouse

END = datetime(2026, 11, 23, tzinfo=UTC)
START = END - timedelta(days=7)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FEED = "aws.website_spot"
"""A feed of the project with a cadence, so that it can be late."""

G5, G4 = a_pool("g5.xlarge"), a_pool("g4dn.xlarge")
G5_OTHER = a_pool("g5.xlarge", zone="use1-az6")
NEW, GONE = a_pool("g6.xlarge"), a_pool("p3.2xlarge")

RESTING = [a_pool("m7i.large", zone=f"use1-az{number}") for number in range(12)]

RISES = (0.4, 0.5)
FALLS = (0.3, 0.2)


def prices() -> list[Record]:
    """One pool rises and one falls on the third day, one rests; one comes, and one goes."""
    before, change = START - 2 * DAY, START + 2 * DAY
    return [
        a_price(RISES[0], G5, before),
        a_price(RISES[1], G5, change),
        a_price(FALLS[0], G4, before),
        a_price(FALLS[1], G4, change + HOUR),
        a_price(0.45, G5_OTHER, before),
        a_price(0.6, NEW, change),
        a_price(0.9, GONE, START - DAY),
        *(a_price(0.03, pool, START - DAY) for pool in RESTING),
        # The feed repeats all but one of them until the end.
        a_price(RISES[1], G5, END - HOUR),
        a_price(FALLS[1], G4, END - HOUR),
        a_price(0.45, G5_OTHER, END - HOUR),
        a_price(0.6, NEW, END - HOUR),
        *(a_price(0.03, pool, END - HOUR) for pool in RESTING),
    ]


def market() -> list[Record]:
    """The prices with shapes, list prices and bands."""
    shapes = {"g5.xlarge": "A10G", "g4dn.xlarge": "T4", "g6.xlarge": "L4", "p3.2xlarge": "V100"}
    memory = {"A10G": 22.35, "T4": 16.0, "L4": 24.0, "V100": 16.0}
    return [
        *prices(),
        *(a_shape(name, gpu_name=gpu, gpu_memory_gib=memory[gpu]) for name, gpu in shapes.items()),
        a_shape("m7i.large", gpu_name=None, gpu_count=0, gpu_memory_gib=None),
        OnDemandPrice("aws", "us-east-1", "g5.xlarge", START - DAY, 1.006, "USD", "list", START),
        OnDemandPrice("aws", "us-east-1", "g4dn.xlarge", START - DAY, 0.526, "USD", "list", START),
        a_signal(0.05, 0.10, pool=a_pool("g5.xlarge", zone="*"), observed_at=END - DAY),
        a_signal(0.05, 0.10, pool=a_pool("g4dn.xlarge", zone="*"), observed_at=START - DAY),
    ]


def forecast(pool: Pool, issued_at: datetime, probability: float, hours: float) -> dict[str, Any]:
    """A row of ``risk_forecast``."""
    return {
        "provider": pool.provider,
        "region": pool.region,
        "zone": pool.zone,
        "instance_type": pool.instance_type,
        "issued_at": issued_at,
        "horizon_seconds": 3600.0 * hours,
        "probability": probability,
        "probability_low": probability / 2,
        "probability_high": min(1.0, 2 * probability),
        "model_version": "m1",
        "grade": "established",
        "evidence_until": issued_at,
        "drivers": "[]",
        "made_from": "launch_probe",
        "recalibration": 0.0,
        "signals": None,
    }


def forecasts() -> list[dict[str, Any]]:
    """One of each pool and window on every third hour of the week."""
    return [
        forecast(pool, START + HOUR * hour, chance, hours)
        for hour in range(3, 7 * 24, 3)
        for pool, chance in ((G5, 0.2), (G4, 0.05))
        for hours in (1.0, 24.0)
    ]


def ticks() -> list[Record]:
    """Probes of one pool every ten minutes; it is down for an hour of each day."""
    found: list[Record] = []
    for number in range(7 * 24 * 6):
        at = START + timedelta(minutes=10 * number)
        found.append(
            AvailabilityTick(
                trace_id="probes",
                tick=number,
                provider=G5.provider,
                region=G5.region,
                zone=G5.zone,
                instance_type=G5.instance_type,
                probe_kind=ProbeKind.LAUNCH_PROBE,
                target_capacity=1,
                available=0 if at.hour == 5 else 1,
                observed_at=at,
                observed_at_is_approximate=False,
                offset_seconds=600.0 * number,
                spot_usd_per_hour=None,
                source="probes",
            )
        )
    return found


def lost(node: str, at: datetime, pool: Pool = G5) -> Interruption:
    """A machine that was taken."""
    return Interruption(
        pool.provider, pool.region, pool.zone, pool.instance_type, node,
        InterruptionKind.TAKEN, at, None, "aws.events", at,
    )  # fmt: skip


def machines() -> list[Record]:
    """Two that were watched, 30 and 60 h of this week, one of them lost; one only reported."""

    def one(node: str, start: datetime, last: datetime, *, is_lost: bool) -> Exposure:
        return Exposure(
            G5.provider, G5.region, G5.zone, G5.instance_type, node, start, last,
            last if is_lost else None,
            EndedBy.INTERRUPTED if is_lost else EndedBy.STILL_RUNNING,
            "taken" if is_lost else "running", "fleet",
        )  # fmt: skip

    return [
        one("i-1", START + DAY, START + DAY + 30 * HOUR, is_lost=True),
        one("i-2", START - 10 * HOUR, START + 60 * HOUR, is_lost=False),
        lost("i-1", START + DAY + 30 * HOUR),
        lost("i-9", START + 2 * DAY),
    ]


def hand_over(store: Warehouse) -> None:
    """One of the node i-1: begun two hours before it was taken, both machines up for an hour."""
    begun = START + DAY + 28 * HOUR
    steps = [
        Replacement("r1", at, state, "i-1", G5, "surge", "P is 0.4 within 1 h", None)
        for at, state in (
            (begun - HOUR, "planned"), (begun, "surging"), (begun + HOUR, "done"),
        )
    ]  # fmt: skip
    for before, after in zip([None, *steps], steps, strict=False):
        assert advance(store, before, after)


def runs(store: Warehouse) -> None:
    """The feed ran once an hour but for one day, in which it failed once."""
    for number in range(7 * 24):
        at = START + HOUR * number
        if START + 3 * DAY < at < START + 4 * DAY:
            continue
        run = begin_run(store, FEED, "us-east-1", at)
        finish_run(store, run, RunResult(RunOutcome.OK, rows_new=1), at)
    at = START + 3 * DAY + 5 * HOUR
    run = begin_run(store, FEED, "us-east-1", at)
    finish_run(store, run, RunResult(RunOutcome.FAILED, error="status 503"), at)


def keep(store: Warehouse, *records: Record) -> None:
    """Store them."""
    with store.transaction():
        for table, frame in frames_of(store, records):
            store.append(table, frame)


def fill(store: Warehouse) -> None:
    """All of it."""
    keep(store, *market(), *ticks(), *machines())
    with store.transaction():
        append_forecasts(store, pl.DataFrame(forecasts(), schema_overrides={"signals": pl.String}))
    hand_over(store)
    runs(store)


def report_of(
    store: Warehouse, period: Period = Period.WEEKLY, at: datetime = END
) -> ReportDocument:
    """The report of that warehouse."""
    return build(store, settings_from({}), span_of(period, at))


def filled(path: Path) -> Path:
    """A database file with all of it."""
    with Warehouse.open(path) as store:
        fill(store)
    return path
