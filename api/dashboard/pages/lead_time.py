"""``/lead-time``: until a replacement serves, what that is made of, and what must be foreseen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

from advisor.errors import AdvisorError
from advisor.lead_time import ImagePull, WeightLoad
from advisor.lead_time_choices import ASKED
from api.dashboard.asking import Asked, asked
from api.dashboard.charts import Shown
from api.dashboard.equivalents import curl, lead_time_command
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures
from api.dashboard.language import Words
from api.dashboard.site import page, reader_of
from api.rows.risk import HORIZONS
from api.service.lead_time import LeadTimeOut, LeadTimePage, StartIn, lead_time_page, starts_found
from api.service.state import Service

if TYPE_CHECKING:
    from api.dashboard.drawing import Drawing

EXAMPLE_GB = 16.0
"""Weights of a model of 8 billion parameters in bf16: what the page counts with until asked."""


def lead_time(request: Request, service: Service) -> Response:
    """The page."""
    wanted, words = _asked(request), reader_of(request).words
    found, problem = None, None
    if wanted.query:
        try:
            found = lead_time_page(service, wanted.query)
        except AdvisorError as error:
            problem = str(error)
    query = wanted.query
    return page(
        request,
        "lead_time",
        service,
        status=200 if found else 422,
        asked=wanted,
        problem=problem,
        is_example="weights_gb" not in request.query_params,
        pulls=[one.value for one in ImagePull],
        loads=[one.value for one in WeightLoad],
        clouds=_clouds(found, words) if found else [],
        choices=[_choice(one, words, found) for one in found.items] if found else [],
        chart=_chart(found, wanted, words) if found else None,
        copies=_copies(request, query) if found and query else [],
    )


def lead_time_chart(request: Request, service: Service, drawing: "Drawing", words: Words) -> Any:
    """The waterfall of each cloud, and below it what each acceleration leaves to foresee."""
    # It loads Altair; what asks for a chart has loaded it already.
    from api.reports.lead_time import lead_time_drawing  # noqa: PLC0415

    query = _asked(request).query or StartIn(weights_gb=EXAMPLE_GB)
    found, _ = starts_found(service, query)
    return drawing.translated(lead_time_drawing(found), words.family("step"))


def _asked(request: Request) -> Asked[StartIn]:
    wanted = asked(request, StartIn)
    if "weights_gb" in wanted.given:
        return wanted
    return Asked(StartIn, {"weights_gb": EXAMPLE_GB, **wanted.given})


def _clouds(found: LeadTimePage, words: Words) -> list[dict[str, Any]]:
    """What must be foreseen on each cloud, as asked, and the window that covers it."""
    figures, facts = Figures(words), Facts(words, found.as_of)
    rows = []
    for one in found.items:
        if one.choice != ASKED:
            continue
        window = next(
            (name for name, size in HORIZONS.items() if size >= one.horizon_seconds), None
        )
        source = words(
            "lead_time.learned" if any(t.observed for t in one.terms) else "lead_time.published"
        )
        rows.append(
            {
                "provider": one.provider,
                "name": words.of("cloud", one.provider),
                "foresee": facts.of(
                    figures.span(one.horizon_seconds),
                    source=source,
                    at=found.data_as_of,
                    more=[
                        (words("lead_time.p95_line"), str(figures.span(one.p95_seconds))),
                        (words("lead_time.notice_line"), str(figures.span(one.notice_seconds))),
                    ],
                ),
                "window": window,
            }
        )
    return rows


def _choice(one: LeadTimeOut, words: Words, found: LeadTimePage) -> dict[str, Any]:
    figures, facts = Figures(words), Facts(words, found.as_of)

    def of(seconds: float | None, lines: Sequence[tuple[str, str]] = ()) -> Fact | None:
        learned = [t for t in one.terms if t.observed]
        key = "lead_time.learned" if learned else "lead_time.published"
        return facts.of(
            figures.span(seconds), source=words(key), at=found.data_as_of, more=list(lines)
        )

    terms = [
        (
            words.of("step", t.part),
            f"{figures.span(t.p50_seconds)} / {figures.span(t.p90_seconds)} · {t.source}",
        )
        for t in one.terms
    ]
    return {
        "cloud": words.of("cloud", one.provider),
        "name": words.of("step", one.choice),
        "p50": of(one.p50_seconds),
        "p90": of(one.p90_seconds),
        "p95": of(one.p95_seconds, terms),
        "notice": of(one.notice_seconds),
        "foresee": of(one.horizon_seconds),
        "saves": of(one.saves_seconds) if one.choice != ASKED else None,
        "is_asked": one.choice == ASKED,
        "is_within_reach": one.is_within_reach,
    }


def _chart(found: LeadTimePage, wanted: Asked[StartIn], words: Words) -> Shown:
    figures = Figures(words)
    asked_for = [one for one in found.items if one.choice == ASKED]
    foresee = "; ".join(
        f"{words.of('cloud', one.provider)} {figures.span(one.horizon_seconds)}"
        for one in asked_for
    )
    return Shown(
        "lead-time",
        words("lead_time.caption"),
        words("lead_time.alt", foresee=foresee),
        dict(wanted.given),
        [
            words("column.cloud"),
            words("lead_time.part"),
            words("lead_time.p50"),
            words("lead_time.p90"),
            words("about.source_word"),
        ],
        [
            (
                words.of("cloud", one.provider),
                words.of("step", t.part),
                figures.span(t.p50_seconds),
                figures.span(t.p90_seconds),
                t.source,
            )
            for one in asked_for
            for t in one.terms
        ],
    )


def _copies(request: Request, query: StartIn) -> list[tuple[str, str]]:
    given = query.model_dump(exclude_defaults=True, mode="json")
    pairs = [(k, one) for k, v in given.items() for one in (v if isinstance(v, list) else [v])]
    pairs = [(k, str(v).lower() if isinstance(v, bool) else v) for k, v in pairs]
    return [("cli", lead_time_command(query)), ("curl", curl(request, "/v1/lead-time", pairs))]
