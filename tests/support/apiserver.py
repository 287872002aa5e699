"""An API server that takes server-side applies: who owns which field, and who is in whose way.

Reads are those of `tests.support.kubernetes`. An apply is worked out on paths of leaves, which is
another way than `advisor.planning.merge` goes; lists are leaves, as in Karpenter's CRDs.
"""

import json
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

NODEPOOLS = "/apis/karpenter.sh/v1/nodepools"
NODECLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
NODES = "/api/v1/nodes"

Path_ = tuple[str, ...]
Answer = tuple[int, dict[str, Any]]


@dataclass
class ApplyServer:
    """Objects by path and name, and by manager the fields that it owns.

    ``status`` and ``message`` answer every request, where they are set; ``asked`` are the requests
    so far, with method, path and query. ``page_size`` bounds a page of a list.
    """

    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    owners: dict[str, dict[str, set[Path_]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    page_size: int = 500
    token: str | None = None
    status: int | None = None
    message: str = ""

    def put(self, path: str, thing: Mapping[str, Any], manager: str = "kubectl") -> None:
        """Have an object there, all of whose fields are the manager's."""
        name = thing["metadata"]["name"]
        self.objects.setdefault(path, {})[name] = deepcopy(dict(thing))
        self.owners[name] = {manager: {leaf for leaf, _ in leaves(thing)}}

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """One object, or a page of a list."""
        resource, _, name = path.rpartition("/")
        if path in self.objects:
            things = list(self.objects[path].values())
            start = int(query.get("continue", 0))
            end = start + self.page_size
            about = {"continue": str(end)} if end < len(things) else {}
            return 200, {"kind": "List", "metadata": about, "items": things[start:end]}
        if name in self.objects.get(resource, {}):
            return 200, self.shown(resource, name)
        return 404, {"kind": "Status", "message": f"{path} not found"}

    def apply(self, path: str, thing: dict[str, Any], query: Mapping[str, str]) -> Answer:
        """Server-side apply by the query's ``fieldManager``."""
        resource, _, name = path.rpartition("/")
        manager, owners = query["fieldManager"], deepcopy(self.owners.get(name, {}))
        there = self.objects.get(resource, {}).get(name, {"metadata": {"name": name}})
        before, wanted = dict(leaves(there)), dict(leaves(thing))
        taken = {
            leaf: other
            for other, owned in sorted(owners.items())
            for leaf in sorted(owned & wanted.keys())
            if other != manager and before.get(leaf) != wanted[leaf]
        }
        if taken and query.get("force") != "true":
            return 409, conflict(taken)
        for leaf, other in taken.items():
            owners[other].discard(leaf)
        dropped = owners.get(manager, set()) - wanted.keys()
        owners[manager] = set(wanted)
        kept = {leaf for owned in owners.values() for leaf in owned}
        after = {leaf: value for leaf, value in before.items() if leaf not in dropped - kept}
        made = {**there, **rebuilt(after | wanted)}
        if query.get("dryRun") != "All":
            self.objects.setdefault(resource, {})[name] = made
            self.owners[name] = owners
        return 200, made

    def shown(self, resource: str, name: str) -> dict[str, Any]:
        """The object with its managed fields."""
        thing = deepcopy(self.objects[resource][name])
        thing["metadata"]["managedFields"] = [
            {
                "manager": manager,
                "operation": "Apply" if manager == "spotcast" else "Update",
                "fieldsV1": tree(owned),
            }
            for manager, owned in self.owners[name].items()
        ]
        return thing


def leaves(thing: Mapping[str, Any], above: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """The leaves of an object by path; a list is one leaf."""
    for name, value in thing.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, name))
        else:
            yield (*above, name), value


def rebuilt(found: Mapping[Path_, Any]) -> dict[str, Any]:
    """The object of these leaves."""
    thing: dict[str, Any] = {}
    for path, value in found.items():
        holder = thing
        for name in path[:-1]:
            holder = holder.setdefault(name, {})
        holder[path[-1]] = value
    return thing


def tree(owned: set[Path_]) -> dict[str, Any]:
    """The paths as ``fieldsV1`` writes them."""
    found: dict[str, Any] = {}
    for path in sorted(owned):
        holder = found
        for name in path:
            holder = holder.setdefault(f"f:{name}", {})
    return found


def conflict(taken: Mapping[Path_, str]) -> dict[str, Any]:
    """The server's words on fields that others own."""
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{manager}" using karpenter.sh/v1',
            "field": "." + ".".join(path),
        }
        for path, manager in taken.items()
    ]
    return {"kind": "Status", "code": 409, "message": "conflict", "details": {"causes": causes}}


@contextmanager
def serving(server: ApplyServer) -> Generator[str]:
    """Serve while the context lasts; gives the address."""
    handler = type("Handler", (_Handler,), {"server_of": server})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def kubeconfig(folder: Path, url: str, token: str | None = None) -> Path:
    """A kubeconfig for that address."""
    path = folder / "kubeconfig.yaml"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me"}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": token} if token else {}}],
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    server_of: ApplyServer

    def do_GET(self) -> None:
        path, query = self._asked()
        self._answer(lambda: self.server_of.get(path, query))

    def do_PATCH(self) -> None:
        path, query = self._asked()
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.headers["content-type"] == "application/apply-patch+yaml"
        self._answer(lambda: self.server_of.apply(path, yaml.safe_load(body), query))

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        self.server_of.asked.append((self.command, parts.path, query))
        return parts.path, query

    def _answer(self, made: Any) -> None:
        server = self.server_of
        given = self.headers.get("authorization")
        if server.token and given != f"Bearer {server.token}":
            status, thing = 401, {"message": "Unauthorized"}
        elif server.status:
            status, thing = server.status, {"message": server.message}
        else:
            status, thing = made()
        body = json.dumps(thing).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""
