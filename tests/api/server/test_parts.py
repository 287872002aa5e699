"""The parts of a server's process: threads that fall together, views that are made when due."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Self

import pytest

from api.errors import UsageError
from api.security.configured import access_of
from api.server.crew import Crew
from api.server.http import listening, url_of
from api.server.logs import LogFormat
from api.server.views import ViewKeeper
from api.service.market_view import MarketView
from api.service.state import Service
from api.settings import settings_from
from tests.support.market import a_pool, a_price
from tests.support.served import a_service, add
from warehouse.errors import WarehouseError
from warehouse.pace import paced

SECONDS = 10.0


def waiting(crew: Crew) -> Callable[[], None]:
    """Work that ends when it is asked to."""

    def wait() -> None:
        crew.stop.wait()

    return wait


def test_a_thread_that_dies_stops_the_others_and_is_named() -> None:
    crew = Crew(threading.Event())

    def die() -> None:
        raise RuntimeError("a fault of ours")

    crew.start("other", waiting(crew))
    crew.start("broken", die)
    assert crew.stop.wait(SECONDS)
    crew.end()
    assert crew.dead == ["broken"]
    assert str(crew.fault) == "a fault of ours"


def test_a_thread_that_ends_before_it_is_asked_to_is_a_fault() -> None:
    crew = Crew(threading.Event())
    crew.start("idle", lambda: None)
    assert crew.stop.wait(SECONDS)
    crew.end()
    assert crew.dead == ["idle"]
    assert crew.fault


def test_threads_that_end_when_they_are_asked_to_are_no_fault() -> None:
    crew = Crew(threading.Event())
    crew.start("one", waiting(crew))
    crew.end()
    assert (crew.dead, crew.fault) == ([], None)


class Keeping:
    """A `ViewKeeper` in a thread; each view that is made is given to ``seen``."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.made = threading.Semaphore(0)
        self.keeper = ViewKeeper(service, made=lambda _: self.made.release())
        self._thread = threading.Thread(target=self.keeper.keep)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.service.stopping.set()
        self.keeper.wake()
        self._thread.join()


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest between two views."""
    monkeypatch.setattr("api.server.views.REST", 0.0)
    monkeypatch.setattr("api.server.views.SHORTEST_REST_SECONDS", 0.0)


@pytest.mark.usefixtures("restless")
def test_a_view_is_made_at_once_and_again_when_something_was_stored() -> None:
    with a_service() as service, Keeping(service) as keeping:
        assert keeping.made.acquire(timeout=SECONDS)
        first = service.markets.newest
        with service.writing() as warehouse:
            add(warehouse, a_price(7.0, a_pool("g5.xlarge", zone="use1-az6")))
        keeping.keeper.wake()
        assert keeping.made.acquire(timeout=SECONDS)
        assert service.markets.newest is not first
        assert service.forecasts.newest.made


@pytest.mark.usefixtures("restless")
def test_the_first_view_is_made_in_a_hurry_and_those_after_it_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hurried: list[bool] = []
    with a_service() as service:
        refresh, items = service.markets.refresh, [1]

        def look() -> MarketView:
            hurried.append(paced(items) is items)
            return refresh()

        monkeypatch.setattr(service.markets, "refresh", look)
        with Keeping(service) as keeping:
            assert keeping.made.acquire(timeout=SECONDS)
            with service.writing():
                pass
            keeping.keeper.wake()
            assert keeping.made.acquire(timeout=SECONDS)
    assert hurried == [True, False]


@pytest.mark.usefixtures("restless")
def test_a_database_that_cannot_be_read_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with a_service() as service:
        refresh, failures = service.markets.refresh, [WarehouseError("the disk is away")]

        def fail_once() -> MarketView:
            if failures:
                raise failures.pop()
            return refresh()

        monkeypatch.setattr(service.markets, "refresh", fail_once)
        with Keeping(service) as keeping:
            assert keeping.made.acquire(timeout=SECONDS)
    assert [one.message for one in caplog.records] == ["view_not_made"]


def test_a_fault_in_making_a_view_ends_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> MarketView:
        raise IndexError

    with a_service() as service:
        monkeypatch.setattr(service.markets, "refresh", broken)
        with pytest.raises(IndexError):
            ViewKeeper(service, made=lambda _: None).keep()


def test_a_port_in_use_is_told_with_its_address() -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert url_of(taken) == f"http://127.0.0.1:{port}"
        with (
            pytest.raises(UsageError, match=f"--host 127.0.0.1 --port {port}: Address already"),
            listening("127.0.0.1", port),
        ):
            pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no host"])
def test_an_address_that_is_not_ours_is_told(host: str) -> None:
    with pytest.raises(UsageError, match=f"--host {host}"), listening(host, 0):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104 - refused
def test_off_loopback_nobody_is_served_without_authentication(host: str) -> None:
    with pytest.raises(UsageError, match="nobody would be asked for a key"):
        access_of(settings_from({}), host)


SAYS_SO = """
import warnings
from api.server.logs import LogFormat, set_up_log

set_up_log(LogFormat(FORM))
warnings.warn("the day is old;\\nuse spotcast_k1_secret", UserWarning)
"""


@pytest.mark.parametrize("form", LogFormat)
def test_a_warning_of_python_is_one_line_of_the_log_without_secrets(form: LogFormat) -> None:
    program = SAYS_SO.replace("FORM", repr(form.value))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    (line,) = done.stderr.splitlines()
    assert "secret" not in line
    if form is LogFormat.JSON:
        told = json.loads(line)
        assert (told["level"], told["event"], told["kind"]) == (
            "warning",
            "python_warning",
            "UserWarning",
        )
        assert told["reason"] == "the day is old;\nuse spotcast_k1_[redacted]"
    else:
        assert "WARNING python_warning kind=UserWarning" in line
