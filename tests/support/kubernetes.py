"""A Kubernetes API server: lists and watches of whatever a test puts there, and how they break.

It keeps a history of changes as the real one does: a watch goes on from a version, an old version
is gone once the history has been forgotten, a page of a list carries a token.
"""

import json
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import stamina

from collector.http import Fetcher
from collector.provider import Feed, Source
from collector.providers.kubernetes.client import HOST, KubernetesConnection
from collector.replay import Recordings, ReplayServer
from collector.run import FeedReport, progress, run_feed
from tests.support.loopback import NOW
from warehouse.store import Warehouse

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
NODES = "/api/v1/nodes"
NODECLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
EVENTS = "/api/v1/events"


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def pass_by(self, **given: float) -> datetime:
        """Let time pass; the moment it is then."""
        self.now += timedelta(**given)
        return self.now


@dataclass
class FakeCluster:
    """What the server knows, and how it will fail.

    ``cut_after`` breaks the next watch after so many bytes, ``piece`` sends watches in pieces of
    so many bytes; ``extra`` are lines that the next watch sends first. ``status`` answers every
    request with that status and ``body``. Each is used up but ``piece`` and ``status``.
    """

    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    history: list[tuple[int, str, str, dict[str, Any]]] = field(default_factory=list)
    version: int = 100
    oldest: int = 0
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    cut_after: int | None = None
    piece: int | None = None
    extra: tuple[bytes, ...] = ()
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None
    page_size: int = 500

    def put(self, path: str, thing: Mapping[str, Any]) -> None:
        """Add or change an object, known by its name."""
        known = self.objects.setdefault(path, {})
        name = thing["metadata"]["name"]
        self._note("MODIFIED" if name in known else "ADDED", path, thing)
        known[name] = self.history[-1][3]

    def delete(self, path: str, name: str) -> None:
        """Delete an object."""
        self._note("DELETED", path, self.objects[path].pop(name))

    def forget(self) -> None:
        """Drop the history: every version but the present one is gone."""
        self.version += 1
        self.oldest = self.version
        self.history.clear()

    def _note(self, kind: str, path: str, thing: Mapping[str, Any]) -> None:
        self.version += 1
        written = deepcopy(dict(thing))
        written["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, kind, path, written))

    def watched(self, path: str, query: Mapping[str, str]) -> bytes:
        """The lines of a watch, with a bookmark at the end."""
        since = int(query["resourceVersion"])
        if since < self.oldest:
            gone = {"kind": "Status", "code": 410, "reason": "Expired"}
            return line("ERROR", gone)
        news = [
            line(kind, thing)
            for version, kind, at, thing in self.history
            if at == path and version > since and selects(query, thing)
        ]
        about = {"resourceVersion": str(self.version), "creationTimestamp": None}
        return b"".join([*self.extra, *news, line("BOOKMARK", {"metadata": about})])

    def listed(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One page of a list."""
        things = [one for one in self.objects.get(path, {}).values() if selects(query, one)]
        start = int(query.get("continue", 0))
        end = start + self.page_size
        about = {"resourceVersion": str(self.version)}
        if end < len(things):
            about["continue"] = str(end)
        return {"kind": "List", "metadata": about, "items": things[start:end]}


def selects(query: Mapping[str, str], thing: Mapping[str, Any]) -> bool:
    """Whether the field selector of a request leaves the object in."""
    for one in filter(None, query.get("fieldSelector", "").split(",")):
        name, is_not, value = one.partition("!=") if "!=" in one else one.partition("=")
        found: Any = thing
        for part in name.split("."):
            found = found.get(part, {})
        if (found == value) == (is_not == "!="):
            return False
    return True


def line(kind: str, thing: Mapping[str, Any]) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


@contextmanager
def api_server(cluster: FakeCluster, tls: ssl.SSLContext | None = None) -> Generator[str]:
    """Serve the cluster while the context lasts; gives the server's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(cluster: FakeCluster) -> type[BaseHTTPRequestHandler]:
    """A handler of requests to that cluster."""
    return type("Handler", (_Handler,), {"cluster": cluster})


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    cluster: FakeCluster

    def do_GET(self) -> None:
        cluster, parts = self.cluster, urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        path = parts.path.removeprefix(f"/{HOST}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        cluster.asked.append((path, query, headers))
        if cluster.token and headers.get("authorization") != f"Bearer {cluster.token}":
            self._send(401, b'{"kind": "Status", "code": 401}')
        elif cluster.status:
            self._send(cluster.status, cluster.body)
        elif "watch" in query:
            self._stream(cluster.watched(path, query))
        elif path not in cluster.objects:
            self._send(404, b"404 page not found\n")
        else:
            self._send(200, json.dumps(cluster.listed(path, query)).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in self.cluster.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, body: bytes) -> None:
        cluster = self.cluster
        cut, cluster.cut_after, cluster.extra = cluster.cut_after, None, ()
        body = body if cut is None else body[:cut]
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        size = cluster.piece or len(body) or 1
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
        if cut is None:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def connection(url: str, clock: Callable[[], datetime] = lambda: NOW) -> KubernetesConnection:
    """A connection whose watches end as soon as all is told."""
    return KubernetesConnection({}, clock=clock, endpoint=f"{url}/{HOST}", watch_seconds=0)


@contextmanager
def cluster_at(url: str, clock: Clock | None = None, **given: Any) -> Generator[Source]:
    """A source whose cluster is the server at ``url``; nothing is tried twice."""
    clock = clock or Clock()
    given.setdefault("connections", {"kubernetes": connection(url, clock)})
    with stamina.set_testing(True):
        yield Source(region="*", now=clock.now, http=Fetcher(_unused()), **given)


@cache
def _unused() -> httpx.Client:
    """The source's own client, which no feed of this provider uses; making one takes long."""
    return httpx.Client(verify=False)  # noqa: S501 - it goes nowhere


@contextmanager
def replayed(**given: Any) -> Generator[Source]:
    """A source whose cluster is the folder of recorded answers."""
    recorded = [("kubernetes", one) for feed in feeds() for one in feed.recorded_as]
    with (
        ReplayServer(Recordings(PAYLOADS, recorded)) as server,
        cluster_at(server.url, **given) as source,
    ):
        yield source


def feeds() -> tuple[Feed, ...]:
    """The feeds of the provider."""
    from collector.providers.kubernetes import PROVIDER  # noqa: PLC0415 - the tests' subject

    return PROVIDER.feeds


def run_at(warehouse: Warehouse, feed: Feed, url: str, clock: Clock) -> FeedReport:
    """Run the feed once, going on where its last stored run ended."""
    kept = progress(warehouse, feed.name, "*")
    with cluster_at(url, clock, progress=kept) as source:
        return run_feed(warehouse, feed, source, clock)


def a_node(
    name: str = "node-1",
    *,
    uid: str | None = None,
    provider_id: str | None = None,
    created: datetime = NOW,
    heard: datetime | None = None,
    ready: str = "True",
    labels: Mapping[str, str] | None = None,
    conditions: tuple[Mapping[str, Any], ...] = (),
    taints: tuple[Mapping[str, Any], ...] = (),
    **spec: Any,
) -> dict[str, Any]:
    """A Node; by default a spot machine of ACK in cn-hangzhou-i."""
    is_ready = {
        "type": "Ready",
        "status": ready,
        "reason": "KubeletReady",
        "lastHeartbeatTime": stamp(heard or created),
        "lastTransitionTime": stamp(created),
    }
    return {
        "metadata": {
            "name": name,
            "uid": uid or f"uid-{name}",
            "creationTimestamp": stamp(created),
            "labels": {
                "karpenter.sh/capacity-type": "spot",
                "node.kubernetes.io/instance-type": "ecs.g7.large",
                "topology.kubernetes.io/region": "cn-hangzhou",
                "topology.kubernetes.io/zone": "cn-hangzhou-i",
            }
            if labels is None
            else dict(labels),
        },
        "spec": {
            "providerID": provider_id or f"cn-hangzhou.i-{name.replace('-', '')}",
            "taints": list(taints),
            **spec,
        },
        "status": {"conditions": [is_ready, *conditions]},
    }


def expired(since: datetime) -> dict[str, Any]:
    """ACK's condition on a machine that will be taken."""
    return {"type": "InstanceExpired", "status": "True", "lastTransitionTime": stamp(since)}


def stamp(moment: datetime) -> str:
    """A time as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
