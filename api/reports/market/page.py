"""The report as a page: one file, without scripts and without anything from elsewhere."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from api.reports.market.document import Cell, Chart, Column, Kind, Period, ReportDocument
from api.reports.market.drawing import drawn
from api.reports.market.words import count, shown


def environment() -> Environment:
    """The templates, with the words of a report as filters."""
    made = Environment(
        loader=PackageLoader("api.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["shown"] = shown
    made.filters["count"] = count
    made.filters["drawn"] = _picture
    made.filters["tone"] = tone
    made.filters["said"] = said
    return made


def _picture(chart: Chart) -> Markup:
    return Markup(drawn(chart))  # noqa: S704 - SVG of our own making


def page(document: ReportDocument) -> str:
    """The page, HTML."""
    return environment().get_template("market.html.j2").render(
        report=document,
        source=document.tellers,
        title=title(document),
        days=(document.end - document.start).days,
    )  # fmt: skip


def title(document: ReportDocument) -> str:
    """``Spot market, week to 2026-03-31``."""
    kind = "week" if document.period is Period.WEEKLY else "day"
    return f"Spot market, {kind} to {document.end:%Y-%m-%d}"


def said(text: str) -> Markup:
    """A sentence, with what stands in backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup().join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def tone(value: Cell, column: Column) -> str:
    """The class of a cell that says something good or bad."""
    if column.kind is Kind.CHANGE and isinstance(value, float) and column.field == "change_share":
        return "bad" if value > 0 else "good"
    if value == "skill":
        return "good"
    return "muted" if value is None or value == "too little evidence" else ""
