"""Access tokens of an OpenID Connect issuer: people and machines without a key of ours."""

import logging
from collections.abc import Mapping
from typing import Any

from api.security.principal import Principal, Scope
from api.security.published_keys import PublishedKeys
from api.security.settings import OidcSettings
from api.security.tokens import TokenError, key_id

logger = logging.getLogger("spotcast.security")

LONGEST_NAME = 100


class Oidc:
    """Whom a token is from, and what it allows."""

    def __init__(self, settings: OidcSettings, keys: PublishedKeys) -> None:
        self._settings = settings
        self._keys = keys

    def principal(self, token: str) -> Principal | None:
        """Whom the token is from; None if it is not good. May wait for the issuer.

        Raises:
            IssuerDownError: the issuer's keys cannot be had.
        """
        try:
            claims = self._claims(token)
        except TokenError as error:
            logger.info("token refused: %s", error)
            return None
        return Principal(f"oidc {_shown(str(claims['sub']))}", self._scopes(claims))

    def _claims(self, token: str) -> dict[str, Any]:
        key = self._keys.key(key_id(token))
        if key is None:
            raise TokenError("signed by an unknown key")
        return key.claims(token, issuer=self._settings.issuer, audience=self._settings.audience)

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[Scope]:
        known = self._settings.scopes
        said = _values(_claim(claims, self._settings.claim))
        return frozenset(known[one] for one in said if one in known)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name; one with dots also by its place, as Keycloak's `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _values(said: object) -> list[str]:
    """A list, or words in one text, as `scope` is."""
    if isinstance(said, str):
        return said.split()
    return [one for one in said if isinstance(one, str)] if isinstance(said, list) else []


def _shown(text: str) -> str:
    """Fit for a log: printable, and not long."""
    return "".join(one if one.isprintable() else "?" for one in text[:LONGEST_NAME])
