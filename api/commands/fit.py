"""``spotcast fit``: a risk model of your own traces, as one file."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from advisor.risk.artifact import card_of, save_model
from advisor.risk.backtest import ALL, backtest
from advisor.risk.baselines import BASELINES, REFERENCE
from advisor.risk.dataset import Samples
from advisor.risk.fitting import fit
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.splits import walk_forward
from api.commands.backtest import SEED
from api.commands.ticks_folder import read_samples
from api.errors import UsageError
from api.output import Column, Format, note, write
from api.reports.charts import horizon_text

FIGURES = ("log_loss", "brier_skill", "auc", "auc_within_pool", "ece", "coverage_90")
"""What the card keeps of a backtest; all of it is in ``spotcast backtest -o json``."""


def _three(value: float) -> str:
    return f"{value:.3f}"


COLUMNS = (
    Column("probe_kind", "PROBE"),
    Column("horizon", "WITHIN"),
    Column("n", "ROWS", "{:,}".format, is_right=True),
    Column("base_rate", "BASE", _three, is_right=True),
    *(Column(name, name.upper().replace("_", " "), _three, is_right=True) for name in FIGURES),
)


def fit_command(
    train: Annotated[
        Path,
        typer.Option(help="Folder with traces, as for backtest.", exists=True, file_okay=False),
    ],
    to: Annotated[Path, typer.Option(help="Where to write the model (JSON).", dir_okay=False)],
    name: Annotated[str, typer.Option(help="What its forecasts call it, such as own-2026-11.")],
    data: Annotated[
        str, typer.Option(help="In words, where the traces are from.")
    ] = "traces of the user",
    score: Annotated[
        bool, typer.Option(help="Backtest first, and keep the figures in the model's card.")
    ] = True,
) -> None:
    """Fit the risk model on a folder of traces; `forecast --model` uses the file."""
    if not to.parent.is_dir():
        raise UsageError(f"--to {to}: there is no folder {to.parent}")
    rows = read_samples(train)
    metrics = _metrics(rows) if score else []
    card = card_of(rows, data=data, code_version=version("spotcast"), name=name, metrics=metrics)
    save_model(to, fit(rows), card)
    if metrics:
        shown = [{**one, "horizon": horizon_text(one["horizon_minutes"])} for one in metrics]
        write(Format.TABLE, COLUMNS, shown, name="metrics", about={})
    note(
        f"{to}: model {card.version}, fitted on {rows.rows:,} rows of {card.pools} pools, "
        f"{card.first_at} to {card.last_at}."
    )


def _metrics(rows: Samples) -> list[dict[str, Any]]:
    """The model's own figures, walking forward, over all traces of each kind."""
    found = backtest(
        walk_forward(rows),
        np.random.default_rng(SEED),
        horizons_minutes=HORIZONS_MINUTES,
        baselines={REFERENCE: BASELINES[REFERENCE]},
    )
    return [
        {
            **{key: one[key] for key in ("probe_kind", "horizon_minutes", "n", "base_rate")},
            **{figure: one["model"][figure] for figure in FIGURES},
        }
        for one in found.results
        if one["trace"] == ALL
    ]
