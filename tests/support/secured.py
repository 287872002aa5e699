"""A server that asks for keys: its file of keys, a clock that a test moves, and a client."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.testclient import TestClient

from api.app import create_app
from api.security.configured import access_of
from api.security.key_file import change_keys
from api.security.keys import Key, new_key
from api.security.principal import ACTS, INGESTS, READS, Scope
from api.service.state import Service
from api.settings import Settings, settings_from
from tests.support.market import NOW

OFF_LOOPBACK = "0.0.0.0"  # noqa: S104 - the address is only looked at
READ, INGEST, ACT = (frozenset({one}) for one in Scope)

router = APIRouter()


@router.get("/whoami", dependencies=[READS])
def whoami(request: Request) -> dict[str, Any]:
    """Whom the gate found, and what of the address it let through."""
    return {"name": request.state.principal.name, "query": request.url.query}


@router.post("/whoami", dependencies=[READS])
async def posted(request: Request) -> dict[str, Any]:
    """The size of the body."""
    return {"bytes": len(await request.body())}


@router.post("/events/test", dependencies=[INGESTS])
def pushed(request: Request) -> dict[str, Any]:
    """As `whoami`, for who pushes events."""
    return {"name": request.state.principal.name, "query": request.url.query}


@router.post("/act", dependencies=[ACTS])
def acted() -> None:
    """For who may act."""


@router.get("/fails", dependencies=[READS])
def fails() -> None:
    """A fault of ours."""
    raise RuntimeError("spotcast_abcabcabcabc_" + 64 * "0")


@dataclass
class MovedClock:
    """A clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def ticks(self) -> float:
        """Its seconds, as a steady clock counts them."""
        return self.now.timestamp()

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass
class Secured:
    """Keys and settings of a server, and a client of its application."""

    folder: Path
    service: Service
    clock: MovedClock = field(default_factory=MovedClock)
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Its settings: everything is in the folder."""
        given = {"SPOTCAST_WAREHOUSE": str(self.folder / "spotcast.duckdb"), **self.environ}
        return settings_from(given)

    def key(self, scopes: frozenset[Scope], *, name: str = "ci", days: float | None = 90) -> str:
        """The text of a new key."""
        return self.kept(scopes, name=name, days=days)[1]

    def kept(
        self, scopes: frozenset[Scope], *, name: str = "ci", days: float | None = 90
    ) -> tuple[Key, str]:
        """A new key, and its text."""
        lifetime = None if days is None else timedelta(days=days)
        made, text = new_key(name, scopes, now=self.clock(), lifetime=lifetime)
        change_keys(self.settings.keys, lambda keys: [*keys, made])
        return made, text

    def client(
        self, host: str = OFF_LOOPBACK, url: str = "https://spotcast.example.com", **given: Any
    ) -> TestClient:
        """A client of a server that listens on ``host`` and is asked at ``url``."""
        service = replace(self.service, settings=self.settings)
        access = access_of(self.settings, host, clock=self.clock, ticks=self.clock.ticks)
        app = create_app(service, access)
        app.include_router(router, prefix="/v1")
        return TestClient(app, url, follow_redirects=False, **given)


def bearing(text: str) -> dict[str, str]:
    """The header that shows a key or a token."""
    return {"authorization": f"Bearer {text}"}
