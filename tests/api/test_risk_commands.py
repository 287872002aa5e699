"""``spotcast forecast``, ``risk`` and ``backtest`` from the command line."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from api.cli import main
from collector.history import KINDS, load_file
from tests.support.ticks import START, STEP, random_states, ticks_of
from warehouse.store import Warehouse

DAYS = 4
Ended = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run ``spotcast`` with arguments; gives code, output and words."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """A folder with four days of probes in four zones."""
    folder = tmp_path / "traces"
    folder.mkdir()
    ticks = ticks_of(random_states(4, 12 * 24 * DAYS, drop_per_hour=0.5, seed=8)).with_columns(
        tick=pl.int_range(pl.len()).over("trace_id").cast(pl.Int32),
        ts_approx=pl.lit(False),
        spot_usd_h=pl.lit(None, pl.Float64),
    )
    ticks.write_parquet(folder / "availability_ticks.parquet")
    return folder


def test_a_market_is_forecast_shown_and_not_forecast_twice(
    run: Callable[..., Ended], traces: Path, tmp_path: Path
) -> None:
    database = tmp_path / "risk.duckdb"
    at = START + timedelta(days=DAYS) - STEP
    with Warehouse.open(database) as warehouse:
        path = traces / "availability_ticks.parquet"
        load_file(warehouse, KINDS["availability"], path, clock=lambda: at)
    asked = ("forecast", "--at", at.isoformat(), "-o", "json", "-w", str(database))

    first, second = run(*asked), run(*asked)
    shown = run("risk", "--horizon", "1h", "-w", str(database), "-o", "json")

    assert first[0] == 0
    assert json.loads(first[1])["grades"][-1] == {
        "grade": "all", "pools": 4, "forecasts": 16, "new": 16,
    }  # fmt: skip
    assert json.loads(second[1])["grades"][-1]["new"] == 0
    forecasts = json.loads(shown[1])["forecasts"]
    assert shown[0] == 3
    assert "STALE" in shown[2]
    assert len(forecasts) == 4
    for one in forecasts:
        assert 0 < one["probability_low"] < one["probability"] < one["probability_high"] < 1
        assert one["grade"] == "established"
        assert one["why"].count(";") == 2


def test_a_horizon_that_is_not_forecast_is_refused(run: Callable[..., Ended]) -> None:
    code, _, words = run("risk", "--horizon", "2h")

    assert code == 2
    assert "15m, 1h, 6h, 24h, no others" in words


def test_an_empty_warehouse_has_nothing_to_forecast(
    run: Callable[..., Ended], tmp_path: Path
) -> None:
    code, _, words = run("forecast", "-w", str(tmp_path / "empty.duckdb"))

    assert code == 1
    assert "knows no pool to forecast" in words


def test_a_backtest_is_printed_as_table_json_and_page(
    run: Callable[..., Ended], traces: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.parquet"
    asked = ("backtest", "--train", str(traces), "--horizon", "60")

    table = run(*asked)
    data = run(*asked, "-o", "json", "--predictions", str(rows))
    page = run(*asked, "-o", "html")

    assert (table[0], data[0], page[0]) == (0, 0, 0)
    assert table[1].splitlines()[1].split()[:4] == ["launch_probe", "all", "1", "h"]
    results = json.loads(data[1])
    assert [one["trace"] for one in results] == ["aws-1", "all"]
    assert len(results[0]["baselines"]["core"]["log_loss_difference"]) == 3
    assert pl.read_parquet(rows).height == results[-1]["n"]
    assert page[1].startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--horizon", "30"), "not extrapolated"),
        (("--leave-out", "zone", "--test", "."), "give one"),
    ],
)
def test_a_backtest_that_cannot_be_says_why(
    run: Callable[..., Ended], traces: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, said = run("backtest", "--train", str(traces), *arguments)

    assert code in {1, 2}
    assert words in said


def test_a_folder_without_ticks_is_named(run: Callable[..., Ended], tmp_path: Path) -> None:
    code, _, words = run("backtest", "--train", str(tmp_path))

    assert code == 2
    assert "no availability_ticks.parquet there" in words
