"""What is seen of a request: its id, its line in the log, its place in the figures."""

import json
import logging

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from starlette.responses import StreamingResponse

from api.app import create_app
from api.metrics import Metrics
from api.security.principal import LocalAccess, Principal
from api.server.logs import JsonLines, TextLines
from api.server.observing import ACCEPTED_ID, METHODS, UNMATCHED
from api.service.state import Service


class Nobody:
    """Knows no one."""

    def principal(self, asking: HTTPConnection) -> Principal | None:
        """None."""
        del asking
        return None


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [one.told for one in caplog.records if one.message == "request"]  # type: ignore[attr-defined] # our own


def test_every_answer_has_an_id_and_a_good_one_that_is_given_is_kept(client: TestClient) -> None:
    made = client.get("/v1/rankings").headers["x-request-id"]
    assert ACCEPTED_ID.fullmatch(made)
    assert made != client.get("/v1/rankings").headers["x-request-id"]
    answer = client.get("/v1/nothing", headers={"x-request-id": "trace_1-A"})
    assert answer.headers["x-request-id"] == "trace_1-A" == answer.json()["request_id"]


@pytest.mark.parametrize("given_id", ["", "a b", "a" * 65, "a\tb", "<script>", "é"])
def test_an_id_that_could_not_stand_in_a_log_is_replaced(client: TestClient, given_id: str) -> None:
    answer = client.get("/v1/rankings", headers={b"x-request-id": given_id.encode()})
    assert ACCEPTED_ID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] != given_id


def test_a_line_tells_of_a_request_and_nothing_of_its_query_or_headers(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "spotcast.request"):
        client.get(
            "/v1/rankings?gpus=-1&key=spotcast_1_open-sesame",
            headers={"authorization": "Bearer open-sesame", "cookie": "session=open-sesame"},
        )
    (line,) = told(caplog)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/rankings", 422)
    assert line["principal"] == "local"
    assert isinstance(line["bytes"], int)
    assert isinstance(line["milliseconds"], float)
    assert line["bytes"] > 0
    for written in (JsonLines(), TextLines()):
        assert all("sesame" not in written.format(one) for one in caplog.records)


def test_what_the_gate_refuses_is_told_as_well(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(create_app(service, Nobody()), "http://localhost")
    with caplog.at_level(logging.INFO, "spotcast.request"):
        assert client.get("/v1/rankings").status_code == 401
    assert told(caplog)[0]["principal"] is None


def test_probes_are_told_only_when_they_fail(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(create_app(service, LocalAccess()), "http://localhost")
    with caplog.at_level(logging.INFO, "spotcast.request"):
        client.get("/healthz")
        client.get("/readyz")
    assert [one["path"] for one in told(caplog)] == ["/readyz"]


def test_a_fault_of_ours_is_a_problem_with_its_id_and_without_its_words(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(service, LocalAccess())

    @app.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError("the password is open sesame")

    client = TestClient(app, "http://localhost", raise_server_exceptions=False)
    with caplog.at_level(logging.INFO, "spotcast.request"):
        answer = client.get("/v1/broken", headers={"x-request-id": "one"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "one")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == "one"
    assert "sesame" not in answer.text
    assert told(caplog)[0]["status"] == 500


def test_what_clients_make_up_makes_no_new_series(service: Service) -> None:
    metrics = Metrics(service)
    client = TestClient(create_app(service, LocalAccess(), metrics), "http://localhost")
    for path in ("/a", "/b?c=d", "/v1/x/y"):
        client.request("BREW", path)
    text = metrics.text("")[0].decode()
    assert f'requests_total{{method="other",route="{UNMATCHED}",status="404"}} 3.0' in text
    assert "BREW" not in METHODS


def test_a_stream_of_events_is_counted_and_its_length_is_no_latency(service: Service) -> None:
    metrics = Metrics(service)
    app = create_app(service, LocalAccess(), metrics)

    @app.get("/v1/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b": hello\n\n"]), media_type="text/event-stream")

    TestClient(app, "http://localhost").get("/v1/stream")
    text = metrics.text("")[0].decode()
    assert 'requests_total{method="GET",route="/v1/stream",status="200"} 1.0' in text
    assert 'duration_seconds_count{method="GET",route="/v1/stream"}' not in text


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_event_is_one_line_whatever_is_told(name: str, value: str) -> None:
    record = logging.LogRecord("spotcast.x", logging.INFO, "f", 1, "event", None, None)
    record.told = {"name": name, "value": value}
    text, line = TextLines().format(record), JsonLines().format(record)
    assert len(text.splitlines()) == 1
    assert len(line.splitlines()) == 1
    assert json.loads(line)["value"] == value


def test_an_error_is_told_with_where_it_came_from() -> None:
    error = ValueError("no")
    info = (ValueError, error, None)
    record = logging.LogRecord("spotcast.x", logging.ERROR, "f", 1, "event", None, info)
    assert "ValueError: no" in json.loads(JsonLines().format(record))["trace"]
    assert TextLines().format(record).endswith("ValueError: no")
