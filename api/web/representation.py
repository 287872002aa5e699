"""A page of items as the client wants it: JSON, CSV or Arrow, with an entity tag.

The tag is a digest of the bytes, so it is the same exactly if the answer is. A client that has
them gets 304 and no body.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from http import HTTPStatus
from typing import Any, get_args

import polars as pl
from fastapi import Request, Response
from pydantic import BaseModel
from pydantic_core import to_json

from api.web.problems import ERRORS, Problem

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
ANY = "*/*"


def pages(description: str) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of a route that gives a `Page`: its representations and its errors."""
    text = {"schema": {"type": "string"}}
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        200: {"description": description, "content": {CSV: text, ARROW: binary}},
        304: {"description": "What you have is still the answer"},
        406: {**ERRORS[422], "description": "None of the media types that you accept"},
        **ERRORS,
    }


def represented(
    request: Request, page: BaseModel, *, max_age: timedelta, items: str = "items"
) -> Response:
    """The page in the best media type that the client accepts.

    CSV and Arrow carry the items alone, one row each; what else the page says is in its headers:
    ``Link`` (the next page), ``Spotcast-As-Of`` and ``Spotcast-Stale``.

    Raises:
        Problem: 406, the client accepts none of them.
    """
    media_type = accepted(request.headers.get("accept", ANY))
    if media_type == JSON:
        body = page.model_dump_json().encode()
    else:
        body = _table(page, items, media_type)
    return tagged(request, body, media_type, max_age=max_age, headers=_about(request, page))


def tagged(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    max_age: timedelta,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A body with its entity tag, or 304 where the client has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    sent = {
        "etag": tag,
        "cache-control": f"private, max-age={max_age.total_seconds():.0f}",
        "vary": "Accept, Accept-Encoding, Authorization, Cookie",
        **(headers or {}),
    }
    known = request.headers.get("if-none-match", "")
    if tag in known or known.strip() == ANY[0]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    return Response(body, media_type=media_type, headers=sent)


def accepted(header: str, offered: Sequence[str] = (JSON, CSV, ARROW)) -> str:
    """The best of ``offered`` media types for an ``Accept`` header; of equals, the first.

    Raises:
        Problem: 406, it names none of them.
    """
    wanted: dict[str, float] = {}
    for part in header.split(","):
        name, _, parameters = part.partition(";")
        wanted[name.strip().lower()] = _quality(parameters)
    best = max(offered, key=lambda one: _wanted(one, wanted))
    if not _wanted(best, wanted):
        raise Problem(
            HTTPStatus.NOT_ACCEPTABLE,
            f"The answer can be had as {' or '.join(offered)}.",
            field="header.accept",
        )
    return best


def _quality(parameters: str) -> float:
    for one in parameters.split(";"):
        name, _, value = one.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _wanted(media_type: str, wanted: Mapping[str, float]) -> float:
    kind = media_type.partition("/")[0]
    for name in (media_type, f"{kind}/*", ANY):
        if name in wanted:
            return wanted[name]
    return 0.0


def _about(request: Request, page: BaseModel) -> dict[str, str]:
    headers = {}
    if cursor := getattr(page, "next_cursor", None):
        following = request.url.include_query_params(cursor=cursor)
        headers["link"] = f'<{following.path}?{following.query}>; rel="next"'
    if as_of := getattr(page, "as_of", None):
        headers["spotcast-as-of"] = as_of.isoformat().replace("+00:00", "Z")
        headers["spotcast-stale"] = str(getattr(page, "is_stale", False)).lower()
    return headers


def _columns(page: BaseModel, items: str) -> dict[str, list[Any]]:
    """The items by field, also of a page without one. Objects within an item become JSON."""
    (kind,) = get_args(type(page).model_fields[items].annotation)
    rows = [one.model_dump() for one in getattr(page, items)]
    names: Iterable[str] = rows[0] if rows else kind.model_fields
    columns = {name: [row[name] for row in rows] for name in names}
    for name, values in columns.items():
        if any(_is_nested(one) for one in values):
            columns[name] = [None if one is None else to_json(one).decode() for one in values]
        elif any(isinstance(one, Enum) for one in values):
            columns[name] = [getattr(one, "value", one) for one in values]
    return columns


def _is_nested(value: Any) -> bool:
    several = value if isinstance(value, list) else [value]
    return any(isinstance(one, dict) for one in several)


def _table(page: BaseModel, items: str, media_type: str) -> bytes:
    frame = pl.DataFrame(_columns(page, items))
    buffer = io.BytesIO()
    if media_type == ARROW:
        frame.write_ipc_stream(buffer)
    else:
        flat = [
            pl.col(name).cast(pl.List(pl.String)).list.join(" ")
            for name, kind in frame.schema.items()
            if isinstance(kind, pl.List)
        ]
        frame.with_columns(flat).write_csv(buffer, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
    return buffer.getvalue()
