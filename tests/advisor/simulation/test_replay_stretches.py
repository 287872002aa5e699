"""Which parts of which traces are replayed."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from advisor.risk.grid import Timeline, timelines
from advisor.simulation.availability import Bools
from advisor.simulation.out_of_sample import Forecasted
from advisor.simulation.stretches import Cut, Selection, cut
from tests.support.ticks import START, ticks_of

A, B, C = (f"us-east-1{letter}" for letter in "abc")


def states(**letters: str) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Zones by their letter; 1 is up."""
    return {
        f"us-east-1{zone}": np.array([one == "1" for one in row], dtype=np.bool_)
        for zone, row in letters.items()
    }


def asked_from(line: Timeline, first: int = 0) -> Forecasted:
    """Forecasts from a step on; the risk at each horizon is a tenth per pool."""
    asked: Bools = line.up & line.known & (np.arange(line.up.shape[0]) >= first)[:, None]
    risk = 0.1 * (1 + np.arange(line.up.shape[1])) * np.ones(line.up.shape)
    return Forecasted(line, np.where(asked, np.stack([risk] * 4), np.nan), asked)


def cut_of(ticks: pl.DataFrame, selection: Selection | None = None, first: int = 0) -> Cut:
    """All timelines, cut."""
    made = [asked_from(line, first) for line in timelines(ticks)]
    return cut(made, selection or Selection())


def test_a_stretch_begins_with_its_first_forecast() -> None:
    found = cut_of(ticks_of(states(a="110101", b="010111")), first=2)

    (stretch,) = found.stretches
    assert stretch.campaign == "aws-1"
    assert stretch.began_s == (START + timedelta(minutes=15)).timestamp()
    # Both pools are down at step 2, so that the first forecast is that of step 3.
    assert stretch.traces.up.tolist() == [[True, False, True], [True, True, True]]
    assert found.skipped == {"aws-1": 3}
    np.testing.assert_allclose(
        stretch.forecasts[15], [[0.1, np.nan, 0.1], [0.2, 0.2, 0.2]], equal_nan=True
    )
    assert list(stretch.forecasts) == [15, 60, 360, 1440]


def test_only_chosen_pools_are_held() -> None:
    ticks = ticks_of(states(a="111", b="111", c="111"))

    (stretch,) = cut_of(ticks, Selection(zones=(C, A))).stretches

    assert stretch.traces.pools == (f"{A}/p3.2xlarge", f"{C}/p3.2xlarge")
    assert stretch.forecasts[60][:, 0] == pytest.approx([0.1, 0.3])


@pytest.mark.parametrize(
    ("selection", "campaigns"),
    [
        (Selection(), ["old", "big", "new"]),
        (Selection(campaigns=("new", "old")), ["old", "new"]),
        (Selection(types=("p3.1*",)), ["big"]),
        (Selection(types=("p3.*",), campaigns=("big",)), ["big"]),
        (Selection(probe_kinds=("held_instance",)), ["new"]),
        (Selection(zones=(B,)), []),
    ],
)
def test_traces_are_chosen_by_campaign_kind_zone_and_type(
    selection: Selection, campaigns: list[str]
) -> None:
    day = timedelta(days=1)
    up = states(a="1111")
    ticks = [
        ticks_of(up, campaign="old"),
        ticks_of(up, campaign="big", instance_type="p3.16xlarge", start=START + day),
        ticks_of(up, campaign="new", probe_kind="held_instance", start=START + 2 * day),
    ]

    found = cut_of(pl.concat(ticks), selection)

    assert [one.campaign for one in found.stretches] == campaigns


def test_two_campaigns_on_one_timeline_are_two_stretches() -> None:
    later = START + timedelta(days=1)
    ticks = [
        ticks_of(states(a="111", b="101"), campaign="first"),
        ticks_of(states(b="11"), campaign="second", start=later),
    ]
    (line,) = timelines(pl.concat(ticks))

    first, second = cut([asked_from(line)], Selection()).stretches

    assert (first.campaign, first.traces.steps, len(first.traces.pools)) == ("first", 3, 2)
    assert (second.campaign, second.traces.steps, second.traces.pools) == (
        "second",
        2,
        (f"{B}/p3.2xlarge",),
    )
    assert second.began_s == later.timestamp()


def test_what_was_never_forecast_is_left_out_and_said() -> None:
    found = cut_of(ticks_of(states(a="1111")), first=4)

    assert found.stretches == ()
    assert found.skipped == {"aws-1": 4}


def test_fleets_of_two_sizes_are_two_pools() -> None:
    up = states(a="11")
    four = ticks_of(up, campaign="x/four").with_columns(target_capacity=pl.lit(4), available=4)
    ticks = pl.concat([ticks_of(up, campaign="x/one"), four], how="vertical_relaxed")
    ticks = ticks.with_columns(
        trace_id=pl.concat_str(pl.lit("x/"), pl.col("target_capacity").cast(pl.String))
    )

    (stretch,) = cut_of(ticks).stretches

    assert stretch.traces.pools == (f"{A}/p3.2xlarge", f"{A}/p3.2xlarge x 4")
