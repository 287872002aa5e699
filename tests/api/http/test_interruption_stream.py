"""``/v1/interruptions/stream`` by a real server and a client that reads it as it comes."""

import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.security.principal import LocalAccess
from api.service.listening import Listeners
from api.service.state import Service
from tests.support.market import NOW
from tests.support.served import a_service, add
from warehouse.records import Interruption, InterruptionKind

QUICK = timedelta(milliseconds=5)
PATH = "/v1/interruptions/stream"


def lost(node: str, minutes: int = 0, instance_type: str | None = "g5.xlarge") -> Interruption:
    at = NOW + timedelta(minutes=minutes)
    kind = InterruptionKind.ANNOUNCED
    place = ("us-east-1", "use1-az4", instance_type)
    return Interruption("aws", *place, node, kind, at, 120, "aws.events", at)


def store(service: Service, *records: Interruption) -> None:
    with service.writing() as warehouse:
        add(warehouse, *records)


@pytest.fixture
def service() -> Iterator[Service]:
    """One whose streams look often, beat at once and are two at most."""
    with a_service() as made:
        yield replace(made, listeners=Listeners(2, QUICK, QUICK))


@pytest.fixture
def server(service: Service) -> Iterator[tuple[uvicorn.Server, threading.Thread]]:
    """A server on a free port of this machine."""
    config = uvicorn.Config(
        create_app(service, LocalAccess()), port=0, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    is_up = threading.Event()
    startup = server.startup

    async def started(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        is_up.set()

    server.startup = started  # type: ignore[method-assign] # tells that it listens, without a wait
    thread.start()
    assert is_up.wait(10)
    yield server, thread
    service.listeners.stop()
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


Listen = Callable[..., Any]


@pytest.fixture
def listen(server: tuple[uvicorn.Server, threading.Thread]) -> Iterator[Listen]:
    """Opens a stream: gives the response and its events, each as its fields."""
    port = server[0].servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:

        @contextmanager
        def opened(
            query: str = "", headers: Mapping[str, str] | None = None
        ) -> Generator[tuple[httpx.Response, Iterator[dict[str, str]]]]:
            with client.stream("GET", PATH + query, headers=headers) as answer:
                yield answer, events(answer.iter_lines())

        yield opened


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The blocks of a stream; a comment has the field ``comment``."""
    block: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            block[name or "comment"] = value.strip()
        elif block:
            yield block
            block = {}


def told(blocks: Iterator[dict[str, str]], count: int) -> list[dict[str, str]]:
    """The next so many that are no beat."""
    found: list[dict[str, str]] = []
    while len(found) < count:
        block = next(blocks)
        if "data" in block:
            found.append(block)
    return found


def nodes(blocks: list[dict[str, str]]) -> list[str]:
    return [json.loads(one["data"])["node"] for one in blocks]


def test_a_report_is_told_as_it_is_stored_and_those_before_are_not(
    service: Service, listen: Listen
) -> None:
    store(service, lost("i-before"))

    with listen() as (answer, blocks):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        assert next(blocks)["id"]
        store(service, lost("i-1"), lost("i-2"))
        first, second = told(blocks, 2)

    assert nodes([first, second]) == ["i-1", "i-2"]
    assert first["event"] == "interruption"
    assert json.loads(first["data"])["notice_seconds"] == 120


def test_a_client_that_comes_back_misses_none_and_hears_none_twice(
    service: Service, listen: Listen
) -> None:
    with listen() as (_, blocks):
        next(blocks)
        store(service, lost("i-1"))
        (first,) = told(blocks, 1)
    # Stored while nobody listens; the second was read long before the first.
    store(service, lost("i-2", 10))
    store(service, lost("i-3", -600))

    with listen(headers={"last-event-id": first["id"]}) as (_, blocks):
        again = told(blocks, 2)
    with listen(f"?last_event_id={again[0]['id']}") as (_, blocks):
        last = told(blocks, 1)

    assert (nodes(again), nodes(last)) == (["i-2", "i-3"], ["i-3"])


def test_a_client_that_heard_nothing_yet_comes_back_by_the_id_of_the_beginning(
    service: Service, listen: Listen
) -> None:
    with listen() as (_, blocks):
        begin = next(blocks)["id"]
    store(service, lost("i-1"))

    with listen(headers={"last-event-id": begin}) as (_, blocks):
        assert nodes(told(blocks, 1)) == ["i-1"]


def test_an_id_of_a_database_that_was_made_anew_goes_on_by_the_time_of_reading(
    service: Service, listen: Listen
) -> None:
    with listen() as (_, blocks):
        next(blocks)
        store(service, lost("i-1"))
        (first,) = told(blocks, 1)
    with service.writing() as warehouse:
        warehouse.execute("delete from interruption")
    store(service, lost("i-old", -600), lost("i-new", 5))

    with listen(headers={"last-event-id": first["id"]}) as (_, blocks):
        assert nodes(told(blocks, 1)) == ["i-new"]


def test_only_the_pools_that_were_asked_for_are_told_of(service: Service, listen: Listen) -> None:
    with listen("?instance_type=p3.*") as (_, blocks):
        next(blocks)
        store(service, lost("i-1"), lost("i-2", 0, None), lost("i-3", 0, "p3.2xlarge"))

        assert nodes(told(blocks, 1)) == ["i-3"]


def test_a_silent_stream_beats(listen: Listen) -> None:
    with listen() as (_, blocks):
        next(blocks)
        assert next(blocks) == {"comment": "ping"}


def test_the_streams_are_bounded_and_one_that_is_left_is_free_again(
    service: Service, listen: Listen
) -> None:
    with listen() as (_, one), listen() as (_, two):
        next(one)
        next(two)
        with listen() as (refused, _):
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
            assert "2 clients listen already" in refused.read().decode()
    is_free = threading.Event()
    for _ in range(1_000):
        if service.listeners.count == 0:
            break
        is_free.wait(QUICK.total_seconds())

    with listen() as (answer, _):
        assert answer.status_code == 200


def test_a_server_that_stops_ends_its_streams(
    service: Service, server: tuple[uvicorn.Server, threading.Thread], listen: Listen
) -> None:
    with listen() as (_, blocks):
        next(blocks)
        service.listeners.stop()
        server[0].should_exit = True

        assert [one for one in blocks if "data" in one] == []
    server[1].join(10)
    assert not server[1].is_alive()


@pytest.mark.parametrize("wrong", ["oops", "WzFd", "WyJhIiwiYiIsImMiXQ"])
def test_an_id_that_is_none_of_ours_is_refused_by_name(listen: Listen, wrong: str) -> None:
    with listen(f"?last_event_id={wrong}") as (answer, _):
        assert answer.status_code == 422
        assert json.loads(answer.read())["errors"][0]["field"] == "last_event_id"
