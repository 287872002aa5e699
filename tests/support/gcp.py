"""A project at Google Cloud that does not exist: its APIs as a test says they answer."""

import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from collector.provider import Source
from collector.providers.gcp import PROVIDER
from collector.providers.gcp.client import GcpConnection
from collector.providers.gcp.tokens import GivenToken
from collector.replay import Recordings, ReplayServer
from tests.support.loopback import Answer, source_at

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
PROJECT = "example-project"
REGION = "us-central1"
ZONE = "us-central1-a"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/spot-events"
TOKEN = "ya29.a-token-that-is-in-no-message"  # noqa: S105 - invented
KEY = "AIza-a-key-that-is-in-no-message"
COMPUTE = f"compute.googleapis.com/compute/v1/projects/{PROJECT}"
RECORDED_AS = [(PROVIDER.name, stem) for feed in PROVIDER.feeds for stem in feed.recorded_as]

ANSWERS = {
    "/aggregated/machineTypes": "compute.machineTypes.aggregatedList.json",
    "/skus": "billing.v1.skus.page2.json",
    "/advice/capacityHistory": "advice.capacityHistory.zone.json",
    "/advice/capacity": "advice.capacity.response.json",
    "/zones": "compute.zones.list.json",
    "/operations": "zoneOperations.list.preempted.json",
    "/aggregated/instances": "compute.instances.aggregatedList.json",
    "/instances": "compute.instances.list.json",
    ":pull": "pubsub.pull.json",
    ":acknowledge": "pubsub.acknowledge.json",
}
"""Which recorded answer each request has, by how its URL ends."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: ``url`` is host and path as the client meant them, ``body`` its JSON or form."""

    method: str
    url: str
    query: dict[str, str]
    headers: httpx.Headers
    body: Any


@dataclass(slots=True)
class Google:
    """The running server: where it is, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    def urls(self) -> list[str]:
        """Host and path of each request, in order."""
        return [one.url for one in self.asked]


@contextmanager
def google(answer: Callable[[Asked], Any]) -> Generator[Google]:
    """Answer so while the context lasts; what is no `Answer` goes out as JSON."""
    asked: list[Asked] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, asked))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Google(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def script(answers: Mapping[str, Any]) -> Callable[[Asked], Any]:
    """A server that answers by how the URL ends, and with 404 to all else."""

    def answer(asked: Asked) -> Any:
        found = [one for end, one in answers.items() if asked.url.endswith(end)]
        return found[0] if found else Answer(b"no such method", 404)

    return answer


def as_recorded(asked: Asked) -> Any:
    """The recorded answer to any request; all pages of prices but the first are left out."""
    if is_about_region(asked):
        return recorded("advice.capacityHistory.region.json")
    return script({end: recorded(name) for end, name in ANSWERS.items()})(asked)


def is_about_region(asked: Asked) -> bool:
    """Whether it asks for a region's history of prices."""
    return asked.url.endswith("/capacityHistory") and "regions/" in str(asked.body)


def recorded(name: str) -> Any:
    """The JSON of a recorded answer."""
    return json.loads((PAYLOADS / "gcp" / name).read_text(encoding="utf-8"))


def error(status: int, reason: str, message: str = "No.", /, **more: Any) -> Answer:
    """Google's answer to what it will not do."""
    rows = [{"message": message, "domain": "global", "reason": reason}]
    body = {"error": {"code": status, "message": message, "errors": rows, **more}}
    return Answer(json.dumps(body).encode(), status)


def connection(**given: Any) -> GcpConnection:
    """A connection with a token, a key and a subscription."""
    given.setdefault("api_key", KEY)
    given.setdefault("subscription", SUBSCRIPTION)
    tokens = given.pop("tokens", GivenToken(TOKEN))
    return GcpConnection(PROJECT, tokens, **given)


@contextmanager
def gcp_at(url: str, **given: Any) -> Generator[Source]:
    """A source with that connection, whose Google is the server at ``url``."""
    given.setdefault("region", REGION)
    given.setdefault("connections", {"gcp": connection()})
    with source_at(url, **given) as source:
        yield source


@contextmanager
def answered(answer: Callable[[Asked], Any], **given: Any) -> Generator[tuple[Source, Google]]:
    """A source whose Google answers so, and that Google."""
    with google(answer) as server, gcp_at(server.url, **given) as source:
        yield source, server


@contextmanager
def replayed(folder: Path = PAYLOADS, **given: Any) -> Generator[Source]:
    """A source whose Google is a folder of recorded answers."""
    with replay_url(folder) as url, gcp_at(url, **given) as source:
        yield source


@contextmanager
def replay_url(folder: Path = PAYLOADS) -> Generator[str]:
    """Where the recorded answers are served."""
    with ReplayServer(Recordings(folder, RECORDED_AS)) as server:
        yield server.url


def zones(*names: str) -> dict[str, Any]:
    """The answer to the list of zones."""
    return {"kind": "compute#zoneList", "items": [{"name": name} for name in names]}


def machine_types(*rows: dict[str, Any], zone: str = ZONE, **more: Any) -> dict[str, Any]:
    """A page of the list of machine types, all of one zone."""
    items = {f"zones/{zone}": {"machineTypes": [*rows]}}
    return {"kind": "compute#machineTypeAggregatedList", "items": items, **more}


def machine_type(name: str = "n2-standard-4", **changed: Any) -> dict[str, Any]:
    """A row of that list; a field that is None is left out."""
    given = {"name": name, "guestCpus": 4, "memoryMb": 16384, "architecture": "X86_64"}
    return {key: value for key, value in {**given, **changed}.items() if value is not None}


def _handler(answer: Callable[[Asked], Any], requests: list[Asked]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            parts = urlsplit(self.path)
            headers = httpx.Headers(list(self.headers.items()))
            given = self.rfile.read(int(headers.get("content-length", 0))).decode()
            is_json = "json" in headers.get("content-type", "")
            body = json.loads(given) if is_json else dict(parse_qsl(given))
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            asked = Asked(self.command, parts.path.removeprefix("/"), query, headers, body)
            requests.append(asked)
            told = answer(asked)
            self._send(told if isinstance(told, Answer) else Answer(json.dumps(told).encode()))

        def _send(self, given: Answer) -> None:
            self.send_response(given.status)
            for name, value in {"content-type": "application/json", **given.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(given.declared_size or len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    return Handler
