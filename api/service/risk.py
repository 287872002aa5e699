"""The forecasts: the newest of each pool, and those of one pool over time with what followed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import polars as pl
from pydantic import BaseModel, Field

from advisor.risk.verification import Verdict
from api.rows.risk import forecast_row
from api.service.page import CursorError, Page, decoded, encoded
from api.service.state import Service
from api.skill import NOTHING_ACTS, Judge, kind_of
from warehouse.forecast_history import KEY, OUTCOMES, Place, forecast_history
from warehouse.records import Pool

BASIS = (
    "P(a machine that is up in the pool is interrupted within the horizon). Forecasts are made "
    "for 15m, 1h, 6h and 24h; other horizons are not extrapolated."
)


class ForecastOut(BaseModel):
    """A forecast as it was issued, with its standing now. Null is unknown."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["use1-az4"], description="`*` is a forecast for the region.")
    instance_type: str = Field(examples=["g5.xlarge"])
    horizon: str = Field(examples=["1h"])
    horizon_seconds: float = Field(examples=[3600.0])
    probability: float = Field(description="0 to 1.", examples=[0.042])
    probability_low: float = Field(description="Lower end of the 90 % interval.")
    probability_high: float
    grade: str = Field(
        description="On how much evidence it rests: prior, early, learning, established, stale.",
        examples=["learning"],
    )
    skill: str = Field(
        description="What forecasts like it proved: skill, without skill, too little evidence.",
        examples=["skill"],
    )
    may_act: bool = Field(description="Whether it may cause anything: only with proven skill.")
    drivers: list[str] = Field(
        description="What it is made of, the strongest first, in words.",
        examples=[["losses in this pool over the last day: odds x 2.1"]],
    )
    evidence_until: datetime | None = Field(description="The newest evidence; null: none of it.")
    evidence_age_seconds: float | None = Field(description="How old that was when it was issued.")
    made_from: str | None = Field(examples=["launch_probe"], description="Kind of evidence.")
    recalibration: float | None = Field(
        description="Log odds that earlier forecasts' outcomes added."
    )
    model_version: str
    issued_at: datetime
    is_stale: bool = Field(description="It has outlived its horizon.")


class PastForecastOut(ForecastOut):
    """The same with what became of the machines and probes that were up when it was issued.

    Null while the horizon has not passed.
    """

    watched: int | None = Field(description="Machines and series of probes; 0: nobody looked.")
    lost: int | None = Field(description="Of them, interrupted within the horizon.")
    kept: int | None
    censored: int | None = Field(description="Of them, those of which it cannot be told.")


class ForecastPage(Page[ForecastOut]):
    """The newest forecasts."""

    total: int = Field(description="How many there are, on all pages.")


class ForecastHistoryPage(Page[PastForecastOut]):
    """The forecasts of one pool, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which forecasts; an empty sequence is any. Types may be shell patterns (``g5.*``)."""

    provider: Sequence[str] = ()
    region: Sequence[str] = ()
    zone: Sequence[str] = ()
    instance_type: Sequence[str] = ()
    grade: Sequence[str] = ()
    horizon_seconds: float | None = None
    may_act: bool | None = None


def forecast_page(service: Service, wanted: Wanted, *, first: int, limit: int) -> ForecastPage:
    """The newest forecasts from place ``first`` (from 0) on, by pool and horizon."""
    now, judge = service.clock(), service.forecasts.skill.get().value.judge
    every = _chosen(service.forecasts.newest.get().value, wanted, judge)
    shown = every.slice(first, limit)
    rows = [forecast_row(row, now, judge) for row in shown.iter_rows(named=True)]
    more = first + limit < every.height
    return ForecastPage.model_validate(
        {
            "items": rows,
            "next_cursor": encoded([first + limit]) if more else None,
            "total": every.height,
            **_about(rows, now),
        }
    )


def forecast_history_page(
    service: Service,
    pool: Pool,
    *,
    start: datetime,
    end: datetime,
    horizon_seconds: float | None,
    cursor: str | None,
    limit: int,
) -> ForecastHistoryPage:
    """Forecasts of a pool that were issued in a time, the newest first.

    Raises:
        CursorError: the cursor is none of ours.
    """
    now, judge = service.clock(), service.forecasts.skill.get().value.judge
    with service.reading() as warehouse:
        found = forecast_history(
            warehouse,
            pool,
            now,
            start=start,
            end=end,
            horizon_seconds=horizon_seconds,
            after=_place(cursor),
            limit=limit + 1,
        )
    shown = found.head(limit)
    rows = [
        {**forecast_row(row, now, judge), **{name: row[name] for name in OUTCOMES}}
        for row in shown.iter_rows(named=True)
    ]
    return ForecastHistoryPage.model_validate(
        {
            "items": rows,
            "next_cursor": _cursor(shown) if found.height > limit else None,
            **_about(rows, now),
        }
    )


def _chosen(frame: pl.DataFrame, wanted: Wanted, judge: Judge) -> pl.DataFrame:
    """The rows that are wanted, in their order."""
    kept = pl.lit(value=True)
    for name in ("provider", "region", "zone", "grade"):
        if values := getattr(wanted, name):
            kept &= pl.col(name).is_in(list(values))
    if wanted.instance_type:
        known = frame["instance_type"].unique().to_list()
        fitting = [
            one for one in known if any(fnmatchcase(one, like) for like in wanted.instance_type)
        ]
        kept &= pl.col("instance_type").is_in(fitting)
    if wanted.horizon_seconds is not None:
        kept &= pl.col("horizon_seconds") == wanted.horizon_seconds
    found = frame.filter(kept)
    return found if wanted.may_act is None else _acting(found, judge, may_act=wanted.may_act)


def _acting(frame: pl.DataFrame, judge: Judge, *, may_act: bool) -> pl.DataFrame:
    """Those that may be acted on, or the others; one verdict for each kind of forecast."""
    parts = ["provider", "made_from", "horizon_seconds", "grade"]
    kinds = frame.select(parts).unique()
    acts = [judge(kind_of(one)) is Verdict.SKILL for one in kinds.iter_rows(named=True)]
    right = kinds.filter(pl.Series(acts, dtype=pl.Boolean) == may_act)
    return frame.join(right, on=parts, how="semi", nulls_equal=True, maintain_order="left")


def _about(rows: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    told = [BASIS]
    if idle := sum(not row["may_act"] for row in rows):
        told.append(f"{idle} of {len(rows)} are without proven skill: {NOTHING_ACTS}.")
    return {
        "as_of": now,
        "data_as_of": min((row["issued_at"] for row in rows), default=None),
        "is_stale": any(row["is_stale"] for row in rows),
        "notes": told,
    }


def _cursor(shown: pl.DataFrame) -> str:
    issued_at, *rest = shown.select(KEY).row(-1)
    return encoded([issued_at.isoformat(), *rest])


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    issued_at, horizon, model = decoded(cursor, len(KEY))
    try:
        place = Place(datetime.fromisoformat(issued_at), float(horizon), str(model))
    except (TypeError, ValueError, OverflowError) as error:
        raise CursorError from error
    if place.issued_at.tzinfo is None or not place.model_version.isprintable():
        raise CursorError
    return place
