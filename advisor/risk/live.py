"""Forecasts for the whole market at one moment, each from the best evidence there is.

A pool in which the user's own machines run is forecast from their lives; one that is probed from
its probes; one whose type is watched in other zones of the region from those neighbors; one of
which only a published band is known from the band, with a wide interval. Of a pool with none of
these nothing is said: unknown is not safe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import polars as pl

from advisor.hazards import Hazard
from advisor.risk.bands import stated_by_bands
from advisor.risk.drivers import Drivers
from advisor.risk.evidence import evidence_of
from advisor.risk.fleet import INSTANCE_LIFETIME
from advisor.risk.grades import STALE_S, grade
from advisor.risk.grid import STEP_S, Floats, GridPool, Integers, Timeline, timelines
from advisor.risk.hazard import RiskModel
from advisor.risk.history import History
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.issuing import POOL, TIME, Shifts, Stated, issued, pools_frame
from advisor.risk.refusals import with_refusals
from advisor.risk.signal_offsets import SIGNALS, Offsets, readings_of
from advisor.risk.watched import Watched, neighbors_of
from warehouse.records import Pool

FORGOTTEN_STEPS = round(7 * 86_400 / STEP_S)
"""Steps after which a pool that is no longer watched has nothing left to forget."""

KINDS = (INSTANCE_LIFETIME, "held_instance", "held_fleet", "launch_probe")
"""What speaks for a pool that is watched in several ways: a machine is what a node is, a held one
is the next thing to it."""

MACHINE = "machine"
"""What a forecast from the user's own machines is made from, and scored on."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of earlier forecasts teaches: shifts of the level, and what signals are worth."""

    shifts: Shifts = field(default_factory=dict[tuple[str, str, float], float])
    offsets: Offsets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarketForecast:
    """``frame``: one row per pool and horizon, columns of `risk_forecast`, by pool.

    ``skipped``: how many pools are watched in a way that the model was not fitted on, by kind.
    They are forecast from other evidence, if there is any.
    """

    frame: pl.DataFrame
    skipped: Mapping[str, int]


def forecast_market(
    model: RiskModel,
    version: str,
    ticks: pl.DataFrame,
    *,
    pools: Sequence[Pool],
    bands: Mapping[Pool, Hazard],
    now: datetime,
    fleet: Watched | None = None,
    signals: pl.DataFrame | None = None,
    learned: Learned | None = None,
) -> MarketForecast:
    """The forecast of every pool of which anything is known.

    Args:
        model: a fitted model.
        version: what it is called in the rows.
        ticks: probes up to ``now``, as `warehouse.features.ticks_until` gives them.
        pools: the pools to forecast; watched ones are forecast whether or not they are here.
        bands: what is published of each pool.
        now: the moment; nothing in the arguments is later.
        fleet: the pools of the user's own machines, as `fleet.watched_fleet` gives them.
        signals: live signals, columns `SIGNALS`; refused launches are among them.
        learned: what earlier forecasts of this version came to.
    """
    live = SIGNALS.to_frame() if signals is None else signals
    looks = with_refusals(ticks, live)
    seen = [watched_at(line, pools, now) for line in timelines(looks)] if looks.height else []
    if fleet is not None and fleet.pools:
        seen.append(fleet)
    known = [one for one in seen if one.probe_kind in model.priors.kinds]
    stated = [
        _stated_by_model(model, watched, rows)
        for watched, rows in zip(known, _speaking(known), strict=True)
        if rows.size
    ]
    told = {row for one in stated for row in one.pools.iter_rows()}
    rest = [
        pool
        for pool in pools
        if pool in bands and (pool.provider, pool.region, pool.zone, pool.instance_type) not in told
    ]
    stated.append(stated_by_bands(rest, bands, now))
    taught = learned or Learned()
    frames = [
        issued(
            one,
            readings_of(one.pools, live, now),
            version=version,
            now=now,
            shifts=taught.shifts,
            offsets=taught.offsets,
        )
        for one in stated
    ]
    return MarketForecast(pl.concat(frames).sort(*POOL, "horizon_seconds"), _skipped(model, seen))


def _skipped(model: RiskModel, seen: Sequence[Watched]) -> dict[str, int]:
    unknown: dict[str, set[Pool]] = {}
    for one in seen:
        if one.probe_kind not in model.priors.kinds:
            own = np.flatnonzero(~np.isnan(one.evidence_until_s)).tolist()
            unknown.setdefault(one.probe_kind, set()).update(_pool(one.pools[row]) for row in own)
    return {kind: len(pools) for kind, pools in sorted(unknown.items())}


def watched_at(line: Timeline, market: Sequence[Pool], now: datetime) -> Watched:
    """The pools of a timeline as they are at ``now``, and their neighbors in the market."""
    neighbors = neighbors_of(line.pools, market)
    columns = len(line.pools) + len(neighbors)
    history = History.empty((columns,))
    blind = np.zeros(len(neighbors), dtype=np.bool_)
    for up, known in zip(line.up, line.known, strict=True):
        history.advance(np.append(up, blind), np.append(known, blind))
    lag = (now.timestamp() - float(line.time_s[-1])) / STEP_S
    nothing = np.zeros(columns, dtype=np.bool_)
    for _ in range(min(max(int(lag), 0), FORGOTTEN_STEPS)):
        history.advance(nothing, nothing)
    until = np.append(_newest_probe(line), np.full(len(neighbors), np.nan))
    pools = (*line.pools, *neighbors)
    evidence = evidence_of(history, pools, now.timestamp() - until)
    return Watched(line.probe_kind, pools, evidence, until)


def _newest_probe(line: Timeline) -> Floats:
    """Seconds since 1970 of each pool's newest probe."""
    points = line.up.shape[0]
    last = points - 1 - np.argmax((line.trace >= 0)[::-1], axis=0)
    column = np.arange(len(line.pools))
    newest: Floats = line.time_s[last] - line.observed_age_s[last, column]
    return newest


def _speaking(seen: Sequence[Watched]) -> list[Integers]:
    """The rows of each that speak for their pool: no pool is spoken for twice.

    Fresh evidence goes before stale, and that before a pool's neighbors; then the kind counts,
    then the newer evidence, then the smaller fleet.
    """
    parts = [
        pools_frame([_pool(pool) for pool in one.pools]).with_columns(
            pl.lit(number).alias("one"),
            pl.int_range(len(one.pools)).alias("row"),
            pl.Series("age_s", one.evidence.observed_age_s).fill_nan(None),
            pl.lit(KINDS.index(one.probe_kind)).alias("kind"),
            pl.Series("size", [pool.target_capacity for pool in one.pools], dtype=pl.Int64),
        )
        for number, one in enumerate(seen)
    ]
    if not parts:
        return []
    rank = pl.when(pl.col("age_s").is_null()).then(2).otherwise(pl.col("age_s") > STALE_S)
    best = (
        pl.concat(parts)
        .sort(rank, "kind", "age_s", "size", "one", "row", maintain_order=True)
        .unique(POOL, keep="first", maintain_order=True)
        .sort("one", "row")
    )
    return [best.filter(one=number)["row"].to_numpy() for number in range(len(seen))]


def _stated_by_model(model: RiskModel, watched: Watched, chosen: Integers) -> Stated:
    """What the model says of the chosen rows."""
    evidence = watched.evidence.take(chosen)
    until_s = watched.evidence_until_s[chosen]
    # A pool that was never watched has no age of evidence; it is new, not stale.
    age = np.where(np.isnan(until_s), 0.0, evidence.observed_age_s)
    evidence = replace(evidence, observed_age_s=age)
    kind = model.priors.place([watched.probe_kind])[np.zeros(chosen.size, dtype=np.int64)]
    pools = [watched.pools[row] for row in chosen.tolist()]
    familiar = model.knows(pools)
    drivers = (
        model.drivers(evidence, kind, place, familiar) for place in range(len(HORIZONS_MINUTES))
    )
    is_machine = watched.probe_kind == INSTANCE_LIFETIME
    return Stated(
        pools=pools_frame([_pool(pool) for pool in pools]),
        made_from=MACHINE if is_machine else watched.probe_kind,
        forecasts=model.forecast(evidence, kind, familiar),
        grades=pl.Series(grade(evidence).tolist(), dtype=pl.String),
        evidence_until=pl.Series(1e6 * until_s).fill_nan(None).cast(pl.Int64).cast(TIME),
        drivers=tuple(
            Drivers.of(np.full(chosen.size, baseline), shares) for baseline, shares in drivers
        ),
    )


def _pool(pool: GridPool) -> Pool:
    return Pool(pool.provider, pool.region, pool.zone, pool.instance_type)
