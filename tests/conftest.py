"""What every test may ask for."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stamina
from hypothesis import settings

from warehouse.store import Warehouse

# A database is made for each example: slow machines would pass the default of 200 ms.
settings.register_profile("spotcast", deadline=None)
settings.load_profile("spotcast")

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"
"""Real market data, beside a checkout in some places; never part of the project."""


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retries happen at once: no test waits for a back-off."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting or credential of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(
            ("SPOTCAST_", "AWS_", "ALIBABA_CLOUD_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "KUBE")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


@pytest.fixture
def now() -> datetime:
    """A fixed moment."""
    return datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """An empty database in memory."""
    with Warehouse.in_memory() as made:
        yield made


@pytest.fixture
def real_data() -> Path:
    """The folder of real market data; skips where it is not at hand."""
    if not REAL_DATA.is_dir():
        pytest.skip("real market data is not part of the project: ../shared/data is absent")
    return REAL_DATA
