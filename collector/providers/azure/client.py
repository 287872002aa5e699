"""Azure's management API: one authorised call, and lists that come in pages."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import httpx
import stamina

from collector.errors import SourceChangedError, SourceDeniedError
from collector.http import ATTEMPTS, Fetcher, parse_json
from collector.payload import reading, text
from collector.provider import Network, Source
from collector.providers.azure.credentials import (
    SUBSCRIPTION,
    Credentials,
    credentials_from,
    missing,
)
from collector.providers.azure.refusals import BusyError, refusal
from collector.providers.azure.tokens import MANAGEMENT, fetch_token

PROVIDER_NAME = "azure"

REFUSED = frozenset(range(400, 600))
"""The statuses whose bodies say more than the status."""
UNAUTHORIZED = 401

RENEW_BEFORE = timedelta(minutes=5)
"""How long before its end a token is replaced: longer than any run takes."""

SUBSCRIPTION_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
REGION_NAME = re.compile(r"[a-z0-9]+")
"""Regions as ``eastus``: they become part of URLs, filters and queries."""
TYPE_PREFIX = "standard_"
"""How every size that can be had as spot begins, in lower case."""


class AzureConnection:
    """One subscription's way to the API; all threads share its token.

    ``clock`` gives now; each request is tried ``attempts`` times while the API is busy.
    """

    def __init__(
        self,
        credentials: Credentials,
        subscription: str,
        *,
        clock: Callable[[], datetime],
        attempts: int = ATTEMPTS,
    ) -> None:
        self.subscription = subscription
        self._attempts = attempts
        self._credentials = credentials
        self._clock = clock
        self._lock = Lock()
        self._token: tuple[str, datetime | None] | None = None

    def call(
        self,
        fetcher: Fetcher,
        method: str,
        path: str,
        *,
        source: str,
        permission: str,
        params: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Any:
        """The JSON that answers ``path``, which begins with a slash, or a whole URL of the API.

        Raises:
            SourceUnavailableError: throttled or down, after a few tries.
            SourceDeniedError: token, subscription or role; says what is needed.
            NotOfferedError: the region does not have what is asked for.
            SourceChangedError: an error, an answer or a URL of an unknown form.
        """
        url = self._url(path, source)
        answer: Any = None
        for attempt in stamina.retry_context(on=BusyError, attempts=self._attempts, timeout=None):
            with attempt:
                response = fetcher.request(
                    method,
                    url,
                    source=source,
                    params=params,
                    headers={"authorization": f"Bearer {self._bearer(fetcher, source)}"},
                    body=body,
                    accept_status=REFUSED,
                )
                self._check(response, source=source, permission=permission)
                answer = parse_json(response.content, source=source)
        return answer

    def pages(
        self,
        fetcher: Fetcher,
        path: str,
        params: Mapping[str, str],
        *,
        source: str,
        permission: str,
    ) -> Iterator[Any]:
        """All pages of a list, each one's ``nextLink`` followed.

        Raises:
            SourceChangedError: a link repeats, or leads to another host.
        """
        link, asked = path, dict(params) or None
        seen: set[str] = set()
        while link:
            page = self.call(
                fetcher, "GET", link, source=source, permission=permission, params=asked
            )
            yield page
            with reading(source, "the list"):
                link = text({"nextLink": page.get("nextLink") or ""}, "nextLink")
            if link in seen:
                raise SourceChangedError(source, "the link to the next page repeats")
            seen.add(link)
            asked = None

    def _url(self, path: str, source: str) -> str:
        """The whole URL: no other host is ever sent the token."""
        if not SUBSCRIPTION_ID.fullmatch(self.subscription):
            raise SourceDeniedError(source, f"{SUBSCRIPTION} is not the id of a subscription")
        return own_url(path, MANAGEMENT, source=source)

    def _bearer(self, fetcher: Fetcher, source: str) -> str:
        with self._lock:
            if self._token is not None:
                value, ends_at = self._token
                if ends_at is None or self._clock() < ends_at - RENEW_BEFORE:
                    return value
            token = fetch_token(fetcher, self._credentials, source=source)
            ends_at = None
            if token.lifetime_seconds is not None:
                ends_at = self._clock() + timedelta(seconds=token.lifetime_seconds)
            self._token = (token.value, ends_at)
            return token.value

    def _check(self, response: httpx.Response, *, source: str, permission: str) -> None:
        if response.status_code == UNAUTHORIZED:
            # Taken back before its time: the next run asks for another.
            with self._lock:
                self._token = None
        if not response.is_success:
            what = response.url.path.rpartition("/providers/")[2]
            raise refusal(response, source=source, permission=permission, what=what)


def own_url(link: str, base: str, *, source: str) -> str:
    """``link`` as a URL of the host ``base``, relative or whole.

    Raises:
        SourceChangedError: it is of another host or scheme, or no URL.
    """
    root = httpx.URL(base)
    try:
        url = root.join(link)
    except httpx.InvalidURL as error:
        raise SourceChangedError(source, f"the link {link[:80]!r} is no URL") from error
    if (url.scheme, url.host, url.port) != (root.scheme, root.host, root.port) or url.userinfo:
        where = f"{url.scheme}://{url.host}"
        raise SourceChangedError(source, f"a link leads to {where[:80]}, not to {root.host}")
    return str(url)


def connect(network: Network) -> AzureConnection | None:
    """A connection with what the environment gives; None if the account is not set up."""
    credentials = credentials_from(network.environ)
    subscription = network.environ.get(SUBSCRIPTION, "").strip()
    if credentials is None or not subscription:
        return None
    return AzureConnection(
        credentials, subscription, clock=network.clock, attempts=network.attempts or ATTEMPTS
    )


def connection_of(source: Source, feed: str) -> AzureConnection:
    """The connection that the wiring made.

    Raises:
        SourceDeniedError: there is none, for want of credentials.
    """
    connection = source.connections.get(PROVIDER_NAME)
    if not isinstance(connection, AzureConnection):
        raise SourceDeniedError(feed, f"no account: {'; '.join(missing({}))}")
    return connection


def checked_region(region: str, feed: str) -> str:
    """``region``, if it can be the name of one.

    Raises:
        SourceDeniedError: it cannot; Azure writes ``eastus``, not ``East US``.
    """
    if not REGION_NAME.fullmatch(region):
        raise SourceDeniedError(feed, f"{region!r} is not the name of a region such as eastus")
    return region
