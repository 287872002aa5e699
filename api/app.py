"""The HTTP application, put together: routes, errors, and what every request passes."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from api.security.gate import Gate
from api.security.principal import READS, Access
from api.service.state import Service
from api.web.problems import add_problems

DESCRIPTION = """
Spot-market prices, interruption risk, ranked GPU offerings and the replacement of nodes at risk.

Every number carries its source and its age. What is unknown is null, never zero, and an unknown
risk is never ranked as a safe one. Shares run from 0 to 1, times are RFC 3339 in UTC, and the
unit ends each name.
"""

ROUTES = (
    *("rankings", "gpus", "explain", "headroom", "solved", "returns"),
    *("karpenter", "render", "plan", "kserve"),
)
"""The modules of `api.routes` under ``/v1``, in the order of the documentation."""

COMPRESSED_FROM = 1_000
"""Bytes; smaller bodies fit into one packet as they are."""


def create_app(service: Service, access: Access) -> FastAPI:
    """The application that answers from ``service``; ``access`` finds out who is asking."""
    app = FastAPI(
        title="Spotcast",
        version=version("spotcast"),
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    add_problems(app)
    for router in routers(ROUTES):
        app.include_router(router, prefix="/v1", dependencies=[READS])
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM)
    app.add_middleware(Gate, access=access)
    return app


def routers(names: Iterable[str]) -> Iterable[APIRouter]:
    """The ``router`` of each module of `api.routes`."""
    for name in names:
        found: APIRouter = import_module(f"api.routes.{name}").router
        yield found
