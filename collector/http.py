"""httpx, hidden here: fetch bytes or JSON, and translate every way in which that can fail."""

import hashlib
import json
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
    UnchangedError,
)

ATTEMPTS = 3
"""Tries at one request before the run is given up; the next scheduled run tries again."""

NOT_RECORDED = "SpotcastNotRecorded"
"""The replay server's word for "no payload", found in the body of its 404."""

LONGEST_ANSWER_SECONDS = 120.0
"""After this an answer that still drips in is given up. The largest that is read whole, AWS' spot
price page, has 3 MB; price lists are streamed."""

DONE_BY_HTTPX = {"content-encoding", "transfer-encoding", "content-length"}
"""Headers that no longer hold for a body that was unpacked."""

NOT_FOUND = 404
NOT_MODIFIED = 304
DENIED = {401, 403}
UNAVAILABLE = {408, 425, 429, 500, 502, 503, 504}
EXCERPT_LENGTH = 80


@dataclass(frozen=True, slots=True)
class PageVersion:
    """By what a page that was read before is known again: its validators and its body's SHA-256."""

    etag: str | None
    last_modified: str | None
    body_hash: str


@dataclass(frozen=True, slots=True)
class Page:
    """A public page as it is now.

    ``published_at`` is its ``Last-Modified``, so that an old page is shown as old; the time of
    asking without one.
    """

    content: bytes
    published_at: datetime


class Fetcher:
    """One run's way to the network. ``body_hash`` covers all bodies it has read, in order.

    ``pages`` holds what is known of pages read before, by URL; `page` asks by it and adds to it.
    """

    def __init__(
        self,
        client: httpx.Client,
        *,
        attempts: int = ATTEMPTS,
        pages: dict[str, PageVersion] | None = None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._tick = tick
        self._attempts = attempts
        self._pages = {} if pages is None else pages
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
        body: object = None,
    ) -> Any:
        """The JSON that answers the request; ``body`` goes along as JSON.

        Raises one of the `collector.errors`.
        """
        response = self.request(
            method, url, source=source, params=params, headers=headers, body=body
        )
        return parse_json(response.content, source=source)

    def page(self, url: str, *, source: str, now: datetime) -> Page:
        """A public page, if it is another than at the last good run.

        Raises:
            UnchangedError: the server says so (304), or the body is the same byte for byte.
        """
        known = self._pages.get(url)
        response = self.request(
            "GET",
            url,
            source=source,
            headers=_conditions(known),
            accept_status=frozenset({NOT_MODIFIED}) if known else frozenset(),
        )
        published = published_at(response.headers, now)
        if known and response.status_code == NOT_MODIFIED:
            said = {"last-modified": known.last_modified or "", **response.headers}
            raise UnchangedError(source, published_at(said, now))
        digest = hashlib.sha256(response.content).hexdigest()
        if known and known.body_hash == digest:
            raise UnchangedError(source, published)
        self._pages[url] = PageVersion(
            response.headers.get("etag"), response.headers.get("last-modified"), digest
        )
        return Page(response.content, published)

    def request(
        self,
        method: str,
        url: str,
        *,
        source: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        accept_status: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """The answer, read whole; ``body`` goes along as JSON, ``form`` as a form.

        A status in ``accept_status`` is handed back, not raised.
        """
        for attempt in stamina.retry_context(
            on=SourceUnavailableError, attempts=self._attempts, timeout=None
        ):
            with attempt, translated(source):
                with self._client.stream(
                    method, url, params=params, headers=headers, json=body, data=form
                ) as arriving:
                    response = self._whole(arriving, source)
                if response.status_code not in accept_status:
                    check_status(response, source=source)
                self._note(response.content)
                return response
        raise AssertionError("stamina leaves the loop by its last exception")

    def _whole(self, arriving: httpx.Response, source: str) -> httpx.Response:
        """The answer once all of it is there. A time-out of httpx is one of each read only."""
        until = self._tick() + LONGEST_ANSWER_SECONDS
        pieces = []
        for piece in arriving.iter_bytes():
            pieces.append(piece)
            if self._tick() > until:
                what = f"the answer was not there after {LONGEST_ANSWER_SECONDS:.0f} s"
                raise SourceUnavailableError(source, what)
        headers = [
            (name, value)
            for name, value in arriving.headers.multi_items()
            if name not in DONE_BY_HTTPX
        ]
        return httpx.Response(
            arriving.status_code,
            headers=headers,
            content=b"".join(pieces),
            request=arriving.request,
        )

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
    except (ValueError, RecursionError) as error:
        # ValueError is also that of a number with thousands of digits.
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


def published_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """The ``Last-Modified`` header, so that an old page is shown as old; ``now`` without one.

    A header that cannot be read, has no zone or lies in the future is as good as none.
    """
    try:
        modified = parsedate_to_datetime(headers.get("last-modified", ""))
    except ValueError:
        return now
    if modified.tzinfo is None or modified > now:
        return now
    return modified.astimezone(UTC)


def _conditions(known: PageVersion | None) -> dict[str, str]:
    """The headers that ask for a page only if it is another."""
    if known is None:
        return {}
    asked = {"if-none-match": known.etag, "if-modified-since": known.last_modified}
    return {name: value for name, value in asked.items() if value}


def _kind(error: Exception) -> str:
    """The exception's own words, or its name where it has none."""
    return str(error) or type(error).__name__
