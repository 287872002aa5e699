"""Who is asking, and what that one may do."""

from collections.abc import Callable, Container, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from api.security.origins import check_local
from api.web.problems import Problem


class Scope(StrEnum):
    """What a key allows. None contains another."""

    READ = "read"
    INGEST = "ingest"
    """Push events of interruptions."""
    ACT = "act"
    """Ask for nodes to be replaced."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking; ``name`` is for the log and the audit, and no secret."""

    name: str
    scopes: frozenset[Scope]


LOCAL = Principal("local", frozenset({Scope.READ, Scope.INGEST}))
"""Whoever is on this machine, where no key was asked for."""


ANYONE = Principal("anyone", frozenset({Scope.READ}))
"""Whoever reads what was opened to all; counted by address."""


class Access(Protocol):
    """Finds out who is asking."""

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """Who sent the request; None if nobody that is known.

        Raises:
            Problem: the request is refused whoever it is from.
        """
        ...


class LocalAccess:
    """Everybody who can connect is `LOCAL`: for a server that listens on loopback only.

    A page that is open in a browser on this machine can connect as well, so requests that came
    by a foreign name, or would change something for a foreign page, are refused. Pages of
    ``trusted`` origins are not foreign.
    """

    def __init__(self, trusted: Container[str] = ()) -> None:
        self._trusted = trusted

    def principal(self, asking: HTTPConnection) -> Principal:
        """`LOCAL`.

        Raises:
            Problem: 421 or 403, a foreign page sent it.
        """
        check_local(asking, self._trusted)
        return LOCAL


def principal_of(request: Request) -> Principal:
    """Who sent the request, as the middleware found.

    Raises:
        Problem: 401, nobody that is known.
    """
    found = getattr(request.state, "principal", None)
    if not isinstance(found, Principal):
        raise unknown()
    return found


def unknown() -> Problem:
    """401: nobody that is known."""
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "Send a key that is good: `Authorization: Bearer <key>`. `spotcast keys create` makes one.",
        headers={"www-authenticate": "Bearer"},
    )


BEARER = Security(
    HTTPBearer(
        scheme_name="bearer", description="An API key, or an OIDC access token", auto_error=False
    )
)
API_KEY = Security(
    APIKeyHeader(name="X-API-Key", scheme_name="key", description="An API key", auto_error=False)
)
"""How the OpenAPI document says who may ask; the gate has found out by then."""


def allowed(request: Request, scope: Scope) -> Principal:
    """Who sent the request, who must have the scope.

    Raises:
        Problem: 401 or 403, nobody that is known, or one without it.
    """
    principal = principal_of(request)
    if scope not in principal.scopes:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"This needs a key with the scope {scope.value}; yours has "
            f"{', '.join(sorted(principal.scopes)) or 'none'}.",
        )
    return principal


def needs(scope: Scope) -> Callable[..., Coroutine[None, None, Principal]]:
    """The same as a dependency. Async, as FastAPI sends all others to a thread and back."""

    async def check(
        request: Request, _bearer: object = BEARER, _key: object = API_KEY
    ) -> Principal:
        return allowed(request, scope)

    return check


READS = Depends(needs(Scope.READ))
INGESTS = Depends(needs(Scope.INGEST))
ACTS = Depends(needs(Scope.ACT))
