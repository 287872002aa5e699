"""What a request shows to say who it is from."""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import HTTPConnection
from starlette.types import Scope as AsgiScope

PUSH_PATHS = "/v1/events/"
"""Below it a key may stand in the query: not every cloud can send a header with an event."""

QUERY_KEY = "key"
SECURE_COOKIE, LOCAL_COOKIE = "__Host-spotcast", "spotcast-session"
"""The cookie's name under https and on this machine. With the prefix ``__Host-`` a browser takes
it under https only, and from no other host of the same domain."""

TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
"""A signed token: three parts in base64url (RFC 7515)."""

A_KEY = re.compile(r"spotcast_[0-9a-z]+_", re.ASCII | re.IGNORECASE)


class Kind(Enum):
    """How it was shown."""

    KEY = auto()
    QUERY_KEY = auto()
    TOKEN = auto()
    SESSION = auto()
    UNREADABLE = auto()
    """Something that says nothing: another scheme, two of the same header."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret, and how it was shown."""

    kind: Kind
    secret: str = field(default="", repr=False)


def credential_of(asking: HTTPConnection) -> Credential | None:
    """What the request shows; None if nothing.

    What is ours alone goes first: X-API-Key, the key in the query of a push, Authorization (which
    Google Cloud fills by itself on a push), the cookie.
    """
    headers = asking.headers.getlist("x-api-key")
    if headers:
        return _one(Kind.KEY, headers)
    if keys := _query_keys(asking):
        return _one(Kind.QUERY_KEY, keys)
    if given := asking.headers.getlist("authorization"):
        return _bearer(given)
    for name in (SECURE_COOKIE, LOCAL_COOKIE):
        if session := asking.cookies.get(name):
            return Credential(Kind.SESSION, session)
    return None


def is_session(asking: HTTPConnection) -> bool:
    """Whether a browser that signed in asks."""
    shown = credential_of(asking)
    return shown is not None and shown.kind is Kind.SESSION


def _one(kind: Kind, given: list[str]) -> Credential:
    return Credential(kind, given[0].strip()) if len(given) == 1 else Credential(Kind.UNREADABLE)


def _bearer(given: list[str]) -> Credential:
    scheme, _, text = given[0].strip().partition(" ")
    if len(given) != 1 or scheme.lower() != "bearer":
        return Credential(Kind.UNREADABLE)
    text = text.strip()
    return Credential(Kind.TOKEN if TOKEN.fullmatch(text) else Kind.KEY, text)


def _query_keys(asking: HTTPConnection) -> list[str]:
    if not asking.scope["path"].startswith(PUSH_PATHS):
        return []
    pairs = parse_qsl(asking.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return [value for name, value in pairs if name == QUERY_KEY]


def hide_query_key(scope: AsgiScope) -> None:
    """Take keys out of the query, so that neither a log nor a route sees one."""
    is_push = scope["path"].startswith(PUSH_PATHS)
    parts = scope["query_string"].split(b"&")
    kept = [part for part in parts if not _is_key(part.decode("latin-1"), is_push=is_push)]
    if len(kept) != len(parts):
        scope["query_string"] = b"&".join(kept)


def _is_key(part: str, *, is_push: bool) -> bool:
    name, _, value = part.partition("=")
    is_named = is_push and unquote_plus(name) == QUERY_KEY
    return is_named or A_KEY.match(unquote_plus(value)) is not None
