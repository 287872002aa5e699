"""An Azure subscription that does not exist: its recorded answers, and a server for tests."""

import json
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from collector.profiles import WorkloadProfile
from collector.provider import Feed, Source
from collector.providers.azure import PROVIDER
from collector.providers.azure.client import AzureConnection
from collector.providers.azure.credentials import Credentials, StaticToken
from collector.replay import Recordings, ReplayServer
from tests.support.loopback import NOW, Answer, source_at

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
REGION = "eastus"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
TOKEN = "a-token-that-is-in-no-message"  # noqa: S105 - invented
T4, D4S, A100 = "Standard_NC4as_T4_v3", "Standard_D4s_v5", "Standard_NC24ads_A100_v4"

PROFILE = WorkloadProfile("inference", "azure", (D4S, A100), 10, (REGION,))


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it arrived; ``url`` is host and path as the client meant them."""

    method: str
    url: str
    query: dict[str, str]
    headers: httpx.Headers
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The body, read as a form."""
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server: where it is, and what it was sent."""

    url: str
    sent: list[Sent]


@contextmanager
def serving(answer: Callable[[Sent], Answer]) -> Generator[Serving]:
    """Serve while the context lasts; ``answer`` is the script."""
    sent: list[Sent] = []

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            headers = httpx.Headers(list(self.headers.items()))
            request = Sent(self.command, parts.path.removeprefix("/"), query, headers, body)
            sent.append(request)
            given = answer(request)
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(given.declared_size or len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Serving(f"http://127.0.0.1:{server.server_port}", sent)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def in_turn(*answers: object) -> Callable[[Sent], Answer]:
    """A script: one answer after the other, each an `Answer` or something to send as JSON."""
    given = iter(answers)
    return lambda _: as_answer(next(given))


def as_answer(given: object) -> Answer:
    """``given``, as JSON if it is not an answer yet."""
    return given if isinstance(given, Answer) else Answer(json.dumps(given).encode())


def refused(status: int, code: str, **headers: str) -> Answer:
    """An error as the management API words it."""
    error = {"error": {"code": code, "message": f"{code}: object 1234 of tenant 5678"}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(json.dumps(error).encode(), status, named)


def connection(
    credentials: Credentials | None = None, clock: Callable[[], datetime] = lambda: NOW
) -> AzureConnection:
    """A connection to the subscription, with a token at hand unless told otherwise."""
    return AzureConnection(credentials or StaticToken(TOKEN), SUBSCRIPTION, clock=clock, attempts=1)


@contextmanager
def azure_at(url: str, **given: Any) -> Generator[Source]:
    """A source with that connection, for which every host is the server at ``url``."""
    given.setdefault("region", REGION)
    given.setdefault("connections", {"azure": connection()})
    given.setdefault("profiles", (PROFILE,))
    with source_at(url, **given) as source:
        yield source


@contextmanager
def replayed(**given: Any) -> Generator[Source]:
    """A source whose Azure is the folder of recorded answers."""
    recorded_as = [("azure", one) for feed in PROVIDER.feeds for one in feed.recorded_as]
    with (
        ReplayServer(Recordings(PAYLOADS, recorded_as)) as server,
        azure_at(server.url, **given) as source,
    ):
        yield source


def collected(feed: Feed, *answers: object, **given: Any) -> tuple[list[Any], Sequence[Sent]]:
    """What the feed yields if it is answered so, one answer after the other, and what it sent."""
    with serving(in_turn(*answers)) as server, azure_at(server.url, **given) as source:
        return list(feed.collect(source)), server.sent
