"""No route of the API answers somebody who may not ask it."""

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.app import ROUTES, WRITE_ROUTES, routers
from api.security.principal import Access
from api.service.state import Service
from tests.support.served import Known, Nobody, a_client


def routes() -> list[tuple[str, str]]:
    """Method and path of every route under ``/v1``."""
    return [
        (method, f"/v1{one.path}")
        for router in routers([*ROUTES, *WRITE_ROUTES])
        for one in router.routes
        if isinstance(one, APIRoute)
        for method in sorted(one.methods or ())
    ]


@pytest.mark.parametrize(("access", "status"), [(Nobody(), 401), (Known(), 403)])
def test_every_route_asks_who_it_is_and_for_a_scope(
    service: Service, access: Access, status: int
) -> None:
    client = a_client(service, access)
    every = routes()
    assert len(every) > 15
    for method, path in every:
        answer = client.request(method, path)
        assert answer.status_code == status, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"


def test_no_route_is_left_out_of_what_is_asked(client: TestClient) -> None:
    paths = client.get("/v1/openapi.json").json()["paths"]
    documented = {path for path in paths if path.startswith("/v1/")}
    assert {path for _, path in routes()} == documented
