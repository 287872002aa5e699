"""Alibaba Cloud's API: one signed call to one of its services, and what its refusals mean.

Every request carries a nonce that the cloud accepts once, so a second try is signed anew rather
than sent again as it was.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import stamina

from collector.errors import NotOfferedError, SourceDeniedError
from collector.http import ATTEMPTS, Fetcher, parse_json
from collector.provider import Network, Source
from collector.providers.alibaba.credentials import (
    KEY_ID,
    KEY_SECRET,
    PROVIDER_NAME,
    AlibabaCredentials,
    credentials_from,
)
from collector.providers.alibaba.endpoints import ECS, Service
from collector.providers.alibaba.queue_client import EVENT_QUEUE, EventQueue
from collector.providers.alibaba.refusals import BusyError, refusal
from collector.providers.alibaba.signature import EMPTY_BODY_HASH, authorization, canonical_query

REGION_NAME = re.compile(r"[a-z0-9-]+")
TYPE_PREFIX = "ecs."
"""How every type's name begins: one list of watched types serves all clouds."""
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
"""The only spelling that the API's parameters and headers take; always UTC."""

REFUSED = frozenset(range(400, 600))
"""The statuses whose bodies say more than the status."""


def unique_nonce() -> str:
    """A text that no other request has."""
    return uuid4().hex


class AlibabaConnection:
    """One account's way to the API. ``clock`` gives now, ``nonce`` a text never given before.

    ``event_queue`` is the queue that the user's events go to; None if none is set. Each call is
    tried ``attempts`` times while the API is busy.
    """

    def __init__(
        self,
        credentials: AlibabaCredentials,
        *,
        clock: Callable[[], datetime],
        nonce: Callable[[], str] = unique_nonce,
        event_queue: EventQueue | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.event_queue = event_queue
        self._credentials = credentials
        self._clock = clock
        self._nonce = nonce
        self._attempts = attempts

    def call(
        self,
        fetcher: Fetcher,
        action: str,
        region: str,
        params: Mapping[str, str],
        *,
        source: str,
        service: Service = ECS,
    ) -> Any:
        """The JSON that answers ``action``. ``RegionId`` is added, as the official client does.

        Raises:
            SourceUnavailableError: throttled or down, after a few tries.
            SourceDeniedError: key, clock or RAM policy; says which permission is needed.
            NotOfferedError: the region, or the one instance type asked for, is not sold to us.
            SourceChangedError: an error or an answer of an unknown form.
        """
        if not REGION_NAME.fullmatch(region):
            raise SourceDeniedError(source, f"{region!r} is not the name of a region")
        query = {**params, "RegionId": region}
        answer: Any = None
        for attempt in stamina.retry_context(on=BusyError, attempts=self._attempts, timeout=None):
            with attempt:
                answer = self._ask(fetcher, service, action, query, source)
        return answer

    def _ask(
        self,
        fetcher: Fetcher,
        service: Service,
        action: str,
        query: Mapping[str, str],
        source: str,
    ) -> Any:
        region = query["RegionId"]
        host = service.host(region)
        response = fetcher.request(
            "POST",
            f"https://{host}/?{canonical_query(query)}",
            source=source,
            headers=self._headers(host, service.version, action, query),
            accept_status=REFUSED,
        )
        if not response.is_success:
            key = self._credentials
            secrets = [one for one in (key.secret, key.security_token, key.key_id) if one]
            raise refusal(
                response,
                source=source,
                what=f"{action} in {region}",
                permission=f"{service.name}:{action}",
                secrets=secrets,
            )
        return parse_json(response.content, source=source)

    def _headers(
        self, host: str, version: str, action: str, query: Mapping[str, str]
    ) -> dict[str, str]:
        key = self._credentials
        headers = {
            "host": host,
            "x-acs-action": action,
            "x-acs-version": version,
            "x-acs-date": api_time(self._clock()),
            "x-acs-signature-nonce": self._nonce(),
            "x-acs-content-sha256": EMPTY_BODY_HASH,
        }
        if key.security_token:
            headers["x-acs-accesskey-id"] = key.key_id
            headers["x-acs-security-token"] = key.security_token
        signed = authorization(
            "POST",
            "/",
            query,
            headers,
            body_hash=EMPTY_BODY_HASH,
            key_id=key.key_id,
            secret=key.secret,
        )
        return {**headers, "authorization": signed}


def connect(network: Network) -> AlibabaConnection | None:
    """A connection with the access key found in the environment; None if there is none."""
    credentials = credentials_from(network.environ)
    if credentials is None:
        return None
    address = network.environ.get(EVENT_QUEUE, "").strip()
    queue = EventQueue(address, credentials, network.clock) if address else None
    attempts = network.attempts or ATTEMPTS
    return AlibabaConnection(credentials, clock=network.clock, event_queue=queue, attempts=attempts)


def connection_of(source: Source, feed: str) -> AlibabaConnection:
    """The connection that the wiring made.

    Raises:
        SourceDeniedError: there is none, for want of an access key.
    """
    connection = source.connections.get(PROVIDER_NAME)
    if not isinstance(connection, AlibabaConnection):
        raise SourceDeniedError(feed, f"no access key: set {KEY_ID} and {KEY_SECRET}")
    return connection


def watched_types(source: Source, feed: str) -> tuple[str, ...]:
    """The watched types that are Alibaba Cloud's; empty if no type is watched at all.

    Raises:
        NotOfferedError: types are watched, and all are another cloud's.
    """
    own = tuple(one for one in source.instance_types if one.startswith(TYPE_PREFIX))
    if source.instance_types and not own:
        given = ", ".join(source.instance_types)
        raise NotOfferedError(feed, f"no watched type is Alibaba Cloud's, all ecs.*: {given}")
    return own


def api_time(moment: datetime) -> str:
    """``moment`` as the API spells a time."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)
