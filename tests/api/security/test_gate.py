"""The gate: what is let in, what is refused, and what every response carries."""

import asyncio
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from api.security.body import whole
from api.security.gate import OPEN, Gate
from api.security.headers import ALWAYS, CSP
from api.security.principal import LocalAccess
from api.service.state import Service
from api.web.problems import Problem
from tests.support.secured import ACT, INGEST, READ, Secured, bearing

PROBLEM = "application/problem+json"


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Each method and path of the routing table, with a word in place of each parameter."""
    return {
        (method, re.sub(r"{(\w+)[^}]*}", r"\1", route.path or ""))
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or {"GET"})
    }


def test_without_a_key_every_route_but_health_answers_401(secured: Secured) -> None:
    secured.key(READ)
    client = secured.client()
    app: Any = client.app
    routes = routes_of(app)
    others = {("GET", "/docs"), ("GET", "/nothing"), ("POST", "/v1/no"), ("DELETE", "/v1/rankings")}
    asked = {(method, path) for method, path in routes | others if path not in OPEN}

    answers = {one: client.request(*one) for one in asked}

    assert {("GET", "/v1/rankings"), ("GET", "/v1/openapi.json"), ("POST", "/v1/act")} <= routes
    assert {one: answer.status_code for one, answer in answers.items()} == dict.fromkeys(asked, 401)
    assert {answer.headers["content-type"] for answer in answers.values()} == {PROBLEM}


def test_health_needs_no_key_and_no_other_path_passes_for_it(secured: Secured) -> None:
    secured.key(READ)
    client = secured.client()

    assert {client.get(path).status_code for path in OPEN} <= {200, 404, 503}
    for path in ("/healthz/", "/healthz/../v1/rankings", "//healthz", "/HEALTHZ", "/healthz%2f"):
        assert client.get(path).status_code == 401, path


def test_a_problem_carries_the_id_that_the_log_has(secured: Secured) -> None:
    secured.key(READ)
    answer = secured.client().get("/v1/rankings", headers={"x-request-id": "from-a-proxy_1"})

    assert answer.json()["request_id"] == "from-a-proxy_1"
    assert answer.headers["x-request-id"] == "from-a-proxy_1"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "spotcast keys create" in answer.json()["detail"]


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 65, "a\tb", "<script>"])
def test_an_id_that_could_upset_a_log_is_not_taken(secured: Secured, given_id: str) -> None:
    secured.key(READ)
    answer = secured.client().get("/v1/rankings", headers={"x-request-id": given_id})

    assert answer.headers["x-request-id"] != given_id
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize("path", ["/v1/rankings?gpus=1", "/v1/rankings?gpus=-1", "/nowhere"])
@pytest.mark.parametrize("is_known", [True, False])
def test_every_response_carries_the_security_headers(
    secured: Secured, path: str, *, is_known: bool
) -> None:
    text = secured.key(READ)
    answer = secured.client().get(path, headers=bearing(text) if is_known else {})

    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert answer.headers["content-security-policy"] == CSP
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert (answer.headers["cache-control"] == "no-store") == (answer.status_code >= 400)


def test_without_tls_nothing_is_said_of_tls(secured: Secured) -> None:
    secured.key(READ)
    answer = secured.client(url="http://spotcast.example.com").get("/v1/rankings")

    assert "strict-transport-security" not in answer.headers


def test_a_fault_of_ours_is_a_problem_document_without_what_went_wrong(secured: Secured) -> None:
    text = secured.key(READ)
    client = secured.client(raise_server_exceptions=False)
    answer = client.get("/v1/fails", headers=bearing(text))

    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["content-security-policy"] == CSP
    assert "abcabcabcabc" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_key_opens_what_its_scopes_name_and_nothing_else(secured: Secured) -> None:
    asked = {
        "read": ("GET", "/v1/whoami"),
        "ingest": ("POST", "/v1/events/test"),
        "act": ("POST", "/v1/act"),
    }
    scopes = {"read": READ, "ingest": INGEST, "act": ACT}
    keys = {name: secured.key(one) for name, one in scopes.items()}
    client = secured.client()

    opened = {
        (key, scope)
        for key, text in keys.items()
        for scope, (method, path) in asked.items()
        if client.request(method, path, headers=bearing(text)).status_code == 200
    }

    assert opened == {("read", "read"), ("ingest", "ingest"), ("act", "act")}


def test_x_api_key_is_as_good_as_authorization(secured: Secured) -> None:
    made, text = secured.kept(READ)
    client = secured.client()

    for headers in (bearing(text), {"x-api-key": text}, {"authorization": f"bEARER  {text} "}):
        answer = client.get("/v1/whoami", headers=headers)
        assert answer.json()["name"] == f"ci ({made.id})"


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "Bearer Bearer"])
def test_another_scheme_opens_nothing(secured: Secured, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {secured.key(READ)}"}

    assert secured.client().get("/v1/whoami", headers=headers).status_code == 401


def test_two_keys_at_once_open_nothing(secured: Secured) -> None:
    text = secured.key(READ)
    twice = [("authorization", f"Bearer {text}"), ("authorization", f"Bearer {text}")]

    assert secured.client().get("/v1/whoami", headers=twice).status_code == 401


def test_a_pushed_events_key_may_stand_in_the_address_and_is_gone_from_there(
    secured: Secured,
) -> None:
    text = secured.key(INGEST)
    answer = secured.client().post(f"/v1/events/test?a=1&key={text}&b=%26")

    assert answer.status_code == 200
    assert answer.json()["query"] == "a=1&b=%26"


def test_a_key_in_the_address_must_be_for_events_alone(secured: Secured) -> None:
    text = secured.key(INGEST | ACT)
    answer = secured.client().post(f"/v1/events/test?key={text}")

    assert answer.status_code == 403
    assert "the scope ingest and no other" in answer.json()["detail"]
    assert text not in answer.text


def test_a_key_in_another_address_opens_nothing_and_is_not_told(secured: Secured) -> None:
    text = secured.key(READ)
    client = secured.client()

    assert client.get(f"/v1/whoami?key={text}").status_code == 401
    seen = client.get(f"/v1/whoami?gpu={text}", headers=bearing(text))
    assert seen.json()["query"] == ""


def test_googles_own_authorization_does_not_hide_the_key_of_a_push(secured: Secured) -> None:
    text = secured.key(INGEST)
    answer = secured.client().post(f"/v1/events/test?key={text}", headers=bearing("a.b.c"))

    assert answer.status_code == 200


def test_a_body_is_refused_by_what_it_announces(secured: Secured) -> None:
    secured.environ = {"SPOTCAST_MAX_BODY_BYTES": "1000"}
    text = secured.key(READ)
    client = secured.client()

    fits = client.post("/v1/whoami", content=b"x" * 1_000, headers=bearing(text))
    large = client.post("/v1/whoami", content=b"x" * 1_001, headers=bearing(text))
    huge = client.post(
        "/v1/whoami", content=b"x", headers={**bearing(text), "content-length": "9" * 4_000}
    )

    assert fits.json() == {"bytes": 1_000}
    assert [large.status_code, huge.status_code] == [413, 413]
    assert large.json()["detail"].startswith("A body may have 1,000 bytes")


def test_a_body_that_announces_nothing_is_refused_once_it_is_too_large(secured: Secured) -> None:
    secured.environ = {"SPOTCAST_MAX_BODY_BYTES": "1000"}
    text = secured.key(READ)
    sent: list[bytes] = []

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            sent.append(b"x" * 100)
            yield sent[-1]

    answer = secured.client().post("/v1/whoami", content=endless(), headers=bearing(text))

    assert answer.status_code == 413


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {"type": "http", "headers": [(b"content-length", b"5")]}
    with pytest.raises(Problem) as refused:
        asyncio.run(whole(scope, never, most=10, seconds=0.001))

    assert refused.value.status == 408


def test_who_is_not_known_is_told_so_before_the_body_is_read(secured: Secured) -> None:
    secured.key(READ)
    taken: list[int] = []

    app: Any = secured.client().app

    async def receive() -> Message:
        taken.append(1)
        return {"type": "http.request", "body": b"x", "more_body": False}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/whoami",
        "raw_path": b"/v1/whoami",
        "query_string": b"",
        "headers": [(b"host", b"spotcast.example.com"), (b"content-length", b"1")],
        "scheme": "https",
        "client": ("192.0.2.1", 5),
        "server": ("192.0.2.2", 443),
        "root_path": "",
        "http_version": "1.1",
    }
    asyncio.run(app(scope, receive, send))

    assert sent[0]["status"] == 401
    assert taken == []


def test_a_websocket_is_closed() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    asyncio.run(Gate(app, LocalAccess())({"type": "websocket"}, receive, send))

    assert [one["type"] for one in sent] == ["websocket.close"]


def test_a_key_file_that_is_open_to_others_lets_nobody_in_and_names_no_file(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    text = secured.key(READ)
    client = secured.client()
    secured.settings.keys.chmod(0o644)
    secured.clock.pass_by(seconds=1)
    answer = client.get("/v1/whoami", headers=bearing(text))

    assert answer.status_code == 503
    assert str(secured.folder) not in answer.text
    assert "chmod 600" in caplog.text


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("authorization", "x-api-key", "cookie", "host", "origin", "sec-fetch-site"),
            *("x-request-id", "x-forwarded-for", "x-forwarded-proto", "accept", "content-length"),
        ]
    ),
    st.binary(max_size=60).map(lambda text: text.translate(None, b"\r\n\0"))
    | st.sampled_from([b"Bearer a.b.c", b"Bearer eyJhbGciOiJub25lIn0.e30.", b"spotcast-session=x"]),
)


@pytest.fixture(scope="module")
def clients(answering: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TestClient]:
    """A server off loopback and one on it, for all examples of a property."""
    secured = Secured(tmp_path_factory.mktemp("keys"), answering)
    secured.environ = {"SPOTCAST_FAILURES_PER_MINUTE": "100000"}
    local = secured.client("127.0.0.1")
    secured.key(READ)
    return {"keyed": secured.client(), "local": local}


@settings(max_examples=150, deadline=None)
@given(
    headers=HEADERS,
    path=st.sampled_from(["/v1/whoami", "/v1/events/test?key=%FF", "/session", "/"]),
)
@pytest.mark.parametrize("kind", ["keyed", "local"])
def test_no_headers_make_the_server_fail_or_open(
    clients: dict[str, TestClient], kind: str, headers: dict[str, bytes], path: str
) -> None:
    sent = [(name.encode(), value) for name, value in headers.items()]
    answer = clients[kind].post(path, headers=sent, content=b"key=x")

    assert 400 <= answer.status_code < 500


def test_the_secret_is_in_no_log_and_no_error(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made, text = secured.kept(READ)
    secret = text.rpartition("_")[2]
    client = secured.client(raise_server_exceptions=False)
    answers = [
        client.request(method, path.format(text), headers=headers)
        for method in ("GET", "POST", "DELETE")
        for path in ("/v1/whoami", "/v1/events/test?key={}", "/v1/rankings?gpus={}", "/v1/fails")
        for headers in (bearing(text), {"x-api-key": text}, {}, bearing(text[:-1]))
    ]

    assert {401, 403, 405, 422, 500} <= {answer.status_code for answer in answers}
    assert all(secret not in answer.text for answer in answers)
    ours = [one for one in caplog.records if one.name.startswith(("spotcast", "api"))]
    assert made.id in "".join(one.getMessage() for one in ours)
    assert all(secret not in one.getMessage() for one in ours)
