"""What every test of the HTTP API may ask for."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.service.state import Service
from tests.support.served import a_client, a_service


@pytest.fixture
def service() -> Iterator[Service]:
    """A service whose market was told at `NOW`, which is now."""
    with a_service() as made:
        yield made


@pytest.fixture
def client(service: Service) -> TestClient:
    """A client of its application."""
    return a_client(service)
