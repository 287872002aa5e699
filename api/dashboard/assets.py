"""Styles and scripts, each under a name that changes with its content, so that it can be kept.

Vega is made once, when a browser first asks for it, from the copy that vl-convert brings: nothing
is loaded from elsewhere. A bundle takes two seconds to make, so it waits for the first who asks.
"""

import hashlib
import threading
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from fastapi import HTTPException, Request, Response

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
NAMES = ("style.css", "app.js", "charts.js", "icon.svg")
VEGA = "vega.js"
FOREVER = "private, max-age=31536000, immutable"
"""A changed file has another name."""

SNIPPET = "window.vegaEmbed = vegaEmbed;"
"""All that the pages use of the bundle. It contains Vega's interpreter, which ``ast: true`` takes
instead of making functions from text: the pages' policy allows no ``eval``."""

_turn = threading.Lock()


@cache
def content_of(name: str) -> bytes:
    """The bytes of one of `NAMES`."""
    return files("api.dashboard").joinpath(f"static/{name}").read_bytes()


@cache
def _vega() -> bytes:
    # The library takes a while to load, and only charts need it.
    import vl_convert  # noqa: PLC0415

    made: str = vl_convert.javascript_bundle(SNIPPET)
    return made.encode()


def vega() -> bytes:
    """The bundle, made once however many ask at the same time."""
    with _turn:
        return _vega()


@cache
def digest_of(name: str) -> str:
    """What distinguishes this content; of Vega's bundle, what it is made of."""
    made_of = f"{version('vl-convert-python')} {SNIPPET}".encode()
    return hashlib.sha256(made_of if name == VEGA else content_of(name)).hexdigest()[:12]


def asset_path(name: str) -> str:
    """Where a page finds the asset."""
    return f"/static/{digest_of(name)}/{name}"


def asset(request: Request, digest: str, name: str) -> Response:
    """The asset; 404 for a name that is none, and for a digest of another version."""
    if name not in (*NAMES, VEGA) or digest != digest_of(name):
        raise HTTPException(404)
    tag = f'"{digest}"'
    headers = {"cache-control": FOREVER, "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    body = vega() if name == VEGA else content_of(name)
    return Response(body, media_type=TYPES[name.rpartition(".")[2]], headers=headers)
