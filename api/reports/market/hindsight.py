"""Advice in hindsight: the pool that stood first each day against the one that turned out cheapest.

Nobody can know what an interruption would have cost a workload that is not there, and most pools
are not watched: so prices are compared everywhere, and interruptions only where both were watched.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any, NamedTuple

import polars as pl

from advisor import Demand
from api.advising import KIND, pool_advised, standings
from api.reports.market.asked import POOL, Asked
from api.reports.market.document import Chart, Column, Drawing, Figure, Kind, Section, table_of
from api.reports.market.words import count, number_of
from warehouse.advice import advice_given
from warehouse.records import Pool

NAME = "hindsight"
SHOWN = 30
RESTART = Demand().restart
"""What an interruption costs, as everywhere unless said otherwise: that much of the machine."""

AT = pl.Datetime("us", "UTC")

NOTHING = 1e-9
"""USD per hour that converted prices are off."""

COLUMNS = (
    Column(field="day", heading="Day", kind=Kind.TIME),
    Column(field="gpu", heading="GPUs"),
    Column(field="pools", heading="Pools", kind=Kind.COUNT),
    Column(field="chosen", heading="Stood first"),
    Column(field="chosen_is_stored", heading="As advised then"),
    Column(field="chosen_usd_per_hour", heading="It cost, USD/h", kind=Kind.USD),
    Column(field="best", heading="Cheapest in hindsight"),
    Column(field="best_usd_per_hour", heading="It cost, USD/h", kind=Kind.USD),
    Column(field="regret_usd_per_hour", heading="Regret, USD/h", kind=Kind.USD),
    Column(field="with_losses_usd_per_hour", heading="with losses", kind=Kind.USD),
    Column(field="chosen_risk_known", heading="Risk of first known"),
    Column(field="best_risk_known", heading="of cheapest"),
    Column(field="source", heading="Source", kind=Kind.SOURCE, fact="spot price"),
    Column(field="age_hours", heading="Age", kind=Kind.AGE),
)
SUMMARY = (
    Column(field="gpu", heading="GPUs"),
    Column(field="days", heading="Days", kind=Kind.COUNT),
    Column(field="right_days", heading="First was cheapest", kind=Kind.COUNT),
    Column(field="regret_usd_per_hour", heading="Mean regret, USD/h", kind=Kind.USD),
    Column(field="worst_usd_per_hour", heading="Largest, USD/h", kind=Kind.USD),
    Column(field="chosen", heading="Stood first that day"),
    Column(field="best", heading="Cheapest in hindsight"),
    Column(field="best_risk_known", heading="Its risk known"),
    Column(field="source", heading="Source", kind=Kind.SOURCE, fact="spot price"),
    Column(field="age_hours", heading="Age", kind=Kind.AGE),
)

NOTE = (
    "The pool that was advised on the day, where the advice was stored; else the ranking is made "
    "again from what was known at the beginning of the day. Each is for one machine of a GPU model "
    "and number. Regret is the "
    "mean price over the day above that of the pool that turned out cheapest. With "
    "losses: the same with the interruptions of watched machines, each at "
    f"{RESTART.total_seconds() / 60:.0f} min of the machine; unknown where either pool "
    "was not watched. A dearer pool that was not interrupted may have been the better "
    "choice, and often nobody can tell."
)
"""What to know when reading the section."""


class Choice(NamedTuple):
    """What stood first on a day, for one model and number of GPUs."""

    day: datetime
    gpu: str
    pools: list[Pool]
    first: Pool
    of_known_risk: frozenset[Pool]
    is_stored: bool
    """Whether it is the advice that was given that day, and not made again."""


def hindsight_section(asked: Asked) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary."""
    title = "Advice in hindsight"
    costs = daily_costs(asked)
    rows = sorted(
        (_row(one, costs, asked) for one in choices(asked) if _is_priced(one, costs)),
        key=lambda row: (-round(row["regret_usd_per_hour"], 9), row["day"], row["gpu"]),
    )
    if not rows:
        why = (
            "No GPU had prices of two pools or more at the beginning of a day of the period: there "
            "was nothing to choose from."
        )
        return Section(name=NAME, title=title, missing=(why,)), []
    summary = by_gpu(rows)
    return (
        Section(
            name=NAME,
            title=title,
            headline=_sentences(rows)[0],
            sentences=tuple(_sentences(rows)),
            charts=tuple(_chart(summary)),
            tables=(
                table_of("hindsight_gpus", "By GPU", SUMMARY, summary, shown=SHOWN),
                table_of(
                    "hindsight",
                    "The pool that stood first at the beginning of a day, largest regret first",
                    COLUMNS,
                    rows,
                    shown=SHOWN,
                    is_folded=True,
                ),
            ),
            notes=(NOTE,),
        ),
        _figures(rows),
    )


def choices(asked: Asked) -> Iterator[Choice]:
    """What stood first at the beginning of each day, of all that could be had."""
    usd_per_unit = asked.settings.usd_per_unit
    given = _given(asked)
    for day, market in asked.daily[:-1]:
        for one in standings(asked.warehouse, market, usd_per_unit, day):
            stored = given.get((day, one.gpu))
            yield Choice(
                day,
                one.gpu,
                [offering.pool for offering in one.offerings],
                stored or one.ranked[0].offering.pool,
                one.of_known_risk,
                is_stored=stored is not None,
            )


def _given(asked: Asked) -> dict[tuple[datetime, str], Pool]:
    """The pool that was advised first on each day of the period, by day and kind of machine."""
    found: dict[tuple[datetime, str], Pool] = {}
    rows = advice_given(asked.warehouse, KIND, asked.span.start, asked.span.end)
    for row in rows.iter_rows(named=True):
        day = row["issued_at"].astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        found.setdefault((day, json.loads(row["demand"])["gpu"]), pool_advised(row["answer"]))
    return found


def daily_costs(asked: Asked) -> dict[tuple[datetime, Pool], dict[str, Any]]:
    """What each GPU pool cost on each day, by day and pool: ``usd_per_hour``, source, ``told_at``.

    The mean by time of the price that stood at the beginning of the day and those that came into
    force in it, of the same source.
    """
    found: dict[tuple[datetime, Pool], dict[str, Any]] = {}
    series = [*POOL, "source"]
    for day, frame in asked.daily[:-1]:
        end = day + timedelta(days=1)
        stood = frame.filter(pl.col("gpu_count") > 0, pl.col("usd_per_hour").is_not_null())
        columns = [*series, "effective_at", "usd_per_hour"]
        begun = stood.select(columns).with_columns(effective_at=pl.lit(day).cast(AT))
        meanwhile = asked.told.filter(
            pl.col("effective_at") > day, pl.col("effective_at") < end
        ).join(begun.select(series), on=series, how="semi")
        steps = pl.concat([begun, meanwhile.select(columns).cast({"effective_at": AT})])
        until = pl.col("effective_at").shift(-1).over(series).fill_null(pl.lit(end))
        seconds = (until - pl.col("effective_at")).dt.total_seconds()
        means = (
            steps.sort(*series, "effective_at")
            .with_columns(seconds=seconds)
            .group_by(series)
            .agg(
                usd_per_hour=(pl.col("usd_per_hour") * pl.col("seconds")).sum()
                / pl.col("seconds").sum(),
                told_at=pl.col("effective_at").max(),
            )
        )
        for row in means.iter_rows(named=True):
            found[day, Pool(*(row[part] for part in POOL))] = row
    return found


def _is_priced(one: Choice, costs: dict[tuple[datetime, Pool], dict[str, Any]]) -> bool:
    return (one.day, one.first) in costs


def _row(
    one: Choice, costs: dict[tuple[datetime, Pool], dict[str, Any]], asked: Asked
) -> dict[str, Any]:
    known = [pool for pool in one.pools if (one.day, pool) in costs]
    usd = {pool: costs[one.day, pool]["usd_per_hour"] for pool in known}
    best = min(known, key=lambda pool: (usd[pool], pool != one.first, pool))
    losses = asked.loss_rates
    restart = RESTART.total_seconds() / 3600

    def whole(pool: Pool) -> float | None:
        rate = losses.get(pool)
        return None if rate is None else usd[pool] * (1 + rate * restart)

    first_whole, best_whole = whole(one.first), whole(best)
    told = costs[one.day, one.first]
    return {
        "day": one.day,
        "gpu": one.gpu,
        "pools": len(known),
        "chosen": _name(one.first),
        "chosen_is_stored": one.is_stored,
        "chosen_usd_per_hour": usd[one.first],
        "best": _name(best),
        "best_usd_per_hour": usd[best],
        "regret_usd_per_hour": usd[one.first] - usd[best],
        "with_losses_usd_per_hour": (
            None if first_whole is None or best_whole is None else first_whole - best_whole
        ),
        "chosen_risk_known": one.first in one.of_known_risk,
        "best_risk_known": best in one.of_known_risk,
        "source": told["source"],
        "age_hours": asked.age_hours(told["told_at"]),
    }


def _name(pool: Pool) -> str:
    return f"{pool.instance_type} in {pool.region if pool.zone == '*' else pool.zone}"


def _sentences(rows: list[dict[str, Any]]) -> list[str]:
    regrets = [row["regret_usd_per_hour"] for row in rows]
    right, mean = sum(one <= NOTHING for one in regrets), fmean(regrets)
    top = rows[0]
    found = [
        (
            f"Of {count(len(rows))} daily choices the first pool was the cheapest of the day "
            f"{count(right)} times; over all the regret was {mean:.4f} USD/h on average, by price."
        )
    ]
    if top["regret_usd_per_hour"] > 0:
        found.append(
            f"Largest: {top['gpu']} on {top['day']:%Y-%m-%d}: {top['chosen']} cost "
            f"{top['chosen_usd_per_hour']:.4g} USD/h, {top['best']} "
            f"{top['best_usd_per_hour']:.4g}."
        )
    regretted = [row for row in rows if row["regret_usd_per_hour"] > NOTHING]
    shunned = sum(row["chosen_risk_known"] and not row["best_risk_known"] for row in regretted)
    if shunned:
        found.append(
            f"In {count(shunned)} of the {count(len(regretted))} with a regret the cheaper pool's "
            "risk was unknown, so that it stood behind all that are known: that is by design."
        )
    unknown = sum(row["with_losses_usd_per_hour"] is None for row in rows)
    blind = sum(not row["chosen_risk_known"] for row in rows)
    if unknown:
        found.append(
            f"Of {count(unknown)} of them it is not known how often machines were lost in both "
            f"pools, so nobody can tell whether the dearer pool was worth it."
        )
    if blind:
        found.append(f"In {count(blind)} the order was by price alone, as no risk was known.")
    return found


def by_gpu(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per kind of machine, `SUMMARY`; ``rows`` have the largest regret first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["gpu"], []).append(row)
    found = [
        {
            **own[0],
            "days": len(own),
            "right_days": sum(row["regret_usd_per_hour"] <= NOTHING for row in own),
            "regret_usd_per_hour": fmean(row["regret_usd_per_hour"] for row in own),
            "worst_usd_per_hour": own[0]["regret_usd_per_hour"],
        }
        for own in groups.values()
    ]
    return sorted(found, key=lambda row: (-round(row["regret_usd_per_hour"], 9), row["gpu"]))


def _chart(summary: list[dict[str, Any]]) -> list[Chart]:
    drawn = [row for row in summary if row["regret_usd_per_hour"] > NOTHING][:SHOWN]
    if not drawn:
        return []
    top = drawn[0]
    return [
        Chart(
            drawing=Drawing.REGRETS,
            caption="Mean regret of the first pool over the days, by GPU",
            text=f"{number_of(len(drawn), 'kind')} of machine with a regret; the largest is "
            f"{top['gpu']}: {top['regret_usd_per_hour']:.4f} USD/h.",
            rows=tuple(
                {"gpu": row["gpu"], "regret_usd_per_hour": row["regret_usd_per_hour"]}
                for row in drawn
            ),
        )
    ]


def _figures(rows: list[dict[str, Any]]) -> list[Figure]:
    mean = sum(row["regret_usd_per_hour"] for row in rows) / len(rows)
    return [
        Figure(
            label="Mean regret, USD/h",
            value=mean,
            kind=Kind.USD,
            about="first pool of each day against the cheapest in hindsight, by price",
        )
    ]
