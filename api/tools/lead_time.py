"""``lead_time``: until a replacement serves, of what that is made, and what must be foreseen."""

from api.service.lead_time import LeadTimeOut, LeadTimePage, StartIn, TermOut, lead_time_page
from api.tools.tool import Tool
from api.tools.words import page_text

AS_ASKED = "as asked"


def _text(page: LeadTimePage) -> str:
    lines = [line for one in page.items for line in _lines(one)]
    return page_text(page, "Time from ordering a machine to its first answer", lines)


def _lines(one: LeadTimeOut) -> list[str]:
    reach = "" if one.is_within_reach else ", beyond what is forecast"
    saving = f", {one.saves_seconds:.0f} s less than as asked" if one.saves_seconds else ""
    first = (
        f"{one.provider}, {one.choice}: p50 {one.p50_seconds:.0f} s, p90 {one.p90_seconds:.0f} s, "
        f"p95 {one.p95_seconds:.0f} s; with a notice of {one.notice_seconds:.0f} s and a drain of "
        f"{one.drain_seconds:.0f} s a loss must be known {one.horizon_seconds:.0f} s ahead"
        f"{reach}{saving}"
    )
    return [first, *map(_term_line, one.terms)] if one.choice == AS_ASKED else [first]


def _term_line(term: TermOut) -> str:
    seen = f"seen in {term.observed} own starts; " if term.observed else ""
    return (
        f"   {term.part}: {term.p50_seconds:.0f} s, 9 of 10 within {term.p90_seconds:.0f} s "
        f"({seen}{term.source})"
    )


LEAD_TIME = Tool(
    name="lead_time",
    title="Lead time of a replacement",
    description=(
        "How long until a replacement machine serves a model on each cloud: boot, image, cache, "
        "download, weights, engine, each measured here or by published figures, at p50, p90, p95; "
        "how far ahead a loss must be known (`horizon_seconds`), and what each acceleration saves. "
        "Use p95 as `lead_time_seconds` of `rank`."
    ),
    asks=StartIn,
    answers=LeadTimePage,
    answer=lead_time_page,
    text=_text,
)
