"""Lifetimes of machines for tests, in minutes since a start."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2023, 2, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Life:
    """One machine; times are minutes since ``since``. Still running if ``gone`` is None."""

    name: str
    start: float
    alive: float
    gone: float | None = None
    is_lost: bool = False
    zone: str | None = "us-east-1a"
    instance_type: str = "g5.xlarge"
    provider: str = "aws"
    reason: str = ""
    since: datetime = START
    source: str = "study"


def a_lost(name: str, start: float, gone: float, *, zone: str = "us-east-1a") -> Life:
    """A machine that was taken at ``gone``, and seen until then."""
    return Life(name, start, gone, gone, is_lost=True, zone=zone)


def a_running(name: str, start: float, alive: float, *, zone: str = "us-east-1a") -> Life:
    """A machine that was last seen at ``alive``, without an end."""
    return Life(name, start, alive, zone=zone)


def lifetimes_of(lives: Iterable[Life]) -> pl.DataFrame:
    """The frame of some machines, as files and the warehouse have it."""
    rows = [
        {
            "source": life.source,
            "provider": life.provider,
            "zone": life.zone,
            "instance_type": life.instance_type,
            "instance": life.name,
            "start_utc": life.since + life.start * MINUTE,
            "last_alive_utc": life.since + life.alive * MINUTE,
            "first_dead_utc": None if life.gone is None else life.since + life.gone * MINUTE,
            "event": int(life.is_lost),
            "end_reason": life.reason or _reason(life),
        }
        for life in lives
    ]
    time = pl.Datetime("us", "UTC")
    times = dict.fromkeys(("start_utc", "last_alive_utc", "first_dead_utc"), time)
    texts = dict.fromkeys(("source", "provider", "zone", "instance_type", "instance"), pl.String())
    return pl.DataFrame(
        rows, schema={**texts, **times, "event": pl.Int8(), "end_reason": pl.String()}
    )


def _reason(life: Life) -> str:
    if life.is_lost:
        return "preempted"
    return "still running" if life.gone is None else "stop_op"


def steady_lives(
    zones: int, machines: int, hours: float, *, lost_per_hour: float, seed: int
) -> pl.DataFrame:
    """Zones in which so many machines always run: one that is lost is followed by a new one."""
    chance = np.random.default_rng(seed)
    lives, end = list[Life](), 60 * hours
    for slot in range(zones * machines):
        zone, start, number = f"us-east-1{'abcdefgh'[slot // machines]}", 0.0, 0
        while start < end:
            gone = start + float(chance.exponential(60 / lost_per_hour))
            name = f"{slot}-{number}"
            lives.append(
                a_lost(name, start, gone, zone=zone)
                if gone <= end
                else a_running(name, start, end, zone=zone)
            )
            start, number = gone, number + 1
    return lifetimes_of(lives)
