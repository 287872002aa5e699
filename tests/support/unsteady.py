"""An API server as a busy one is seen through a bad line: some answers are refusals, some are lost.

Between a client and the real API server stands a plain HTTP server on loopback that passes
everything on, as ``kubectl proxy`` does, but answers a share of the requests itself.
"""

import json
import threading
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import yaml

from tests.support.authority import LOOPBACK
from tests.support.control_plane import ControlPlane

PASSED_ON = ("content-type", "accept")
PASSED_BACK = ("content-type", "retry-after")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is answered instead; ``status`` 0 is no answer at all.

    ``is_done``: the API server does what was asked, and only its answer is lost.
    """

    name: str
    status: int = 0
    reason: str = ""
    retry_after: str | None = None
    is_of_writes: bool = False
    is_done: bool = False


FAULTS = (
    Fault("conflict", 409, "Conflict", is_of_writes=True),
    Fault("conflict after it was done", 409, "Conflict", is_of_writes=True, is_done=True),
    Fault("throttled, wait 1 s", 429, "TooManyRequests", retry_after="1"),
    Fault("throttled", 429, "TooManyRequests"),
    Fault("throttled for long", 429, "TooManyRequests", retry_after="60"),
    Fault("internal error", 500, "InternalError"),
    Fault("internal error after it was done", 500, "InternalError", is_done=True),
    Fault("unavailable", 503, "ServiceUnavailable"),
    Fault("unavailable, wait 1 s", 503, "ServiceUnavailable", retry_after="1"),
    Fault("no answer"),
    Fault("answer lost", is_done=True),
)
"""What API servers and what stands before them do when they are busy, restarted or cut off."""


@dataclass
class Unsteady:
    """A running one: where it is, and what it has answered so far, by the fault's name."""

    plane: ControlPlane
    share: float
    faults: Sequence[Fault]
    random: Random
    url: str = ""
    given: Counter[str] = field(default_factory=Counter)
    passed: int = 0

    def kubeconfig(self) -> Path:
        """A kubeconfig of the administrator that leads through it."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "unsteady",
            "contexts": [{"name": "unsteady", "context": {"cluster": "unsteady", "user": "me"}}],
            "clusters": [{"name": "unsteady", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {}}],
        }
        path = self.plane.folder / "kubeconfig-unsteady.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    def fault(self, method: str) -> Fault | None:
        """What comes of the next request; None if it is passed on."""
        if self.random.random() >= self.share:
            self.passed += 1
            return None
        fitting = [one for one in self.faults if method != "GET" or not one.is_of_writes]
        chosen = self.random.choice(fitting)
        self.given[chosen.name] += 1
        return chosen


@contextmanager
def unsteady(
    plane: ControlPlane, *, share: float, seed: int, faults: Sequence[Fault] = FAULTS
) -> Generator[Unsteady]:
    """Serve while the context lasts; ``share`` of the requests meet one of the faults."""
    made = Unsteady(plane, share, faults, Random(seed))  # noqa: S311 - no secret
    server = _Server(made)
    made.url = f"http://{LOOPBACK}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request after another of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # A client that was killed leaves its connection open on our side.
    timeout = 30.0

    def setup(self) -> None:
        """A new connection: it gets one of its own to the API server."""
        super().setup()
        self._http = self._made.plane.client()

    def finish(self) -> None:
        """The connection is over."""
        self._http.close()
        super().finish()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    @property
    def _made(self) -> Unsteady:
        assert isinstance(self.server, _Server)
        return self.server.made

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self._made.fault(self.command)
        if fault is None:
            self._send(*self._ask(sent))
            return
        if fault.is_done:
            self._ask(sent)
        if fault.status:
            self._refuse(fault)
        else:
            self.close_connection = True

    def _ask(self, sent: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        answer = self._http.request(self.command, self.path, content=sent, headers=headers)
        kept = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
        return answer.status_code, kept, answer.content

    def _refuse(self, fault: Fault) -> None:
        status = {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "message": f"the test says: {fault.name}",
            "reason": fault.reason,
            "code": fault.status,
        }
        headers = {"content-type": "application/json"}
        if fault.retry_after:
            headers["retry-after"] = fault.retry_after
        self._send(fault.status, headers, json.dumps(status).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    """Serves what one `Unsteady` decides."""

    def __init__(self, made: Unsteady) -> None:
        self.made = made
        super().__init__((LOOPBACK, 0), _Handler)
