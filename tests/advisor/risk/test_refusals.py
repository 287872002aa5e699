"""A refused launch is a launch probe that was down."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from advisor.risk.grid import timelines
from advisor.risk.refusals import with_refusals
from advisor.risk.signal_offsets import SIGNALS
from tests.support.ticks import START, STEP, ticks_of


def refused(at: datetime, zone: str = "us-east-1a", definition: str | None = None) -> pl.DataFrame:
    name = definition or "kubernetes.refused_launch"
    row = ("aws", "us-east-1", zone, "p3.2xlarge", name, 1.0, at)
    return pl.DataFrame([row], schema=SIGNALS, orient="row")


def probes(steps: int = 6) -> pl.DataFrame:
    return ticks_of({"us-east-1a": np.ones(steps, dtype=np.bool_)})


def test_a_refusal_is_a_look_in_the_pools_own_series() -> None:
    ticks = probes()

    (line,) = timelines(with_refusals(ticks, refused(START + 2.5 * STEP)))

    assert len(line.traces) == 1
    assert line.up[:, 0].tolist() == [True, True, True, False, True, True]


def test_a_refusal_just_after_the_last_probe_is_the_newest_state() -> None:
    (line,) = timelines(with_refusals(probes(), refused(START + 7 * STEP)))

    assert line.up[-2:, 0].tolist() == [True, False]


def test_a_pool_without_probes_gets_a_series_of_its_refusals() -> None:
    at = START + 3 * STEP
    signals = pl.concat([refused(at, "us-east-1b"), refused(at + 2 * STEP, "us-east-1b")])

    first, second = timelines(with_refusals(probes(), signals))

    (pool,) = second.pools
    assert (first.probe_kind, second.probe_kind) == ("launch_probe", "launch_probe")
    assert (pool.zone, second.origin_s) == ("us-east-1b", at.timestamp())
    assert second.up[:, 0].tolist() == [False, False, False]


def test_a_refusal_long_after_the_last_probe_begins_a_series() -> None:
    late = START + timedelta(days=1)

    ticks = with_refusals(probes(), refused(late))

    assert ticks["trace_id"].n_unique() == 2


def test_other_signals_and_refusals_without_a_zone_change_nothing() -> None:
    ticks = probes()
    signals = pl.concat([refused(START, "*"), refused(START, definition="alibaba.stock")])

    assert with_refusals(ticks, signals).equals(ticks)
