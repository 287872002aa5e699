"""Where the charts of the pages are asked for: as Vega-Lite in JSON, and as a picture."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

from api.dashboard.language import LANGUAGES, Words
from api.dashboard.site import path_of, reader_of
from api.service.state import Service
from api.web.problems import Problem
from api.web.representation import tagged

if TYPE_CHECKING:
    from api.dashboard.drawing import Drawing

MAX_AGE = timedelta(minutes=1)
"""How long a browser may show a chart again; the market is read anew as often."""

FORMS = {"json": "application/json", "svg": "image/svg+xml"}

Drawn = Callable[[Request, Service, "Drawing", Words], Any]
"""Makes a chart of what the address asks."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A chart as a page shows it: what it is of, in words, and its numbers as a table."""

    id: str
    caption: str
    alt: str
    query: Mapping[str, Any]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str | None]] = ()

    def address(self, form: str, theme: str, language: str) -> str:
        """Where the chart is."""
        asked = {**self.query, "theme": theme, "lang": language}
        return path_of(f"/charts/{self.id}.{form}", asked)


def answer(request: Request, service: Service, drawn: Drawn, form: str) -> Response:
    """The chart in a form.

    Raises:
        Problem: 404, there is no such form.
    """
    if form not in FORMS:
        raise Problem(HTTPStatus.NOT_FOUND, f"A chart can be had as {' or '.join(FORMS)}.")
    # It loads Altair, which takes a second and no other page needs.
    from api.dashboard.drawing import Drawing, picture  # noqa: PLC0415

    theme = "dark" if request.query_params.get("theme") == "dark" else "light"
    language = request.query_params.get("lang", "")
    words = Words(language) if language in LANGUAGES else reader_of(request).words
    drawing = Drawing(words, theme, is_picture=form == "svg")
    specification = drawing.specification(drawn(request, service, drawing, words))
    text = picture(specification) if form == "svg" else json.dumps(specification, default=str)
    return tagged(request, text.encode(), FORMS[form], max_age=MAX_AGE)
