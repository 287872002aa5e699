"""Fetching: every way it can fail becomes one of our errors, and waits are the source's own."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from collector.errors import (
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
    UnchangedError,
)
from collector.http import Fetcher, Page, PageVersion, parse_json, retry_after_seconds
from collector.replay import ReplayTransport
from tests.support.loopback import NOW, Answer, Loopback, always, loopback

URL = "https://somewhere.example/data.json"


def fetcher(answer: Callable[[httpx.Request], httpx.Response]) -> Fetcher:
    return Fetcher(httpx.Client(transport=httpx.MockTransport(answer)))


def answering(status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Fetcher:
    return fetcher(lambda _: httpx.Response(status, content=body, headers=headers))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, SourceChangedError),
        (401, SourceDeniedError),
        (403, SourceDeniedError),
        (404, SourceChangedError),
        (408, SourceUnavailableError),
        (429, SourceUnavailableError),
        (500, SourceUnavailableError),
        (503, SourceUnavailableError),
    ],
)
def test_a_status_asks_for_a_reaction(status: int, error: type[SourceError]) -> None:
    with pytest.raises(error, match=f"test: HTTP {status}"):
        answering(status).get_json(URL, source="test")


def test_a_source_that_answers_at_the_third_try_is_heard() -> None:
    tries: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        return httpx.Response(503 if len(tries) < 3 else 200, json={"a": 1})

    assert fetcher(answer).get_json(URL, source="test") == {"a": 1}
    assert len(tries) == 3


def test_a_wish_to_wait_is_kept_with_the_error() -> None:
    with pytest.raises(SourceUnavailableError) as raised:
        answering(429, headers={"retry-after": "7"}).get_json(URL, source="test")

    assert raised.value.retry_after_seconds == 7


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Tue, 24 Nov 2026 09:01:00 GMT", 60.0),
        ("Tue, 24 Nov 2026 08:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wait_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 24, 9, tzinfo=UTC)

    assert retry_after_seconds({"retry-after": text}, now) == seconds


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "the body is empty"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b'{"a": [1, 2', "11 bytes that begin"),
        (b"\xff\xfe", "2 bytes"),
    ],
)
def test_what_is_not_json_is_described(body: bytes, what: str) -> None:
    with pytest.raises(SourceChangedError, match=what):
        parse_json(body, source="test")


def test_no_connection_and_no_answer_are_told_without_the_request() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    def stall(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    with pytest.raises(SourceUnavailableError, match=r"no connection \(refused\)"):
        fetcher(refuse).get_json(URL, source="test")
    with pytest.raises(SourceUnavailableError, match=r"no answer in time \(slow\)"):
        fetcher(stall).get_json(URL, source="test")


def test_the_hash_covers_all_that_was_read() -> None:
    one, two = answering(200, b"1"), answering(200, b"1")

    assert one.body_hash is None
    one.get_json(URL, source="test")
    two.get_json(URL, source="test")
    assert one.body_hash == two.body_hash
    two.get_json(URL, source="test")
    assert one.body_hash != two.body_hash


def test_a_stream_that_is_refused_is_told_before_anything_is_read() -> None:
    with (
        pytest.raises(SourceDeniedError, match="HTTP 403"),
        answering(403).stream(URL, source="test"),
    ):
        pass


PAGE = "https://somewhere.example/page.json"


def paged(answer: Answer, known: dict[str, PageVersion]) -> tuple[Page | None, Loopback]:
    """Ask for the page once; None if it is unchanged."""
    with (
        loopback(always(answer)) as server,
        httpx.Client(transport=ReplayTransport(server.url)) as client,
    ):
        try:
            return Fetcher(client, pages=known).page(PAGE, source="test", now=NOW), server
        except UnchangedError:
            return None, server


def test_a_page_is_asked_for_by_the_validators_it_came_with() -> None:
    known: dict[str, PageVersion] = {}
    headers = {"etag": '"v1"', "last-modified": "Tue, 01 Sep 2026 06:00:00 GMT"}

    first, _ = paged(Answer(b"{}", headers=headers), known)
    second, server = paged(Answer(b"", 304), known)

    assert first == Page(b"{}", datetime(2026, 9, 1, 6, tzinfo=UTC))
    assert second is None
    assert server.requests[0].headers["if-none-match"] == '"v1"'
    assert server.requests[0].headers["if-modified-since"] == headers["last-modified"]


def test_the_same_body_is_unchanged_even_if_the_server_has_no_validators() -> None:
    known: dict[str, PageVersion] = {}
    paged(Answer(b"same"), known)

    assert paged(Answer(b"same"), known)[0] is None
    assert paged(Answer(b"other"), known)[0] == Page(b"other", NOW)


def test_an_unchanged_page_is_as_old_as_it_was() -> None:
    known = {PAGE: PageVersion(None, "Tue, 01 Sep 2026 06:00:00 GMT", "hash")}

    with (
        loopback(always(Answer(b"", 304))) as server,
        httpx.Client(transport=ReplayTransport(server.url)) as client,
        pytest.raises(UnchangedError) as caught,
    ):
        Fetcher(client, pages=known).page(PAGE, source="test", now=NOW)

    assert caught.value.published_at == datetime(2026, 9, 1, 6, tzinfo=UTC)


def test_not_modified_without_having_asked_is_a_changed_source() -> None:
    with pytest.raises(SourceChangedError, match="HTTP 304"):
        paged(Answer(b"", 304), {})


def test_an_answer_that_drips_for_ever_is_given_up() -> None:
    seconds = iter(range(0, 10_000, 10))

    def drips(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=(b"x" for _ in range(1_000)))

    client = httpx.Client(transport=httpx.MockTransport(drips))

    with pytest.raises(SourceUnavailableError, match="not there after 120 s"):
        Fetcher(client, attempts=1, tick=lambda: float(next(seconds))).request(
            "GET", URL, source="test"
        )
