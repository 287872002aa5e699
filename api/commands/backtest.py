"""``spotcast backtest``: what the forecast would have said, against what happened."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from advisor.risk.backtest import ALL, Backtest, backtest
from advisor.risk.baselines import Fit
from advisor.risk.horizons import HORIZONS_MINUTES, horizon_place
from advisor.risk.market_baselines import FROM_THE_FUTURE, all_baselines
from advisor.risk.splits import Split, leave_one_out, splits_between, walk_forward
from advisor.risk.traces import Traces
from api.commands.ticks_folder import LIFETIMES, TICKS, read_signals, read_traces
from api.errors import UsageError
from api.output import Column, Format, note, write
from api.reports.backtest import backtest_page
from api.reports.charts import horizon_text

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


def backtest_command(
    train: Annotated[
        Path,
        typer.Option(
            help=f"Folder with {TICKS} or {LIFETIMES}, or both.", exists=True, file_okay=False
        ),
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
    traces = read_traces(train)
    tested = read_traces(test) if test else None
    signals = [one for folder in (train, test) if folder for one in read_signals(folder)]
    known = traces + tested if tested else traces
    baselines = all_baselines(known.ticks, signals)
    found = _run(traces, tested, leave_out, horizons, baselines)
    for kind in sorted((tested or traces).kinds - {one["probe_kind"] for one in found.results}):
        note(f"{kind}: not scored; too little of it is left after what is trained on")
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
    train: Traces,
    test: Traces | None,
    leave_out: Leave | None,
    horizons: tuple[int, ...],
    baselines: Mapping[str, Fit],
) -> Backtest:
    splits: Iterable[Split]
    if test:
        splits = splits_between(train, test)
    elif leave_out:
        splits = leave_one_out(train.samples(), "zone" if leave_out is Leave.ZONE else "trace")
    else:
        splits = walk_forward(train.samples())
    rng = np.random.default_rng(SEED)
    return backtest(splits, rng, horizons_minutes=horizons, baselines=baselines)


def best_baseline(model: Mapping[str, Any], baselines: Mapping[str, Any]) -> str:
    """The one with the least log loss, of those that speak of all rows and do not know the future.

    `REFERENCE` is always among them.
    """

    def compares(name: str) -> bool:
        said = baselines[name]["log_loss"]
        middle = baselines[name]["log_loss_difference"][1]
        # The difference is over the rows that the baseline speaks of, the model's over all.
        return said is not None and math.isclose(model["log_loss"] - said, middle, abs_tol=1e-9)

    among = [name for name in baselines if name not in FROM_THE_FUTURE and compares(name)]
    return min(among, key=lambda name: baselines[name]["log_loss"])


def _rows(found: Backtest) -> list[dict[str, object]]:
    """The results over all traces of a kind, each beside the best of its baselines."""
    rows: list[dict[str, object]] = []
    for one in found.results:
        if one["trace"] != ALL:
            continue
        best = best_baseline(one["model"], one["baselines"])
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
