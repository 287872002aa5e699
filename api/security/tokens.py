"""Signed tokens (RFC 7519). The one module that knows PyJWT."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures with a private key that the issuer alone has. With a shared secret (HS256) whoever
can check a token can make one, and `none` is no signature."""

LEEWAY = timedelta(seconds=30)
"""By how much two clocks may differ."""

REQUIRED = ("exp", "iat", "iss", "aud", "sub")


class TokenError(Exception):
    """A token that is not good; says why, without the token."""


class SigningKey:
    """A public key of an issuer."""

    def __init__(self, published: Mapping[str, Any]) -> None:
        """Of a JSON Web Key.

        Raises:
            TokenError: it is no key for signatures of `ALGORITHMS`.
        """
        if published.get("use", "sig") != "sig" or published.get("kty") not in {"RSA", "EC", "OKP"}:
            raise TokenError("not a public key for signatures")
        algorithm = published.get("alg")
        if algorithm is not None and algorithm not in ALGORITHMS:
            raise TokenError("a key for an algorithm that is not taken")
        self._key = _guarded(lambda: jwt.PyJWK(dict(published)).key)
        self._published = published

    def claims(self, token: str, *, issuer: str, audience: str) -> dict[str, Any]:
        """What a token says, once its signature, issuer, audience and times are proven.

        Raises:
            TokenError: one of them is wrong.
        """
        only = self._published.get("alg")
        found: dict[str, Any] = _guarded(
            lambda: jwt.decode(
                token,
                self._key,
                algorithms=[only] if only else list(self._fitting()),
                audience=audience,
                issuer=issuer,
                leeway=LEEWAY,
                options={"require": list(REQUIRED)},
            )
        )
        return found

    def _fitting(self) -> tuple[str, ...]:
        """The algorithms for its type of key, where the issuer does not name one."""
        starts = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}[self._published["kty"]]
        return tuple(name for name in ALGORITHMS if name.startswith(starts))


def key_id(token: str) -> str | None:
    """The id of the key that signed a token, as its header says; None if it says none.

    Raises:
        TokenError: it is no token.
    """
    found = _guarded(lambda: jwt.get_unverified_header(token)).get("kid")
    return None if found is None else str(found)


def _guarded(call: Any) -> Any:
    try:
        return call()
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError) as error:
        # Of what is no token the library fails in several ways; some messages hold the key.
        raise TokenError(type(error).__name__) from None
