"""What a user may set of the server's guarding. `docs/settings.md` lists the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urlsplit

from api.security.origins import is_loopback
from api.security.principal import Scope
from api.settings import SettingsError

ISSUER = "SPOTCAST_OIDC_ISSUER"
AUDIENCE = "SPOTCAST_OIDC_AUDIENCE"
CLAIM = "SPOTCAST_OIDC_CLAIM"
SCOPES = "SPOTCAST_OIDC_SCOPES"
CORS_ORIGINS = "SPOTCAST_CORS_ORIGINS"
TRUSTED_PROXIES = "SPOTCAST_TRUSTED_PROXIES"
REQUESTS = "SPOTCAST_REQUESTS_PER_MINUTE"
FAILURES = "SPOTCAST_FAILURES_PER_MINUTE"
BODY = "SPOTCAST_MAX_BODY_BYTES"
BODY_SECONDS = "SPOTCAST_BODY_TIMEOUT_SECONDS"

DEFAULT_SCOPES = "spotcast:read=read,spotcast:ingest=ingest,spotcast:act=act"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Whose tokens are good, and what they allow."""

    issuer: str
    """As in the tokens: SPOTCAST_OIDC_ISSUER."""

    audience: str
    """Whom the tokens must be for: SPOTCAST_OIDC_AUDIENCE. There is no default: a token made for
    another service of the same issuer must not open this one."""

    claim: str
    """Where a token says what it allows: SPOTCAST_OIDC_CLAIM, else ``scope`` (RFC 8693)."""

    scopes: Mapping[str, Scope]
    """What each value of that claim allows: SPOTCAST_OIDC_SCOPES, as ``value=scope,...``."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What every request must keep to."""

    cors_origins: tuple[str, ...] = ()
    """Pages of other origins that may ask: SPOTCAST_CORS_ORIGINS, else none."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose X-Forwarded-For is believed: SPOTCAST_TRUSTED_PROXIES, else
    none. Anybody can send the header."""

    requests_per_minute: int = 6_000
    """Of one key: SPOTCAST_REQUESTS_PER_MINUTE, else 6000: the 100 a second that the server
    is meant to answer on two cores, so that one key cannot take more than all of it."""

    failures_per_minute: int = 30
    """Wrong keys of one address: SPOTCAST_FAILURES_PER_MINUTE, else 30. A person who mistypes
    stays below; a key cannot be guessed anyway, this spares the log and the processor."""

    max_body_bytes: int = 2_097_152
    """SPOTCAST_MAX_BODY_BYTES, else 2 MiB: the largest push of a cloud is 1 MB (a batch of Azure
    Event Grid), and base64 adds a third."""

    body_seconds: int = 30
    """In which a body must have come: SPOTCAST_BODY_TIMEOUT_SECONDS, else 30; 2 MiB take that
    long at 0.6 Mbit/s."""


def gate_settings(environ: Mapping[str, str]) -> GateSettings:
    """Read them.

    Raises:
        SettingsError: a value is not what it should be.
    """
    default = GateSettings()
    return GateSettings(
        cors_origins=tuple(_origin(one) for one in _listed(environ, CORS_ORIGINS)),
        trusted_proxies=tuple(_network(one) for one in _listed(environ, TRUSTED_PROXIES)),
        requests_per_minute=_count(environ, REQUESTS, default.requests_per_minute),
        failures_per_minute=_count(environ, FAILURES, default.failures_per_minute),
        max_body_bytes=_count(environ, BODY, default.max_body_bytes),
        body_seconds=_count(environ, BODY_SECONDS, default.body_seconds),
    )


def oidc_settings(environ: Mapping[str, str]) -> OidcSettings | None:
    """Read them; None if no issuer is set.

    Raises:
        SettingsError: a value is not what it should be, or is missing.
    """
    issuer, audience = environ.get(ISSUER), environ.get(AUDIENCE)
    if not issuer:
        if audience:
            raise SettingsError(f"{AUDIENCE} is set without {ISSUER}: say who makes the tokens")
        return None
    if not audience:
        raise SettingsError(f"{ISSUER} is set without {AUDIENCE}: say whom the tokens are for")
    if not is_https(issuer) or "?" in issuer or "#" in issuer:
        raise SettingsError(f"{ISSUER}={issuer!r}: give an https address, as the tokens have it")
    claim = environ.get(CLAIM) or "scope"
    return OidcSettings(issuer, audience, claim, _mapping(environ.get(SCOPES) or DEFAULT_SCOPES))


def check(environ: Mapping[str, str]) -> None:
    """Read all of them.

    Raises:
        SettingsError: a value is not what it should be, or is missing.
    """
    gate_settings(environ)
    oidc_settings(environ)


def is_https(url: str) -> bool:
    """Whether it is an address that nobody between can change: https, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or ""))
    )


def _mapping(text: str) -> dict[str, Scope]:
    found: dict[str, Scope] = {}
    for one in _split(text):
        value, _, scope = one.rpartition("=")
        if not value or scope not in set(Scope):
            raise SettingsError(
                f"{SCOPES}: {one!r} is no `value=scope`, such as spotcast-readers=read; scopes "
                f"are {', '.join(Scope)}"
            )
        found[value] = Scope(scope)
    return found


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or text.lower() != f"{parts.scheme}://{parts.netloc}":
        raise SettingsError(
            f"{CORS_ORIGINS}: {text!r} is no origin: name each one as https://host[:port], "
            "without a path; `*` is not taken"
        )
    return text.lower()


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise SettingsError(
            f"{TRUSTED_PROXIES}: {text!r} is neither an address nor a network such as 10.0.0.0/8"
        ) from None
    return text


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text, re.ASCII):
        raise SettingsError(f"{name}={text!r}: give a whole number above 0, such as {default}")
    return int(text)


def _listed(environ: Mapping[str, str], name: str) -> list[str]:
    return _split(environ.get(name, ""))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
