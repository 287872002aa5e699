"""Who told of what is in a report, and how old it is."""

from datetime import timedelta

from api.reports.market.asked import Asked
from api.reports.market.document import Section, Source, names_in
from warehouse.reporting import tellers

STANDS = {"published risk": timedelta(days=7), "forecast": timedelta(days=1)}
"""How old such facts may be: advisors publish a few times a day and their figures are of a month;
a forecast's longest window is a day. Spot prices: the setting."""


def all_sources(asked: Asked) -> tuple[Source, ...]:
    """Everyone who had told of anything by the end of the period."""
    found = tellers(asked.warehouse, asked.span.start, asked.span.end)
    limits = STANDS | {"spot price": asked.settings.price_max_age}
    sources = []
    for number, row in enumerate(found.to_dicts(), start=1):
        age, limit = asked.age_hours(row["newest_at"]), limits.get(row["fact"])
        sources.append(
            Source(
                number=number,
                name=row["source"],
                fact=row["fact"],
                told_in_period=row["told_in_period"],
                newest_at=row["newest_at"],
                age_hours=age,
                is_stale=(
                    None if limit is None or age is None else age > limit.total_seconds() / 3600
                ),
            )
        )
    return tuple(sources)


def cited(sources: tuple[Source, ...], sections: tuple[Section, ...]) -> tuple[Source, ...]:
    """Those that a table names, numbered anew in the order of the list."""
    named = {
        (column.fact, name)
        for section in sections
        for table in section.tables
        for place, column in enumerate(table.columns)
        if column.fact
        for row in table.rows
        for name in names_in(row[place])
    }
    used = [one for one in sources if (one.fact, one.name) in named]
    return tuple(
        one.model_copy(update={"number": number}) for number, one in enumerate(used, start=1)
    )
