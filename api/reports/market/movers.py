"""Market movers: which prices changed, from what to what, since when; pools that came and went."""

from typing import Any

import polars as pl

from api.reports.market.asked import POOL, Asked, with_age
from api.reports.market.document import (
    Chart,
    Column,
    Drawing,
    Figure,
    Kind,
    Section,
    Table,
    table_of,
)
from api.reports.market.words import count, number_of, place, share

NAME = "movers"
SHOWN = 12
"""Rows on the page of each table, and bars of each direction in the chart."""

SAME = 1e-9
"""Prices that differ by less, as a share, are the same: currencies are converted in floats."""

PLACE = (
    Column(field="instance_type", heading="Type"),
    Column(field="provider", heading="Cloud"),
    Column(field="region", heading="Region"),
    Column(field="zone", heading="Zone"),
)
KNOWN = (
    Column(field="source", heading="Source", kind=Kind.SOURCE, fact="spot price"),
    Column(field="age_hours", heading="Age", kind=Kind.AGE),
)
MOVED = (
    *PLACE,
    Column(field="before_usd_per_hour", heading="Before, USD/h", kind=Kind.USD),
    Column(field="after_usd_per_hour", heading="After, USD/h", kind=Kind.USD),
    Column(field="change_share", heading="Change", kind=Kind.CHANGE),
    Column(field="since", heading="Since (UTC)", kind=Kind.TIME),
    *KNOWN,
)
CAME = (*PLACE, Column(field="usd_per_hour", heading="Spot USD/h", kind=Kind.USD), *KNOWN)
LEVEL_POOLS = 5
"""Pools that a line of the price level needs at least: the median of fewer is a pool's own."""

NOTE = (
    "A change compares one source with itself. Zones of a region whose price went the "
    "same way are one row."
)
"""What to know when reading the section."""


def movers_section(asked: Asked) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary."""
    title = "Market movers"
    if asked.after.is_empty() and asked.before.is_empty():
        why = "No spot price was in force in the period: nothing was collected or imported of it."
        return Section(name=NAME, title=title, missing=(why,)), []
    both, moved = compared(asked)
    came, went = strangers(asked, "is_new"), strangers(asked, "is_gone")
    if both.is_empty():
        why = "No pool had a price by the same source at both ends of the period."
        return Section(name=NAME, title=title, missing=(why,)), []
    rises = moved.filter(pl.col("change_share") > 0)
    falls = moved.filter(pl.col("change_share") < 0)
    return (
        Section(
            name=NAME,
            title=title,
            headline=_headline(both, rises, falls),
            sentences=tuple(_sentences(both, rises, falls, came, went)),
            charts=tuple(_charts(asked, rises, falls)),
            tables=(
                table_of("rises", "Largest rises", MOVED, rises.to_dicts(), shown=SHOWN),
                table_of("falls", "Largest falls", MOVED, falls.to_dicts(), shown=SHOWN),
                _folded("new_pools", "New pools: their first price came in the period", came),
                _folded(
                    "gone_pools",
                    "Gone pools: told of no longer by a source that repeats the others",
                    went,
                ),
            ),
            notes=(NOTE,),
        ),
        _figures(both, rises, falls),
    )


def _folded(name: str, caption: str, pools: pl.DataFrame) -> Table:
    return table_of(name, caption, CAME, pools.to_dicts(), shown=SHOWN, is_folded=True)


def compared(asked: Asked) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pools priced by one source at both ends; and the changes, the largest share first.

    The second has one row per region, type and change, its zones put together.
    """
    same = [*POOL, "source", "currency"]
    both = asked.after.join(
        asked.before.select(
            *same, before_usd_per_hour="usd_per_hour", before_price="price_per_hour"
        ),
        on=same,
    ).with_columns(
        change_share=pl.col("price_per_hour") / pl.col("before_price") - 1,
        after_usd_per_hour=pl.col("usd_per_hour"),
    )
    changed = both.filter(pl.col("change_share").abs() > SAME)
    changed = changed.join(since_when(asked.told), on=[*POOL, "source"], how="left")
    changed = with_age(changed, "known_at", "age_hours", asked.span.end)
    region = ["provider", "region", "instance_type", "source"]
    figures = ["before_usd_per_hour", "after_usd_per_hour", "change_share", "since"]
    grouped = changed.group_by(*region, *figures).agg(
        pl.col("zone").sort(), pl.col("age_hours").max()
    )
    size = pl.col("change_share").abs()
    worth = (pl.col("after_usd_per_hour") - pl.col("before_usd_per_hour")).abs()
    ordered = grouped.sort(
        [-size, -worth, pl.col("provider"), pl.col("region"), pl.col("instance_type"),
         pl.col("zone").list.join(" ")],
        nulls_last=True,
    )  # fmt: skip
    return both, ordered.with_columns(zone=_zones())


def _zones() -> pl.Expr:
    """One zone by its name, several by their number."""
    zones = pl.col("zone")
    several = pl.format("{} zones", zones.list.len())
    return pl.when(zones.list.len() == 1).then(zones.list.first()).otherwise(several)


def since_when(told: pl.DataFrame) -> pl.DataFrame:
    """When each pool's last price began: its first fact after the last that differs from it.

    Columns: those of a pool, source and since.
    """
    pool = [*POOL, "source"]
    last = pl.col("price_per_hour").last().over(pool)
    differs = (pl.col("price_per_hour") / last - 1).abs() > SAME
    # Counted from the end: facts with none that differs behind them, and that do not themselves.
    later = differs.cast(pl.Int64()).reverse().cum_sum().reverse().over(pool)
    return (
        told.sort(*pool, "effective_at")
        .filter(later == 0)
        .group_by(pool)
        .agg(since=pl.col("effective_at").min())
    )


def strangers(asked: Asked, which: str) -> pl.DataFrame:
    """The pools that are new, or gone, with their newest price in USD and its age."""
    found = asked.strangers.filter(pl.col(which))
    return with_age(asked.in_usd(found), "told_at", "age_hours", asked.span.end)


def _sentences(
    both: pl.DataFrame,
    rises: pl.DataFrame,
    falls: pl.DataFrame,
    came: pl.DataFrame,
    went: pl.DataFrame,
) -> list[str]:
    change = both["change_share"]
    up, down = int((change > SAME).sum()), int((change < -SAME).sum())
    found = [
        (
            f"Of {count(both.height)} pools with a price at both ends, {count(up)} rose, "
            f"{count(down)} fell and {count(both.height - up - down)} stayed."
        )
    ]
    for word, moved in (("rise", rises), ("fall", falls)):
        if moved.height:
            found.append(f"Largest {word}: {_moved(moved.row(0, named=True))}.")
    found.append(f"{count(came.height)} pools are new and {count(went.height)} are gone.")
    return found


def _headline(both: pl.DataFrame, rises: pl.DataFrame, falls: pl.DataFrame) -> str:
    top = [
        f"{word}: {_moved(moved.row(0, named=True))}"
        for word, moved in (("largest rise", rises), ("largest fall", falls))
        if moved.height
    ]
    if not top:
        return f"No price of {number_of(both.height, 'pool')} changed."
    return f"{top[0][0].upper()}{'; '.join(top)[1:]}."


def _moved(row: dict[str, Any]) -> str:
    before, after = row["before_usd_per_hour"], row["after_usd_per_hour"]
    text = f"{place(row)} {share(row['change_share'], signed=True)}"
    if before is None or after is None:
        return text
    return f"{text}, from {before:.4g} to {after:.4g} USD/h"


def _figures(both: pl.DataFrame, rises: pl.DataFrame, falls: pl.DataFrame) -> list[Figure]:
    found = [
        Figure(
            label="Pools compared",
            value=both.height,
            kind=Kind.COUNT,
            about="priced at both ends of the period",
        )
    ]
    for label, moved in (("Largest rise", rises), ("Largest fall", falls)):
        if moved.height:
            row = moved.row(0, named=True)
            found.append(
                Figure(label=label, value=row["change_share"], kind=Kind.CHANGE, about=place(row))
            )
    return found


def _charts(asked: Asked, rises: pl.DataFrame, falls: pl.DataFrame) -> list[Chart]:
    found = []
    bars = [
        {"place": place(row), "change_share": row["change_share"]}
        for moved in (rises, falls)
        for row in moved.head(SHOWN).to_dicts()
    ]
    if bars:
        found.append(
            Chart(
                drawing=Drawing.CHANGES,
                caption="Largest changes of price over the period",
                text=f"Bars of {number_of(len(bars), 'change')}, the largest of each direction; "
                "the tables below have the figures.",
                rows=tuple(bars),
            )
        )
    levels = price_levels(asked)
    if levels:
        found.append(
            Chart(
                drawing=Drawing.LEVELS,
                caption="Price level of machines with GPUs, by day: median of price over that of "
                "the first day",
                text="; ".join(_level_text(levels)) + ".",
                rows=tuple(levels),
            )
        )
    return found


def price_levels(asked: Asked) -> list[dict[str, Any]]:
    """The median over GPU pools of each day's price over the first day's: day, provider, level."""
    frames = [
        frame.filter(pl.col("gpu_count") > 0).select(
            *POOL, "source", "price_per_hour", day=pl.lit(day)
        )
        for day, frame in asked.daily
    ]  # fmt: skip
    if len(frames) < 3:  # noqa: PLR2004 - two points are no line
        return []
    series = [*POOL, "source"]
    prices = pl.concat(frames)
    first = prices.filter(pl.col("day") == asked.span.start).select(*series, first="price_per_hour")
    level = (
        prices.join(first, on=series)
        .group_by("provider", "day")
        .agg(level=(pl.col("price_per_hour") / pl.col("first")).median(), pools=pl.len())
        .filter(pl.col("pools") >= LEVEL_POOLS)
        .sort("provider", "day")
    )
    return [{**one, "day": f"{one['day']:%Y-%m-%d}"} for one in level.to_dicts()]


def _level_text(levels: list[dict[str, Any]]) -> list[str]:
    last = {one["provider"]: one for one in levels}
    return [
        f"{name}: {share(one['level'] - 1, signed=True)} over {count(one['pools'])} pools"
        for name, one in last.items()
    ]
