"""Feeds that were stale: when, for how long, and which facts are old because of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from api.reports.market.asked import Asked
from api.reports.market.document import Column, Figure, Kind, Section, Source, table_of
from api.reports.market.words import count, number_of, share
from api.rows.feeds import LATE_BY
from collector.provider import providers
from warehouse.reporting import feed_runs, stale_spans

NAME = "feeds"
SHOWN = 30
FEED_RUN = Column(field="source", heading="Source", kind=Kind.SOURCE, fact="feed run")
FEEDS = (
    Column(field="feed", heading="Feed"),
    Column(field="scope", heading="Region"),
    Column(field="runs", heading="Runs", kind=Kind.COUNT),
    Column(field="good", heading="Good", kind=Kind.COUNT),
    Column(field="bad", heading="Failed", kind=Kind.COUNT),
    Column(field="rows_new", heading="New rows", kind=Kind.COUNT),
    Column(field="stale_hours", heading="Stale, h", kind=Kind.HOURS),
    Column(field="stale_share", heading="of the period", kind=Kind.SHARE),
    Column(field="error", heading="Last error"),
    FEED_RUN,
)
SPANS = (
    Column(field="feed", heading="Feed"),
    Column(field="scope", heading="Region"),
    Column(field="last_good_at", heading="Last good run (UTC)", kind=Kind.TIME),
    Column(field="stale_from", heading="Stale from", kind=Kind.TIME),
    Column(field="stale_until", heading="until", kind=Kind.TIME),
    Column(field="hours", heading="Hours", kind=Kind.HOURS),
    Column(field="is_open", heading="Still stale"),
    FEED_RUN,
)

NOTE = (
    f"A feed is stale while it has had no good run for {LATE_BY} times its cadence; a "
    "feed counts from its first run on, and an import has no cadence."
)
"""What to know when reading the section."""


def late_after() -> dict[str, timedelta]:
    """How long each feed may be without a good run."""
    return {feed.name: LATE_BY * feed.cadence for one in providers().values() for feed in one.feeds}


def feeds_section(
    asked: Asked, sources: tuple[Source, ...], late: Mapping[str, timedelta] | None = None
) -> tuple[Section, list[Figure]]:
    """The section, and its figures for the summary; ``late`` is `late_after` if not given."""
    span = asked.span
    spans = stale_spans(
        asked.warehouse, span.start, span.end, late_after() if late is None else late
    ).to_dicts()
    for one in spans:
        one["hours"] = (one["stale_until"] - one["stale_from"]).total_seconds() / 3600
        one["source"] = "spotcast"
    rows = _rows(asked, spans)
    old = [one for one in sources if one.is_stale]
    said = _sentences(rows, spans, old)
    missing = () if rows else ("No feed ran in the period or before: data came by import only.",)
    return (
        Section(
            name=NAME,
            title="Feeds that were stale",
            missing=missing,
            headline=next(iter(said), None),
            sentences=tuple(said),
            tables=(
                *([table_of("feeds", "Feeds", FEEDS, rows, shown=SHOWN)] if rows else []),
                *([table_of("stale", "Stale spans", SPANS, spans, shown=SHOWN)] if spans else []),
            ),
            notes=(NOTE,),
        ),
        _figures(rows, old),
    )


def _rows(asked: Asked, spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per feed and region that ran in the period, or was stale in it."""
    whole = (asked.span.end - asked.span.start).total_seconds() / 3600
    empty = {"runs": 0, "good": 0, "bad": 0, "rows_new": None, "error": None}
    found = {
        (row["feed"], row["scope"]): row
        for row in feed_runs(asked.warehouse, asked.span.start, asked.span.end).to_dicts()
    }
    known = late_after()
    for row in found.values():
        row["stale_hours"] = 0.0 if row["feed"] in known else None
    for one in spans:
        key = (one["feed"], one["scope"])
        row = found.setdefault(key, {"feed": key[0], "scope": key[1], **empty})
        row["stale_hours"] = (row.get("stale_hours") or 0.0) + one["hours"]
    for row in found.values():
        hours = row["stale_hours"]
        row["stale_share"] = None if hours is None else hours / whole
        row["source"] = "spotcast"
    return sorted(
        found.values(), key=lambda row: (-(row["stale_hours"] or 0.0), row["feed"], row["scope"])
    )


def _sentences(
    rows: list[dict[str, Any]], spans: list[dict[str, Any]], old: list[Source]
) -> list[str]:
    found = []
    if rows:
        late = [row for row in rows if row["stale_hours"]]
        found.append(
            f"{count(len(late))} of {number_of(len(rows), 'feed')} were stale for a while."
        )
        found += [
            f"{row['feed']} ({'all' if row['scope'] == '*' else row['scope']}) was stale for "
            f"{row['stale_hours']:.1f} h, {share(row['stale_share'])} of the period."
            for row in late[:3]
        ]
        still = sum(one["is_open"] for one in spans)
        if still:
            found.append(f"{count(still)} still were at the end of the period.")
    if old:
        names = ", ".join(f"{one.name} ({one.fact})" for one in old)
        found.append(f"Too old to stand for the end of the period: {names}.")
    return found


def _figures(rows: list[dict[str, Any]], old: list[Source]) -> list[Figure]:
    late = sum(bool(row["stale_hours"]) for row in rows)
    told = f"{number_of(len(old), 'source')} too old at the end"
    if not rows:
        about = "to stand for the end of the period"
        return [Figure(label="Sources too old", value=len(old), kind=Kind.COUNT, about=about)]
    return [Figure(label="Stale feeds", value=late, kind=Kind.COUNT, about=told)]
