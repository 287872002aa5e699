"""httpx, hidden here: fetch bytes or JSON, and translate every way in which that can fail."""

import hashlib
import json
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import stamina

from collector.errors import (
    NotRecordedError,
    SourceChangedError,
    SourceDeniedError,
    SourceUnavailableError,
)

ATTEMPTS = 3
"""Tries at one request before the run is given up; the next scheduled run tries again."""

NOT_RECORDED = "SpotcastNotRecorded"
"""The replay server's word for "no payload", found in the body of its 404."""

NOT_FOUND = 404
DENIED = {401, 403}
UNAVAILABLE = {408, 425, 429, 500, 502, 503, 504}
EXCERPT_LENGTH = 80


class Fetcher:
    """One run's way to the network. ``body_hash`` covers all bodies it has read, in order."""

    def __init__(self, client: httpx.Client, *, attempts: int = ATTEMPTS) -> None:
        self._client = client
        self._attempts = attempts
        self._digest = hashlib.sha256()
        self._has_read = False

    @property
    def body_hash(self) -> str | None:
        """SHA-256 of what was read; None if nothing was."""
        return self._digest.hexdigest() if self._has_read else None

    def get_json(self, url: str, *, source: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON at ``url``. Raises one of the `collector.errors`."""
        return self.request_json("GET", url, source=source, params=params)

    def request_json(
        self,
        method: str,
        url: str,
        *,
        source: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON that answers the request. Raises one of the `collector.errors`."""
        response = self.request(method, url, source=source, params=params, headers=headers)
        return parse_json(response.content, source=source)

    def request(
        self,
        method: str,
        url: str,
        *,
        source: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        accept_status: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """The answer, read whole. A status in ``accept_status`` is handed back, not raised."""
        for attempt in stamina.retry_context(
            on=SourceUnavailableError, attempts=self._attempts, timeout=None
        ):
            with attempt, translated(source):
                response = self._client.request(method, url, params=params, headers=headers)
                if response.status_code not in accept_status:
                    check_status(response, source=source)
                self._note(response.content)
                return response
        raise AssertionError("stamina leaves the loop by its last exception")

    @contextmanager
    def stream(self, url: str, *, source: str) -> Generator[Iterator[bytes]]:
        """The body at ``url`` in pieces, for what is too large to hold. Not retried half-way."""
        with translated(source), self._client.stream("GET", url) as response:
            if not response.is_success:
                response.read()
                check_status(response, source=source)
            yield self._pieces(response)

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        for piece in response.iter_bytes():
            self._note(piece)
            yield piece

    def _note(self, body: bytes) -> None:
        self._has_read = True
        self._digest.update(body)


@contextmanager
def translated(source: str) -> Generator[None]:
    """Turn httpx's exceptions into ours. The request itself (keys, signature) is left out."""
    try:
        yield
    except (httpx.DecodingError, zlib.error) as error:
        raise SourceChangedError(source, f"the body cannot be decompressed ({error})") from error
    except httpx.TimeoutException as error:
        raise SourceUnavailableError(source, f"no answer in time ({_kind(error)})") from error
    except httpx.TransportError as error:
        raise SourceUnavailableError(source, f"no connection ({_kind(error)})") from error
    except httpx.HTTPError as error:
        raise SourceUnavailableError(source, _kind(error)) from error


def check_status(response: httpx.Response, *, source: str) -> None:
    """Raise what the status asks for; a success passes."""
    status = response.status_code
    if response.is_success:
        return
    said = f"HTTP {status}"
    if status == NOT_FOUND and NOT_RECORDED in response.text:
        raise NotRecordedError(source, "the folder holds no payload for this request")
    if status in DENIED:
        raise SourceDeniedError(source, f"{said}: check the credentials and their permissions")
    if status in UNAVAILABLE:
        raise SourceUnavailableError(source, said, retry_after_seconds(response.headers))
    raise SourceChangedError(source, f"{said} from {response.url.host}{response.url.path}")


def parse_json(body: bytes, *, source: str) -> Any:
    """Read JSON or say what came instead.

    Raises:
        SourceChangedError: empty, HTML, cut short, or not JSON for another reason.
    """
    try:
        return json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SourceChangedError(source, f"not JSON: {describe(body)} ({error})") from error


def describe(body: bytes) -> str:
    """What a body that is not what we hoped for looks like, in a few words."""
    start = body[:EXCERPT_LENGTH].decode("utf-8", "replace").strip()
    if not start:
        return "the body is empty"
    if start.lower().startswith(("<!doctype html", "<html")):
        return "an HTML page"
    return f"{len(body)} bytes that begin {start[:40]!r}"


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The ``Retry-After`` header, seconds or an HTTP date; None if absent or unreadable."""
    text = headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _kind(error: Exception) -> str:
    """The exception's own words, or its name where it has none."""
    return str(error) or type(error).__name__
