"""A server on 127.0.0.1 that answers as a test says, and a source that reaches it as any host."""

import gzip
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import stamina

from collector.errors import (
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.http import Fetcher
from collector.provider import Feed, Source
from collector.replay import ReplayTransport
from collector.run import FeedReport, run_feed
from warehouse.store import Warehouse

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server sends. ``declared_size`` is a content length that is not the body's."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    declared_size: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What the server was sent; ``url`` is host and path as the client meant them."""

    method: str
    url: str
    query: dict[str, str]
    headers: httpx.Headers
    body: bytes = b""


@dataclass(slots=True)
class Loopback:
    """The running server: where it is, and what it was asked."""

    url: str
    requests: list[Request]


BAD_ANSWERS: dict[str, tuple[Answer, type[SourceError]]] = {
    "401": (Answer(b"no", 401), SourceDeniedError),
    "403": (Answer(b"<Error>AccessDenied</Error>", 403), SourceDeniedError),
    "404": (Answer(b"not here", 404), SourceChangedError),
    "429": (Answer(b"slow down", 429, {"retry-after": "7"}), SourceUnavailableError),
    "500": (Answer(b"oops", 500), SourceUnavailableError),
    "503": (Answer(b"<html>gateway</html>", 503), SourceUnavailableError),
    "cut gzip": (
        Answer(
            gzip.compress(b'{"a": "' + bytes(range(65, 91)) * 99)[:40],
            200,
            {"content-encoding": "gzip"},
        ),
        SourceChangedError,
    ),
    "no gzip": (Answer(b"plain", 200, {"content-encoding": "gzip"}), SourceChangedError),
    "cut body": (Answer(b'{"a": ', declared_size=1000), SourceUnavailableError),
    "html": (Answer(b"<!DOCTYPE html><html>sign in</html>"), SourceChangedError),
    "empty": (Answer(b""), SourceChangedError),
    "list": (Answer(b"[]"), SourceChangedError),
    "null": (Answer(b"null"), SourceChangedError),
    "other object": (Answer(b'{"hello": "world"}'), SourceChangedError),
}
"""Answers that are bad for every feed, and how each must be told."""


@contextmanager
def loopback(answer: Callable[[Request], Answer]) -> Generator[Loopback]:
    """Serve while the context lasts."""
    requests: list[Request] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, requests))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Loopback(f"http://127.0.0.1:{server.server_port}", requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def always(answer: Answer) -> Callable[[Request], Answer]:
    """A server's script: the same answer to every request."""
    return lambda _: answer


@contextmanager
def source_at(url: str, region: str = "*", **given: Any) -> Generator[Source]:
    """A source whose every request goes to the server at ``url``; nothing is tried twice."""
    with httpx.Client(transport=ReplayTransport(url)) as client, stamina.set_testing(True):
        given.setdefault("now", NOW)
        yield Source(region=region, http=Fetcher(client), **given)


def run(warehouse: Warehouse, feed: Feed, source: Source) -> FeedReport:
    """Run the feed once, by a clock that stands still at the source's now."""
    return run_feed(warehouse, feed, source, lambda: source.now)


def stored(warehouse: Warehouse) -> dict[str, int]:
    """How many rows each table of facts has; tables without any are left out."""
    tables = ("spot_price", "on_demand_price", "signal", "instance_type", "last_seen")
    counts = {name: len(warehouse.rows(f"from {name}")) for name in tables}
    return {name: count for name, count in counts.items() if count}


def _handler(
    answer: Callable[[Request], Answer], requests: list[Request]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            headers = httpx.Headers(list(self.headers.items()))
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Request(self.command, parts.path.removeprefix("/"), query, headers, body)
            requests.append(request)
            self._send(answer(request))

        def _send(self, given: Answer) -> None:
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            size = given.declared_size or len(given.body)
            self.send_header("content-length", str(size))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    return Handler
