"""``spotcast risk``: the newest forecast of each pool, what drives it, and what it is worth."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from advisor.risk.verification import Verdict
from api.errors import EXIT_STALE, NoAnswerError, UsageError
from api.options import Limit, Output, Provider, Regions, Types, Zones
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.progress import stages
from api.rows.risk import (
    HORIZONS,
    POOL,
    UNKNOWN_TIMES,
    forecast_row,
    hours_text,
    pool_times,
    share_text,
)
from api.settings import Settings
from api.skill import NOTHING_ACTS, Judge, judge_of, recent_outcomes
from api.units import age_text
from api.wiring import utc_now
from warehouse.forecasts import newest_forecasts
from warehouse.store import Warehouse

COLUMNS = (
    Column("instance_type", "TYPE"),
    Column("region", "REGION"),
    Column("zone", "ZONE", lambda zone: "any" if zone == "*" else str(zone)),
    Column("horizon", "WITHIN"),
    Column("probability", "P", share_text, is_right=True),
    Column("interval", "90% INTERVAL", is_right=True),
    Column("grade", "GRADE"),
    Column("skill", "SKILL"),
    Column("evidence_age", "EVIDENCE", is_right=True),
    Column("why", "BECAUSE OF"),
    Column("made_from", "MADE FROM", is_wide=True),
    Column("model_version", "MODEL", is_wide=True),
    Column("issued_at", "ISSUED", is_wide=True),
)

TIME_COLUMNS = (
    Column("hazard_per_hour", "NOW PER HOUR", "{:.3f}".format, is_right=True, is_wide=True),
    Column("restricted_mean_hours", "UP OF 24 H", hours_text, is_right=True, is_wide=True),
    Column("median", "HALF LOST BY", is_right=True, is_wide=True),
)
"""Of a pool, from its four horizons."""


def risk_command(
    context: typer.Context,
    provider: Provider = None,
    region: Regions = None,
    zone: Zones = None,
    instance_type: Types = None,
    horizon: Annotated[
        str | None, typer.Option(help="15m, 1h, 6h or 24h; all if not given.")
    ] = None,
    limit: Limit = 20,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Show the newest forecast of each pool: risk, interval, what drives it, age of evidence.

    SKILL says whether forecasts like it proved better than the known rate; nothing acts on others.
    """
    settings: Settings = context.obj
    if horizon and horizon not in HORIZONS:
        raise UsageError(
            f"--horizon {horizon}: forecasts are made for {', '.join(HORIZONS)}, no others"
        )
    now = utc_now()
    regions = None if not region or "all" in region else region
    with (
        stages() as stage,
        Warehouse.open(warehouse or settings.warehouse, read_only=True) as store,
    ):
        found = newest_forecasts(
            store,
            now,
            provider=provider,
            regions=regions,
            zones=zone,
            types=instance_type,
            horizon_seconds=HORIZONS[horizon] if horizon else None,
        )
        if found.is_empty():
            raise NoAnswerError("No forecast is stored for these pools: run `spotcast forecast`.")
        stage("Scoring earlier forecasts against what happened")
        judge = judge_of(recent_outcomes(store, now), now)
    shown = found.head(limit) if limit else found
    times = None if horizon else pool_times(found)
    rows = [_row(row, now, judge, times) for row in shown.iter_rows(named=True)]
    columns = COLUMNS if horizon else (*COLUMNS, *TIME_COLUMNS)
    write(output, columns, rows, name="forecasts", about={"now": now, "total": found.height})
    _say(rows, found.height)


def _say(rows: list[dict[str, Any]], total: int) -> None:
    if len(rows) < total:
        note(f"{total - len(rows)} more: --limit 0 shows all {total}.")
    for verdict in (Verdict.WITHOUT_SKILL, Verdict.TOO_LITTLE_EVIDENCE):
        if several := sum(row["skill"] == verdict.value for row in rows):
            note(f"{several} of {len(rows)} forecasts shown: {verdict.value}; {NOTHING_ACTS}.")
    if any(row["is_stale"] for row in rows):
        note("STALE: a forecast shown has outlived its horizon: run `spotcast forecast`.")
        raise typer.Exit(EXIT_STALE)


def _row(
    row: Mapping[str, Any],
    now: datetime,
    judge: Judge,
    times: Mapping[tuple[Any, ...], Mapping[str, Any]] | None,
) -> dict[str, Any]:
    told = forecast_row(row, now, judge)
    drivers = json.loads(row["drivers"])
    pool = tuple(row[name] for name in POOL)
    of_pool: Mapping[str, Any] = {} if times is None else times.get(pool, UNKNOWN_TIMES)
    ends = told["probability_low"], told["probability_high"]
    age = told["evidence_age_seconds"]
    return {
        **told,
        "interval": " to ".join(share_text(one) for one in ends),
        "evidence_age": None if age is None else age_text(timedelta(seconds=age)),
        "why": "; ".join(told["drivers"]),
        "drivers": drivers,
        **of_pool,
    }
