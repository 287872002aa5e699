"""``/mcp`` of an application, and the command that hands on to it."""

import os
import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import anyio
import httpx
import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from starlette.requests import HTTPConnection
from starlette.routing import Route

from api.app import create_app
from api.security.principal import Access, LocalAccess, Principal, Scope
from api.service.state import Service
from api.tools.bridge import Remote, bridge
from api.tools.http import LARGEST_BODY
from api.tools.running import tools_app
from api.tools.server import nothing_before
from tests.support.agents import EXAMPLES, asked, called, every_tool, text_of, tool_names
from tests.support.processes import free_port, wait_for
from tests.support.served import a_service

ASKED = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"accept": "application/json, text/event-stream"}


KEYS = {
    "Bearer reader": Principal("reader", frozenset({Scope.READ})),
    "Bearer feeder": Principal("feeder", frozenset({Scope.INGEST})),
}


class ByKey:
    """Knows who has which of `KEYS`."""

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """Whose key was sent."""
        return KEYS.get(asking.headers.get("authorization", ""))


def served(service: Service, access: Access) -> AbstractContextManager[str]:
    """The tools of a service, as a server mounts them."""
    return running(tools_app(service, nothing_before, access))


@contextmanager
def running(app: FastAPI) -> Generator[str]:
    """An application on loopback: its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, "the server answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def local() -> Generator[str]:
    """A server for whoever is on this machine."""
    with a_service() as service, served(service, LocalAccess()) as url:
        yield url


@pytest.fixture(scope="module")
def guarded() -> Generator[str]:
    """A server that asks for a key."""
    with a_service() as service, served(service, ByKey()) as url:
        yield url


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_answers_over_streamable_http(local: str, mode: str) -> None:
    answers = asked(f"{local}/mcp", every_tool, mode=mode)

    assert list(answers) == tool_names()
    assert [name for name, answer in answers.items() if answer.is_error] == []


def test_a_request_needs_a_key_with_the_scope_read(guarded: str) -> None:
    statuses = {
        key: httpx.post(
            f"{guarded}/mcp", json=ASKED, headers={**HEADERS, "authorization": key}
        ).status_code
        for key in ("Bearer reader", "Bearer feeder", "Bearer nobody", "")
    }

    assert statuses == {
        "Bearer reader": 200,
        "Bearer feeder": 403,
        "Bearer nobody": 401,
        "": 401,
    }


def test_a_client_with_a_key_is_answered(guarded: str) -> None:
    async def ask() -> CallToolResult:
        headers = {"authorization": "Bearer reader"}
        async with httpx2.AsyncClient(headers=headers) as http:
            way = streamable_http_client(f"{guarded}/mcp", http_client=http)
            async with Client(way) as client:
                return await client.call_tool("search")

    assert not anyio.run(ask).is_error


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "rebound.example"}, 421),
        ({"origin": "https://foreign.example"}, 403),
        ({"content-type": "text/plain"}, 400),
        ({"accept": "text/html"}, 406),
    ],
)
def test_a_page_of_a_foreign_site_is_turned_away(
    local: str, headers: dict[str, str], status: int
) -> None:
    sent = {"content-type": "application/json", **HEADERS, **headers}
    answer = httpx.post(f"{local}/mcp", content=b"{}", headers=sent)

    assert answer.status_code == status


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_no_session_to_listen_to_or_to_end(local: str, method: str) -> None:
    assert httpx.request(method, f"{local}/mcp", headers=HEADERS).status_code == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"no JSON", 400),
        (b"[]", 400),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}', 400),
        (b" " * (LARGEST_BODY + 1), 413),
    ],
)
def test_what_is_no_request_is_refused_and_breaks_nothing(
    local: str, body: bytes, status: int
) -> None:
    headers = {"content-type": "application/json", **HEADERS}

    assert httpx.post(f"{local}/mcp", content=body, headers=headers).status_code == status
    assert not called(f"{local}/mcp", "feeds").is_error


def test_a_server_mounts_them_beside_the_document_of_its_http_api() -> None:
    with a_service() as service:
        app = create_app(service, LocalAccess())
        with TestClient(app, "http://localhost") as client:
            answer = client.post("/mcp", json=ASKED, headers=HEADERS)
    (place,) = [one for one in app.routes if isinstance(one, Route) and one.path == "/mcp"]

    assert [one["name"] for one in answer.json()["result"]["tools"]] == tool_names()
    assert not place.include_in_schema


def test_an_application_that_is_not_running_says_so_instead_of_failing() -> None:
    with a_service() as service:
        app = tools_app(service, nothing_before, LocalAccess())
        answer = TestClient(app, "http://localhost").post("/mcp", json=ASKED, headers=HEADERS)

    assert answer.status_code == 503


def test_the_command_hands_on_every_question_and_every_answer(guarded: str) -> None:
    command = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from api.cli import main; main()", "mcp", "--server", f"{guarded}/"],
        env={**os.environ, "SPOTCAST_API_KEY": "reader"},
    )
    answers = asked(command, every_tool)

    assert list(answers) == tool_names()
    assert [name for name, answer in answers.items() if answer.is_error] == []


def test_what_is_handed_on_is_what_the_server_says(local: str) -> None:
    far, near = bridge(Remote(local)), f"{local}/mcp"
    wrong = {**EXAMPLES["search"], "regoin": "x"}

    assert asked(far, lambda client: client.list_tools()).tools == (
        asked(near, lambda client: client.list_tools()).tools
    )
    assert called(far, "search", EXAMPLES["search"]) == called(near, "search", EXAMPLES["search"])
    assert text_of(called(far, "search", wrong)) == text_of(called(near, "search", wrong))
    reads: list[Callable[[Client], Awaitable[Any]]] = [
        lambda client: client.list_resources(),
        lambda client: client.read_resource("spotcast://reference/risk"),
        lambda client: client.list_prompts(),
        lambda client: client.get_prompt("choose_gpu_node_pool", {"workload": "vllm"}),
    ]
    for read in reads:
        assert asked(far, read) == asked(near, read)
    assert "there is no such argument" in text_of(called(far, "search", wrong))
    assert "There is no tool" in text_of(called(far, "nothing"))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "it wants a key: set SPOTCAST_API_KEY"),
        ("nobody", "it wants a key"),
        ("feeder", "the key in SPOTCAST_API_KEY lacks the scope read"),
    ],
)
def test_a_key_that_does_not_fit_is_told_and_never_shown(
    guarded: str, key: str | None, told: str
) -> None:
    remote = Remote(guarded, key)
    answer = called(bridge(remote), "search")

    assert answer.is_error
    assert told in text_of(answer)
    assert key is None or key not in text_of(answer) + repr(remote)


def test_a_server_that_is_not_there_or_has_no_tools_is_told() -> None:
    with running(FastAPI()) as url:
        without = called(bridge(Remote(url)), "search")
    nobody = called(bridge(Remote(url)), "search")

    assert "it has no /mcp: install the extra there" in text_of(without)
    assert "cannot be reached (ConnectError)" in text_of(nobody)
