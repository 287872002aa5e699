"""Spells become the ticks that they stand for."""

from datetime import timedelta

import polars as pl
import pytest

from advisor.risk.dataset import samples
from advisor.risk.errors import TicksError
from advisor.risk.grid import COLUMNS
from advisor.risk.spells import ticks_of_spells
from tests.support.ticks import START, random_states, ticks_of


def spells_of(runs: list[tuple[int, float]], *, trace_id: str = "aws-1/us-east-1a") -> pl.DataFrame:
    """A trace whose spells follow each other: how many were available, for how many seconds."""
    begins = [sum(seconds for _, seconds in runs[:place]) for place in range(len(runs))]
    return pl.DataFrame(
        {
            "trace_id": trace_id,
            "spell": range(1, len(runs) + 1),
            "source": "test",
            "probe_kind": "launch_probe",
            "provider": "aws",
            "region": "us-east-1",
            "zone": "us-east-1a",
            "instance_type": "p3.2xlarge",
            "target_capacity": 1,
            "available": [available for available, _ in runs],
            "started_at": [START + timedelta(seconds=begin) for begin in begins],
            "duration_seconds": [float(seconds) for _, seconds in runs],
        }
    )


def test_a_spell_is_a_tick_at_its_start_and_every_five_minutes() -> None:
    ticks = ticks_of_spells(spells_of([(1, 700), (0, 120), (1, 400)]))

    assert ticks.columns == [*COLUMNS, "region"]
    assert list(zip(ticks["offset_s"], ticks["available"], strict=True)) == [
        *((0.0, 1), (300.0, 1), (600.0, 1)),
        (700.0, 0),
        *((820.0, 1), (1120.0, 1), (1220.0, 1)),
    ]
    assert ticks["ts_utc"][-1] == START + timedelta(seconds=1220)


def test_the_names_of_a_public_file_are_read_as_well() -> None:
    spells = spells_of([(1, 600)])
    names = {"started_at": "start_utc", "duration_seconds": "duration_s"}

    assert ticks_of_spells(spells.rename(names)).equals(ticks_of_spells(spells))


def test_only_a_trace_without_ticks_is_taken_from_its_spells() -> None:
    ticks = ticks_of({"us-east-1a": random_states(1, 5, drop_per_hour=0.0, seed=1)["us-east-1a"]})
    spells = pl.concat([spells_of([(1, 600)]), spells_of([(1, 600)], trace_id="aws-1/other")])

    both = ticks_of_spells(spells, ticks)

    counts = dict(both.group_by("trace_id").len().sort("trace_id").iter_rows())
    assert counts == {"aws-1/other": 3, "aws-1/us-east-1a": 5}


def test_spells_give_the_samples_of_the_ticks_that_they_were_made_of() -> None:
    states = random_states(1, 12 * 48, drop_per_hour=1.0, seed=6)
    ticks = ticks_of(states)
    up = pl.Series(states["us-east-1a"].astype(int))
    runs = up.rle().struct.unnest()
    lasting = [(value, 300.0 * length) for length, value in runs.iter_rows()]
    lasting[-1] = (lasting[-1][0], lasting[-1][1] - 300.0)

    found, truth = samples(ticks_of_spells(spells_of(lasting))), samples(ticks)

    assert found.time_s.tolist() == truth.time_s.tolist()
    assert str(found.label.tolist()) == str(truth.label.tolist())


def test_a_frame_that_is_not_one_of_spells_is_named() -> None:
    spells = spells_of([(1, 600), (0, -5)])

    with pytest.raises(TicksError, match="spells: columns missing: zone, started_at"):
        ticks_of_spells(spells.drop("zone", "started_at"))
    with pytest.raises(TicksError, match="aws-1/us-east-1a: 1 spells have no duration"):
        ticks_of_spells(spells)
