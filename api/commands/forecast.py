"""``spotcast forecast``: score every pool at every horizon, and store what was said."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from advisor import DEFINITIONS, published_hazards
from advisor.risk.artifact import load_model, prior_model
from advisor.risk.fleet import watched_fleet
from advisor.risk.hazard import RiskModel
from advisor.risk.live import Learned, MarketForecast, forecast_market
from advisor.risk.refusals import REFUSED_LAUNCHES
from advisor.risk.shifts import shifts_of
from advisor.risk.signal_conversions import DEFINITIONS as SIGNAL_DEFINITIONS
from advisor.risk.signal_fitting import fit_offsets
from api.errors import EXIT_FAILED, NoAnswerError
from api.options import Output, Provider, moment
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.progress import Stage, stages
from api.settings import Settings
from api.skill import SKILL_COLUMNS, Judge, judge_of, recent_outcomes, skill_rows, unskilled
from api.wiring import utc_now
from warehouse.features import (
    MEMORY,
    interruptions_without_exposure,
    lifetimes_until,
    pools_until,
    ticks_until,
)
from warehouse.forecasts import append_forecasts
from warehouse.records import Pool
from warehouse.signals import newest_signal_values, newest_signals, price_signals, signals_since
from warehouse.store import Warehouse

HORIZONS = 4

COUNT = "{:,}".format

GRADE_COLUMNS = (
    Column("grade", "GRADE"),
    Column("pools", "POOLS", COUNT, is_right=True),
    Column("forecasts", "FORECASTS", COUNT, is_right=True),
    Column("new", "NEW", COUNT, is_right=True),
)


@dataclass(frozen=True, slots=True)
class _Made:
    """A forecast that was stored, with what is to be said of it."""

    market: MarketForecast
    new: int
    pools: int
    unexposed: int
    judge: Judge


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
        typer.Option(help="A fitted model; else the one that comes with Spotcast.", exists=True),
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
    fitted, card = load_model(model) if model else prior_model()
    with stages() as stage, Warehouse.open(warehouse or settings.warehouse) as store:
        made = _forecast(store, fitted, card.version, now=now, provider=provider, stage=stage)
    _show(made, now, card.version, output)
    if made.market.frame.is_empty():
        raise typer.Exit(EXIT_FAILED)


def _forecast(
    store: Warehouse,
    model: RiskModel,
    version: str,
    *,
    now: datetime,
    provider: str | None,
    stage: Stage,
) -> _Made:
    stage("Reading pools, signals, probes and machines")
    pools = pools_until(store, now, provider=provider)
    lifetimes = lifetimes_until(store, now, provider=provider)
    if not pools and lifetimes.is_empty():
        raise NoAnswerError("The warehouse knows no pool to forecast: collect or import first.")
    bands = newest_signals(store, now, list(DEFINITIONS), provider=provider)
    ticks = ticks_until(store, now, provider=provider)
    signals = _signals(store, now, provider)
    stage("Reading what became of earlier forecasts")
    outcomes = recent_outcomes(store, now)
    judge = judge_of(outcomes, now)
    own = outcomes.filter(model_version=version)
    learned = Learned(shifts_of(own, now), fit_offsets(outcomes))
    stage(f"Forecasting {len(pools):,} pools")
    market = forecast_market(
        model,
        version,
        ticks,
        pools=pools,
        bands=published_hazards(pools, bands),
        now=now,
        fleet=watched_fleet(lifetimes, pools, now),
        signals=signals,
        learned=learned,
    )
    stage("Storing")
    with store.transaction():
        new = append_forecasts(store, market.frame)
    unexposed = interruptions_without_exposure(store, now, provider=provider)
    return _Made(market, new, _known(pools, market), unexposed, judge)


def _signals(store: Warehouse, now: datetime, provider: str | None) -> pl.DataFrame:
    """The newest live signals, what prices say, and every launch refused of late."""
    return pl.concat(
        [
            newest_signal_values(store, now, SIGNAL_DEFINITIONS, provider=provider),
            price_signals(store, now, provider=provider),
            signals_since(store, now, now - MEMORY, REFUSED_LAUNCHES, provider=provider),
        ]
    )


def _known(pools: list[Pool], market: MarketForecast) -> int:
    """How many pools are known, with those that only machines or probes tell of."""
    told = market.frame.select("provider", "region", "zone", "instance_type").unique().rows()
    return len(set(pools) | {Pool(*one) for one in told})


def _show(made: _Made, now: datetime, version: str, form: Format) -> None:
    frame, total = made.market.frame, made.market.frame.height
    counts = frame.group_by("grade").len().sort("grade")
    grades = [
        {"grade": name, "pools": size // HORIZONS, "forecasts": size, "new": None}
        for name, size in counts.iter_rows()
    ]
    every = {"grade": "all", "pools": total // HORIZONS, "forecasts": total, "new": made.new}
    skills = skill_rows(frame, made.judge)
    about = {"issued_at": now, "model": version, "skill": skills, "skipped": made.market.skipped}
    write(form, GRADE_COLUMNS, [*grades, every], name="grades", about=about)
    if form in {Format.TABLE, Format.WIDE} and skills:
        typer.echo()
        write(form, SKILL_COLUMNS, skills, name="skill", about={})
    for text in _notes(made, skills):
        note(text)


def _notes(made: _Made, skills: list[dict[str, Any]]) -> list[str]:
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
