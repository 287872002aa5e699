"""The report as Markdown: aligned tables that read well as text too, without charts."""

from collections.abc import Iterator, Sequence

from api.reports.market.document import Cell, Column, Kind, ReportDocument, Table
from api.reports.market.page import title
from api.reports.market.words import count, shown


def markdown(document: ReportDocument) -> str:
    """The whole report; what is folded on the page is left out, as JSON and CSV have it."""
    lines = [f"# {title(document)}", ""]
    lines += [f"{document.start:%Y-%m-%d %H:%M} to {document.end:%Y-%m-%d %H:%M} UTC.", ""]
    lines += [f"- {_plain(one)}" for one in document.headlines] + [""]
    figures = [[one.label, shown(one.value, one.kind), one.about] for one in document.figures]
    if figures:
        lines += [*aligned(["Figure", "Value", "Of"], figures, {1}), ""]
    for section in document.sections:
        lines += [f"## {section.title}", ""]
        for sentence in section.missing:
            lines += [f"> {_plain(sentence)}", ""]
        lines += [f"- {_plain(one)}" for one in section.sentences]
        lines += [""] if section.sentences else []
        for table in section.tables:
            if table.rows and not table.is_folded:
                lines += [*_table(document, table), ""]
        for note in section.notes:
            lines += [_plain(note), ""]
    lines += [*_sources(document), *(_plain(one) for one in document.notes)]
    return "\n".join(lines) + "\n"


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """A table whose bars stand below each other; columns of ``right`` at the right."""
    cells = [[_cell(one) for one in row] for row in (headings, *rows)]
    widths = [max(3, *(len(row[place]) for row in cells)) for place in range(len(headings))]
    rule = [
        "-" * (width - 1) + ":" if place in right else "-" * width
        for place, width in enumerate(widths)
    ]
    laid = [
        [
            one.rjust(widths[place]) if place in right else one.ljust(widths[place])
            for place, one in enumerate(row)
        ]
        for row in (cells[0], rule, *cells[1:])
    ]
    return [f"| {' | '.join(row)} |" for row in laid]


def _table(document: ReportDocument, table: Table) -> Iterator[str]:
    columns = [(place, one) for place, one in enumerate(table.columns) if not one.is_extra]
    yield f"**{_plain(table.caption)}**"
    yield ""
    yield from aligned(
        [one.heading for _, one in columns],
        [
            [_value(document, column, row[place]) for place, column in columns]
            for row in table.rows[: table.shown]
        ],
        {at for at, (_, column) in enumerate(columns) if column.is_numeric},
    )
    if table.shown < len(table.rows):
        yield ""
        yield f"{count(table.shown)} of {count(len(table.rows))} rows; all are in {table.name}.csv."


def _value(document: ReportDocument, column: Column, value: Cell) -> str:
    if column.kind is Kind.SOURCE:
        told = document.tellers(column.fact, value)
        return "".join(f"[{one.number}]" for one in told) or shown(value, column.kind)
    return shown(value, column.kind)


def _sources(document: ReportDocument) -> list[str]:
    if not document.sources:
        return []
    rows = [
        [
            str(one.number),
            one.name,
            one.fact,
            count(one.told_in_period),
            "unknown" if one.newest_at is None else f"{one.newest_at:%Y-%m-%d %H:%M}",
            shown(one.age_hours, Kind.AGE),
            {None: "not judged", True: "yes", False: "no"}[one.is_stale],
        ]
        for one in document.sources
    ]
    headings = ["No.", "Source", "Told of", "In the period", "Newest (UTC)", "Age", "Too old"]
    return ["## Sources", "", *aligned(headings, rows, {0, 3, 5}), ""]


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing else: a stray mark-up character is no mark-up."""
    return text.replace("\u00a0", " ").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|").replace("\n", " ")
