"""The jobs about risk and advice: forecast, verify, retrain, advise."""

from datetime import timedelta
from importlib.metadata import version

import numpy as np

from advisor.risk.artifact import card_of, save_model
from advisor.risk.traces import Traces
from api.advising import advice_of, standings
from api.forecasting import made_forecast, model_in_use, retrained_model, store_forecast
from api.job_process import in_process
from api.job_work import Detail, Work
from api.reports.market.asked import Asked, span_of
from api.reports.market.document import Period
from api.retraining import Retrained, retrained
from api.rows.verification import alarm_row, score_row
from api.skill import SEED, recent_outcomes, scores_of
from warehouse.advice import store_advice
from warehouse.features import lifetimes_until, ticks_until
from warehouse.forecasts import forecast_counts

BANDS_ONCE_IN = timedelta(hours=23)
"""A forecast for a day is stale after one: the next is there before."""


def forecast_job(work: Work) -> Detail:
    """Forecast the risk of every pool as of now, and store it."""
    model, card = model_in_use(work.settings)
    now = work.clock()
    with work.reading() as warehouse:
        made = made_forecast(warehouse, model, card.version, now=now)
    with work.writing() as warehouse:
        new = store_forecast(warehouse, made, bands_once_in=BANDS_ONCE_IN)
    frame = made.market.frame
    return {
        "model": card.version,
        "issued_at": now,
        "pools": made.pools,
        "forecasts": frame.height,
        "new": new,
        "by_grade": dict(frame.group_by("grade").len().sort("grade").iter_rows()),
        "skipped": dict(made.market.skipped),
    }


def verify_job(work: Work) -> Detail:
    """Score the forecasts of the last weeks against what happened; what verdicts rest on."""
    now = work.clock()
    with work.reading() as warehouse:
        outcomes = recent_outcomes(warehouse, now)
        counts = forecast_counts(warehouse, now)
    found = scores_of(outcomes, now)
    return {
        "forecasts_stored": counts.stored,
        "forecasts_passed": counts.passed,
        "scores": [score_row(one, is_nested=False) for one in found.scores],
        "alarms": [alarm_row(one) for one in found.alarms],
    }


def advise_job(work: Work) -> Detail:
    """Store which pools would be taken now, so that reports can judge it by what comes after."""
    now, settings = work.clock(), work.settings
    with work.reading() as warehouse:
        market = Asked(warehouse, settings, span_of(Period.DAILY, now)).market_at(now)
        found = list(standings(warehouse, market, settings.usd_per_unit, now))
    with work.writing() as warehouse, warehouse.transaction():
        new = store_advice(warehouse, [advice_of(one, now) for one in found])
    return {"issued_at": now, "gpus": [one.gpu for one in found], "new": new}


def retrain_job(work: Work) -> Detail:
    """Fit the risk model on what was observed here; adopt it if it proves better."""
    now = work.clock()
    current, card = model_in_use(work.settings)
    with work.reading() as warehouse:
        traces = Traces(ticks_until(warehouse, now), lifetimes_until(warehouse, now))
    # It takes a core for seconds to minutes: in a process, so that requests find the interpreter.
    found: Retrained = in_process(retrained, traces, current, np.random.default_rng(SEED))
    detail = {
        "model": card.version,
        "is_adopted": found.model is not None,
        "reason": found.reason,
        "compared": found.compared,
    }
    if found.model is None or found.samples is None:
        return detail
    name = f"retrained-{now:%Y%m%dT%H%MZ}"
    told = card_of(
        found.samples,
        data="the probes and machines of this database",
        code_version=version("spotcast"),
        name=name,
        metrics=found.compared,
    )
    save_model(retrained_model(work.settings), found.model, told)
    return {**detail, "model": name, "before": card.version}
