"""``/healthz`` and ``/readyz``: whether the process lives, and whether its data are fresh.

Open to everybody: they tell the names of feeds, and nothing that is in them.
"""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.service.readiness import Readiness, readiness
from api.web.problems import ERRORS
from api.web.service import Served

router = APIRouter(tags=["health"])

NOT_KEPT = {"cache-control": "no-store"}


class Health(BaseModel):
    """Whether the process lives."""

    status: str = Field(examples=["alive"], description="`alive` or `dying`.")
    dead_threads: list[str] = Field(
        default_factory=list, description="Threads that ended and should not have."
    )


UNHEALTHY: dict[int | str, dict[str, Any]] = {
    413: ERRORS[413],
    503: {"model": Health, "description": "A part of the process has died; it is about to end"},
}
UNREADY: dict[int | str, dict[str, Any]] = {
    413: ERRORS[413],
    503: {"model": Readiness, "description": "No view of the market yet, or a feed is late"},
}


@router.get("/healthz", responses=UNHEALTHY, response_model=Health)
def get_health(service: Served) -> JSONResponse:
    """Whether the process lives: for a liveness probe. It asks nothing of the database."""
    dead = list(service.dead())
    told = Health(status="dying" if dead else "alive", dead_threads=dead)
    status = HTTPStatus.SERVICE_UNAVAILABLE if dead else HTTPStatus.OK
    return JSONResponse(told.model_dump(), status, NOT_KEPT)


@router.get("/readyz", responses=UNREADY, response_model=Readiness)
def get_readiness(service: Served) -> JSONResponse:
    """Whether answers rest on fresh data: for a readiness probe. It names each feed that is late.

    A feed is late when it had no good run for twice its cadence, as `spotcast feeds` has it; one
    that was planned and never read is waited for as well.
    """
    told = readiness(service)
    status = HTTPStatus.OK if told.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(told.model_dump(mode="json"), status, NOT_KEPT)
