"""One way to all of Google's APIs: token or key, pages, refusals. Everything goes over httpx.

Google's own client libraries are left out: they bring gRPC or megabytes of API descriptions for
calls that are one URL each.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import stamina

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
)
from collector.http import ATTEMPTS, Fetcher, parse_json
from collector.payload import members, reading, text
from collector.provider import Network, Source
from collector.providers.gcp.credentials import API_KEY, PROJECT, project_in, setting
from collector.providers.gcp.lists import LARGEST_PAGE, check_reached
from collector.providers.gcp.names import PLACE, PROVIDER_NAME, last_part, region_of
from collector.providers.gcp.refusals import BusyError, UnknownPathError, refusal
from collector.providers.gcp.tokens import Tokens, tokens_from

COMPUTE = "https://compute.googleapis.com/compute/v1"
COMPUTE_BETA = "https://compute.googleapis.com/compute/beta"
ZONES_PERMISSION = "compute.zones.list"

SUBSCRIPTION = "SPOTCAST_GCP_SUBSCRIPTION"
ADVICE_VERSION = "SPOTCAST_GCP_ADVICE_VERSION"
ADVICE_VERSIONS = {"v1": COMPUTE, "beta": COMPUTE_BETA}

REFUSED = frozenset(range(400, 600))
"""The statuses whose bodies say more than the status."""
SECRET_HEADERS = ("authorization", "x-goog-api-key")


class GcpConnection:
    """One project's way to Google's APIs.

    ``advice_url`` is where capacity advice is looked for first: it was in preview for long, and a
    project may have only the beta. A request is tried ``attempts`` times while Google is busy.
    """

    def __init__(
        self,
        project: str,
        tokens: Tokens,
        *,
        api_key: str = "",
        subscription: str = "",
        advice_url: str = COMPUTE,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.project = project
        self.subscription = subscription
        self._advice_url = advice_url
        self._tokens = tokens
        self._api_key = api_key
        self._attempts = attempts

    def call(
        self,
        source: Source,
        method: str,
        url: str,
        *,
        feed: str,
        permission: str,
        params: Mapping[str, str] | None = None,
        body: object = None,
        by_key: bool = False,
    ) -> Mapping[str, Any]:
        """The JSON object that answers. ``by_key`` uses the API key if there is one.

        Raises:
            SourceUnavailableError: a quota is used up, or down; after a few tries.
            SourceDeniedError: credentials, key, API or permission; says which to mend.
            NotOfferedError: what the URL names is not there.
            SourceChangedError: an error or an answer of an unknown form.
        """
        reply: Any = None
        for attempt in stamina.retry_context(on=BusyError, attempts=self._attempts, timeout=None):
            with attempt:
                headers = self._headers(source.http, feed, by_key=by_key)
                response = source.http.request(
                    method,
                    url,
                    source=feed,
                    params=params,
                    headers=headers,
                    body=body,
                    accept_status=REFUSED,
                )
                if not response.is_success:
                    raise refusal(
                        response,
                        source=feed,
                        host=urlsplit(url).netloc,
                        permission=permission,
                        secrets=_secrets(headers),
                    )
                reply = parse_json(response.content, source=feed)
        if not isinstance(reply, Mapping):
            raise SourceChangedError(feed, f"{last_part(url)}: {reply!r:.40} is not an object")
        return reply

    def pages(
        self,
        source: Source,
        url: str,
        params: Mapping[str, str],
        *,
        feed: str,
        permission: str,
        kind: str | None = None,
        by_key: bool = False,
    ) -> Iterator[Mapping[str, Any]]:
        """All pages of a list. ``kind`` is what each must call itself, where a list does.

        Raises:
            SourceUnavailableError: as `call`; or some zones could not be asked.
            SourceChangedError: as `call`; or a page's token leads back.
        """
        asked, seen = dict(params), set[str]()
        while True:
            page = self.call(
                source,
                "GET",
                url,
                feed=feed,
                permission=permission,
                params=asked,
                by_key=by_key,
            )
            with reading(feed, last_part(url)):
                if kind and text(page, "kind") != kind:
                    raise ValueError(f"kind is {page['kind']!r:.60}, not {kind}")
                token = text({"nextPageToken": "", **page}, "nextPageToken")
            check_reached(page, feed)
            yield page
            if not token:
                return
            if token in seen:
                raise SourceChangedError(feed, f"{last_part(url)}: the page token repeats")
            seen.add(token)
            asked["pageToken"] = token

    def compute(self, path: str) -> str:
        """The URL of something in the project, such as ``zones/us-central1-a/operations``."""
        return f"{COMPUTE}/projects/{self.project}/{path}"

    def zones(self, source: Source, *, feed: str) -> tuple[str, ...]:
        """The names of the region's zones.

        Raises:
            NotOfferedError: there is no such region.
        """
        pages = self.pages(
            source,
            self.compute("zones"),
            {"maxResults": str(LARGEST_PAGE)},
            feed=feed,
            permission=ZONES_PERMISSION,
            kind="compute#zoneList",
        )
        found: set[str] = set()
        for page in pages:
            with reading(feed, "the list of zones"):
                names = {text(one, "name") for one in members(page, "items")}
                found |= {name for name in names if region_of(name) == source.region}
        if not found:
            raise NotOfferedError(feed, f"there is no region {source.region}")
        return tuple(sorted(found))

    def advice(
        self, source: Source, method: str, body: object, *, feed: str, permission: str
    ) -> Mapping[str, Any]:
        """The reply of an advice method, by the beta where v1 does not have it for us yet."""
        path = f"projects/{self.project}/regions/{region_name(source, feed)}/advice/{method}"
        try:
            return self.call(
                source,
                "POST",
                f"{self._advice_url}/{path}",
                feed=feed,
                permission=permission,
                body=body,
            )
        except UnknownPathError:
            if self._advice_url == COMPUTE_BETA:
                raise
        reply = self.call(
            source, "POST", f"{COMPUTE_BETA}/{path}", feed=feed, permission=permission, body=body
        )
        self._advice_url = COMPUTE_BETA
        return reply

    def _headers(self, fetcher: Fetcher, feed: str, *, by_key: bool) -> dict[str, str]:
        if by_key and self._api_key:
            return {"x-goog-api-key": self._api_key}
        return self._tokens.headers(fetcher, feed)


def connect(network: Network) -> GcpConnection | None:
    """A connection for the project named in the environment; None if none is."""
    environ = network.environ
    project = project_in(environ)
    if not PLACE.fullmatch(project.replace(":", "-").replace(".", "-")):
        return None
    return GcpConnection(
        project,
        tokens_from(environ, network.clock),
        api_key=setting(environ, API_KEY),
        subscription=setting(environ, SUBSCRIPTION),
        advice_url=ADVICE_VERSIONS.get(setting(environ, ADVICE_VERSION), COMPUTE),
        attempts=network.attempts or ATTEMPTS,
    )


def connection_of(source: Source, feed: str) -> GcpConnection:
    """The connection that the wiring made.

    Raises:
        SourceDeniedError: there is none, for want of a project.
    """
    connection = source.connections.get(PROVIDER_NAME)
    if not isinstance(connection, GcpConnection):
        raise SourceDeniedError(feed, f"no project: set {PROJECT} to the id of one")
    return connection


def region_name(source: Source, feed: str) -> str:
    """The region asked for, fit to stand in a URL.

    Raises:
        SourceDeniedError: it is not the name of a region.
    """
    if not PLACE.fullmatch(source.region):
        raise SourceDeniedError(feed, f"{source.region!r:.40} is not the name of a region")
    return source.region


def _secrets(headers: Mapping[str, str]) -> list[str]:
    held = (headers.get(name, "").removeprefix("Bearer ") for name in SECRET_HEADERS)
    return [one for one in held if one]
