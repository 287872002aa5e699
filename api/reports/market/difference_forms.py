"""A difference of two reports as text, JSON and a page."""

from api.reports.market.difference import Difference
from api.reports.market.markdown import aligned
from api.reports.market.page import environment
from api.reports.market.words import count, shown


def difference_text(found: Difference) -> str:
    """For a terminal: sentences and aligned tables."""
    lines = [f"From {found.before} to {found.after}.", "", *found.sentences]
    for table in found.tables:
        rows = [
            [shown(value, column.kind) for value, column in zip(row, table.columns, strict=True)]
            for row in table.rows[: table.shown]
        ]
        right = {at for at, column in enumerate(table.columns) if column.is_numeric}
        lines += ["", table.caption]
        lines += aligned([column.heading for column in table.columns], rows, right)
        if table.shown < len(table.rows):
            lines.append(f"{count(table.shown)} of {count(len(table.rows))} rows.")
    return "\n".join(lines) + "\n"


def difference_page(found: Difference) -> str:
    """One HTML file, as a report is."""
    return environment().get_template("difference.html.j2").render(found=found)
