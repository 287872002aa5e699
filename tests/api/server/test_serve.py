"""``spotcast serve`` as a process: it serves, reads, stops when asked, and loses nothing."""

import json
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.guard.looking import LEASE
from api.server.logs import LogFormat
from api.server.views import ViewKeeper
from tests.support.agents import asked, every_tool, tool_names
from tests.support.apiserver import kubeconfig
from tests.support.cli import Run, a_market, fill
from tests.support.guarded_api import GuardedApi, serving
from tests.support.guarded_objects import LEASES, RESOURCES
from tests.support.market import NOW
from tests.support.processes import Program, free_port, wait_for
from warehouse.runs import abandon_runs
from warehouse.store import Warehouse

PAYLOADS = Path(__file__).parents[2] / "fixtures" / "payloads"
FEEDS = ("--feed", "aws.spot_advisor", "--feed", "aws.availability_zones")
READING = ("--replay", str(PAYLOADS), *FEEDS)
SECONDS = 30.0


class Served:
    """A server that runs, and a client that asks it."""

    def __init__(self, database: Path, log: Path, *options: str) -> None:
        command = [sys.executable, "-c", "from api.cli import main; main()", "serve"]
        place = ["--port", str(free_port()), "-w", str(database), "--no-jobs"]
        self.program = Program([*command, *place, *options], log)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{place[1]}", trust_env=False)

    def lines(self) -> list[dict[str, Any]]:
        """What it logged; a line that is being written is not there yet."""
        text = self.program.log.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in text.splitlines()]

    def events(self) -> list[str]:
        """The names of what it logged."""
        return [one["event"] for one in self.lines()]

    def figure(self, name: str) -> float:
        """A metric without labels; 0 if it is not told."""
        (_, _, rest) = self.client.get("/metrics").text.partition(f"\n{name} ")
        return float(rest.partition("\n")[0] or 0)

    def is_at(self, path: str, status: int = 200) -> bool:
        """Whether it answers so."""
        try:
            return self.client.get(path).status_code == status
        except httpx.TransportError:
            return False


@contextmanager
def served(database: Path, *options: str) -> Generator[Served]:
    """A server that has begun to serve, and is gone afterwards."""
    one = Served(database, database.parent / "serve.log", *options)
    try:
        one.program.wait_until(lambda: one.is_at("/healthz"), SECONDS)
        yield one
    finally:
        one.client.close()
        one.program.stop(signal.SIGKILL)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A small market."""
    path = tmp_path / "served.duckdb"
    fill(path, *a_market(NOW))
    return path


def test_it_reads_serves_and_stops_when_it_is_asked(database: Path) -> None:
    with served(database, *READING) as one:
        wait_for(lambda: one.is_at("/readyz"), "ready")
        ranked = one.client.get("/v1/rankings", params={"gpus": 1}).json()
        figures = one.client.get("/metrics").text
        alerts = one.client.get("/alerts", params={"lang": "en"}).text
        tools = asked(f"{one.client.base_url}/mcp", every_tool)
        one.program.send(signal.SIGTERM)
        code = one.program.ended(SECONDS)
        lines = one.lines()

    assert ranked["total"] == 3
    assert "This server does no jobs" in alerts
    assert list(tools) == tool_names()
    assert [name for name, answer in tools.items() if answer.is_error] == []
    assert 'spotcast_feed_runs_total{feed="aws.spot_advisor",outcome="ok"} 1.0' in figures
    assert code == 0
    runs = {(line["feed"], line["outcome"]) for line in lines if line["event"] == "feed_run"}
    assert runs == {("aws.spot_advisor", "ok"), ("aws.availability_zones", "ok")}
    assert [one["event"] for one in lines][-2:] == ["stopping", "stopped"]
    with Warehouse.open(database) as warehouse:
        assert warehouse.rows("select count(*) from zone_alias")[0][0] == 6


def test_jobs_are_done_by_the_clock_and_leave_rows(database: Path) -> None:
    with served(database, "--no-collect", "--jobs") as one:
        wait_for(lambda: "job_run" in one.events(), "a job is done")
        page = one.client.get("/alerts", params={"lang": "en"}).text
        one.program.send(signal.SIGTERM)
        code = one.program.ended(SECONDS)
        told = [
            (line["job"], line["outcome"]) for line in one.lines() if line["event"] == "job_run"
        ]

    assert code == 0
    assert "This server does no jobs" not in page
    with Warehouse.open(database) as warehouse:
        rows = warehouse.rows("select job, outcome from job_run")
    # Those that are quick run beside another, so lines and rows may be in another order.
    assert sorted(rows) == sorted(told)


def test_a_request_under_way_is_answered_before_it_stops(database: Path) -> None:
    with served(database, "--no-collect") as one:
        body = [b'{"demand": ', b'{"gpus": 1}}']

        def slowly() -> Iterator[bytes]:
            yield body[0]
            one.program.send(signal.SIGINT)
            wait_for(lambda: "stopping" in one.events(), "the signal has come")
            yield body[1]

        answer = one.client.post(
            "/v1/rankings", content=slowly(), headers={"content-type": "application/json"}
        )
        code = one.program.ended(SECONDS)

    assert answer.status_code == 200
    assert answer.json()["total"] == 3
    assert code == 0


def test_a_second_signal_does_not_wait(database: Path) -> None:
    with served(database, "--no-collect") as one:

        def never_ending() -> Iterator[bytes]:
            yield b"{"
            one.program.send(signal.SIGTERM)
            wait_for(lambda: "stopping" in one.events(), "the signal has come")
            one.program.send(signal.SIGTERM)
            one.program.ended(SECONDS)
            yield b"}"

        with pytest.raises(httpx.TransportError):
            one.client.post("/v1/rankings", content=never_ending())
        assert one.program.ended(SECONDS) == -signal.SIGTERM


@pytest.mark.usefixtures("quiet")
def test_another_server_is_told_who_holds_the_database_and_a_kill_loses_nothing(
    run: Run, database: Path
) -> None:
    with served(database, *READING) as one:
        wait_for(lambda: one.events().count("feed_run") == 2, "both feeds are read")
        other = run("serve", "--port", "0", "-w", str(database))
        one.program.send(signal.SIGKILL)
        one.program.ended(SECONDS)

    assert other.code == 1
    assert f"process {one.program.pid}" in other.err
    with Warehouse.open(database) as warehouse:
        abandon_runs(warehouse)
        outcomes = warehouse.rows("select outcome, count(*) from feed_run group by all")
        signals = warehouse.rows("select count(*) from signal where source = 'aws.spot_advisor'")
    assert outcomes == [("ok", 2)]
    assert signals[0][0] > 2


def test_it_guards_a_cluster_and_gives_the_lease_back(database: Path, tmp_path: Path) -> None:
    api = GuardedApi({resource: {} for resource in RESOURCES})
    with serving(api) as url:
        options = ("--kubeconfig", str(kubeconfig(tmp_path, url)), "--guard-interval", "1s")
        with served(database, "--no-collect", "--guard", "act", *options) as one:
            looked = "spotcast_guard_leader 1.0"
            wait_for(lambda: looked in one.client.get("/metrics").text, "a look", SECONDS)
            # What it notes at each look changes no answer, so none makes the market's view anew.
            wait_for(lambda: one.figure("spotcast_market_view_age_seconds") > 5, "an old view")
            held = api.at(LEASES, LEASE, "default")["spec"]["leaseDurationSeconds"]
            one.program.send(signal.SIGTERM)
            code = one.program.ended(SECONDS)
    left = api.at(LEASES, LEASE, "default")["spec"]["leaseDurationSeconds"]
    assert (code, held, left) == (0, 30, 1)


@pytest.mark.usefixtures("quiet")
def test_a_thread_that_dies_ends_the_process_with_an_error(
    run: Run, database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def die(_: ViewKeeper) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(ViewKeeper, "keep", die)
    ended = run("serve", "--no-collect", "--port", "0", "-w", str(database))
    assert ended.code == 1
    assert [one.told for one in caplog.records if one.message == "thread_died"] == [  # type: ignore[attr-defined] # our own
        {"thread": "views"}
    ]


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command in this process must not set up the log of the tests."""

    def leave(form: LogFormat | None) -> None:
        del form

    monkeypatch.setattr("api.commands.serve.set_up_log", leave)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "nobody would be asked for a key"),  # noqa: S104 - it is refused
        (("--guard", "observe", "--guard-interval", "0s"), "--guard-interval must be above 0 s"),
        (("--feed", "aws.nothing"), "unknown aws.nothing"),
    ],
)
def test_wrong_usage_is_told_before_anything_begins(
    run: Run, database: Path, options: tuple[str, ...], said: str
) -> None:
    ended = run("serve", "--port", "0", "-w", str(database), *options)
    assert ended.code == 2
    assert said in ended.err
