"""What every test may ask for."""

import functools
import gc
import os
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stamina
from botocore.loaders import JSONFileLoader
from botocore.retries.bucket import TokenBucket
from hypothesis import settings

from api.service.absent import remember_that_pandas_is_absent
from tests.support.reused import Reused
from tests.support.schema import copying
from warehouse import store
from warehouse.store import Warehouse

# A database is made for each example: slow machines would pass the default of 200 ms.
settings.register_profile("spotcast", deadline=None)
settings.load_profile("spotcast")

# As a server does: tests ask many small questions too.
remember_that_pandas_is_absent()

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"
"""Real market data, beside a checkout in some places; never part of the project."""


LONGEST = {
    "test_all_feeds_by_the_clock.py",
    "test_browser.py",
    "test_cli.py",
    "test_events_ten_thousand.py",
    "test_guard.py",
    "test_jobs_month.py",
    "test_kill.py",
    "test_month.py",
    "test_month_of_jobs.py",
    "test_openapi.py",
    "test_processes.py",
    "test_real_data.py",
    "test_serve.py",
    "test_store.py",
    "test_risk_commands.py",
    "test_collect.py",
    "test_watch_property.py",
}
"""Files with a test of ten seconds or more."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collection loads stays to the end, so no sweep for unreachable objects looks at it.

    There are millions: each full sweep takes most of a second, and there are hundreds.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: at the end, all but one worker would wait for them."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True, scope="session")
def _aws_models_are_read_once() -> Iterator[None]:
    """A session of botocore reads megabytes of JSON; a command makes one, the tests hundreds."""
    read_once = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(read_once))
        yield


@pytest.fixture(autouse=True, scope="session")
def _schemas_are_copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A database that a test makes in this process gets its schema as a copy."""
    template = tmp_path_factory.mktemp("schema") / "template.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "migrate", copying(template))
        yield


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries happen at once: no test waits for a back-off, nor for a client that was throttled."""
    stamina.set_testing(True, attempts=3)
    monkeypatch.setattr(TokenBucket, "acquire", _at_once)
    yield
    stamina.set_testing(False)


def _at_once(*_: object, **__: object) -> bool:
    return True


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
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def now() -> datetime:
    """A fixed moment."""
    return datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture(scope="session")
def warehouses() -> Iterator[Reused]:
    """Empty databases in memory, one for each example of a test: those left as new come again."""
    made = Reused()
    yield made
    made.close()


@pytest.fixture
def warehouse(warehouses: Reused) -> Iterator[Warehouse]:
    """An empty database in memory."""
    with warehouses.empty() as made:
        yield made


@pytest.fixture
def real_data() -> Path:
    """The folder of real market data; skips where it is not at hand."""
    if not REAL_DATA.is_dir():
        pytest.skip("real market data is not part of the project: ../shared/data is absent")
    return REAL_DATA
