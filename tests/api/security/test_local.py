"""Who is asked for a key: on this machine, off it, and pages of other origins."""

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.errors import UsageError
from api.security.configured import access_of
from tests.support.secured import OFF_LOOPBACK, READ, Secured, bearing

PROBLEM = "application/problem+json"


def test_no_page_of_another_origin_may_ask_unless_it_is_listed(secured: Secured) -> None:
    text = secured.key(READ)
    closed = secured.client().get(
        "/v1/whoami", headers={**bearing(text), "origin": "https://portal.example.com"}
    )
    secured.environ = {"SPOTCAST_CORS_ORIGINS": "https://portal.example.com"}
    client = secured.client()
    preflight = {
        "origin": "https://portal.example.com",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    opened = client.options("/v1/whoami", headers=preflight)
    foreign = client.options("/v1/whoami", headers=preflight | {"origin": "https://evil.example"})
    unknown = client.get("/v1/whoami", headers={"origin": "https://portal.example.com"})

    assert "access-control-allow-origin" not in closed.headers
    assert opened.status_code == 200
    assert opened.headers["access-control-allow-origin"] == "https://portal.example.com"
    assert "access-control-allow-credentials" not in opened.headers
    assert "access-control-allow-origin" not in foreign.headers
    assert unknown.status_code == 401
    assert unknown.headers["access-control-allow-origin"] == "https://portal.example.com"


def test_off_loopback_a_server_without_keys_does_not_start(secured: Secured) -> None:
    with pytest.raises(UsageError, match="spotcast keys create --name NAME --scope read"):
        access_of(secured.settings, OFF_LOOPBACK)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_on_loopback_whoever_is_there_may_read_and_push_but_not_act(
    secured: Secured, host: str
) -> None:
    client = secured.client(host, "http://127.0.0.1:8080")

    assert client.get("/v1/whoami").json()["name"] == "local"
    assert client.post("/v1/events/test").status_code == 200
    refused = client.post("/v1/act")
    assert refused.status_code == 403
    assert "the scope act" in refused.json()["detail"]


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "[bad", "10.0.0.1", ""])
def test_a_name_that_was_bound_to_this_machine_by_others_is_refused(
    secured: Secured, name: str
) -> None:
    client = secured.client("127.0.0.1", "http://127.0.0.1:8080")
    answer = client.get("/v1/whoami", headers={"host": name})

    assert answer.status_code == 421
    assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_without_keys_nothing_is_taken_from_a_proxy(secured: Secured, name: str) -> None:
    client = secured.client("127.0.0.1", "http://127.0.0.1:8080")

    assert client.get("/v1/whoami", headers={name: "for=203.0.113.7"}).status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8080"}, 200),
        ({"origin": "http://127.0.0.1:8080"}, 200),
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[bad"}, 403),
    ],
)
def test_a_foreign_page_changes_nothing_on_loopback(
    secured: Secured, headers: dict[str, str], status: int
) -> None:
    client = secured.client("127.0.0.1", "http://127.0.0.1:8080")

    assert client.post("/v1/events/test", headers=headers).status_code == status
    assert client.get("/v1/whoami", headers=headers).status_code == 200


def test_once_a_key_is_made_it_is_asked_for_on_loopback_as_well(secured: Secured) -> None:
    client = secured.client("127.0.0.1", "http://127.0.0.1:8080")
    before = client.get("/v1/whoami").status_code

    made, text = secured.kept(READ)
    secured.clock.pass_by(seconds=1)
    without = client.get("/v1/whoami").status_code
    shown = client.get("/v1/whoami", headers=bearing(text)).status_code
    secured.settings.keys.unlink()
    secured.clock.pass_by(seconds=1)

    assert (before, without, shown) == (200, 401, 200)
    assert client.get("/v1/whoami").status_code == 401, "a lost file opens nothing"
    assert made.is_good(secured.clock())


def test_some_paths_can_be_opened_to_all(secured: Secured) -> None:
    secured.key(READ)
    access = access_of(secured.settings, OFF_LOOPBACK, open_paths=["/v1/rank"])
    client = TestClient(create_app(secured.service, access))

    assert client.get("/v1/rankings?gpus=1").status_code == 200
    assert client.post("/v1/rankings", json={}).status_code == 401
    assert client.get("/v1/openapi.json").status_code == 401
    assert client.get("/v1/rankings", headers=bearing("wrong")).status_code == 401
