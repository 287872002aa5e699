"""Tests against real programs, as ``make cluster`` and ``make prometheus`` built them.

See deploy/cluster/README.md and docs/alerts.md.

They run when they are asked for by their path (``make test-cluster``) and not with the others:
each API server takes seconds to start. Each is marked ``cluster``, and a few that together touch
every part are marked ``smoke`` (``make smoke-cluster``).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.provider import Feed
from collector.providers.kubernetes import nodes
from tests.support.control_plane import ControlPlane, missing, running
from tests.support.crd import FOLDER as CRDS
from tests.support.karpenter import CRD_FOLDER, PROVIDERS
from tests.support.stage import Stage, staged
from tests.support.watched import WATCH_SECONDS, Run, as_account, documented, grant, run_as
from warehouse.runs import RunResult
from warehouse.store import Warehouse

HERE = Path(__file__).resolve().parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out, unless a path inside it was named."""
    base = config.invocation_params.dir
    named = [Path(base, one.split("::")[0]).resolve() for one in config.args]
    is_asked_for = any(one == HERE or HERE in one.parents for one in named)
    return None if is_asked_for else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder ``cluster``."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def _binaries() -> None:
    if why := missing():
        pytest.skip(why)


@pytest.fixture
def control_plane(_binaries: None, tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server of one test's own, with nothing in it."""
    with running(tmp_path / "plane") as plane:
        yield plane


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A whole cluster of one test's own, with a service and a warehouse."""
    with staged(tmp_path) as made:
        yield made


@pytest.fixture(scope="session", params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    """Each provider of Karpenter in turn."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def provider_plane(
    _binaries: None, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """An API server with that provider's CRDs: they have the same names, so each has its own."""
    with running(tmp_path_factory.mktemp(provider)) as plane:
        plane.api.install_crds(CRDS / CRD_FOLDER[provider])
        yield plane


@pytest.fixture(scope="session")
def _watched(_binaries: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running(tmp_path_factory.mktemp("watched")) as made:
        made.api.install_crds(CRDS / "aws")
        grant(made, documented())
        yield made


@pytest.fixture
def plane(_watched: ControlPlane) -> Iterator[ControlPlane]:
    """An API server with AWS' CRDs and the documented role; emptied after each test."""
    yield _watched
    for path in (
        "/api/v1/nodes",
        "/apis/karpenter.sh/v1/nodeclaims",
        "/api/v1/namespaces/default/events",
    ):
        _watched.api.http.delete(path).raise_for_status()


@pytest.fixture
def run(plane: ControlPlane, warehouse: Warehouse) -> Run:
    """Runs a feed once as the service account, going on where its last stored run ended."""
    environ = as_account(plane)

    def once(feed: Feed = nodes.FEED, seconds: int = WATCH_SECONDS) -> RunResult:
        return run_as(environ, warehouse, feed, seconds)

    return once
