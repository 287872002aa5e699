"""The HTTP application, put together: routes, errors, and what every request passes."""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from api.dashboard.pages.problem import problem_page
from api.dashboard.router import router as dashboard
from api.metrics import Metrics
from api.security.gate import Gate
from api.security.principal import ACTS, INGESTS, READS, Access
from api.security.settings import gate_settings
from api.server.observing import Observing
from api.service.state import Service
from api.web.problems import add_problems

DESCRIPTION = """
Spot-market prices, interruption risk, ranked GPU offerings and the replacement of nodes at risk.

Every number carries its source and its age. What is unknown is null, never zero, and an unknown
risk is never ranked as a safe one. Shares run from 0 to 1, times are RFC 3339 in UTC, and the
unit ends each name.
"""

ROUTES = (
    *("rankings", "prices", "catalogue", "signals", "pools", "interruptions"),
    *("risk", "verification", "feeds", "lead_time", "nodes", "replacements"),
    *("gpus", "explain", "headroom", "solved", "returns", "alerts"),
    *("karpenter", "render", "plan", "kserve"),
)
"""The modules of `api.routes` under ``/v1``, in the order of the documentation."""

WRITE_ROUTES = {"events": INGESTS, "replacing": ACTS}
"""The same for those that change something, each with the scope that is needed for it."""

BESIDE = ("metrics", "price_server")
"""Those at paths that other programs lay down."""

OPEN = ("health",)
"""Those that need no key."""

COMPRESSED_FROM = 1_000
"""Bytes; smaller bodies fit into one packet as they are."""

COMPRESSION_LEVEL = 3
"""Of zlib. A page of 28 KB becomes 5.2 KB in 0.2 ms; at the library's 9 it is 4.5 KB in 0.7 ms."""


def create_app(service: Service, access: Access, metrics: Metrics | None = None) -> FastAPI:
    """The application that answers from ``service``; ``access`` finds out who is asking.

    ``metrics`` are the process's own figures; new ones if there are none yet.
    """
    metrics = metrics or Metrics(service)
    app = FastAPI(
        title="Spotcast",
        version=version("spotcast"),
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.state.metrics = metrics
    app.state.problem_page = problem_page
    add_problems(app)
    app.router.routes.extend(whole().routes)
    add_tools(app, service)
    app.add_middleware(
        GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=COMPRESSION_LEVEL
    )
    settings = gate_settings(service.settings.environ)
    app.add_middleware(Gate, access=access, settings=settings)
    app.add_middleware(Observing, seen=metrics.requested)
    return app


@cache
def whole() -> APIRouter:
    """Every route with the scope that it needs, but the tools'; they keep nothing of a service.

    All applications of a process share it: what FastAPI makes of these routes at the first
    request takes a quarter of a second.
    """
    all_of_them = APIRouter()
    for router in routers(ROUTES):
        all_of_them.include_router(router, prefix="/v1", dependencies=[READS])
    for router, scope in zip(routers(WRITE_ROUTES), WRITE_ROUTES.values(), strict=True):
        all_of_them.include_router(router, prefix="/v1", dependencies=[scope])
    for router in routers(BESIDE):
        all_of_them.include_router(router, dependencies=[READS])
    for router in routers(OPEN):
        all_of_them.include_router(router)
    all_of_them.include_router(dashboard, dependencies=[READS])
    return all_of_them


def add_tools(app: FastAPI, service: Service) -> None:
    """Serve the tools for agents under ``/mcp``, where the SDK of their protocol is installed."""
    if find_spec("mcp"):
        import_module("api.tools.http").mount_mcp(app, service)


def routers(names: Iterable[str]) -> Iterable[APIRouter]:
    """The ``router`` of each module of `api.routes`."""
    for name in names:
        found: APIRouter = import_module(f"api.routes.{name}").router
        yield found
