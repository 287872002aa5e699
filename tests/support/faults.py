"""A server that fails as networks and clouds do, after as many good answers as a test says."""

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.support.feeds import replay_server

NUMBER = re.compile(r"(?<=[>\",:\[ ])-?\d+(?:\.\d+)?(?=[<\",\]} \n])")
WORD = re.compile(r"\"[A-Za-z][\w .%<>-]*\"(?!\s*:)|(?<=>)[A-Za-z][\w .-]*(?=<)")


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire: ``seconds_a_byte`` above 0 makes it drip."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds_a_byte: float = 0.0
    is_cut: bool = False


Fault = Callable[[Reply], Reply]
"""What becomes of the answer that the feed would have got."""


def silent(_: Reply) -> Reply:
    """No answer at all, for longer than anyone waits."""
    time.sleep(1.0)
    return Reply()


def drip(good: Reply) -> Reply:
    """The good answer, a byte at a time, until the line breaks."""
    return Reply(200, good.body[:12], good.headers, seconds_a_byte=0.01, is_cut=True)


def always(status: int, body: bytes = b"no", **headers: str) -> Fault:
    """The same answer, whatever was asked."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, body, named)


def cut_gzip(good: Reply) -> Reply:
    """The good answer, packed, with its end missing."""
    packed = gzip.compress(good.body or b"x" * 100)
    return Reply(200, packed[: len(packed) // 2], {"content-encoding": "gzip"})


def wrong_types(good: Reply) -> Reply:
    """Every number is a text that is none."""
    text = good.body.decode("utf-8", "replace")
    quoted = '"many"' if text.lstrip().startswith(("{", "[")) else "many"
    if quoted == '"many"':
        try:
            return Reply(200, json.dumps(_changed(json.loads(text), number="many")).encode())
        except json.JSONDecodeError:
            pass
    return Reply(200, NUMBER.sub("many", text).encode())


def unknown_words(good: Reply) -> Reply:
    """Every word is one that nobody has heard of."""
    text = good.body.decode("utf-8", "replace")
    try:
        return Reply(200, json.dumps(_changed(json.loads(text), word="Surprise")).encode())
    except json.JSONDecodeError:
        return Reply(200, WORD.sub("Surprise", text).encode())


def _changed(value: Any, *, number: str | None = None, word: str | None = None) -> Any:
    if isinstance(value, dict):
        return {key: _changed(one, number=number, word=word) for key, one in value.items()}
    if isinstance(value, list):
        return [_changed(one, number=number, word=word) for one in value]
    if isinstance(value, str) and word:
        return word
    if isinstance(value, (int, float)) and not isinstance(value, bool) and number:
        return number
    return value


class FaultyServer:
    """Answers ``good_answers`` requests from the payloads, and breaks all that follow."""

    def __init__(self, replay_url: str) -> None:
        self._replay = httpx.Client(base_url=replay_url, timeout=10.0)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.fault: Fault | None = None
        self.good_answers = 0
        self.asked = 0
        self.firsts: dict[str, Reply] | None = None
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def break_with(self, fault: Fault | None, *, after: int = 0) -> None:
        """From now on let ``after`` requests succeed, then break each."""
        self.fault, self.good_answers, self.asked, self.firsts = fault, after, 0, None

    def repeat_first_pages(self) -> None:
        """From now on answer whatever page is asked for with the first."""
        self.break_with(None)
        self.firsts = {}

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._replay.close()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to one request."""
        self.asked += 1
        kept = {
            name: value
            for name, value in headers.items()
            if name.lower() not in {"host", "content-length", "accept-encoding", "connection"}
        }
        found = self._replay.request(method, path, headers=kept, content=body)
        good = Reply(
            found.status_code, found.content, {"content-type": found.headers["content-type"]}
        )
        if self.firsts is not None:
            asked = path.partition("?")[0] + headers.get("x-amz-target", "")
            action = re.search(rb"Action=\w+", body)
            key = asked + (action[0].decode() if action else "") + headers.get("x-acs-action", "")
            return self.firsts.setdefault(key, good)
        if self.fault is None or self.asked <= self.good_answers:
            return good
        return self.fault(good)


@contextmanager
def faulty_server() -> Generator[FaultyServer]:
    """The server, while the context lasts."""
    with replay_server() as replay:
        server = FaultyServer(replay.url)
        try:
            yield server
        finally:
            server.close()


def closed_port() -> str:
    """A URL where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_PUT(self) -> None:
            self._reply()

        def do_DELETE(self) -> None:
            self._reply()

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer(self.command, self.path, headers, body)
            try:
                _send(self, reply)
            except OSError:
                return  # The client has given up, as it should.

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    return Handler


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    size = len(reply.body) + (1000 if reply.is_cut else 0)
    handler.send_header("content-length", str(size))
    handler.end_headers()
    if not reply.seconds_a_byte:
        handler.wfile.write(reply.body)
        return
    for byte in reply.body:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(reply.seconds_a_byte)
