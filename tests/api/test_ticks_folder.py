"""Folders of traces as the commands read them: either file alone, both, or neither."""

import json
from pathlib import Path

import polars as pl
import pytest

from api.cli import main
from api.commands.ticks_folder import LIFETIMES, TICKS, read_samples, read_traces
from api.errors import UsageError
from tests.support.lifetimes import a_running, lifetimes_of, steady_lives
from tests.support.ticks import random_states, ticks_of

PROBES = ticks_of(random_states(2, 24, drop_per_hour=0.5, seed=1))
MACHINES = lifetimes_of([a_running("a", 0, 60)])


def test_either_file_may_be_absent(tmp_path: Path) -> None:
    MACHINES.write_parquet(tmp_path / LIFETIMES)
    alone = read_samples(tmp_path)
    PROBES.write_parquet(tmp_path / TICKS)

    both = read_traces(tmp_path)

    assert alone.kinds == ("instance_lifetime",)
    assert both.kinds == {"instance_lifetime", "launch_probe"}


def test_a_folder_with_neither_names_both(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no availability_ticks\.parquet.*instance_lifetimes"):
        read_traces(tmp_path)


@pytest.mark.parametrize(
    ("name", "frame", "words"),
    [
        (TICKS, PROBES.drop("zone", "ts_utc"), r"ticks\.parquet: columns missing: zone, ts_utc"),
        (LIFETIMES, MACHINES.drop("event"), r"lifetimes\.parquet: columns missing: event"),
    ],
)
def test_columns_that_are_missing_are_named_with_their_file(
    tmp_path: Path, name: str, frame: pl.DataFrame, words: str
) -> None:
    frame.write_parquet(tmp_path / name)

    with pytest.raises(UsageError, match=words):
        read_traces(tmp_path)


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / LIFETIMES).write_text("source,provider\n")

    with pytest.raises(UsageError, match=r"instance_lifetimes\.parquet: cannot be read"):
        read_traces(tmp_path)


def test_machines_are_scored_and_a_kind_that_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steady_lives(2, 2, 72, lost_per_hour=0.3, seed=2).write_parquet(tmp_path / LIFETIMES)
    PROBES.write_parquet(tmp_path / TICKS)

    with pytest.raises(SystemExit) as ended:
        main(("backtest", "--train", str(tmp_path), "--horizon", "60", "-o", "json"))

    printed = capsys.readouterr()
    results = json.loads(printed.out)
    assert int(ended.value.code or 0) == 0
    assert [one["trace"] for one in results] == ["study", "all"]
    assert {one["probe_kind"] for one in results} == {"instance_lifetime"}
    assert "launch_probe: not scored" in printed.err
