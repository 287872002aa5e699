"""Azure Resource Manager's error codes, translated into what the caller must do about them.

An error is HTTP 4xx or 5xx with ``{"error": {"code", "message"}}``. Only the code is passed on:
the messages name objects of the tenant.
"""

import json
from collections.abc import Mapping
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
from collector.providers.azure.credentials import SUBSCRIPTION

TO_MEND = {
    ("ExpiredAuthenticationToken",): "the token is over: get a new one",
    ("InvalidAuthenticationToken", "AuthenticationFailed"): "the token is not accepted",
    ("SubscriptionNotFound", "InvalidSubscriptionId"): f"check {SUBSCRIPTION}",
    ("MissingSubscriptionRegistration",): "register Microsoft.Compute in the subscription",
    ("AuthorizationFailed", "LinkedAuthorizationFailed"): "the app needs the right to {permission}",
}
"""Beginnings of codes that only a person can mend, with what to do."""

BUSY_CODES = ("TooManyRequests", "RateLimiting", "ServerBusy", "ServerTimeout", "QuotaExceeded")
NOT_HERE_CODES = (
    "NoRegisteredProviderFound",
    "LocationNotAvailable",
    "InvalidLocation",
    "LocationNotSupported",
)

QUOTA_HEADER = "x-ms-user-quota-resets-after"
"""Resource Graph: how long until its quota is full again, as ``hh:mm:ss``."""


class BusyError(SourceUnavailableError):
    """It answered that it cannot now: worth another try."""


def refusal(response: httpx.Response, *, source: str, permission: str, what: str) -> SourceError:
    """The error that a refused call stands for.

    Raises:
        SourceError: the body is not the API's own JSON; what the status asks for.
    """
    code, status = _code(response), response.status_code
    said = f"{what}: HTTP {status} {code}".rstrip()
    if code.startswith(BUSY_CODES) or status in UNAVAILABLE:
        return BusyError(source, said, wait_seconds(response.headers))
    if not code:
        check_status(response, source=source)
    for codes, advice in TO_MEND.items():
        if code.startswith(codes):
            return SourceDeniedError(source, f"{said}: {advice.format(permission=permission)}")
    if code.startswith(NOT_HERE_CODES):
        return NotOfferedError(source, said)
    if status in DENIED:
        return SourceDeniedError(source, f"{said}: the app needs the right to {permission}")
    return SourceChangedError(source, said)


def wait_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the API asks us to stay away; None if it does not say."""
    told = retry_after_seconds(headers)
    if told is not None:
        return told
    parts = headers.get(QUOTA_HEADER, "").split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):  # noqa: PLR2004 - hh:mm:ss
        return None
    hours, minutes, seconds = (int(part) for part in parts)
    return float((hours * 60 + minutes) * 60 + seconds)


def _code(response: httpx.Response) -> str:
    """The code of the API's JSON; empty if the body is something else."""
    try:
        body: Any = json.loads(response.content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return ""
    error = body.get("error") if isinstance(body, Mapping) else None
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, str) else ""
