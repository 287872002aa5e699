"""An OpenID Connect issuer on 127.0.0.1, whose tokens are made by joserfc: not our library."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwk, jwt

from tests.support.loopback import Answer, Loopback, Request, loopback

AUDIENCE = "spotcast"
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256"]


def ec_key(kid: str = "one", curve: str = "P-256") -> jwk.ECKey:
    """An elliptic key: made in no time, unlike an RSA one."""
    return jwk.ECKey.generate_key(curve, {"kid": kid, "use": "sig"})


@dataclass
class Issuer:
    """The issuer while it runs: its address, its keys, and how it answers."""

    url: str = ""
    keys: list[Any] = field(default_factory=lambda: [ec_key()])
    is_down: bool = False
    document: dict[str, Any] = field(default_factory=dict)
    """What its discovery document says otherwise."""
    extra: list[Any] = field(default_factory=list)
    """Entries of its list of keys as they are."""
    server: Loopback | None = None

    def token(self, key: Any = None, alg: str = "ES256", **claims: Any) -> str:
        """A token that is good, but for what ``claims`` say otherwise; None leaves one out."""
        now = int(time.time())
        key = key or self.keys[0]
        told: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ann",
            "iat": now,
            "exp": now + 300,
        }
        told |= {"scope": "spotcast:read openid"} | claims
        header = {"alg": alg, "kid": key.kid}
        payload = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(header, payload, key, algorithms=ALGORITHMS)

    @property
    def asked(self) -> int:
        """How often its keys were read."""
        requests = self.server.requests if self.server else []
        return sum(one.url == "keys" for one in requests)

    def answer(self, request: Request) -> Answer:
        """Its answer to a request."""
        if self.is_down:
            return Answer(b"down", 503)
        if request.url == ".well-known/openid-configuration":
            told = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.document
        else:
            public = [one.as_dict(private=False) for one in self.keys]
            told = {"keys": [*self.extra, *public]}
        return Answer(json.dumps(told).encode(), 200, {"content-type": "application/json"})


@contextmanager
def issuer() -> Generator[Issuer]:
    """Serve while the context lasts."""
    made = Issuer()
    with loopback(made.answer) as server:
        made.url, made.server = server.url, server
        yield made
