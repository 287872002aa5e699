"""The cluster's API: lists in pages, and watches that are bounded and end in a known state.

A watch is an HTTP answer that does not end: one JSON object a line. It can end at any byte, and
the server may no longer know the version that we ask to go on from (410 Gone).
"""

import hashlib
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.metadata import version as version_of
from typing import Any

import httpx

from collector.errors import SourceChangedError, SourceDeniedError, SourceUnavailableError
from collector.http import Fetcher, parse_json, translated
from collector.payload import mapping, members, reading, text
from collector.provider import Network, Source
from collector.providers.kubernetes.credentials import ClusterCredentials, read_credentials
from collector.providers.kubernetes.lines import lines_of
from collector.providers.kubernetes.refusals import REFUSED, UNAUTHORIZED, check
from collector.providers.kubernetes.resources import Resource
from collector.providers.kubernetes.streams import Listing, Watch

PROVIDER_NAME = "kubernetes"
HOST = "kubernetes.default"
"""The API server's name inside a cluster; under it a replay folder answers."""

WATCH_SECONDS = 50
"""How long a watch lasts: the feeds are asked every minute, and a run must be over by the next."""
REPLAY_WATCH_SECONDS = 1
GRACE_SECONDS = 10
"""How much longer than asked for a watch may take before we hang up ourselves."""
PAGE_SIZE = 500
"""kubectl's own size of a page."""
CONNECT_SECONDS = 5.0


class KubernetesConnection:
    """One cluster, found through the environment, or at ``endpoint`` without credentials.

    ``clock`` gives now; ``watch_seconds`` is how long a watch waits for news, and
    ``timeout_seconds`` how long a silent server is waited for, by default a little longer.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], datetime],
        endpoint: str | None = None,
        watch_seconds: int = WATCH_SECONDS,
        timeout_seconds: float | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds or watch_seconds + GRACE_SECONDS
        self.clock = clock
        self.watch_seconds = watch_seconds
        self._environ = environ
        self._endpoint = endpoint
        self._credentials: ClusterCredentials | None = None
        # The feeds may run in threads; a credential command is slow and should run once.
        self._lock = threading.Lock()

    @contextmanager
    def opened(self, source: str) -> Generator["KubernetesApi"]:
        """The API, for one run of the feed ``source``.

        Raises:
            SourceDeniedError: there are no credentials, or they cannot be used.
        """
        api = KubernetesApi(self, source)
        try:
            yield api
        finally:
            api.close()

    def credentials(
        self, source: str, refused: ClusterCredentials | None = None
    ) -> ClusterCredentials:
        """By what we are known; read anew if those in use are the ``refused`` ones."""
        with self._lock:
            if self._endpoint:
                # Plain HTTP: reading the authorities that TLS trusts would be for nothing.
                return ClusterCredentials(self._endpoint, verify=False)
            if self._credentials is None or self._credentials is refused:
                self._credentials = read_credentials(self._environ, source=source)
            return self._credentials

    def client(self, credentials: ClusterCredentials) -> httpx.Client:
        """An HTTP client for the API server; a watch may be silent for as long as it lasts."""
        headers = {"user-agent": f"spotcast/{version_of('spotcast')}", "accept": "application/json"}
        if credentials.token:
            headers["authorization"] = f"Bearer {credentials.token}"
        made = httpx.Client(
            headers=headers,
            verify=credentials.verify,
            proxy=credentials.proxy,
            trust_env=self._endpoint is None,
            timeout=httpx.Timeout(self._timeout_seconds, connect=CONNECT_SECONDS),
        )
        if name := credentials.tls_server_name:

            def names_server(request: httpx.Request) -> None:
                request.extensions["sni_hostname"] = name

            made.event_hooks = {"request": [names_server]}
        return made

    def identity(self, credentials: ClusterCredentials) -> str:
        """Which cluster it is: a version of one says nothing in another."""
        where = HOST if self._endpoint else credentials.server
        return hashlib.sha256(where.encode()).hexdigest()[:16]


class KubernetesApi:
    """The API during one run. Each error names the feed and what may be done."""

    def __init__(self, connection: KubernetesConnection, source: str) -> None:
        self.source = source
        self._connection = connection
        self._credentials = connection.credentials(source)
        self._client = connection.client(self._credentials)
        self._is_renewed = False

    @property
    def cluster(self) -> str:
        """Which cluster answers."""
        return self._connection.identity(self._credentials)

    def now(self) -> datetime:
        """The time; what was just read was true until then."""
        return self._connection.clock()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def everything(self, resource: Resource) -> Listing:
        """All objects there are.

        Raises one of the `collector.errors`; `NotOfferedError` if the cluster has no such
        resource.
        """
        return Listing(self._pages(resource))

    def find(self, resource: Resource, name: str) -> Mapping[str, Any] | None:
        """The object of that name, None if there is none (any more)."""
        page = self._page(resource, {"fieldSelector": f"metadata.name={name}"})
        with reading(self.source, resource.name):
            found = _items(page)
        return next((one for one in found if _name(one) == name), None)

    def watch(self, resource: Resource, since: str) -> Watch:
        """What changed after the version ``since``, for as long as the connection's setting."""
        return Watch(since, lambda at: self._lines(resource, at), self.source, resource.name)

    def _pages(self, resource: Resource) -> Iterator[tuple[list[Mapping[str, Any]], str]]:
        asked = {"limit": str(PAGE_SIZE), **resource.selection}
        tokens: set[str] = set()
        while True:
            page = self._page(resource, asked)
            with reading(self.source, f"the list of {resource.name}"):
                about = mapping(page, "metadata")
                things, now_at = _items(page), text(about, "resourceVersion")
                token = text(about, "continue") if about.get("continue") else ""
            yield things, now_at
            if not token:
                return
            if token in tokens:
                raise SourceChangedError(self.source, "the same page token came twice")
            tokens.add(token)
            asked = {**asked, "continue": token}

    def _page(self, resource: Resource, asked: Mapping[str, str]) -> Mapping[str, Any]:
        response = self._get(resource, asked)
        if response.status_code == UNAUTHORIZED and self._renews():
            response = self._get(resource, asked)
        check(response, resource, source=self.source)
        page = parse_json(response.content, source=self.source)
        if not isinstance(page, dict):
            raise SourceChangedError(self.source, f"the list of {resource.name} is no object")
        return page

    def _get(self, resource: Resource, asked: Mapping[str, str]) -> httpx.Response:
        return Fetcher(self._client).request(
            "GET",
            self._url(resource),
            source=self.source,
            params=asked,
            accept_status=REFUSED,
        )

    def _lines(self, resource: Resource, watch: Watch) -> Iterator[bytes]:
        seconds = self._connection.watch_seconds
        asked = {
            "watch": "1",
            "resourceVersion": watch.version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            **resource.selection,
        }
        hang_up = self.now() + timedelta(seconds=seconds + GRACE_SECONDS)
        while True:
            with (
                translated(self.source),
                self._client.stream("GET", self._url(resource), params=asked) as response,
            ):
                if response.status_code == UNAUTHORIZED and self._renews():
                    continue
                if not response.is_success:
                    response.read()
                check(response, resource, source=self.source)
                pieces = self._until(hang_up, response.iter_bytes())
                watch.is_complete = yield from lines_of(pieces, source=self.source)
                if not watch.is_complete:
                    raise SourceUnavailableError(self.source, "the watch was cut inside a line")
            return

    def _until(self, hang_up: datetime, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            if self.now() > hang_up:
                raise SourceUnavailableError(self.source, "the watch did not end when it should")

    def _renews(self) -> bool:
        """Read the credentials anew, as a token may have expired; False if that was done."""
        if self._is_renewed:
            return False
        self._is_renewed = True
        self._credentials = self._connection.credentials(self.source, self._credentials)
        self._client.close()
        self._client = self._connection.client(self._credentials)
        return True

    def _url(self, resource: Resource) -> str:
        return f"{self._credentials.server.rstrip('/')}{resource.path}"


def connect(network: Network) -> KubernetesConnection:
    """The cluster that the environment names; it is looked for when it is first used."""
    if network.endpoint:
        return KubernetesConnection(
            network.environ,
            clock=network.clock,
            endpoint=network.endpoint(HOST),
            watch_seconds=REPLAY_WATCH_SECONDS,
            timeout_seconds=network.timeout_seconds,
        )
    return KubernetesConnection(network.environ, clock=network.clock)


def connection_of(source: Source, feed: str) -> KubernetesConnection:
    """The connection that the wiring made.

    Raises:
        SourceDeniedError: there is none.
    """
    connection = source.connections.get(PROVIDER_NAME)
    if not isinstance(connection, KubernetesConnection):
        raise SourceDeniedError(feed, "no connection to a cluster was set up")
    return connection


def _items(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects of a list. Go writes an empty list as null."""
    return [] if page["items"] is None else list(members(page, "items"))


def _name(thing: Mapping[str, Any]) -> str:
    return text(mapping(thing, "metadata"), "name")
