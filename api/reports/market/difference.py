"""What changed between two reports: prices, pools that came and went, risks, and verdicts."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from api.reports.market.document import (
    Cell,
    Column,
    Figure,
    Kind,
    Period,
    Plain,
    ReportDocument,
    Table,
    table_of,
)
from api.reports.market.movers import PLACE, SAME
from api.reports.market.words import UNKNOWN, number_of, place, share, shown

POOL = tuple(column.field for column in PLACE)
Key = tuple[Cell, ...]
Record = Mapping[str, Cell]

NUMBERS = (
    Column(field="before", heading="Before", kind=Kind.TEXT),
    Column(field="after", heading="After", kind=Kind.TEXT),
)
PRICES = (
    *PLACE,
    Column(field="before_usd_per_hour", heading="Before, USD/h", kind=Kind.USD),
    Column(field="after_usd_per_hour", heading="After, USD/h", kind=Kind.USD),
    Column(field="change_share", heading="Change", kind=Kind.CHANGE),
)
POOLS = (*PLACE, Column(field="usd_per_hour", heading="Spot USD/h", kind=Kind.USD))
RISKS = (
    *PLACE,
    Column(field="before_share", heading="In 24 h before", kind=Kind.SHARE),
    Column(field="after_share", heading="after", kind=Kind.SHARE),
    Column(field="difference_share", heading="Difference", kind=Kind.CHANGE),
)
VERDICTS = (
    *PLACE,
    Column(field="horizon", heading="Within"),
    *NUMBERS,
)
SCORES = (
    Column(field="evidence_kind", heading="Watched by"),
    Column(field="horizon", heading="Within"),
    Column(field="before_skill", heading="Skill before", kind=Kind.NUMBER),
    Column(field="after_skill", heading="after", kind=Kind.NUMBER),
    Column(field="before", heading="Verdict before"),
    Column(field="after", heading="after"),
)
FIGURES = (Column(field="label", heading="Figure"), *NUMBERS)
FEEDS = (
    Column(field="feed", heading="Feed"),
    Column(field="scope", heading="Region"),
    Column(field="before_hours", heading="Stale before, h", kind=Kind.HOURS),
    Column(field="after_hours", heading="after, h", kind=Kind.HOURS),
)
SPANS = {Period.DAILY: "day", Period.WEEKLY: "week"}
SHOWN = 25
SAVINGS, RISK = "savings", "riskiest"
"""The tables that hold every pool with a GPU, and every pool with a forecast."""


class Difference(Plain):
    """What changed; a table without a change is not there."""

    before: str
    after: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not self.tables


def difference(before: ReportDocument, after: ReportDocument) -> Difference:
    """What changed from one report to another.

    Pools and prices are those of machines with GPUs, which a report holds all of. What only one
    of the two knows of is no change of its value: a pool is new or gone, a figure is unknown.
    """
    tables = tuple(table for make in MAKERS for table in make(before, after) if table.rows)
    names = tuple(f"the {SPANS[one.period]} to {one.end:%Y-%m-%d}" for one in (before, after))
    return Difference(before=names[0], after=names[1], sentences=_sentences(tables), tables=tables)


def _sentences(tables: tuple[Table, ...]) -> tuple[str, ...]:
    if not tables:
        return ("Nothing changed.",)
    found = []
    for table in tables:
        text = f"{table.caption}: {number_of(len(table.rows), 'row')}"
        top = table.records()[0]
        if "change_share" in top:
            text += f"; the largest is {place(top)}, {shown(top['change_share'], Kind.CHANGE)}"
        if table.name == "risk_moves":
            before, after = top["before_share"], top["after_share"]
            text += f"; the largest is {place(top)}, from {_share(before)} to {_share(after)}"
        found.append(f"{text}.")
    return tuple(found)


def _share(value: Cell) -> str:
    return share(value) if isinstance(value, float) else UNKNOWN


def _by(document: ReportDocument, table: str, key: tuple[str, ...]) -> dict[Key, Record]:
    found = document.table(table)
    if found is None:
        return {}
    return {tuple(one[part] for part in key): one for one in found.records()}


def _pairs(
    before: ReportDocument, after: ReportDocument, table: str, key: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], Record, Record]]:
    """What both have: the key's fields, and the two rows."""
    old = _by(before, table, key)
    for which, new in _by(after, table, key).items():
        if which in old:
            yield dict(zip(key, which, strict=True)), old[which], new


def _largest(field: str) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """The order by the size of a change, then by pool."""
    return lambda row: (-abs(row[field]), *(row[part] for part in POOL))


def _prices(before: ReportDocument, after: ReportDocument) -> Iterator[Table]:
    rows: list[dict[str, Any]] = []
    for pool, old, new in _pairs(before, after, SAVINGS, POOL):
        was, now = old["usd_per_hour"], new["usd_per_hour"]
        if isinstance(was, float) and isinstance(now, float) and abs(now / was - 1) > SAME:
            rows.append(
                {
                    **pool,
                    "before_usd_per_hour": was,
                    "after_usd_per_hour": now,
                    "change_share": now / was - 1,
                }
            )
    rows.sort(key=_largest("change_share"))
    yield table_of("price_moves", "Prices that changed", PRICES, rows, shown=SHOWN)


def _pools(before: ReportDocument, after: ReportDocument) -> Iterator[Table]:
    old, new = _by(before, SAVINGS, POOL), _by(after, SAVINGS, POOL)
    came = [row for key, row in new.items() if key not in old]
    went = [row for key, row in old.items() if key not in new]
    yield table_of("pools_new", "New pools", POOLS, came, shown=SHOWN)
    yield table_of("pools_gone", "Gone pools", POOLS, went, shown=SHOWN)


def _risks(before: ReportDocument, after: ReportDocument) -> Iterator[Table]:
    moves: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for pool, old, new in _pairs(before, after, RISK, POOL):
        was, now = old["probability_24h"], new["probability_24h"]
        if isinstance(was, float) and isinstance(now, float) and abs(now - was) > SAME:
            moves.append(
                {**pool, "before_share": was, "after_share": now, "difference_share": now - was}
            )
        for horizon in ("1h", "24h"):
            said, says = old[f"skill_{horizon}"], new[f"skill_{horizon}"]
            if said != says:
                verdicts.append({**pool, "horizon": horizon, "before": said, "after": says})
    moves.sort(key=_largest("difference_share"))
    yield table_of("risk_moves", "Risks that moved", RISKS, moves, shown=SHOWN)
    yield table_of("verdict_moves", "Verdicts that changed", VERDICTS, verdicts, shown=SHOWN)


def _scores(before: ReportDocument, after: ReportDocument) -> Iterator[Table]:
    rows = []
    for which, old, new in _pairs(before, after, "scores", ("evidence_kind", "horizon")):
        row = {
            **which,
            "before_skill": old["brier_skill"],
            "after_skill": new["brier_skill"],
            "before": old["verdict"],
            "after": new["verdict"],
        }
        if (row["before_skill"], row["before"]) != (row["after_skill"], row["after"]):
            rows.append(row)
    yield table_of("skill_moves", "Skill that moved", SCORES, rows, shown=SHOWN)


def _feeds(before: ReportDocument, after: ReportDocument) -> Iterator[Table]:
    rows = [
        {**which, "before_hours": old["stale_hours"], "after_hours": new["stale_hours"]}
        for which, old, new in _pairs(before, after, "feeds", ("feed", "scope"))
        if old["stale_hours"] != new["stale_hours"]
    ]
    yield table_of("feed_moves", "Feeds: hours stale", FEEDS, rows, shown=SHOWN)


def _figures(before: ReportDocument, after: ReportDocument) -> Iterator[Table]:
    old = {one.label: one for one in before.figures}
    new = {one.label: one for one in after.figures}
    rows = [
        {"label": label, "before": _figure(old.get(label)), "after": _figure(new.get(label))}
        for label in dict.fromkeys([*old, *new])
        if _value(old.get(label)) != _value(new.get(label))
    ]
    yield table_of("figure_moves", "Figures of the summary", FIGURES, rows, shown=SHOWN)


def _figure(one: Figure | None) -> str | None:
    return None if one is None else shown(one.value, one.kind)


def _value(one: Figure | None) -> tuple[Cell, str] | None:
    return None if one is None else (one.value, one.about)


MAKERS: tuple[Callable[[ReportDocument, ReportDocument], Iterator[Table]], ...] = (
    _figures,
    _prices,
    _pools,
    _risks,
    _scores,
    _feeds,
)
