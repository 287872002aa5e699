"""A service with something on every page, and clients of it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.service.state import Service
from tests.support.dashboard import a_full_service, app_of


@pytest.fixture(scope="module")
def full_service() -> Iterator[Service]:
    """The same for all tests of a file: none of them changes it."""
    with a_full_service() as service:
        yield service


@pytest.fixture
def pages(full_service: Service) -> TestClient:
    """A browser without scripts."""
    return TestClient(app_of(full_service), "http://localhost", headers={"accept": "text/html"})
