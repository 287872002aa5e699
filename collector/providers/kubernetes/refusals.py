"""What the API server's refusals mean, and what a person can do about them."""

from collections.abc import Mapping
from typing import Any

import httpx

from collector.errors import (
    NotOfferedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.http import NOT_FOUND, NOT_RECORDED, check_status
from collector.payload import reading, whole_number
from collector.providers.kubernetes.resources import Resource

UNAUTHORIZED = 401
FORBIDDEN = 403
GONE = 410
REFUSED = frozenset({UNAUTHORIZED, FORBIDDEN, NOT_FOUND, GONE})
"""The statuses that mean more here than elsewhere."""


class GoneError(SourceUnavailableError):
    """The version asked for is too old: the resource must be listed anew."""


def check(response: httpx.Response, resource: Resource, *, source: str) -> None:
    """Raise what the status asks for; a success passes."""
    match response.status_code:
        case 401:
            what = "HTTP 401: the cluster does not accept the credentials; have they expired?"
            raise SourceDeniedError(source, what)
        case 403:
            what = (
                f"HTTP 403: the cluster does not allow it; grant list and watch on {resource.name} "
                "with the ClusterRole in docs/providers/kubernetes.md"
            )
            raise SourceDeniedError(source, what)
        case 404 if resource.is_optional and NOT_RECORDED not in response.text:
            raise NotOfferedError(source, f"the cluster has no {resource.name}")
        case 410:
            raise _gone(source)
        case _:
            check_status(response, source=source)


def error_event(status: Mapping[str, Any], *, source: str) -> SourceError:
    """What an ERROR inside a watch means; ``status`` is its object."""
    with reading(source, "an ERROR event"):
        code = whole_number(status, "code")
    if code == GONE:
        return _gone(source)
    if code == FORBIDDEN:
        return SourceDeniedError(source, "the cluster stopped the watch with code 403")
    return SourceUnavailableError(source, f"the cluster stopped the watch with code {code}")


def _gone(source: str) -> GoneError:
    return GoneError(source, "the cluster no longer knows the version that was asked for")
