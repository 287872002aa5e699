"""What every test of the server's guarding may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.service.state import Service
from tests.support.secured import Secured
from tests.support.served import a_service


@pytest.fixture(scope="session")
def answering() -> Iterator[Service]:
    """What answers behind the gate; no test here changes it."""
    with a_service() as service:
        yield service


@pytest.fixture
def secured(answering: Service, tmp_path: Path) -> Secured:
    """A server without keys yet."""
    return Secured(tmp_path, answering)
