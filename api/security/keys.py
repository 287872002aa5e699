"""API keys: what one is, how it is made, and when it is good.

A key's text is ``spotcast_<id>_<secret>``: the prefix lets secret scanners find one that was
committed by mistake, the id finds its record, and the secret is 256 random bits. Of the secret
only a SHA-256 is kept. A slow hash guards passwords, which can be guessed; 256 random bits cannot
be, and a slow hash on each request would be a way to bring the server down.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_serializer

from api.security.principal import Principal, Scope

KEY = re.compile(r"spotcast_(?P<id>[0-9a-f]{12})_[0-9a-f]{64}", re.ASCII)
ID_BYTES, SECRET_BYTES = 6, 32
NAME = r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}"
"""Names stand in logs and in the audit: no quotes, no control characters."""

NOBODYS = "0" * 64
"""What the key of an unknown id is compared with, so that it takes as long as a known one."""


class Key(BaseModel):
    """One key as it is stored: everything but the secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    """Of the whole text of the key."""
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    """From then on it opens nothing; None for never."""
    revoked_at: AwareDatetime | None = Field(default=None)
    replaced_by: str | None = Field(default=None)
    """The id of the key that it was rotated into."""

    @field_serializer("scopes")
    def _listed(self, scopes: frozenset[Scope]) -> list[str]:
        return sorted(scopes)

    def state(self, now: datetime) -> str:
        """``active``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def is_good(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.state(now) == "active"

    @property
    def principal(self) -> Principal:
        """Who shows it."""
        return Principal(f"{self.name} ({self.id})", self.scopes)


def new_key(
    name: str, scopes: frozenset[Scope], *, now: datetime, lifetime: timedelta | None
) -> tuple[Key, str]:
    """A key, and its text, which is nowhere else."""
    identity = secrets.token_hex(ID_BYTES)
    text = f"spotcast_{identity}_{secrets.token_hex(SECRET_BYTES)}"
    made = Key(
        id=identity,
        name=name,
        scopes=scopes,
        sha256=digest(text),
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    return made, text


def rotated(key: Key, *, now: datetime, grace: timedelta) -> tuple[Key, Key, str]:
    """The key, which ends after ``grace``; the one in its place, for as long again; its text."""
    lifetime = None if key.expires_at is None else key.expires_at - key.created_at
    made, text = new_key(key.name, key.scopes, now=now, lifetime=lifetime)
    end = now + grace if key.expires_at is None else min(key.expires_at, now + grace)
    old = key.model_copy(update={"expires_at": end, "replaced_by": made.id})
    return old, made, text


def id_in(text: str) -> str | None:
    """The id in the text of a key; None if it is no such text."""
    found = KEY.fullmatch(text)
    return found["id"] if found else None


def is_of(text: str, key: Key | None) -> bool:
    """Whether the text is that of the key, in a time that tells nothing of either."""
    is_same = hmac.compare_digest(digest(text), NOBODYS if key is None else key.sha256)
    return is_same and key is not None


def digest(text: str) -> str:
    """The SHA-256 of a secret, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
