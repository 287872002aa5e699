"""The rows of ``spotcast lead-time``: for a table, for programs, and for the guard's options."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from advisor.lead_time import Part, Term
from advisor.lead_time_choices import ASKED, Choice
from advisor.risk.horizons import HORIZONS_MINUTES
from api.output import Column, Format
from api.units import age_text

LONGEST = timedelta(minutes=max(HORIZONS_MINUTES))
"""As far as forecasts reach."""

NONE = "-"

SHOWN: Mapping[str, tuple[Part, ...]] = {
    "boot": (Part.BOOT,),
    "image": (Part.IMAGE,),
    "fetch": (Part.PREFETCH, Part.DOWNLOAD),
    "weights": (Part.WEIGHTS,),
    "engine": (Part.ENGINE, Part.LOADING),
}
"""Columns of the terms in a table, and which of them each shows."""


def _whole(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.0f}"


COLUMNS = (
    Column("provider", "CLOUD"),
    Column("choice", "START"),
    Column("boot", "BOOT", is_right=True),
    Column("image", "IMAGE", is_right=True),
    Column("fetch", "FETCH", is_right=True),
    Column("weights", "WEIGHTS", is_right=True),
    Column("engine", "ENGINE", is_right=True),
    Column("p50_seconds", "P50", _whole, is_right=True),
    Column("p90_seconds", "P90", _whole, is_right=True),
    Column("p95_seconds", "P95", _whole, is_right=True),
    Column("notice_seconds", "NOTICE", _whole, is_right=True),
    Column("horizon_seconds", "FORESEE", _whole, is_right=True),
    Column("saves_seconds", "SAVES", _whole, is_right=True),
    Column("learned", "LEARNED FROM"),
)


def choice_rows(found: Sequence[Choice], form: Format) -> list[dict[str, Any]]:
    """One row per choice: terms as one list (JSON, YAML), as fields (CSV) or as cells.

    ``saves_seconds`` is what less must be foreseen than as asked; below 0 it is more.
    """
    asked = {one.start.provider: one for one in found if one.name == ASKED}
    return [_row(one, asked[one.start.provider]) | _terms(one, form) for one in found]


def guard_options(found: Sequence[Choice]) -> str:
    """The start as asked, as options of `spotcast guard` and its kin."""
    return " ".join(
        f"--lead-time {one.start.provider}={one.p95_seconds:.0f}s"
        for one in found
        if one.name == ASKED
    )


def far_notes(found: Sequence[Choice]) -> list[str]:
    """A sentence for each cloud where more must be foreseen than forecasts reach."""
    return [
        f"{one.start.provider}: {age_text(one.lead.horizon)} must be foreseen, and forecasts "
        f"reach {age_text(LONGEST)}: shorten the start, or keep spare machines."
        for one in found
        if one.name == ASKED and one.lead.horizon > LONGEST
    ]


def _row(one: Choice, asked: Choice) -> dict[str, Any]:
    horizon = one.lead.horizon.total_seconds()
    return {
        "provider": one.start.provider,
        "choice": one.name,
        "image_pull": one.start.image_pull.value,
        "weight_load": one.start.weight_load.value,
        "has_warm_node": one.start.has_warm_node,
        "has_compile_cache": one.start.has_compile_cache,
        "p50_seconds": round(one.p50_seconds, 1),
        "p90_seconds": round(one.p90_seconds, 1),
        "p95_seconds": round(one.p95_seconds, 1),
        "drain_seconds": one.lead.drain.total_seconds(),
        "notice_seconds": one.lead.notice.total_seconds(),
        "horizon_seconds": round(horizon, 1),
        "saves_seconds": round(asked.lead.horizon.total_seconds() - horizon, 1),
    }


def _terms(one: Choice, form: Format) -> dict[str, Any]:
    terms = one.estimate.terms
    if form in {Format.TABLE, Format.WIDE}:
        return _cells(terms)
    if form is Format.CSV:
        return _fields(terms)
    return {"terms": [{"part": term.part.value, **_facts(term)} for term in terms]}


def _facts(term: Term) -> dict[str, Any]:
    return {
        "p50_seconds": round(term.spread.p50_seconds, 1),
        "p90_seconds": round(term.spread.p90_seconds, 1),
        "observed": term.observed,
        "set_aside": term.set_aside,
        "source": term.source,
    }


def _fields(terms: Sequence[Term]) -> dict[str, Any]:
    """The same fields for every row, whichever terms it has."""
    by_part = {term.part: _facts(term) for term in terms}
    names = ("p50_seconds", "p90_seconds", "observed")
    return {
        f"{part.name.lower()}_{name}": by_part.get(part, {}).get(name)
        for part in Part
        for name in names
    }


def _cells(terms: Sequence[Term]) -> dict[str, str]:
    by_part = {term.part: term for term in terms}
    learned = [f"{one.observed} {one.part}" for one in terms if one.observed]
    return {name: _cell(by_part, parts) for name, parts in SHOWN.items()} | {
        "learned": ", ".join(learned) or "defaults"
    }


def _cell(by_part: Mapping[Part, Term], parts: Sequence[Part]) -> str:
    """``80/150``: the median and the 90 % quantile."""
    term = next((by_part[one] for one in parts if one in by_part), None)
    if term is None:
        return NONE
    return f"{term.spread.p50_seconds:.0f}/{term.spread.p90_seconds:.0f}"
