"""Manifests as the client wants them: YAML for kubectl, JSON with what must be known of them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from advisor.karpenter.manifests import to_yaml
from api.service.manifests import ManifestsOut
from api.web.problems import ERRORS
from api.web.representation import ANY, JSON, accepted, tagged

YAML = "application/yaml"
"""RFC 9512; the other two are what was used before it."""
YAMLS = (YAML, "text/yaml", "application/x-yaml")
TEXT = "text/plain"

MAX_AGE = timedelta(seconds=15)
"""How long a client may keep an answer: prices are read every few minutes at the most."""

EXAMPLE = """\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: gpu-spot
"""

STALE: dict[int | str, dict[str, Any]] = {
    409: {**ERRORS[422], "description": "The data is too old for what was asked"}
}
BUSY: dict[int | str, dict[str, Any]] = {
    503: {**ERRORS[503], "description": "Too many ask at once; `Retry-After` says when"}
}


def manifest_pages(description: str, *, text: bool = False) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of a route that gives manifests; with ``text`` also as plain text."""
    # Without a schema: OpenAPI has none for a stream of several documents.
    content: dict[str, Any] = {one: {"example": EXAMPLE} for one in YAMLS}
    plain: dict[str, Any] = {TEXT: {"schema": {"type": "string"}}} if text else {}
    return {**objects(description), 200: _ok(description, content | plain)}


def objects(description: str) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of a route that gives one object of JSON."""
    return {
        200: _ok(description, {}),
        304: {"description": "What you have is still the answer"},
        406: {**ERRORS[422], "description": "None of the media types that you accept"},
        **ERRORS,
    }


def manifests_represented(request: Request, made: ManifestsOut) -> Response:
    """The manifests in the best media type that the client accepts; YAML if it is all the same.

    Where there is a plain text (HCL, one line), that goes first.

    Raises:
        Problem: 406, the client accepts none of them.
    """
    offered = (*((TEXT,) if made.text is not None else ()), YAML, JSON, *YAMLS[1:])
    media_type = accepted(request.headers.get("accept", ANY), offered)
    if media_type == JSON:
        body = made.model_dump_json()
    elif media_type == TEXT:
        body = made.text or ""
    else:
        body = yaml_of(made)
    return _sent(request, body, media_type, made)


def object_or_yaml(request: Request, made: BaseModel, yaml: Callable[[], str]) -> Response:
    """One object as JSON, unless the client would rather have its YAML.

    Raises:
        Problem: 406, the client accepts neither.
    """
    media_type = accepted(request.headers.get("accept", ANY), (JSON, *YAMLS))
    body = made.model_dump_json() if media_type == JSON else yaml()
    return _sent(request, body, media_type, made)


def yaml_of(made: ManifestsOut) -> str:
    """The manifests as kubectl reads them, comments at their head."""
    return "".join(f"# {line}\n" for line in made.head) + to_yaml(made.items)


def object_represented(request: Request, made: BaseModel) -> Response:
    """One object as JSON.

    Raises:
        Problem: 406, the client does not accept it.
    """
    media_type = accepted(request.headers.get("accept", ANY), (JSON,))
    return _sent(request, made.model_dump_json(), media_type, made)


def _sent(request: Request, body: str, media_type: str, made: BaseModel) -> Response:
    headers = {"spotcast-stale": str(getattr(made, "is_stale", False)).lower()}
    if as_of := getattr(made, "as_of", None):
        headers["spotcast-as-of"] = as_of.isoformat().replace("+00:00", "Z")
    return tagged(request, body.encode(), media_type, max_age=MAX_AGE, headers=headers)


def _ok(description: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return (
        {"description": description, "content": dict(content)}
        if content
        else {"description": description}
    )
