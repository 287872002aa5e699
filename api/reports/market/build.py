"""A report from the warehouse: the same warehouse and the same days give the same document."""

from api.reports.market.asked import Asked, Span
from api.reports.market.document import Figure, ReportDocument, Section
from api.reports.market.feeds import feeds_section
from api.reports.market.hand_overs import hand_overs_section
from api.reports.market.hindsight import hindsight_section
from api.reports.market.losses import losses_section
from api.reports.market.movers import movers_section
from api.reports.market.outcomes import outcomes_section
from api.reports.market.risks import risk_section
from api.reports.market.savings import savings_section
from api.reports.market.sources import all_sources, cited
from api.settings import Settings
from warehouse.store import Warehouse

Part = tuple[Section, list[Figure]]


def build(warehouse: Warehouse, settings: Settings, span: Span) -> ReportDocument:
    """The report of those days, from what the warehouse knew of them.

    A section without data says why in its ``missing``.
    """
    asked = Asked(warehouse, settings, span)
    told = all_sources(asked)
    before_feeds: list[Part] = [
        movers_section(asked),
        savings_section(asked),
        risk_section(asked),
        outcomes_section(asked),
        losses_section(asked),
        hand_overs_section(asked),
        hindsight_section(asked),
    ]
    # Only those that the others rest on are judged.
    used = cited(told, tuple(section for section, _ in before_feeds))
    parts = [*before_feeds, feeds_section(asked, used)]
    sections = tuple(section for section, _ in parts)
    return ReportDocument(
        period=span.period,
        start=span.start,
        end=span.end,
        headlines=_headlines(sections),
        figures=tuple(figure for _, figures in parts for figure in figures),
        sections=sections,
        sources=cited(told, sections),
        notes=_notes(settings),
    )


def _headlines(sections: tuple[Section, ...]) -> tuple[str, ...]:
    """What to know of each section; those without data in one sentence."""
    told = [one.headline for one in sections if one.headline]
    empty = [one.title for one in sections if not one.headline]
    if empty:
        told.append(f"Without data: {'; '.join(empty)}. Each section says why.")
    return tuple(told)


def _notes(settings: Settings) -> tuple[str, ...]:
    return (
        "Ages are at the end of the period. Times are UTC. Unknown is never zero.",
        f"Prices in CNY are converted at {settings.usd_per_cny:g} USD (settings).",
        f"A spot price counts as stale after {settings.price_max_age.total_seconds() / 3600:g} h.",
    )
