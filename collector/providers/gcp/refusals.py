"""Google's refusals, translated into what the caller must do about them.

An error is JSON with a status, a message and reasons, old style (``errors[].reason``) or new
(``details[].reason``), or both. The status alone says little: a quota that is used up comes as
403 or 429, a wrong API key as 400.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from collector.errors import (
    NotOfferedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.http import (
    DENIED,
    NOT_FOUND,
    NOT_RECORDED,
    UNAVAILABLE,
    check_status,
    retry_after_seconds,
)

BUSY = {
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "backendError",
}
DISABLED = {"accessNotConfigured", "SERVICE_DISABLED"}
KEY_REFUSED = {
    "API_KEY_INVALID": "the API key is not valid",
    "keyInvalid": "the API key is not valid",
    "keyExpired": "the API key has ended",
    "API_KEY_SERVICE_BLOCKED": "the API key may not be used for this API",
    "API_KEY_IP_ADDRESS_BLOCKED": "the API key may not be used from this address",
    "API_KEY_HTTP_REFERRER_BLOCKED": "the API key is for web pages only",
    "ipRefererBlocked": "the API key may not be used from here",
}
"""cloud.google.com/billing/docs/reference, google.rpc.ErrorReason, and the old words for them."""

PERMISSION = re.compile(r"'(?P<name>[a-z]+(?:\.[A-Za-z]+){2,})'")
NOT_A_PROJECT = re.compile(r"'projects/[^/']+'")
UNAUTHORIZED = 401
BAD_REQUEST = 400
MESSAGE_LENGTH = 200


class BusyError(SourceUnavailableError):
    """It answered that it cannot now: the request is sent again, a little later."""


class UnknownPathError(SourceChangedError):
    """The service has no such method, as far as it lets us know."""


class BadRequestError(SourceChangedError):
    """It does not take what we asked for; ``what`` has its own words."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Google's error said."""

    message: str
    reasons: frozenset[str]
    service: str


def refusal(
    response: httpx.Response, *, source: str, host: str, permission: str, secrets: Iterable[str]
) -> SourceError:
    """The error that a refused request to ``host`` stands for.

    ``secrets`` are cut out of what Google said.

    Raises:
        SourceError: the body is not Google's own JSON; what the status asks for.
    """
    status, told = response.status_code, _told(response)
    if status in UNAVAILABLE or (told and told.reasons & BUSY):
        return BusyError(source, f"HTTP {status}", retry_after_seconds(response.headers))
    if told is None:
        if status == NOT_FOUND and NOT_RECORDED not in response.text:
            return UnknownPathError(source, f"HTTP 404: {host} has no such method")
        if status in DENIED:
            what = f"HTTP {status}: check the credentials and their permission {permission}"
            return SourceDeniedError(source, what)
        check_status(response, source=source)
        return SourceChangedError(source, f"HTTP {status} from {host}")
    if denied := _denied(status, told, host, permission):
        return SourceDeniedError(source, f"HTTP {status}: {denied}")
    said = told.message
    for secret in secrets:
        said = said.replace(secret, "***")
    said = f"HTTP {status}: {said[:MESSAGE_LENGTH]}"
    if status == NOT_FOUND:
        return NotOfferedError(source, said)
    kind = BadRequestError if status == BAD_REQUEST else SourceChangedError
    return kind(source, said)


def _denied(status: int, told: Refusal, host: str, permission: str) -> str | None:
    """What a person must mend; None if that is not it."""
    if told.reasons & DISABLED:
        service = told.service or host
        return f"enable the API in the project: gcloud services enable {service}"
    if refused := told.reasons & KEY_REFUSED.keys():
        return KEY_REFUSED[min(refused)]
    if status == UNAUTHORIZED:
        return "the access token is not valid or has ended: renew it"
    if status in DENIED:
        named = PERMISSION.search(told.message)
        return f"grant the permission {named['name'] if named else permission}"
    if status == NOT_FOUND and NOT_A_PROJECT.search(told.message):
        return "the project is not known: check its id"
    return None


def _told(response: httpx.Response) -> Refusal | None:
    """Google's JSON, read without trust; None if the body is something else."""
    try:
        error = json.loads(response.content)["error"]
        message = error["message"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    if not isinstance(error, Mapping) or not isinstance(message, str):
        return None
    rows = [*_rows(error, "errors"), *_rows(error, "details")]
    services = [
        metadata["service"]
        for row in rows
        if isinstance(metadata := row.get("metadata"), Mapping) and "service" in metadata
    ]
    reasons = {str(row["reason"]) for row in rows if "reason" in row}
    return Refusal(
        message,
        frozenset(reasons | {str(error.get("status", ""))}),
        str(services[0]) if services else "",
    )


def _rows(error: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    rows = error.get(field)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
