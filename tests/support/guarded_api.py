"""An API server in memory for everything that the guard asks, with the faults that a real one has.

It keeps objects by path and knows no kinds: resource versions, conflicts, merge and JSON patches,
pages, selectors and evictions go by Kubernetes' documented rules. ``tests/cluster`` checks the same
calls on a real one.
"""

import json
import re
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Manifest = dict[str, Any]
Given = tuple[int, Manifest, dict[str, str]]
"""Status, body and headers of an answer."""

NAMESPACED = re.compile(r"(?P<base>/apis?/.+?)/namespaces/(?P<namespace>[^/]+)/(?P<rest>.+)")


@dataclass
class GuardedApi:
    """Objects by resource (``/api/v1/pods``) and by namespace and name.

    ``before`` is asked first for each request, with method and path: what it gives is the answer,
    CUT ends the connection, None goes on. ``asked`` are the requests so far. ``blocked`` are pods
    that a budget protects.
    """

    objects: dict[str, dict[tuple[str, str], Manifest]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    before: Callable[[str, str], "Given | str | None"] = lambda _method, _path: None
    blocked: set[str] = field(default_factory=set)
    page_size: int = 500
    _versions: Any = field(default_factory=lambda: count(1))

    def put(self, resource: str, thing: Mapping[str, Any]) -> Manifest:
        """Have an object there, of a new version."""
        made = deepcopy(dict(thing))
        about = made["metadata"] = dict(made["metadata"])
        about["resourceVersion"] = str(next(self._versions))
        about.setdefault("uid", f"uid-{about['name']}")
        self.objects.setdefault(resource, {})[about.get("namespace", ""), about["name"]] = made
        return made

    def at(self, resource: str, name: str, namespace: str = "") -> Manifest:
        """The object as it stands."""
        return self.objects[resource][namespace, name]

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of every request that was no read."""
        return [(method, path) for method, path, _ in self.asked if method != "GET"]

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        headers: Mapping[str, str],
    ) -> Given:
        """What a real server would answer."""
        resource, namespace, name, sub = self._parts(path)
        if resource not in self.objects:
            return status(404, f"the server could not find {path}")
        things = self.objects[resource]
        if method == "GET" and not name:
            return self._list(things, namespace, query, headers)
        if method == "POST" and not name:
            return self._create(resource, namespace, body)
        found = things.get((namespace or "", name))
        if found is None:
            return status(404, f"{name} not found")
        if sub == "eviction":
            return self._evict(resource, found, body)
        if method == "PATCH":
            return self._patch(resource, found, body, headers["content-type"])
        if method == "DELETE":
            del things[namespace or "", name]
        return 200, deepcopy(found), {}

    def _parts(self, path: str) -> tuple[str, str | None, str, str]:
        match = NAMESPACED.fullmatch(path)
        base, namespace, rest = match.groups() if match else (None, None, "")
        if base is None:
            pieces = path.split("/")
            size = 4 if pieces[1] == "api" else 5
            base, rest = "/".join(pieces[: size - 1]), "/".join(pieces[size - 1 :])
        kind, name, sub = (*rest.split("/"), "", "")[:3]
        return f"{base}/{kind}", namespace, name, sub

    def _list(
        self,
        things: Mapping[tuple[str, str], Manifest],
        namespace: str | None,
        query: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Given:
        found = [
            one
            for (inside, _), one in sorted(things.items())
            if namespace in {None, inside} and selected(one, query)
        ]
        start = int(query.get("continue", 0))
        size = min(self.page_size, int(query.get("limit", self.page_size)))
        about = {"continue": str(start + size)} if start + size < len(found) else {}
        page = found[start : start + size]
        if "PartialObjectMetadataList" in headers.get("accept", ""):
            page = [{"metadata": one["metadata"]} for one in page]
        return 200, {"kind": "List", "metadata": about, "items": page}, {}

    def _create(self, resource: str, namespace: str | None, body: Manifest) -> Given:
        key = namespace or "", body["metadata"]["name"]
        if key in self.objects[resource]:
            return status(409, f"{key[1]} already exists")
        return 201, deepcopy(self.put(resource, body)), {}

    def _evict(self, resource: str, pod: Manifest, body: Manifest) -> Given:
        about = pod["metadata"]
        uid = ((body.get("deleteOptions") or {}).get("preconditions") or {}).get("uid")
        if uid not in {None, about["uid"]}:
            return status(409, "Precondition failed: UID in precondition")
        if about["name"] in self.blocked:
            said, why = "Cannot evict pod as it would violate the budget.", "DisruptionBudget"
            refusal = status(429, said, Retry_After="1")
            refusal[1]["details"] = {"causes": [{"reason": why, "message": "needs 2 healthy"}]}
            return refusal
        del self.objects[resource][about["namespace"], about["name"]]
        return 201, {"kind": "Status", "status": "Success"}, {}

    def _patch(self, resource: str, found: Manifest, body: Any, kind: str) -> Given:
        if kind == "application/json-patch+json":
            changed = json_patched(found, body)
            if changed is None:
                return status(422, "the server rejected our request: a test failed")
        else:
            version = (body.get("metadata") or {}).get("resourceVersion")
            if version not in {None, found["metadata"]["resourceVersion"]}:
                return status(409, "the object has been modified")
            changed = merged(found, body)
        return 200, deepcopy(self.put(resource, changed)), {}


CUT = "cut"
"""Of `GuardedApi.before`: the connection ends without an answer."""


def status(code: int, message: str, **headers: str) -> Given:
    """A refusal, as the API words one."""
    return code, {"kind": "Status", "code": code, "message": message}, headers


def merged(thing: Any, change: Mapping[str, Any]) -> Manifest:
    """RFC 7386."""
    made = dict(thing) if isinstance(thing, Mapping) else {}
    for key, value in change.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value) if isinstance(value, Mapping) else value
    return made


def json_patched(thing: Manifest, changes: list[Manifest]) -> Manifest | None:
    """RFC 6902 of ``test`` and ``remove`` in lists; None if a test fails."""
    made = deepcopy(thing)
    for change in changes:
        *above, last = change["path"].strip("/").split("/")
        holder: Any = made
        for name in above:
            holder = holder.get(name) or []
        index = int(last)
        if index >= len(holder):
            return None
        if change["op"] == "test":
            if holder[index] != change["value"]:
                return None
        else:
            assert change["op"] == "remove"
            del holder[index]
    return made


def selected(thing: Manifest, query: Mapping[str, str]) -> bool:
    """Whether the selectors of a list take the object in."""
    labels = thing["metadata"].get("labels") or {}
    for term in filter(None, query.get("labelSelector", "").split(",")):
        key, is_value, value = term.partition("=")
        if key not in labels or (is_value and labels[key] != value):
            return False
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        path, is_not, value = re.fullmatch(r"([\w.]+)(!?)=(.*)", term).groups()  # type: ignore[union-attr] # all of ours do
        found: Any = thing
        for name in path.split("."):
            found = (found or {}).get(name)
        if ((found or "") == value) == bool(is_not):
            return False
    return True


@contextmanager
def serving(api: GuardedApi) -> Generator[str]:
    """Serve while the context lasts; gives the address."""
    handler = type("Handler", (_Handler,), {"api": api})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"
    api: GuardedApi

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.api.asked.append((self.command, path, query))
        given = self.api.before(self.command, path)
        if given == CUT:
            self.close_connection = True
            return
        if not isinstance(given, tuple):
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            given = self.api.answer(self.command, path, query, body, headers)
        code, thing, more = given
        content = json.dumps(thing).encode()
        self.send_response(code)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""
