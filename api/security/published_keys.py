"""An issuer's public keys: asked for at its own address, kept, and asked for again with care.

A token names the key that signed it. One that is unknown may be new, so the issuer is asked
again; but anybody can send tokens that name unknown keys, so it is asked once a minute at most.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from api.security.settings import is_https
from api.security.tokens import SigningKey, TokenError

logger = logging.getLogger("spotcast.security")

KEPT_SECONDS = 600.0
"""A key that the issuer took back is believed for so long. Issuers publish a new key hours before
they use it."""

APART_SECONDS = 60.0
"""Between two questions to the issuer, whatever tokens come."""

AGAIN_SECONDS = 10.0
"""The same after one that failed, while nobody with a token can be let in."""

GOOD_SECONDS = 3_600.0
"""Keys are believed for so long while the issuer cannot be asked."""

TIMEOUT_SECONDS = 5.0
MOST_BYTES = 512 * 1024
"""Of an answer; the largest known, Microsoft's, has 20 KiB."""

Fetch = Callable[[str], Any]


class IssuerDownError(Exception):
    """The issuer's keys cannot be had; says why."""


class PublishedKeys:
    """The keys of one issuer, by id."""

    def __init__(
        self, issuer: str, fetch: Fetch, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._ticks = ticks
        self._lock = threading.Lock()
        self._keys: dict[str | None, SigningKey] = {}
        self._read_at = self._next_at = float("-inf")

    def key(self, identity: str | None) -> SigningKey | None:
        """The key with this id; without an id the only key there is; None if there is none.

        Raises:
            IssuerDownError: the keys are not known, or were not for too long.
        """
        with self._lock:  # those who wait are told what the first one found
            if self._is_due(identity):
                self._ask()
            if self._ticks() - self._read_at > GOOD_SECONDS:
                raise IssuerDownError(f"{self._issuer}: its keys cannot be read")
            if identity is None:
                return next(iter(self._keys.values())) if len(self._keys) == 1 else None
            return self._keys.get(identity)

    def _is_due(self, identity: str | None) -> bool:
        now = self._ticks()
        is_wanted = identity not in self._keys or now - self._read_at > KEPT_SECONDS
        return is_wanted and now >= self._next_at

    def _ask(self) -> None:
        try:
            self._keys = _signing_keys(self._fetch(self._address()))
        except IssuerDownError as error:
            logger.warning("%s", error)
            self._next_at = self._ticks() + AGAIN_SECONDS
        else:
            self._read_at = self._ticks()
            self._next_at = self._read_at + APART_SECONDS

    def _address(self) -> str:
        """Where its keys are, as it says itself (OpenID Connect Discovery 1.0)."""
        told = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        issuer, address = (
            (told.get("issuer"), told.get("jwks_uri")) if isinstance(told, dict) else (None, None)
        )
        if issuer != self._issuer:
            raise IssuerDownError(f"{self._issuer}: says that it is another issuer")
        if not isinstance(address, str) or not is_https(address):
            raise IssuerDownError(f"{self._issuer}: gives no https address of its keys")
        return address


def _signing_keys(told: object) -> dict[str | None, SigningKey]:
    listed = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        raise IssuerDownError("the issuer's answer is no list of keys")
    found: dict[str | None, SigningKey] = {}
    for one in listed:
        try:
            found[one.get("kid")] = SigningKey(one)
        except (TokenError, AttributeError, TypeError):
            continue  # for encryption, or of a kind that is not taken
    return found


def fetched(client: httpx.Client, url: str) -> Any:
    """The JSON at an address.

    Raises:
        IssuerDownError: it cannot be had; says why.
    """
    body = b""
    try:
        with client.stream("GET", url) as answer:
            answer.raise_for_status()
            for part in answer.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise IssuerDownError(f"{url}: the answer is too long")
        return json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        raise IssuerDownError(f"{url}: {type(error).__name__}: {error}") from None


def over_http(url: str) -> Any:
    """The JSON at an address, from there and from nowhere that it sends us to.

    Raises:
        IssuerDownError: it cannot be had; says why.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
        return fetched(client, url)
