"""Readings of the watched pools: their risk within the lead time, and their price."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import polars as pl

from advisor.hazards import FORECAST_STALE_AFTER
from advisor.risk.verification import Verdict
from api.alerts.judging import Reading, Standing
from api.alerts.sight import AVERAGED_FOR, Sight
from api.config.alerts import PoolRuleSection, PriceRule, RiskRule
from api.service.prices import speaking_of
from api.skill import Judge, judge_by, kind_of
from api.units import age_text, horizon_text
from warehouse.alerts import running_pools
from warehouse.forecasts import newest_forecasts
from warehouse.price_means import price_means
from warehouse.prices import market_frame
from warehouse.tables import POOL

WEEK = timedelta(days=7)

LEAST_KNOWN = timedelta(days=1)
"""Of how much of the week a price must be known before its mean is compared: a day and a night."""

NONE_WATCHED = (
    "No pool is watched: name instance types in the watchlist or in the rule, or record machines."
)

Row = Mapping[str, Any]


def pool_readings(sight: Sight) -> list[Reading]:
    """What both rules say of every pool that is watched."""
    section = sight.section
    found: list[Reading] = []
    if not (section.risk.enabled or section.price.enabled):
        return found
    running = running_pools(sight.warehouse, sight.now)
    risk, price = (
        _types(sight, rule, running) if rule.enabled else []
        for rule in (section.risk, section.price)
    )
    if section.risk.enabled and not risk:
        found.append(_nothing("risk", NONE_WATCHED))
    if section.price.enabled and not price:
        found.append(_nothing("price", NONE_WATCHED))
    if not (risk or price):
        return found
    # Before the newest forecasts stand alone: scores are of all of them.
    judges = bool(risk) and section.risk.needs_skill
    judge = judge_by(sight.scores()) if judges else None
    with sight.facts.alone(sight.warehouse, sight.now):
        if risk:
            found += _risks(sight, section.risk, running, judge, risk)
        prices = market_frame(sight.warehouse, sight.now) if price else None
    if prices is not None:
        found += _prices(sight, section.price, prices, running)
    return found


def _types(sight: Sight, rule: PoolRuleSection, running: pl.DataFrame) -> list[str]:
    """The types that the rule can be about, as shell patterns: reading all takes a second."""
    if rule.instance_types:
        return list(rule.instance_types)
    return sorted({*sight.watchlist.instance_types, *running["instance_type"]})


def _watched(
    sight: Sight, rule: PoolRuleSection, frame: pl.DataFrame, running: pl.DataFrame
) -> pl.DataFrame:
    """The rows of pools that the rule is about."""
    if rule.providers:
        frame = frame.filter(pl.col("provider").is_in(rule.providers))
    if rule.regions:
        frame = frame.filter(pl.col("region").is_in(rule.regions))
    if rule.instance_types:
        every: list[str] = frame["instance_type"].unique().to_list()
        named = [one for one in every if _is_named(one, rule.instance_types)]
        return frame.filter(pl.col("instance_type").is_in(named))
    is_listed = pl.col("instance_type").is_in(sight.watchlist.instance_types)
    for provider, regions in sight.watchlist.regions.items():
        is_listed &= (pl.col("provider") != provider) | pl.col("region").is_in(regions)
    runs = running.select("provider", "region", "zone", "instance_type", runs=True)
    return frame.join(runs, on=POOL, how="left").filter(is_listed | pl.col("runs")).drop("runs")


def _is_named(instance_type: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(instance_type, one) for one in patterns)


def _lost(
    sight: Sight, rule: str, section: PoolRuleSection, seen: Sequence[Row], running: pl.DataFrame
) -> Iterator[Reading]:
    """Open alerts of pools that are still watched but of which nothing is told any more."""
    told = {tuple(row[name] for name in POOL) for row in seen}
    pools = [{name: alert.labels.get(name, "") for name in POOL} for alert in sight.open_of(rule)]
    lost = [one for one in pools if tuple(one.values()) not in told]
    if not lost:
        return
    frame = pl.DataFrame(lost, schema=dict.fromkeys(POOL, pl.String))
    for row in _watched(sight, section, frame, running).iter_rows(named=True):
        yield Reading(rule, _labels(row), Standing.UNKNOWN, None, "Nothing is told of it any more.")


def _nothing(rule: str, text: str) -> Reading:
    """That there is no pool to judge. With labels, as pools that are lost have their own words."""
    return Reading(rule, {"watched": "none"}, Standing.UNKNOWN, None, text)


def _labels(row: Row) -> dict[str, str]:
    return {name: row[name] for name in POOL}


def _pool(row: Row) -> str:
    return f"{row['provider']} {row['region']} {row['zone']} {row['instance_type']}"


def _risks(
    sight: Sight,
    rule: RiskRule,
    running: pl.DataFrame,
    judge: Judge | None,
    types: Sequence[str],
) -> Iterator[Reading]:
    lead_seconds = 60 * rule.lead_time_minutes
    frame = newest_forecasts(sight.warehouse, sight.now, types=types).filter(
        pl.col("horizon_seconds") >= lead_seconds
    )
    nearest = frame.filter(pl.col("horizon_seconds") == pl.col("horizon_seconds").min().over(POOL))
    rows = _watched(sight, rule, nearest, running).to_dicts()
    lost = list(_lost(sight, "risk", rule, rows, running))
    if not rows and not lost:
        within = horizon_text(lead_seconds)
        yield _nothing(
            "risk", f"No watched pool has a forecast that covers {within}. {NONE_WATCHED}"
        )
    for row in rows:
        text = (
            f"{_pool(row)}: {row['probability']:.1%} within "
            f"{horizon_text(row['horizon_seconds'])} ({row['probability_low']:.1%} to "
            f"{row['probability_high']:.1%}), threshold {rule.probability:.1%}"
        )
        age = sight.now - row["issued_at"]
        stale_after = max(timedelta(seconds=row["horizon_seconds"]), FORECAST_STALE_AFTER)
        standing = Standing.BAD if row["probability"] > rule.probability else Standing.GOOD
        if age > stale_after:
            standing, text = Standing.UNKNOWN, f"{text}; the forecast is {age_text(age)} old"
        elif judge and (verdict := judge(kind_of(row))) is not Verdict.SKILL:
            standing, text = Standing.UNKNOWN, f"{text}; such forecasts: {verdict.value}"
        yield Reading("risk", _labels(row), standing, row["probability"], f"{text}.")
    yield from lost


def _prices(
    sight: Sight, rule: PriceRule, prices: pl.DataFrame, running: pl.DataFrame
) -> Iterator[Reading]:
    watched = _watched(sight, rule, prices, running)
    rows = watched.to_dicts()
    lost = list(_lost(sight, "price", rule, rows, running))
    if not rows and not lost:
        yield _nothing("price", f"No watched pool has a price. {NONE_WATCHED}")
    means = _means(sight, watched) if rows and rule.times_mean else {}
    for row in rows:
        yield _price(sight, rule, row, means.get((*(row[name] for name in POOL), row["currency"])))
    yield from lost


def _means(sight: Sight, watched: pl.DataFrame) -> Mapping[tuple[str, ...], float]:
    types = sorted(watched["instance_type"].unique().to_list())
    speaking = speaking_of(sight.providers.values())
    frame = sight.kept.get(
        "means",
        sight.now,
        AVERAGED_FOR,
        types,
        lambda: price_means(sight.warehouse, sight.now, WEEK, types, speaking),
    )
    known = frame.filter(pl.col("known_seconds") >= LEAST_KNOWN.total_seconds())
    return {row[:-1]: row[-1] for row in known.select(*POOL, "currency", "mean_per_hour").rows()}


def _price(sight: Sight, rule: PriceRule, row: Row, mean: float | None) -> Reading:
    price, currency = row["price_per_hour"], row["currency"]
    bad, unclear = list[str](), list[str]()
    times = None
    if rule.times_mean:
        times = price / mean if mean else None
        if times is None:
            unclear.append(f"its price of the last {WEEK.days} days is not known for long enough")
        elif times > rule.times_mean:
            bad.append(f"{times:.2f} times its mean of {mean:.4f} over the last {WEEK.days} days")
    share = _share(sight, row) if rule.on_demand_share else None
    if rule.on_demand_share and share is None:
        unclear.append("its list price on demand is not known")
    elif share is not None and share > rule.on_demand_share:
        bad.append(f"{share:.0%} of the list price on demand")
    told = f"{_pool(row)}: {price:.4f} {currency} an hour"
    age = sight.now - row["known_at"]
    if age > sight.settings.price_max_age:
        return _reading(row, Standing.UNKNOWN, times, f"{told}, {age_text(age)} old.")
    if bad:
        return _reading(row, Standing.BAD, times, f"{told}, {', and '.join(bad)}.")
    # What one comparison can say is no answer for the other.
    if unclear:
        return _reading(row, Standing.UNKNOWN, times, f"{told}; {', and '.join(unclear)}.")
    return _reading(row, Standing.GOOD, times, f"{told}.")


def _share(sight: Sight, row: Row) -> float | None:
    """The price as a share of the list price on demand; None if that is not known."""
    worth = sight.settings.usd_per_unit
    listed = row["on_demand_per_hour"]
    spot_unit, listed_unit = worth.get(row["currency"]), worth.get(row["on_demand_currency"] or "")
    if not listed or spot_unit is None or listed_unit is None:
        return None
    share: float = row["price_per_hour"] * spot_unit / (listed * listed_unit)
    return share


def _reading(row: Row, standing: Standing, value: float | None, text: str) -> Reading:
    return Reading("price", _labels(row), standing, value, text)
