"""``spotcast verify``: how good the stored forecasts were, against what happened."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
import typer

from advisor.risk.drift import DRIFT_WINDOW, Alarm
from advisor.risk.errors import HorizonError
from advisor.risk.horizons import horizon_place
from advisor.risk.resolved import BASELINE_WINDOW
from advisor.risk.verification import ACTION_THRESHOLD, Verification, verify
from advisor.units import duration
from api.errors import NoAnswerError, UsageError
from api.options import Output, Provider, moment
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.rows.verification import alarm_row, score_row, verdict_text
from api.settings import Settings
from api.skill import SEED
from api.units import horizon_text
from api.wiring import utc_now
from warehouse.forecasts import ForecastCounts, forecast_counts, resolved_forecasts
from warehouse.store import Warehouse


def _horizon(text: str) -> float:
    found = duration(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no horizon: write 15m, 1h, 6h or 24h")
    seconds = found.total_seconds()
    try:
        horizon_place(seconds)
    except HorizonError as error:
        raise typer.BadParameter(str(error)) from error
    return seconds


def _minutes(value: float) -> str:
    return f"{value:.0f} min"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _count(value: float) -> str:
    return f"{value:,}"


COLUMNS = (
    Column("evidence_kind", "EVIDENCE"),
    Column("horizon_minutes", "HORIZON", lambda value: horizon_text(60 * value), is_right=True),
    Column("provider", "CLOUD"),
    Column("grade", "GRADE"),
    Column("rows", "ROWS", _count, is_right=True),
    Column("censored_rows", "CENSORED", _count, is_right=True),
    Column("events", "EVENTS", _count, is_right=True),
    Column("base_rate", "LOST", _percent, is_right=True),
    Column("mean_probability", "FORECAST", _percent, is_right=True),
    Column("log_loss", "LOG LOSS", "{:.4f}".format, is_right=True, is_wide=True),
    Column("log_loss_difference", "DIFFERENCE", "{:+.4f}".format, is_right=True, is_wide=True),
    Column("brier", "BRIER", "{:.4f}".format, is_right=True, is_wide=True),
    Column("auc", "AUC", "{:.3f}".format, is_right=True, is_wide=True),
    Column("ece", "ECE", _percent, is_right=True, is_wide=True),
    Column("brier_skill", "SKILL", _percent, is_right=True),
    Column("brier_skill_low", "LOW", _percent, is_right=True),
    Column("brier_skill_high", "HIGH", _percent, is_right=True),
    Column("precision", "PRECISION", _percent, is_right=True, is_wide=True),
    Column("recall", "RECALL", _percent, is_right=True, is_wide=True),
    Column("events_without_lead", "NO LEAD", _count, is_right=True, is_wide=True),
    Column("lead_median_minutes", "LEAD", _minutes, is_right=True, is_wide=True),
    Column("verdict", "VERDICT"),
)


def alarm_text(alarm: Alarm) -> str:
    """An alarm as a sentence."""
    return (
        f"ALARM, {alarm.name.value}: {alarm.provider}, {alarm.evidence_kind}, "
        f"{horizon_text(alarm.horizon_seconds)}: in the last {DRIFT_WINDOW.days} days "
        f"{100 * alarm.mean_outcome:.1f}% were lost where {100 * alarm.mean_probability:.1f}% were "
        f"forecast; {100 * alarm.tolerance:.1f} points apart would be chance."
    )


def verify_command(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Issued since a date, or 30d ago."),
    ] = None,
    provider: Provider = None,
    horizon: Annotated[
        float | None,
        typer.Option(parser=_horizon, metavar="TIME", help="Only 15m, 1h, 6h or 24h."),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Probability from which a forecast is an alert.")
    ] = ACTION_THRESHOLD,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Score stored forecasts whose time has passed against what happened."""
    if output is Format.ONE_LINE:
        raise UsageError("-o one-line lists instance types; verify has none: take table or json")
    settings: Settings = context.obj
    now = utc_now()
    given: dict[str, Any] = {"provider": provider, "horizon_seconds": horizon}
    # What ended before `since` is what the baseline knew on the first day.
    known_from = since - BASELINE_WINDOW - timedelta(days=1) if since else None
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
        counts = forecast_counts(store, now, since, **given)
        resolved = resolved_forecasts(store, now, known_from, **given)
    rng = np.random.default_rng(SEED)
    found = verify(resolved, now=now, rng=rng, since=since, action_threshold=threshold)
    if not any(score.rows for score in found.scores):
        raise NoAnswerError(_why_nothing(counts, found))
    _show(found, counts, now, threshold, output)


def _show(
    found: Verification, counts: ForecastCounts, now: datetime, threshold: float, form: Format
) -> None:
    about = {
        "now": now,
        "forecasts_stored": counts.stored,
        "forecasts_passed": counts.passed,
        "action_threshold": threshold,
        "alarms": [alarm_row(one) for one in found.alarms],
    }
    rows = [score_row(one, is_nested=form in {Format.JSON, Format.YAML}) for one in found.scores]
    write(form, COLUMNS, rows, name="scores", about=about)
    for score in found.scores:
        if score.provider is not None:
            note(verdict_text(score))
    for alarm in found.alarms:
        note(alarm_text(alarm))


def _why_nothing(counts: ForecastCounts, found: Verification) -> str:
    if not counts.stored:
        return "There is no forecast to score: none such is stored."
    if not counts.passed:
        first = f"{counts.first_resolved_at:%Y-%m-%d %H:%M} UTC"
        return f"No forecast has resolved yet: of {counts.stored:,} stored, the first does {first}."
    if not found.scores:
        return (
            f"No forecast has resolved yet: the time of {counts.passed:,} has passed, but no "
            f"machine and no probe was up in their pools."
        )
    return (
        f"No forecast has resolved yet: the time of {counts.passed:,} has passed, but every "
        f"machine and series in their pools is censored."
    )
