"""``spotcast forecast``: score every pool at every horizon, and store what was said."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.risk.artifact import load_model
from api.errors import EXIT_FAILED
from api.forecasting import HORIZONS, Made, made_forecast, model_in_use, store_forecast
from api.options import Output, Provider, moment
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.progress import stages
from api.settings import Settings
from api.skill import SKILL_COLUMNS, skill_rows, unskilled
from api.wiring import utc_now
from warehouse.store import Warehouse

COUNT = "{:,}".format

GRADE_COLUMNS = (
    Column("grade", "GRADE"),
    Column("pools", "POOLS", COUNT, is_right=True),
    Column("forecasts", "FORECASTS", COUNT, is_right=True),
    Column("new", "NEW", COUNT, is_right=True),
)


def forecast_command(
    context: typer.Context,
    provider: Provider = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=moment, metavar="TIME", help="Forecast as of then, from what was known then."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="A fitted model; else the retrained one beside the database, or Spotcast's own.",
            exists=True,
        ),
    ] = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Forecast the interruption risk of every pool at every horizon, and store it.

    Issued forecasts are scored by `spotcast verify` once their horizon has passed, and their
    outcomes correct the level of later ones.
    """
    settings: Settings = context.obj
    now = at or utc_now()
    at_hand = settings.at(warehouse)
    fitted, card = load_model(model) if model else model_in_use(at_hand)
    with stages() as stage, Warehouse.open(at_hand.warehouse) as store:
        made = made_forecast(store, fitted, card.version, now=now, provider=provider, stage=stage)
        stage("Storing")
        new = store_forecast(store, made)
    _show(made, new, now, card.version, output)
    if made.market.frame.is_empty():
        raise typer.Exit(EXIT_FAILED)


def _show(made: Made, new: int, now: datetime, version: str, form: Format) -> None:
    frame, total = made.market.frame, made.market.frame.height
    counts = frame.group_by("grade").len().sort("grade")
    grades = [
        {"grade": name, "pools": size // HORIZONS, "forecasts": size, "new": None}
        for name, size in counts.iter_rows()
    ]
    every = {"grade": "all", "pools": total // HORIZONS, "forecasts": total, "new": new}
    skills = skill_rows(frame, made.judge)
    about = {"issued_at": now, "model": version, "skill": skills, "skipped": made.market.skipped}
    write(form, GRADE_COLUMNS, [*grades, every], name="grades", about=about)
    if form in {Format.TABLE, Format.WIDE} and skills:
        typer.echo()
        write(form, SKILL_COLUMNS, skills, name="skill", about={})
    for text in _notes(made, skills):
        note(text)


def _notes(made: Made, skills: list[dict[str, Any]]) -> list[str]:
    notes = []
    silent = made.pools - made.market.frame.height // HORIZONS
    if silent > 0:
        notes.append(
            f"Nothing is known of the risk of {silent:,} pools (no machine, no probe, no watched "
            f"neighbor, no published band): they have no forecast, which is not a low risk."
        )
    for kind, pools in made.market.skipped.items():
        notes.append(
            f"{pools:,} pools are watched by {kind}, which the model was not fitted on: that "
            f"evidence is not used."
        )
    if made.unexposed:
        notes.append(
            f"{made.unexposed:,} machines were reported interrupted of whose time at risk nothing "
            f"is known: they are in no forecast."
        )
    return notes + unskilled(skills)
