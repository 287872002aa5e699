"""The access key of Alibaba Cloud, under the names that the official tools use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PROVIDER_NAME = "alibaba"

KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"  # noqa: S105 - the variable's name, no secret
SECURITY_TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN"  # noqa: S105 - the same


@dataclass(frozen=True, slots=True)
class AlibabaCredentials:
    """An access key; ``security_token`` comes with a temporary one (STS) only."""

    key_id: str
    secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


def credentials_from(environ: Mapping[str, str]) -> AlibabaCredentials | None:
    """The access key under the official SDK's variable names; None if it is not complete."""
    key_id, secret = environ.get(KEY_ID, "").strip(), environ.get(KEY_SECRET, "").strip()
    if not key_id or not secret:
        return None
    return AlibabaCredentials(key_id, secret, environ.get(SECURITY_TOKEN, "").strip() or None)


def missing(environ: Mapping[str, str]) -> list[str]:
    """What must still be set before the account's feeds can run, in words."""
    wanted = {KEY_ID: "the id of a RAM user's access key", KEY_SECRET: "its secret"}
    return [
        f"set {name}: {meaning}"
        for name, meaning in wanted.items()
        if not environ.get(name, "").strip()
    ]
