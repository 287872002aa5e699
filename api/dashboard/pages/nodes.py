"""``/nodes``: which nodes may be lost, how long is left, what blocks it, and what was done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, Field

from advisor.replacement.records import State
from api.dashboard.asking import asked
from api.dashboard.equivalents import curl
from api.dashboard.facts import Fact, Facts
from api.dashboard.figures import Figures, level_of
from api.dashboard.language import Words
from api.dashboard.notes import Note, in_english
from api.dashboard.rows import link_of
from api.dashboard.site import page, reader_of
from api.errors import NoAnswerError
from api.service.nodes import NodeOut, NodePage, Standing, node_page
from api.service.replacements import (
    ReplacementDetailOut,
    ReplacementOut,
    Wanted,
    replacement_out,
    replacement_page,
)
from api.service.state import Service

MOST = 300
"""Nodes of a page: those that go soonest come first."""
REPLACEMENTS = 50

TONES = {Standing.AT_RISK: "is-bad", Standing.UNKNOWN: "is-warning"}
ENDS = {"done": "is-good", "failed": "is-bad", "overtaken": "is-bad", "rolled_back": "is-warning"}
STEPS = (State.PLANNED, State.SURGING, State.RETIRING, State.DRAINING, State.DONE)
"""The way of a hand-over, as the page draws it."""


class NodesQuery(BaseModel):
    """Which nodes, and whose audit is shown."""

    standing: Standing | None = None
    replacement: str | None = Field(default=None, max_length=300)
    cursor: str | None = Field(default=None, max_length=2_000)


def nodes(request: Request, service: Service) -> Response:
    """The page."""
    wanted, words = asked(request, NodesQuery), reader_of(request).words
    query = wanted.query or NodesQuery()
    only = () if query.standing is None else (query.standing,)
    found = node_page(service, standing=only, first=0, limit=MOST)
    replaced = replacement_page(service, Wanted(), cursor=query.cursor, limit=REPLACEMENTS)
    offered = service.markets.view().types_of_regions
    laid = Laid(words, found.as_of, found.data_as_of, offered)
    detail, is_missing = _detail(service, query.replacement)
    return page(
        request,
        "nodes",
        service,
        status=404 if is_missing else 200,
        is_missing=is_missing,
        query=query,
        standings=[one.value for one in Standing],
        nodes=[laid.node(one) for one in found.items],
        total=found.total,
        mode=found.mode,
        is_guarded=found.is_guarded,
        replacements=[laid.replacement(one) for one in replaced.items],
        next_cursor=replaced.next_cursor,
        detail=detail,
        detail_row=laid.replacement(detail) if detail else None,
        steps=[one.value for one in STEPS],
        notes=_notes(words, found),
        copies=[
            ("cli", "spotcast nodes"),
            ("replacements", "spotcast replacements"),
            ("curl", curl(request, "/v1/nodes", [])),
        ],
    )


class Laid:
    """Lays nodes and hand-overs out; ``seen_at`` is when the guard looked.

    ``offered`` are the clouds, regions and types that have a page.
    """

    def __init__(
        self,
        words: Words,
        now: datetime,
        seen_at: datetime | None,
        offered: frozenset[tuple[str | None, str | None, str | None]],
    ) -> None:
        self._words, self._figures, self._facts = words, Figures(words), Facts(words, now)
        self._seen_at, self._offered = seen_at, offered

    def node(self, one: NodeOut) -> dict[str, Any]:
        """A row of nodes."""
        words, figures = self._words, self._figures
        link = None
        if (one.provider, one.region, one.instance_type) in self._offered:
            link = link_of(str(one.provider), str(one.instance_type), one.region)
        return {
            "one": one,
            "link": link,
            "standing": words.of("standing", one.standing.value),
            "tone": TONES.get(one.standing, ""),
            "risk": self._risk(one),
            "need": self._of(figures.span(one.lead_time_seconds), words("nodes.lead_source")),
            "left": self._of(figures.span(one.seconds_left), words("nodes.cloud_said")),
            "said": ", ".join(words.of("said", said) for said in one.said),
            "is_too_late": one.seconds_left is not None
            and one.lead_time_seconds is not None
            and one.seconds_left < one.lead_time_seconds,
        }

    def replacement(self, one: ReplacementOut) -> dict[str, Any]:
        """A row of hand-overs."""
        words, figures = self._words, self._figures
        return {
            "one": one,
            "state": words.of("hand_over", one.state),
            "tone": ENDS.get(one.state, ""),
            "mechanism": words.of("mechanism", one.mechanism),
            "took": figures.span(one.took_seconds),
            "cost": self._facts.of(
                figures.usd(one.overlap_usd),
                source=words("nodes.overlap_source"),
                at=one.changed_at,
            ),
        }

    def _risk(self, one: NodeOut) -> Fact | None:
        if one.probability is None:
            return None
        share, words = self._figures.share, self._words
        lines = [
            (
                words("about.interval"),
                self._figures.shares(one.probability_low, one.probability_high),
            ),
            (words("nodes.within"), str(self._figures.span(one.horizon_seconds))),
            (words("about.skill"), words("yes" if one.may_act else "nodes.no_skill")),
        ]
        return self._facts.of(
            share(one.probability),
            source=words("nodes.forecast_source"),
            at=self._seen_at,
            is_stale=bool(one.is_stale),
            level=level_of(one.probability),
            more=lines,
        )

    def _of(self, text: str | None, source: str) -> Fact | None:
        return self._facts.of(text, source=source, at=self._seen_at)


def _detail(service: Service, name: str | None) -> tuple[ReplacementDetailOut | None, bool]:
    """The hand-over whose audit is asked for, and whether there is none such."""
    if name is None:
        return None, False
    try:
        return replacement_out(service, name), False
    except NoAnswerError:
        return None, True


def _notes(words: Words, found: NodePage) -> list[Note]:
    notes: list[Note] = []
    if not found.is_guarded:
        notes.append(("", words("nodes.no_guard"), None))
    elif found.is_stale:
        notes.append(("stale", words("nodes.old_look"), None))
    unknown = sum(one.standing is Standing.UNKNOWN for one in found.items)
    if unknown:
        notes.append(("warning", words("nodes.unknown", n=unknown), None))
    told: Sequence[str] = found.findings
    return notes + [in_english(words, one, "warning") for one in told]
