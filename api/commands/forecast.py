"""``spotcast forecast`` and ``spotcast risk``: score every pool, and show what was said."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor import DEFINITIONS, published_hazards
from advisor.risk.artifact import load_model, prior_model
from advisor.risk.live import forecast_market
from api.errors import EXIT_FAILED, EXIT_STALE, NoAnswerError, UsageError
from api.options import Limit, Output, Provider, Regions, Types, Zones
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.settings import Settings
from api.units import age_text
from api.wiring import utc_now
from warehouse.features import pools_until, ticks_until
from warehouse.forecasts import append_forecasts, newest_forecasts
from warehouse.signals import newest_signals
from warehouse.store import Warehouse

HORIZONS = {"15m": 15 * 60.0, "1h": 3600.0, "6h": 6 * 3600.0, "24h": 24 * 3600.0}
"""The horizons in the users' words, seconds."""

GRADE_COLUMNS = (
    Column("grade", "GRADE"),
    Column("pools", "POOLS", "{:,}".format, is_right=True),
    Column("forecasts", "FORECASTS", "{:,}".format, is_right=True),
    Column("new", "NEW", "{:,}".format, is_right=True),
)


def _share(value: float) -> str:
    return f"{100 * value:.1f}%"


RISK_COLUMNS = (
    Column("instance_type", "TYPE"),
    Column("region", "REGION"),
    Column("zone", "ZONE", lambda zone: "any" if zone == "*" else str(zone)),
    Column("horizon", "WITHIN"),
    Column("probability", "P", _share, is_right=True),
    Column("interval", "90% INTERVAL", is_right=True),
    Column("grade", "GRADE"),
    Column("evidence_age", "EVIDENCE", is_right=True),
    Column("why", "BECAUSE OF"),
    Column("model_version", "MODEL", is_wide=True),
    Column("issued_at", "ISSUED", is_wide=True),
)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-11-24T09:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def forecast_command(
    context: typer.Context,
    provider: Provider = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=_moment, metavar="TIME", help="Forecast as of then, from what was known then."
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

    Issued forecasts are scored by `spotcast verify` once their horizon has passed.
    """
    settings: Settings = context.obj
    now = at or utc_now()
    fitted, card = load_model(model) if model else prior_model()
    with Warehouse.open(warehouse or settings.warehouse) as store:
        pools = pools_until(store, now, provider=provider)
        if not pools:
            raise NoAnswerError("The warehouse knows no pool to forecast: collect or import first.")
        signals = newest_signals(store, now, list(DEFINITIONS), provider=provider)
        frame = forecast_market(
            fitted,
            card.version,
            ticks_until(store, now, provider=provider),
            pools=pools,
            bands=published_hazards(pools, signals),
            now=now,
        )
        with store.transaction():
            new = append_forecasts(store, frame)
    counts = frame.group_by("grade").len().sort("grade")
    rows = [
        {"grade": name, "pools": size // len(HORIZONS), "forecasts": size, "new": None}
        for name, size in counts.iter_rows()
    ]
    total = frame.height
    rows.append({"grade": "all", "pools": total // len(HORIZONS), "forecasts": total, "new": new})
    write(
        output, GRADE_COLUMNS, rows, name="grades", about={"issued_at": now, "model": card.version}
    )
    silent = len(pools) - total // len(HORIZONS)
    if silent > 0:
        note(
            f"Nothing is known of the risk of {silent:,} pools (no probe, no probed neighbor, no "
            f"published band): they have no forecast, which is not a low risk."
        )
    if not total:
        raise typer.Exit(EXIT_FAILED)


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
    """Show the newest forecast of each pool: risk, interval, what drives it, age of evidence."""
    settings: Settings = context.obj
    if horizon and horizon not in HORIZONS:
        raise UsageError(
            f"--horizon {horizon}: forecasts are made for {', '.join(HORIZONS)}, no others"
        )
    now = utc_now()
    regions = None if not region or "all" in region else region
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
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
    shown = found.head(limit) if limit else found
    rows = [_row(row, now) for row in shown.iter_rows(named=True)]
    write(output, RISK_COLUMNS, rows, name="forecasts", about={"now": now, "total": found.height})
    if shown.height < found.height:
        note(f"{found.height - shown.height} more: --limit 0 shows all {found.height}.")
    if any(row["is_stale"] for row in rows):
        note("STALE: a forecast shown has outlived its horizon: run `spotcast forecast`.")
        raise typer.Exit(EXIT_STALE)


def _row(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    drivers = json.loads(row["drivers"])
    names = {seconds: name for name, seconds in HORIZONS.items()}
    until = row["evidence_until"]
    expired = (now - row["issued_at"]).total_seconds() > row["horizon_seconds"]
    return {
        **{name: row[name] for name in ("provider", "region", "zone", "instance_type")},
        "horizon": names.get(row["horizon_seconds"], f"{row['horizon_seconds']:g} s"),
        "horizon_seconds": row["horizon_seconds"],
        "probability": row["probability"],
        "probability_low": row["probability_low"],
        "probability_high": row["probability_high"],
        "interval": f"{_share(row['probability_low'])} to {_share(row['probability_high'])}",
        "grade": row["grade"],
        "evidence_until": until,
        "evidence_age": None if until is None else age_text(row["issued_at"] - until),
        "why": "; ".join(one["text"] for one in drivers["drivers"]),
        "drivers": drivers,
        "model_version": row["model_version"],
        "issued_at": row["issued_at"],
        "is_stale": expired,
    }
