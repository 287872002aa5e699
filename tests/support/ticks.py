"""Probe series for tests: pools that go up and down as told, on a 5-minute cadence."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2023, 2, 15, tzinfo=UTC)
STEP = timedelta(minutes=5)


def ticks_of(
    states: Mapping[str, np.ndarray[tuple[int], np.dtype[np.bool_]]],
    *,
    campaign: str = "aws-1",
    probe_kind: str = "launch_probe",
    instance_type: str = "p3.2xlarge",
    start: datetime = START,
) -> pl.DataFrame:
    """One row per probe; ``states`` says for each zone whether it was up, one value per step."""
    frames = [
        pl.DataFrame(
            {
                "trace_id": f"{campaign}/{zone}",
                "source": "test",
                "probe_kind": probe_kind,
                "provider": "aws",
                "zone": zone,
                "instance_type": instance_type,
                "target_capacity": 1,
                "offset_s": [300.0 * step for step in range(up.size)],
                "ts_utc": [start + step * STEP for step in range(up.size)],
                "available": up.astype(np.int64),
            }
        )
        for zone, up in states.items()
    ]
    return pl.concat(frames)


def random_states(
    zones: int, steps: int, *, drop_per_hour: float, seed: int, recovery_per_hour: float = 2.0
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Zones that are lost and regained at constant rates, independent of each other."""
    chance = np.random.default_rng(seed)
    drop, rise = 1 - np.exp(-drop_per_hour / 12), 1 - np.exp(-recovery_per_hour / 12)
    states = {}
    for zone in range(zones):
        up = np.empty(steps, dtype=np.bool_)
        up[0] = True
        for step in range(1, steps):
            up[step] = chance.random() >= drop if up[step - 1] else chance.random() < rise
        states[f"us-east-1{'abcdefgh'[zone]}"] = up
    return states
