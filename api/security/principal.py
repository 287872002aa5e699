"""Who is asking, and what that one may do."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

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


class Access(Protocol):
    """Finds out who is asking."""

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """Who sent the request; None if nobody that is known."""
        ...


class LocalAccess:
    """Everybody who can connect is `LOCAL`: for a server that listens on loopback only."""

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """`LOCAL`."""
        del asking
        return LOCAL


def principal_of(request: Request) -> Principal:
    """Who sent the request, as the middleware found.

    Raises:
        Problem: 401, nobody that is known.
    """
    found = getattr(request.state, "principal", None)
    if not isinstance(found, Principal):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "Send a key: `Authorization: Bearer <key>`. `spotcast keys create` makes one.",
            headers={"www-authenticate": "Bearer"},
        )
    return found


def allowed(scope: Scope) -> Callable[[Request], Principal]:
    """A dependency: the principal, who must have the scope."""

    def check(request: Request) -> Principal:
        principal = principal_of(request)
        if scope not in principal.scopes:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"This needs a key with the scope {scope.value}; yours has "
                f"{', '.join(sorted(principal.scopes)) or 'none'}.",
            )
        return principal

    return check


READS = Depends(allowed(Scope.READ))
INGESTS = Depends(allowed(Scope.INGEST))
ACTS = Depends(allowed(Scope.ACT))
