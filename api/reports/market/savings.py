"""Savings against on-demand, of every GPU type: what spot costs, what it saves, what it risks."""

from statistics import median
from typing import Any

import polars as pl

from api.reports.market.asked import POOL, Asked, with_age
from api.reports.market.document import Chart, Column, Drawing, Figure, Kind, Section, table_of
from api.reports.market.movers import KNOWN, PLACE
from api.reports.market.words import count, number_of, place, share

NAME = "savings"
SHOWN = 60
"""Types on the page: all that the clouds sell with GPUs, as a rule."""

SHOWN_PLACES = 150
"""Rows of the long table on the page; JSON and CSV have all."""

DRAWN = 30
DAY_SECONDS = 86_400.0

TALK = "g4dn.xlarge"
"""The machine by which savings are told, as most know its price."""

COLUMNS = (
    Column(field="gpu", heading="GPUs"),
    *PLACE,
    Column(field="on_demand_usd_per_hour", heading="On-demand USD/h", kind=Kind.USD),
    Column(field="usd_per_hour", heading="Spot USD/h", kind=Kind.USD),
    Column(field="saving_share", heading="Saving", kind=Kind.SHARE),
    Column(field="band", heading="Lost in a month"),
    Column(field="probability_24h", heading="Lost in 24 h", kind=Kind.SHARE),
    *KNOWN,
    Column(field="on_demand_source", heading="On-demand", kind=Kind.SOURCE, fact="on-demand price"),
    Column(field="on_demand_age_hours", heading="Age", kind=Kind.AGE),
    Column(field="band_source", heading="Band", kind=Kind.SOURCE, fact="published risk"),
    Column(field="band_age_hours", heading="Age", kind=Kind.AGE),
)

NOTE = (
    "Lost in a month: the share of machines interrupted, as the cloud publishes it for "
    "the region. Lost in 24 h: our forecast. Neither is an average of the other."
)
"""What to know when reading the section."""


def savings_section(asked: Asked) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary."""
    title = "Savings against on-demand"
    pools = gpu_pools(asked)
    if pools.is_empty():
        why = "No machine with a GPU had a spot price and a known shape at the end of the period."
        return Section(name=NAME, title=title, missing=(why,)), []
    rows = [{**row, **asked.band_of(row)} for row in pools.to_dicts()]
    best = cheapest(rows)
    known = [row for row in best if row["saving_share"] is not None]
    missing = _unlisted(rows)
    return (
        Section(
            name=NAME,
            title=title,
            headline=_headline(best, known),
            sentences=(*_sentences(rows, best, known), *missing),
            charts=tuple(_chart(known)),
            tables=(
                table_of(
                    "savings_best",
                    "Each GPU type where its spot price is lowest",
                    COLUMNS,
                    best,
                    shown=SHOWN,
                ),
                table_of(
                    "savings",
                    "Each GPU type in every place",
                    COLUMNS,
                    rows,
                    shown=SHOWN_PLACES,
                    is_folded=True,
                ),
            ),
            notes=(NOTE,),
        ),
        _figures(known),
    )


def gpu_pools(asked: Asked) -> pl.DataFrame:
    """Pools of machines with GPUs and their prices, by GPU, type and price."""
    day = asked.forecasts.filter(pl.col("horizon_seconds") == DAY_SECONDS)
    frame = (
        asked.after.filter(pl.col("gpu_count") > 0)
        .join(asked.gone, on=POOL, how="anti")
        .join(asked.listed, on=["provider", "region", "instance_type"], how="left")
        .join(
            day.select(
                "provider", "region", "zone", "instance_type", probability_24h="probability"
            ),
            on=["provider", "region", "zone", "instance_type"],
            how="left",
        )
    )
    listed = pl.col("on_demand_usd_per_hour")
    frame = frame.with_columns(
        gpu=pl.format("{} x {}", "gpu_count", pl.col("gpu_name").fill_null("unnamed")),
        saving_share=pl.when(listed > 0).then((1 - pl.col("usd_per_hour") / listed).round(9)),
    )
    frame = with_age(frame, "known_at", "age_hours", asked.span.end)
    frame = with_age(frame, "on_demand_at", "on_demand_age_hours", asked.span.end)
    return frame.sort(
        "gpu_name", "gpu_count", "provider", "instance_type", "usd_per_hour", "region", "zone",
        nulls_last=True,
    )  # fmt: skip


def cheapest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each cloud and type the row with the lowest price; ``rows`` are in that order."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        found.setdefault((row["provider"], row["instance_type"]), row)
    return list(found.values())


def _sentences(
    rows: list[dict[str, Any]], best: list[dict[str, Any]], known: list[dict[str, Any]]
) -> list[str]:
    found = [
        (
            f"{count(len(best))} types with GPUs or other accelerators had a spot price, in "
            f"{count(len(rows))} pools."
        )
    ]
    if known:
        most = max(known, key=lambda row: row["saving_share"])
        least = min(known, key=lambda row: row["saving_share"])
        found += [
            (
                f"Where it is cheapest, spot saves {share(most['saving_share'])} at most "
                f"({place(most)}) and {share(least['saving_share'])} at least ({place(least)})."
            )
        ]
        talk = [row for row in known if row["instance_type"] == TALK]
        found += [
            f"{place(row)}: {row['usd_per_hour']:.4g} USD/h on spot, "
            f"{row['on_demand_usd_per_hour']:.4g} on demand: {share(row['saving_share'])} saved."
            for row in talk
        ]
    return found


def _headline(best: list[dict[str, Any]], known: list[dict[str, Any]]) -> str:
    if not known:
        return f"{number_of(len(best), 'GPU type')} had a spot price, none a list price beside it."
    talk = [row for row in known if row["instance_type"] == TALK]
    text = f"Spot saves {share(_median(known))} on a GPU machine in the middle"
    if not talk:
        return f"{text}, of {number_of(len(known), 'type')}."
    row = talk[0]
    return (
        f"{text}; {place(row)} costs {row['usd_per_hour']:.4g} USD/h instead of "
        f"{row['on_demand_usd_per_hour']:.4g}, {share(row['saving_share'])} less."
    )


def _median(known: list[dict[str, Any]]) -> float:
    return float(median(row["saving_share"] for row in known))


def _unlisted(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    without = [row for row in rows if row["saving_share"] is None]
    if not without:
        return ()
    clouds = ", ".join(sorted({row["provider"] for row in without}))
    text = (
        f"The saving of {number_of(len(without), 'pool')} ({clouds}) is unknown: no list price, or "
        "none in a currency with a known rate."
    )
    return (text,)


def _chart(known: list[dict[str, Any]]) -> list[Chart]:
    drawn = sorted(known, key=lambda row: -row["saving_share"])[:DRAWN]
    if not drawn:
        return []
    return [
        Chart(
            drawing=Drawing.SAVINGS,
            caption="Spot against on-demand, each type where spot is cheapest",
            text=f"{number_of(len(drawn), 'type')}, the largest saving first: "
            f"{place(drawn[0])} {share(drawn[0]['saving_share'])}.",
            rows=tuple(
                {
                    "place": place(row),
                    "usd_per_hour": row["usd_per_hour"],
                    "on_demand_usd_per_hour": row["on_demand_usd_per_hour"],
                    "saving_share": row["saving_share"],
                }
                for row in drawn
            ),
        )
    ]


def _figures(known: list[dict[str, Any]]) -> list[Figure]:
    if not known:
        return []
    return [
        Figure(
            label="Median GPU saving",
            value=_median(known),
            kind=Kind.SHARE,
            about=f"of {number_of(len(known), 'GPU type')}, each where spot is cheapest",
        )
    ]
