"""The way to Google's APIs: settings, refusals, secrets, tries."""

import json
from typing import Any

import pytest
import stamina

from collector.errors import (
    NotOfferedError,
    NotRecordedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.http import ATTEMPTS
from collector.provider import Network
from collector.providers.gcp import PROVIDER
from collector.providers.gcp.client import GcpConnection, connect, connection_of
from tests.support.gcp import (
    KEY,
    PROJECT,
    TOKEN,
    Asked,
    answered,
    connection,
    error,
    gcp_at,
    recorded,
    replay_url,
    zones,
)
from tests.support.loopback import NOW, Answer

URL = f"https://compute.googleapis.com/compute/v1/projects/{PROJECT}/zones"


def refused(answer: Any, *, by_key: bool = False) -> SourceError:
    """The error of one request that is answered so; secrets are in no part of it."""
    with answered(lambda _: answer) as (source, _), pytest.raises(SourceError) as raised:
        connection().call(source, "GET", URL, feed="f", permission="x.y.z", by_key=by_key)
    told = f"{raised.value!r} {raised.value.__cause__!r}"
    assert TOKEN not in told
    assert KEY not in told
    return raised.value


def body(name: str, status: int) -> Answer:
    return Answer(json.dumps(recorded(name)).encode(), status)


def info(reason: str, **metadata: str) -> dict[str, Any]:
    """The newer way to say why."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"details": [{"@type": kind, "reason": reason, "metadata": metadata}]}


DISABLED = error(
    403,
    "x",
    status="PERMISSION_DENIED",
    **info("SERVICE_DISABLED", service="pubsub.googleapis.com"),
)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (body("error.403.json", 403), SourceDeniedError, "permission compute.advice.capacityHist"),
        (body("error.429_rateLimitExceeded.json", 403), SourceUnavailableError, "HTTP 403"),
        (body("error.429_rateLimitExceeded.json", 429), SourceUnavailableError, "HTTP 429"),
        (error(403, "quotaExceeded"), SourceUnavailableError, "HTTP 403"),
        (error(429, "x", status="RESOURCE_EXHAUSTED"), SourceUnavailableError, "HTTP 429"),
        (error(503, "backendError"), SourceUnavailableError, "HTTP 503"),
        (
            error(403, "accessNotConfigured"),
            SourceDeniedError,
            "gcloud services enable compute.googleapis.com",
        ),
        (DISABLED, SourceDeniedError, "gcloud services enable pubsub.googleapis.com"),
        (error(403, "forbidden"), SourceDeniedError, "grant the permission x.y.z"),
        (error(401, "authError"), SourceDeniedError, "the access token is not valid or has ended"),
        (error(400, "x", **info("API_KEY_INVALID")), SourceDeniedError, "the API key is not valid"),
        (
            error(403, "x", **info("API_KEY_SERVICE_BLOCKED")),
            SourceDeniedError,
            "the API key may not be used for this API",
        ),
        (
            error(404, "notFound", f"The resource 'projects/{PROJECT}' was not found"),
            SourceDeniedError,
            "the project is not known",
        ),
        (
            error(404, "notFound", "The resource 'projects/p/zones/mars' was not found"),
            NotOfferedError,
            "'projects/p/zones/mars' was not found",
        ),
        (
            Answer(b"<html>404", 404),
            SourceChangedError,
            "compute.googleapis.com has no such method",
        ),
        (error(400, "invalid", "Bad field."), SourceChangedError, "HTTP 400: Bad field."),
        (error(409, "conflict", "Busy."), SourceChangedError, "HTTP 409: Busy."),
        (error(400, "invalid", f"Bad {TOKEN}."), SourceChangedError, "HTTP 400: Bad ***."),
        (Answer(b"{}", 400), SourceChangedError, "HTTP 400"),
        (Answer(b"[1]", 400), SourceChangedError, "HTTP 400"),
        (Answer(b'{"error": {"message": 5}}', 403), SourceDeniedError, "x.y.z"),
        (Answer(b'{"error": {"message": "no", "errors": 5}}', 403), SourceDeniedError, "x.y.z"),
    ],
)
def test_a_refusal_says_what_to_do(answer: Answer, kind: type[SourceError], words: str) -> None:
    told = refused(answer)

    assert type(told).__mro__.index(kind) in {0, 1}
    assert words in str(told)


def test_a_key_that_google_repeats_is_cut_out() -> None:
    told = refused(error(400, "invalid", f"The key {KEY} is odd."), by_key=True)

    assert "The key *** is odd." in str(told)


def test_what_google_wishes_is_waited() -> None:
    answer = Answer(b"{}", 429, {"retry-after": "30"})

    told = refused(answer)

    assert isinstance(told, SourceUnavailableError)
    assert told.retry_after_seconds == 30


def test_a_busy_service_is_asked_again() -> None:
    left = [error(429, "x"), {"fine": True}]
    with (
        answered(lambda _: left.pop(0)) as (source, server),
        stamina.set_testing(True, attempts=ATTEMPTS),
    ):
        reply = connection().call(source, "GET", URL, feed="f", permission="x")

    assert reply == {"fine": True}
    assert len(server.asked) == 2


def test_the_token_goes_in_a_header() -> None:
    with answered(lambda _: {}) as (source, server):
        connection().call(source, "GET", URL, feed="f", permission="x", params={"a": "b"})

    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert "x-goog-api-key" not in asked.headers
    assert asked.query == {"a": "b"}


def test_what_a_folder_does_not_hold_is_told_as_such(tmp_path: Any) -> None:
    with (
        replay_url(tmp_path) as url,
        gcp_at(url) as source,
        pytest.raises(NotRecordedError),
    ):
        connection().call(source, "GET", URL, feed="f", permission="x")


def network(**environ: str) -> Network:
    return Network(environ, lambda: NOW)


def zones_asked(made: GcpConnection) -> Asked:
    with answered(lambda _: zones()) as (source, server), pytest.raises(NotOfferedError):
        made.zones(source, feed="f")
    return server.asked[0]


@pytest.mark.parametrize(
    ("environ", "project"),
    [
        ({"SPOTCAST_GCP_PROJECT": "one", "GOOGLE_CLOUD_PROJECT": "two"}, "one"),
        ({"SPOTCAST_GCP_PROJECT": " ", "GOOGLE_CLOUD_PROJECT": " two "}, "two"),
        ({"SPOTCAST_GCP_PROJECT": "example.com:old"}, "example.com:old"),
    ],
)
def test_the_project_is_that_of_the_environment(environ: dict[str, str], project: str) -> None:
    made = connect(network(**environ, SPOTCAST_GCP_ACCESS_TOKEN=TOKEN))

    assert made is not None
    assert made.project == project
    assert zones_asked(made).url.endswith(f"/v1/projects/{project}/zones")


# The number of a project will not do: other feeds know its machines by the id.
@pytest.mark.parametrize("project", ["", "a/b", "../x", "a b", "123456789012"])
def test_without_a_project_there_is_no_connection(project: str) -> None:
    made = connect(network(SPOTCAST_GCP_PROJECT=project))

    assert made is None
    with (
        answered(lambda _: {}, connections={"gcp": made}) as (source, _),
        pytest.raises(SourceDeniedError, match="no project: set SPOTCAST_GCP_PROJECT"),
    ):
        connection_of(source, "f")


def test_what_is_missing_is_said_in_words() -> None:
    project, credentials = PROVIDER.missing({})

    assert "SPOTCAST_GCP_PROJECT" in project
    assert "GOOGLE_CLOUD_PROJECT" in project
    assert "GOOGLE_APPLICATION_CREDENTIALS" in credentials
    assert "name the feed" in credentials


@pytest.mark.parametrize(
    "environ",
    [
        {"SPOTCAST_GCP_ACCESS_TOKEN": "x"},
        {"GOOGLE_APPLICATION_CREDENTIALS": "/some/file.json"},
        dict(PROVIDER.replay_environ),
    ],
)
def test_a_project_and_any_credentials_are_enough(environ: dict[str, str]) -> None:
    assert PROVIDER.missing({"SPOTCAST_GCP_PROJECT": "p", **environ}) == []


def test_a_login_of_gcloud_is_enough(tmp_path: Any) -> None:
    (tmp_path / "application_default_credentials.json").write_text("{}", encoding="utf-8")
    environ = {"GOOGLE_CLOUD_PROJECT": "p", "CLOUDSDK_CONFIG": str(tmp_path)}

    assert PROVIDER.missing(environ) == []
    assert len(PROVIDER.missing({**environ, "CLOUDSDK_CONFIG": "/nowhere"})) == 1


def test_only_the_queue_needs_a_setting_of_its_own() -> None:
    needed = {feed.name: feed.missing({}) for feed in PROVIDER.feeds}

    assert [name for name, missing in needed.items() if missing] == ["gcp.audit_events"]
    assert all(feed.needs_account and feed.permissions for feed in PROVIDER.feeds)


def test_the_tries_are_those_of_the_network() -> None:
    environ = {"SPOTCAST_GCP_PROJECT": PROJECT, "SPOTCAST_GCP_ACCESS_TOKEN": TOKEN}
    made = connect(Network(environ, lambda: NOW, attempts=1))
    assert made is not None
    with (
        answered(lambda _: error(429, "x")) as (source, server),
        stamina.set_testing(False),
        pytest.raises(SourceUnavailableError),
    ):
        made.call(source, "GET", URL, feed="f", permission="x")

    assert len(server.asked) == 1
