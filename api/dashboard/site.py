"""How a page is made: templates, the reader's language and theme, and what every page shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.dashboard.assets import asset_path
from api.dashboard.figures import Figures
from api.dashboard.language import LANGUAGES, Words, chosen
from api.security.credentials import is_session
from api.security.sign_in import END_PATH
from api.service.firing import Firing, is_silent
from api.service.state import Service
from warehouse.errors import WarehouseError

THEMES = ("auto", "light", "dark")
YEAR = 365 * 86_400
"""Seconds that the choice of a language or theme is kept."""

PAGES = (
    ("overview", "/"),
    ("alerts", "/alerts"),
    ("risk", "/risk"),
    ("search", "/search"),
    ("lead_time", "/lead-time"),
    ("nodes", "/nodes"),
    ("plan", "/plan"),
    ("verification", "/verification"),
)
"""The names of the pages in the menu, and where they are."""


@dataclass(frozen=True, slots=True)
class Reader:
    """In what language and colours somebody reads."""

    words: Words
    theme: str

    @property
    def figures(self) -> Figures:
        """How the reader's language writes numbers."""
        return Figures(self.words)


def reader_of(request: Request) -> Reader:
    """By the link, then the cookie, then the browser's languages."""
    asked, kept = request.query_params, request.cookies
    language = chosen(
        asked.get("lang"), kept.get("lang"), request.headers.get("accept-language", "")
    )
    themes = (asked.get("theme"), kept.get("theme"), "auto")
    return Reader(Words(language), next(one for one in themes if one in THEMES))


def page(
    request: Request,
    template: str,
    service: Service | None = None,
    *,
    status: int = 200,
    **given: Any,
) -> HTMLResponse:
    """The page of a template; everything that it is given is escaped."""
    reader = reader_of(request)
    html = (
        environment()
        .get_template(f"{template}.html.j2")
        .render({**_common(request, reader, service), **given})
    )
    response = HTMLResponse(html, status)
    response.headers["cache-control"] = "private, no-cache" if status < 400 else "no-store"  # noqa: PLR2004 - errors begin there
    response.headers["vary"] = "Accept-Language, Cookie, Accept-Encoding, Authorization"
    for name in ("lang", "theme"):
        value = request.query_params.get(name)
        if value in (*LANGUAGES, *THEMES):
            response.set_cookie(name, value, max_age=YEAR, samesite="lax", httponly=True)
    return response


@cache
def environment() -> Environment:
    """The templates of the dashboard."""
    return Environment(
        loader=PackageLoader("api.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _common(request: Request, reader: Reader, service: Service | None) -> dict[str, Any]:
    numbers = count(1)

    def changed(**changes: Any) -> str:
        return with_query(request, changes)

    return {
        "t": reader.words,
        "f": reader.figures,
        "theme": reader.theme,
        "themes": THEMES,
        "languages": LANGUAGES,
        "menu": PAGES,
        "path": request.url.path,
        "with_query": changed,
        "path_of": path_of,
        "asset": asset_path,
        "new_id": lambda: f"n{next(numbers)}",
        "as_of": service.clock() if service else None,
        "firing": _firing(service) if service else None,
        "is_silent": is_silent,
        "sign_out": END_PATH if is_session(request) else None,
    }


def _firing(service: Service) -> Firing | None:
    """What the menu tells of alerts; None: nothing, as the database cannot be read."""
    try:
        return service.firing.get().value
    except WarehouseError:
        return None


def with_query(request: Request, changes: Mapping[str, Any]) -> str:
    """The page's own address with other parameters; None takes one away."""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in changes]
    new = [(key, value) for key, value in changes.items() if value is not None]
    return path_of(request.url.path, kept + new)


def path_of(path: str, query: Mapping[str, Any] | list[tuple[str, Any]]) -> str:
    """A path with its query; parameters that are None are left out."""
    pairs = query.items() if isinstance(query, Mapping) else query
    text = urlencode([(key, value) for key, value in pairs if value is not None], doseq=True)
    return f"{path}?{text}" if text else path
