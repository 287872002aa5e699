"""What is logged holds no secret, whoever logs it."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.security.credentials import hide_query_key
from api.security.keys import new_key
from api.security.principal import Scope
from api.security.redaction import Redacting, redact_logs, redacted
from tests.support.market import NOW

KEY, TEXT = new_key("ci", frozenset({Scope.READ}), now=NOW, lifetime=None)
SECRET = TEXT.rpartition("_")[2]
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"  # noqa: S105 - of nobody


@given(st.text(), st.text())
def test_a_key_is_taken_out_of_any_text_and_its_id_is_kept(before: str, after: str) -> None:
    said = redacted(f"{before} {TEXT} {after}")

    assert SECRET not in said
    assert KEY.id in said


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("{'authorization': 'bearer abc'}", "{'authorization': 'bearer [redacted]'}"),
        ("basic dXNlcjpw", "basic [redacted]"),
        (f"token {TOKEN}!", "token [redacted]!"),
        ("GET /v1/events/aws?key=abc&a=1", "GET /v1/events/aws?key=[redacted]&a=1"),
        ("X-API-Key: abc", "X-API-Key: [redacted]"),
        ("a monkey=abc and 5 keys", "a monkey=abc and 5 keys"),
    ],
)
def test_what_shows_who_one_is_is_taken_out(text: str, left: str) -> None:
    assert redacted(text) == left


def test_a_whole_line_is_redacted_with_its_arguments_and_its_trace() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Redacting(logging.Formatter("%(levelname)s %(message)s %(extra)s")))
    error = ValueError(f"bad key {TEXT}")
    record = logging.makeLogRecord(
        {
            "msg": "failed for %s",
            "args": (TEXT,),
            "extra": TEXT,
            "exc_info": (type(error), error, None),
        }
    )
    handler.emit(record)

    assert stream.getvalue().count("[redacted]") >= 3
    assert "ValueError" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_every_handler_of_the_root_is_covered_once() -> None:
    handler = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        redact_logs()
        first = handler.formatter
        redact_logs()
    finally:
        root.removeHandler(handler)

    assert isinstance(first, Redacting)
    assert handler.formatter is first


@given(st.binary(max_size=50))
def test_what_is_no_key_stays_in_the_query(query: bytes) -> None:
    scope = {"path": "/v1/prices", "query_string": query}
    hide_query_key(scope)

    assert scope["query_string"] == query or b"potcast" in query.lower() or b"%" in query
