"""``spotcast mcp`` as a process, over standard input and output and over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters

from api.cli import main
from tests.support.agents import asked, every_tool, tool_names
from tests.support.cli import a_market, fill
from tests.support.processes import Program, free_port

COMMAND = ("-c", "from api.cli import main; main()", "mcp")


def started(*arguments: str, env: Mapping[str, str] | None = None) -> StdioServerParameters:
    """The command as a client starts it."""
    return StdioServerParameters(
        command=sys.executable, args=[*COMMAND, *arguments], env={**os.environ, **(env or {})}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a market that was told now."""
    made = tmp_path / "spotcast.duckdb"
    fill(made, *a_market(datetime.now(UTC)))
    return made


def test_every_tool_answers_over_standard_input_and_output(path: Path) -> None:
    answers = asked(started("--warehouse", str(path)), every_tool)

    assert list(answers) == tool_names()
    assert [name for name, answer in answers.items() if answer.is_error] == []


def test_nothing_but_the_protocol_goes_to_standard_output(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {
            "method": "initialize",
            "id": 1,
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"method": "tools/call", "id": 2, "params": {"name": "search", "arguments": {}}},
        {"method": "tools/call", "id": 3, "params": {"name": "nothing"}},
        {"method": "no/such/method", "id": 4},
    ]
    told = "".join(json.dumps({"jsonrpc": "2.0", **one}) + "\n" for one in lines)
    missing = tmp_path / "none.duckdb"

    with subprocess.Popen(
        [sys.executable, *COMMAND, "--warehouse", str(missing)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(told + "this is no JSON\n")
        process.stdin.flush()
        got = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.stdin.close()
        rest = process.stdout.read()
        errors = process.stderr.read()

    answers = {one["id"]: one for one in got}
    assert process.returncode == 0, errors
    assert rest == ""
    assert all(one["jsonrpc"] == "2.0" for one in got)
    assert answers[1]["result"]["serverInfo"]["name"] == "spotcast"
    assert answers[2]["result"]["isError"]
    assert "no database there" in answers[2]["result"]["content"][0]["text"]
    assert "error" in answers[3]
    assert "error" in answers[4]
    assert "Traceback" not in errors


@contextmanager
def listening(path: Path, log: Path) -> Generator[tuple[str, Program]]:
    """The command over HTTP: where it is, and its process."""
    port = free_port()
    options = ["--warehouse", str(path), "--transport", "http", "--port", str(port)]
    program = Program([sys.executable, *COMMAND, *options], log)
    try:
        program.wait_until(lambda: answers(port), 30)
        yield f"http://127.0.0.1:{port}/mcp", program
    finally:
        program.stop()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", port)) == 0


def test_every_tool_answers_over_http_until_a_signal_ends_it(path: Path) -> None:
    with listening(path, path.with_name("mcp.log")) as (url, program):
        told = asked(url, every_tool)
        program.send(signal.SIGTERM)
        assert program.ended(10) == 0

    assert list(told) == tool_names()
    assert [name for name, answer in told.items() if answer.is_error] == []


def test_a_host_that_others_reach_is_refused_without_a_key(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["mcp", "-w", str(path), "--transport", "http", "--host", "192.0.2.1"])

    assert ended.value.code == 2
    assert "192.0.2.1 can be reached from other machines" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--server", "localhost:8080"], "give an address such as http://"),
        (["--server", "http://x", "--transport", "http"], "--server is for stdio"),
    ],
)
def test_options_that_say_nothing_are_refused(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["mcp", *options])

    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_without_the_sdk_the_command_says_what_to_install_and_a_server_has_no_tools() -> None:
    script = (
        "import sys; sys.modules['mcp'] = None\n"
        "from api.app import add_tools; from fastapi import FastAPI; app = FastAPI()\n"
        "add_tools(app, None); assert '/mcp' not in [getattr(r, 'path', '') for r in app.routes]\n"
        "from api.cli import main; main(['mcp'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 2
    assert "The MCP SDK is not installed: pip install 'spotcast[mcp]'" in ended.stderr
