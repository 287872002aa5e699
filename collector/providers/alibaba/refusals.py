"""Alibaba Cloud's error codes, translated into what the caller must do about them.

An error is HTTP 4xx or 5xx with JSON: ``Code``, ``Message``. The status says little (throttling
comes as 400, 429 or 503), the code says it all. The message of a refused signature repeats what
was signed, so no message of the cloud about keys is passed on.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.http import DENIED, UNAVAILABLE, check_status, retry_after_seconds

TO_MEND = {
    ("InvalidTimeStamp", "Timestamp.expired"): "set this machine's clock, it is minutes off",
    (
        "InvalidAccessKey",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidSecurityToken",
        "MissingSecurityToken",
        "MissingAccessKeyId",
    ): "check the access key, its secret and its security token",
    ("Forbidden", "NoPermission", "Unauthorized"): "grant {permission} to the key's RAM user",
}
"""Beginnings of codes that only a person can mend, with what to do."""

BUSY_CODES = (
    "Throttling",
    "ServiceUnavailable",
    "InternalError",
    "UnknownError",
    # A request that is sent again after a time-out may have been seen the first time.
    "SignatureNonceUsed",
)
REGION_CODES = ("InvalidRegionId", "UnsupportedRegion")
TYPE_CODES = ("InvalidInstanceType", "InvalidSystemDiskCategory", "PriceNotFound")
"""The price of a machine is asked for with a disk, and not every type takes the disk."""

MESSAGE_LENGTH = 200


class BusyError(SourceUnavailableError):
    """It answered that it cannot now: the request is signed anew and sent again, a little later."""


class TypeNotOfferedError(NotOfferedError):
    """It does not sell this instance type here: the other types go on."""


def refusal(
    response: httpx.Response, *, source: str, what: str, permission: str, secrets: Iterable[str]
) -> SourceError:
    """The error that a refused call stands for.

    ``what`` was called, for which the key's user needs ``permission``. ``secrets`` are cut out of
    what the cloud said.

    Raises:
        SourceError: the body is not the cloud's own JSON; what the status asks for.
    """
    code, message = _said(response)
    status = response.status_code
    what = f"{what}: HTTP {status} {code}".rstrip()
    if code.startswith(BUSY_CODES) or status in UNAVAILABLE:
        return BusyError(source, what, retry_after_seconds(response.headers))
    if not code:
        check_status(response, source=source)
    for codes, advice in TO_MEND.items():
        if code.startswith(codes):
            return SourceDeniedError(source, f"{what}: {advice.format(permission=permission)}")
    if code.startswith((*REGION_CODES, *TYPE_CODES)):
        kind = TypeNotOfferedError if code.startswith(TYPE_CODES) else NotOfferedError
        return kind(source, what)
    if status in DENIED:
        return SourceDeniedError(source, f"{what}: check the key and its right to {permission}")
    for secret in secrets:
        message = message.replace(secret, "***")
    return SourceChangedError(source, f"{what}: {message[:MESSAGE_LENGTH]}")


def _said(response: httpx.Response) -> tuple[str, str]:
    """Code and message of the cloud's JSON; both empty if the body is something else."""
    try:
        body: Any = json.loads(response.content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return "", ""
    if not isinstance(body, Mapping) or not isinstance(body.get("Code"), str):
        return "", ""
    return body["Code"], str(body.get("Message", ""))
