"""A forecast of the whole market as `spotcast forecast` and the server's job make it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from advisor import DEFINITIONS, published_hazards
from advisor.risk.artifact import Card, load_model, prior_model
from advisor.risk.bands import PUBLISHED_BAND
from advisor.risk.fleet import watched_fleet
from advisor.risk.hazard import RiskModel
from advisor.risk.live import Learned, MarketForecast, forecast_market
from advisor.risk.refusals import REFUSED_LAUNCHES
from advisor.risk.shifts import shifts_of
from advisor.risk.signal_conversions import DEFINITIONS as SIGNAL_DEFINITIONS
from advisor.risk.signal_fitting import fit_offsets
from api.errors import NoAnswerError
from api.progress import Stage
from api.settings import Settings
from api.skill import Judge, judge_of, recent_outcomes
from warehouse.features import (
    MEMORY,
    interruptions_without_exposure,
    lifetimes_until,
    pools_until,
    ticks_until,
)
from warehouse.forecasts import append_forecasts, pools_without_gpu
from warehouse.records import Pool
from warehouse.signals import newest_signal_values, newest_signals, price_signals, signals_since
from warehouse.store import Warehouse

HORIZONS = 4


RETRAINED = "risk-model.json"
"""The model that the job `retrain` adopted, beside the database."""


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast, with what is to be said of it."""

    market: MarketForecast
    issued_at: datetime
    pools: int
    """Known pools, with those of which nothing can be forecast."""
    unexposed: int
    """Machines that were reported interrupted of whose time at risk nothing is known."""
    judge: Judge


def retrained_model(settings: Settings) -> Path:
    """Where the model is that was fitted on the data of this database, if one was adopted."""
    return settings.warehouse.parent / RETRAINED


def model_in_use(settings: Settings) -> tuple[RiskModel, Card]:
    """The model that forecasts are made with: the adopted one, else the one of Spotcast.

    Raises:
        ArtifactError: the file is damaged or of another format.
    """
    path = retrained_model(settings)
    return load_model(path) if path.is_file() else prior_model()


def made_forecast(
    store: Warehouse,
    model: RiskModel,
    version: str,
    *,
    now: datetime,
    provider: str | None = None,
    stage: Stage = lambda _: None,
) -> Made:
    """The forecast of every pool at every horizon; nothing is stored.

    Raises:
        NoAnswerError: there is no pool.
    """
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
    unexposed = interruptions_without_exposure(store, now, provider=provider)
    return Made(market, now, _known(pools, market), unexposed, judge)


def store_forecast(store: Warehouse, made: Made, *, bands_once_in: timedelta | None = None) -> int:
    """Store what was forecast; how many rows are new.

    With ``bands_once_in``, a forecast that rests on a published band alone is left out if one of
    its pool was stored so lately and its type has no GPU. Bands change by the day; of 44,164 pools
    42,113 were such, and twice an hour they would be 8 million rows a day.
    """
    frame = made.market.frame
    with store.transaction():
        if bands_once_in and not frame.is_empty():
            lately = frame["issued_at"].max() - bands_once_in
            known = pools_without_gpu(store, since=lately).with_columns(
                made_from=pl.lit(PUBLISHED_BAND)
            )
            frame = frame.join(known, on=known.columns, how="anti")
        return append_forecasts(store, frame)


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
