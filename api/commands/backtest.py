"""``spotcast backtest``: what the forecast would have said, against what happened."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

from advisor.risk.backtest import ALL, Backtest, backtest
from advisor.risk.dataset import samples
from advisor.risk.horizons import HORIZONS_MINUTES, horizon_place
from advisor.risk.splits import leave_one_out, train_and_test, walk_forward
from api.errors import UsageError
from api.output import Column, Format, write
from api.reports.backtest import backtest_page
from api.reports.charts import horizon_text

TICKS = "availability_ticks.parquet"
SEED = 20221026
"""Draws the days of the intervals; the same data always gives the same report."""


class Out(StrEnum):
    """How the result is written."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


class Leave(StrEnum):
    """What is left out of training and scored, one after the other."""

    ZONE = "zone"
    TRACE = "trace"


def _three(value: float) -> str:
    return f"{value:.3f}"


COLUMNS = (
    Column("probe_kind", "PROBE"),
    Column("trace", "TRACE"),
    Column("horizon", "WITHIN"),
    Column("n", "ROWS", "{:,}".format, is_right=True),
    Column("base_rate", "BASE", _three, is_right=True),
    Column("log_loss", "LOG LOSS", _three, is_right=True),
    Column("brier_skill", "SKILL", _three, is_right=True),
    Column("auc", "AUC", _three, is_right=True),
    Column("ece", "ECE", _three, is_right=True),
    Column("best_baseline", "BEST BASELINE"),
    Column("difference", "LOG LOSS AGAINST IT", is_right=True),
)


def _ticks(folder: Path) -> pl.DataFrame:
    path = folder / TICKS
    if not path.is_file():
        raise UsageError(
            f"{folder}: no {TICKS} there; docs/data.md has its columns (import availability)"
        )
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error


def backtest_command(
    train: Annotated[
        Path, typer.Option(help=f"Folder with {TICKS}.", exists=True, file_okay=False)
    ],
    test: Annotated[
        Path | None,
        typer.Option(
            help="Folder to score; without it --train is walked through in calendar order.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    horizon: Annotated[
        list[int] | None,
        typer.Option(help="Minutes: 15, 60, 360 or 1440; may be repeated. All if not given."),
    ] = None,
    leave_out: Annotated[
        Leave | None, typer.Option(help="Score each zone or trace by all the others instead.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Write every scored row to this Parquet file.")
    ] = None,
    output: Annotated[Out, typer.Option("--output", "-o", help="How to write it.")] = Out.TABLE,
) -> None:
    """Backtest the interruption forecast against plain baselines, on rows it had not seen."""
    if test and leave_out:
        raise UsageError("--test and --leave-out ask for two different splits: give one")
    horizons = tuple(horizon or HORIZONS_MINUTES)
    for minutes in horizons:
        horizon_place(60.0 * minutes)
    found = _run(train, test, leave_out, horizons)
    if predictions:
        found.predictions.write_parquet(predictions)
    if output is Out.JSON:
        sys.stdout.write(json.dumps(found.results, indent=1) + "\n")
    elif output is Out.HTML:
        how = f"Scored on {test}, fitted on {train}." if test else f"Data of {train}."
        sys.stdout.write(backtest_page(found.results, found.predictions, how))
    else:
        write(Format.TABLE, COLUMNS, _rows(found), name="results", about={})


def _run(
    train: Path, test: Path | None, leave_out: Leave | None, horizons: tuple[int, ...]
) -> Backtest:
    rng = np.random.default_rng(SEED)
    ticks = _ticks(train)
    if test:
        return backtest([train_and_test(ticks, _ticks(test))], rng, horizons_minutes=horizons)
    rows = samples(ticks)
    if leave_out:
        splits = leave_one_out(rows, "zone" if leave_out is Leave.ZONE else "trace")
        return backtest(splits, rng, horizons_minutes=horizons)
    return backtest(walk_forward(rows), rng, horizons_minutes=horizons)


def _rows(found: Backtest) -> list[dict[str, object]]:
    """The results over all traces of a kind, each beside the baseline with the least log loss."""
    rows: list[dict[str, object]] = []
    for one in found.results:
        if one["trace"] != ALL:
            continue
        best = min(one["baselines"], key=lambda name: one["baselines"][name]["log_loss"])
        low, middle, high = one["baselines"][best]["log_loss_difference"]
        interval = "unknown" if low is None else f"{middle:+.3f} [{low:+.3f}, {high:+.3f}]"
        rows.append(
            {
                **{name: one[name] for name in ("probe_kind", "trace", "n", "base_rate")},
                "horizon": horizon_text(one["horizon_minutes"]),
                **{name: one["model"][name] for name in ("log_loss", "brier_skill", "auc", "ece")},
                "best_baseline": best,
                "difference": interval,
            }
        )
    return rows
