"""A small fitted model and forecasts of it, made once for all tests that need one."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from advisor.risk.dataset import joined, samples
from advisor.risk.fitting import fit
from advisor.risk.hazard import RiskModel
from advisor.risk.lifetimes import samples_of_lifetimes
from tests.support.ticks import START, random_states, ticks_of

STEPS = 12 * 24 * 2


def lifetimes_of(
    machines: int,
    *,
    hours: float,
    start: datetime = START,
    zone: str = "us-east-1a",
    instance_type: str = "g5.xlarge",
    lost_share: float = 0.5,
    seed: int = 5,
) -> pl.DataFrame:
    """Machines that start an hour apart and live ``hours`` on average; the last still run."""
    chance = np.random.default_rng(seed)
    life = chance.exponential(hours, machines)
    is_lost = chance.random(machines) < lost_share
    begins = [start + timedelta(hours=number) for number in range(machines)]
    last = [at + timedelta(hours=float(one)) for at, one in zip(begins, life, strict=True)]
    return pl.DataFrame(
        {
            "source": "fleet",
            "provider": "aws",
            "region": "us-east-1",
            "zone": zone,
            "instance_type": instance_type,
            "instance": [f"i-{number}" for number in range(machines)],
            "start_utc": begins,
            "last_alive_utc": last,
            "first_dead_utc": [
                at + timedelta(minutes=1) if lost else None
                for at, lost in zip(last, is_lost, strict=True)
            ],
            "event": is_lost.astype(np.int64),
            "end_reason": ["interrupted" if lost else "running" for lost in is_lost],
        },
        schema_overrides={"first_dead_utc": pl.Datetime("us", "UTC")},
    )


@cache
def a_model() -> RiskModel:
    """A model of launch probes, held machines and single machines; knows no held fleet."""
    probes = ticks_of(random_states(3, STEPS, drop_per_hour=0.5, seed=3))
    held = ticks_of(
        random_states(3, STEPS, drop_per_hour=0.2, seed=4),
        campaign="aws-2",
        probe_kind="held_instance",
    )
    fleet = samples_of_lifetimes(lifetimes_of(30, hours=12.0))
    return fit(joined([samples(probes), samples(held), fleet]))


def outcomes_of(rows: dict[str, Any]) -> pl.DataFrame:
    """Resolved forecasts from the columns given; the others have sensible values.

    Each column is a list, or one value for all rows; ``issued_at`` must be given.
    """
    usual: dict[str, Any] = {
        "provider": "aws",
        "region": "us-east-1",
        "zone": "use1-az4",
        "instance_type": "g5.xlarge",
        "horizon_seconds": 3600.0,
        "probability": 0.2,
        "model_version": "m1",
        "grade": "established",
        "made_from": "launch_probe",
        "recalibration": 0.0,
        "signals": None,
        "evidence_kind": "launch_probe",
        "subject": "series",
        "outcome": 0.0,
    }
    told = pl.DataFrame(
        {**usual, **rows},
        schema_overrides={
            "signals": pl.String(),
            "outcome": pl.Float64(),
            "issued_at": pl.Datetime("us", "UTC"),
        },
    )
    end = pl.col("issued_at") + pl.duration(seconds=pl.col("horizon_seconds"))
    half = pl.col("issued_at") + pl.duration(seconds=pl.col("horizon_seconds") / 2)
    return told.with_columns(
        end.alias("resolved_at"),
        pl.when(pl.col("outcome") > 0).then(half).alias("event_at"),
    )
