"""Forecasts for the whole market at one moment, each from the best evidence there is.

A pool that is probed is forecast from its own history; a pool with probed neighbors (its type in
other zones of the region, other types in its zone) from theirs; a pool of which only a published
band is known from the band, with a wide interval. Of a pool with none of these nothing is said:
unknown is not safe.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from advisor.published_risk import Hazard
from advisor.risk.evidence import Evidence, evidence_of
from advisor.risk.grades import grade
from advisor.risk.grid import STEP_S, Bools, Floats, GridPool, Timeline, timelines
from advisor.risk.hazard import Z_90, Forecasts, RiskModel
from advisor.risk.history import History
from advisor.risk.horizons import HORIZONS_H, HORIZONS_MINUTES
from warehouse.records import Pool

FORGOTTEN_STEPS = round(7 * 86_400 / STEP_S)
"""Steps after which a pool that is no longer watched has nothing left to forget."""

KINDS = ("held_instance", "held_fleet", "launch_probe")
"""Which probe speaks for a pool that has several: a held machine is what a node is."""

BAND_SD = 1.28
"""Spread of the log hazard behind a closed band: a Gamma of alpha 1 (risk contract, section 5)."""

OPEN_BAND_HIGHEST_PER_HOUR = 1.7
"""The highest rate that was measured on pools of the open band (risk contract, section 5; the
lowest was .04). Middle and spread of an open band are those of a log normal whose 95 % lie
between the band's edge and this."""

DRIVERS_TOLD = 3

WORDS = {
    "rate_1h": "losses in this pool over the last hour",
    "rate_6h": "losses in this pool over the last 6 hours",
    "rate_24h": "losses in this pool over the last day",
    "rate_168h": "losses in this pool over the last week",
    "rate_own": "losses in this pool so far",
    "age_logit": "how long it has been up",
    "age": "how long it has been up",
    "type_up": "whether the same type is up in other zones",
    "zone_up": "whether other types are up in the zone",
    "all_up": "whether other pools are up",
    "type_rate_6h": "losses of the same type in other zones",
    "type_rate_1h": "losses of the same type in other zones in the last hour",
    "zone_rate_6h": "losses of other types in the zone",
    "zone_rate_1h": "losses of other types in the zone in the last hour",
    "all_rate_6h": "losses in all pools watched",
    "all_rate_1h": "losses in all pools watched in the last hour",
    "up_share_1h": "share of the last hour it was up",
    "up_share_6h": "share of the last 6 hours it was up",
    "up_share_24h": "share of the last day it was up",
    "up_share_168h": "share of the last week it was up",
    "last_up": "how long it was up the time before",
    "last_down": "how long it was down the time before",
    "since_drop": "time since the last loss",
    "watched": "how long it has been watched",
    "carried": "age of the newest probe",
    "frailty": "losses against what is usual at its ages",
    "frailty_24h": "losses of the last day against what is usual at its ages",
    "frailty_blend": "losses against what is usual at its ages",
    "shorter_horizon": "the risk of the shorter horizon",
}
"""What an input is called in a sentence; one that is not here goes by its name."""


TEXTS = ("provider", "region", "zone", "instance_type", "model_version", "grade", "drivers")


@dataclass(frozen=True, slots=True)
class Watched:
    """Pools side by side as they are known at one moment; one row each."""

    probe_kind: str
    pools: tuple[GridPool, ...]
    evidence: Evidence
    evidence_until_s: Floats
    """Seconds since 1970 of the newest probe; nan for a pool that was never probed itself."""


def forecast_market(
    model: RiskModel,
    version: str,
    ticks: pl.DataFrame,
    *,
    pools: Sequence[Pool],
    bands: Mapping[Pool, Hazard],
    now: datetime,
) -> pl.DataFrame:
    """One row per pool and horizon, with the columns of the table `risk_forecast`, by pool.

    Args:
        model: a fitted model.
        version: what it is called in the rows.
        ticks: probes up to ``now``, as `warehouse.features.ticks_until` gives them.
        pools: the pools to forecast; probed ones are forecast whether or not they are here.
        bands: what is published of each pool.
        now: the moment; nothing in ``ticks`` is later.
    """
    frames = []
    told: set[Pool] = set()
    seen = [watched_at(line, pools, now) for line in timelines(ticks)] if ticks.height else []
    for watched in sorted(seen, key=lambda one: KINDS.index(one.probe_kind)):
        rows = np.array([_pool(pool) not in told for pool in watched.pools])
        frames.append(_from_probes(model, version, watched, rows, now))
        told.update(_pool(pool) for pool in watched.pools)
    rest = [pool for pool in pools if pool not in told and pool in bands]
    frames.append(_from_bands(rest, bands, version, now))
    return pl.concat(frames).sort("provider", "region", "zone", "instance_type", "horizon_seconds")


def watched_at(line: Timeline, market: Sequence[Pool], now: datetime) -> Watched:
    """The pools of a timeline as they are at ``now``, and their neighbors in the market."""
    neighbors = _neighbors(line.pools, market)
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


def _neighbors(probed: Sequence[GridPool], market: Sequence[Pool]) -> list[GridPool]:
    """Pools of the market that are not probed but share type and region, or zone, with one."""
    own = {(pool.provider, pool.zone, pool.instance_type) for pool in probed}
    types = {(pool.provider, pool.region, pool.instance_type) for pool in probed}
    return [
        GridPool(pool.provider, pool.region, pool.zone, pool.instance_type, 1)
        for pool in market
        if (pool.provider, pool.region, pool.instance_type) in types
        and (pool.provider, pool.zone, pool.instance_type) not in own
    ]


def _from_probes(
    model: RiskModel, version: str, watched: Watched, rows: Bools, now: datetime
) -> pl.DataFrame:
    chosen = np.flatnonzero(rows)
    evidence = watched.evidence.take(chosen)
    unseen = np.isnan(watched.evidence_until_s[chosen])
    # A pool that was never probed has no age of a probe; it is new, not stale.
    age = np.where(unseen, 0.0, evidence.observed_age_s)
    evidence = replace(evidence, observed_age_s=age)
    kind = model.priors.place([watched.probe_kind])[np.zeros(chosen.size, dtype=np.int64)]
    familiar = model.knows([watched.pools[place] for place in chosen])
    forecasts = model.forecast(evidence, kind, familiar)
    until = [
        None if np.isnan(one) else datetime.fromtimestamp(one, UTC)
        for one in watched.evidence_until_s[chosen]
    ]
    return _frame(
        [_pool(watched.pools[place]) for place in chosen],
        forecasts,
        version,
        now,
        grades=grade(evidence).tolist(),
        evidence_until=until,
        drivers=[
            _driver_texts(*model.drivers(evidence, kind, place, familiar), chosen.size)
            for place in range(len(HORIZONS_MINUTES))
        ],
    )


def _driver_texts(baseline: float, shares: Mapping[str, Floats], rows: int) -> list[str]:
    """Each row's drivers as JSON: baseline, the strongest shares in words, and the rest."""
    names = list(shares)
    table = np.stack([shares[name] for name in names])
    strongest = np.argsort(-np.abs(table), axis=0)[:DRIVERS_TOLD]
    texts = []
    for row in range(rows):
        told = [
            {
                "name": names[place],
                "logit": float(table[place, row]),
                "text": WORDS.get(names[place], names[place]),
            }
            for place in strongest[:, row]
        ]
        others = float(table[:, row].sum()) - sum(float(str(one["logit"])) for one in told)
        texts.append(json.dumps({"baseline": baseline, "drivers": told, "others": others}))
    return texts


def _from_bands(
    pools: Sequence[Pool], bands: Mapping[Pool, Hazard], version: str, now: datetime
) -> pl.DataFrame:
    """The forecast that a published band allows: constant in time, and wide."""
    middle, spread = np.zeros(len(pools)), np.zeros(len(pools))
    for row, pool in enumerate(pools):
        middle[row], spread[row] = band_log_hazard(bands[pool])
    hours = np.array(HORIZONS_H)[:, None]

    def within(log_hazard: Floats) -> Floats:
        risk: Floats = -np.expm1(-np.exp(log_hazard) * hours)
        return risk

    forecasts = Forecasts(
        within(middle), within(middle - Z_90 * spread), within(middle + Z_90 * spread)
    )
    texts = [
        json.dumps({"baseline": 0.0, "drivers": [{"text": f"published band {bands[pool].band}"}]})
        for pool in pools
    ]
    return _frame(
        list(pools),
        forecasts,
        version,
        now,
        grades=["prior"] * len(pools),
        evidence_until=[bands[pool].observed_at for pool in pools],
        drivers=[texts] * len(HORIZONS_MINUTES),
    )


def band_log_hazard(band: Hazard) -> tuple[float, float]:
    """Middle and standard deviation of the log of the hazard per hour behind a band."""
    if band.share_high is not None:
        return float(np.log(band.per_hour)), BAND_SD
    low, high = np.log(band.low_per_hour), np.log(OPEN_BAND_HIGHEST_PER_HOUR)
    return float(low + high) / 2, float(high - low) / (2 * 1.96)


def _pool(pool: GridPool) -> Pool:
    return Pool(pool.provider, pool.region, pool.zone, pool.instance_type)


def _frame(
    pools: Sequence[Pool],
    forecasts: Forecasts,
    version: str,
    now: datetime,
    *,
    grades: Sequence[str],
    evidence_until: Sequence[datetime | None],
    drivers: Sequence[Sequence[str]],
) -> pl.DataFrame:
    """Rows of `risk_forecast`, horizon by horizon."""
    time = pl.Datetime("us", "UTC")
    frames = [
        pl.DataFrame(
            {
                "provider": [pool.provider for pool in pools],
                "region": [pool.region for pool in pools],
                "zone": [pool.zone for pool in pools],
                "instance_type": [pool.instance_type for pool in pools],
                "issued_at": pl.Series([now] * len(pools), dtype=time),
                "horizon_seconds": [60.0 * minutes] * len(pools),
                "probability": forecasts.probability[place],
                "probability_low": forecasts.low[place],
                "probability_high": forecasts.high[place],
                "model_version": [version] * len(pools),
                "grade": list(grades),
                "evidence_until": pl.Series(list(evidence_until), dtype=time),
                "drivers": list(drivers[place]),
            },
            schema_overrides={**dict.fromkeys(TEXTS, pl.String()), "horizon_seconds": pl.Float64()},
        )
        for place, minutes in enumerate(HORIZONS_MINUTES)
    ]
    return pl.concat(frames)
