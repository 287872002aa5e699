"""The plan as JSON to a URL of the user's: for machines that no Karpenter replaces.

What is to be replaced is posted once; what could not be delivered is posted with the next look. The
same plan has the same id, so a receiver that gets it twice can tell.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import httpx
import stamina

from advisor.errors import AdvisorError
from advisor.replacement.records import HandOver
from api.errors import UsageError
from api.guard.report import Report

SECRET = "SPOTCAST_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
"""Where the secret stands; it is sent as ``Authorization: Bearer`` and written nowhere."""

TIMEOUT_SECONDS = 5.0
ATTEMPTS = 3
"""A receiver that is away holds up a look by at most a quarter of a minute."""

TRY_AGAIN = {408, 429}
SERVER_ERROR = 500


class WebhookError(AdvisorError):
    """The receiver did not take a plan; says why, and never the secret."""


class Webhook:
    """One receiver of plans."""

    def __init__(self, url: str, environ: Mapping[str, str], http: httpx.Client) -> None:
        """``http`` is the client to post with.

        Raises:
            UsageError: ``url`` is none for HTTP; or it would carry the secret in the clear.
        """
        secret = environ.get(SECRET)
        parts = _parsed(url)
        if secret and parts.scheme != "https" and parts.host not in {"127.0.0.1", "localhost"}:
            raise UsageError(f"--webhook {url}: {SECRET} is set, and is sent over https only")
        self._url = url
        self._http = http
        self._headers = {"authorization": f"Bearer {secret}"} if secret else {}
        self._delivered: str | None = None

    def post(self, report: Report) -> bool:
        """Post what is to be replaced, if it is not what was posted last; whether it was posted.

        Raises:
            WebhookError: the receiver is away or refuses it.
        """
        wanted = document(report)
        if not wanted["replace"] or wanted["id"] == self._delivered:
            return False
        try:
            for attempt in stamina.retry_context(on=_is_passing, attempts=ATTEMPTS, wait_max=1.0):
                with attempt:
                    self._send(wanted)
        except httpx.HTTPStatusError as error:
            said = f"HTTP {error.response.status_code}"
            raise WebhookError(f"webhook {_named(self._url)}: the receiver says {said}") from error
        except httpx.HTTPError as error:
            what = type(error).__name__
            raise WebhookError(f"webhook {_named(self._url)}: not delivered ({what})") from error
        self._delivered = wanted["id"]
        return True

    def _send(self, wanted: Mapping[str, Any]) -> None:
        response = self._http.post(
            self._url,
            content=json.dumps(wanted, default=str),
            timeout=TIMEOUT_SECONDS,
            headers=self._headers
            | {"content-type": "application/json", "idempotency-key": str(wanted["id"])},
        )
        response.raise_for_status()


def document(report: Report) -> dict[str, Any]:
    """What is posted: the hand-overs that are open, and an id that is theirs alone."""
    replace = [_told(one) for one in sorted(report.open, key=lambda one: one.replacement_id)]
    text = "\n".join(one["replacement_id"] for one in replace)
    return {
        "kind": "spotcast.replacements",
        "id": hashlib.sha256(text.encode()).hexdigest()[:32],
        "as_of": report.at.isoformat().replace("+00:00", "Z"),
        "mode": report.mode.value,
        "replace": replace,
    }


def _told(one: HandOver) -> dict[str, Any]:
    return {
        "replacement_id": one.replacement_id,
        "node": one.node,
        **asdict(one.pool),
        "state": one.state.value,
        "mechanism": one.mechanism.value,
        "reason": one.reason,
    }


def _parsed(url: str) -> httpx.URL:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"--webhook {url!r} is no URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise UsageError(f"--webhook {url!r}: give an https URL")
    return parts


def _named(url: str) -> str:
    """The receiver without user, password and query, which may be secrets."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode()}{parts.path}"


def _is_passing(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status in TRY_AGAIN or status >= SERVER_ERROR
    return isinstance(error, httpx.TransportError)
