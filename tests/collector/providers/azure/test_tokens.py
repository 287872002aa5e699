"""How credentials become a token: four ways, kept until shortly before its end, never told."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from collector.errors import SourceDeniedError, SourceError, SourceUnavailableError
from collector.providers.azure.client import UNAUTHORIZED, AzureConnection
from collector.providers.azure.credentials import (
    ClientSecret,
    Credentials,
    FederatedToken,
    ManagedIdentity,
    StaticToken,
    credentials_from,
    missing,
)
from collector.providers.azure.tokens import fetch_token
from tests.support.azure import Sent, azure_at, connection, in_turn, refused, serving
from tests.support.loopback import BAD_ANSWERS, NOW, Answer

SECRET = "a-secret-that-is-in-no-message"  # noqa: S105 - invented
APP = ClientSecret("tenant-1", "app-1", SECRET)
GIVEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "token-1"}

APP_ENVIRON = {
    "AZURE_TENANT_ID": "tenant-1",
    "AZURE_CLIENT_ID": "app-1",
    "AZURE_CLIENT_SECRET": SECRET,
}


def fetched(credentials: Credentials, *answers: object) -> tuple[str, float | None, list[Sent]]:
    with serving(in_turn(*answers)) as server, azure_at(server.url) as source:
        token = fetch_token(source.http, credentials, source="azure.test")
    return token.value, token.lifetime_seconds, server.sent


def refusal(credentials: Credentials, answer: object) -> SourceError:
    with pytest.raises(SourceError, match=r"^azure\.test: ") as raised:
        fetched(credentials, answer)
    return raised.value


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        (APP_ENVIRON, APP),
        ({**APP_ENVIRON, "AZURE_TENANT_ID": " "}, None),
        ({**APP_ENVIRON, "AZURE_TENANT_ID": "a/../b"}, None),
        (
            {**APP_ENVIRON, "AZURE_FEDERATED_TOKEN_FILE": "/var/token"},
            FederatedToken("tenant-1", "app-1", "/var/token"),
        ),
        ({**APP_ENVIRON, "SPOTCAST_AZURE_ACCESS_TOKEN": " t "}, StaticToken("t")),
        ({"SPOTCAST_AZURE_MANAGED_IDENTITY": "1"}, ManagedIdentity(None)),
        ({"SPOTCAST_AZURE_MANAGED_IDENTITY": "0"}, None),
        (
            {"SPOTCAST_AZURE_MANAGED_IDENTITY": "true", "AZURE_CLIENT_ID": "app-1"},
            ManagedIdentity("app-1"),
        ),
    ],
)
def test_the_first_way_that_is_complete_is_taken(
    environ: Mapping[str, str], expected: Credentials | None
) -> None:
    assert credentials_from(environ) == expected


def test_what_is_missing_is_said_in_words() -> None:
    subscription = {"AZURE_SUBSCRIPTION_ID": "s"}

    assert len(missing({})) == 2
    assert missing(subscription)[0].startswith("set AZURE_TENANT_ID, AZURE_CLIENT_ID and")
    assert missing(APP_ENVIRON)[0].startswith("set AZURE_SUBSCRIPTION_ID")
    assert missing({**APP_ENVIRON, **subscription}) == []


def test_a_secret_is_exchanged_at_the_tenants_endpoint() -> None:
    value, lifetime, sent = fetched(APP, GIVEN)

    assert (value, lifetime) == ("token-1", 3599)
    assert sent[0].url == "login.microsoftonline.com/tenant-1/oauth2/v2.0/token"
    assert sent[0].form == {
        "grant_type": "client_credentials",
        "client_id": "app-1",
        "scope": "https://management.azure.com/.default",
        "client_secret": SECRET,
    }


def test_a_federated_token_is_read_anew_and_sent_as_the_assertion(tmp_path: Path) -> None:
    file = tmp_path / "token"
    credentials = FederatedToken("tenant-1", "app-1", str(file))
    sent = []
    for text in ("first\n", "second\n"):
        file.write_text(text, encoding="utf-8")
        sent += fetched(credentials, GIVEN)[2]

    assert [one.form["client_assertion"] for one in sent] == ["first", "second"]
    assert sent[0].form["client_assertion_type"].endswith(":jwt-bearer")
    assert "client_secret" not in sent[0].form


def test_a_token_file_that_is_not_there_is_told_without_asking(tmp_path: Path) -> None:
    error = refusal(FederatedToken("t", "a", str(tmp_path / "none")), GIVEN)

    assert isinstance(error, SourceDeniedError)
    assert "AZURE_FEDERATED_TOKEN_FILE cannot be read (FileNotFoundError)" in str(error)


@pytest.mark.parametrize("client_id", [None, "app-1"])
def test_a_machines_identity_is_asked_of_its_metadata_service(client_id: str | None) -> None:
    value, lifetime, sent = fetched(ManagedIdentity(client_id), {**GIVEN, "expires_in": "86399"})

    assert (value, lifetime) == ("token-1", 86399)
    assert sent[0].url == "169.254.169.254/metadata/identity/oauth2/token"
    assert sent[0].headers["metadata"] == "true"
    assert sent[0].query.get("client_id") == client_id
    assert sent[0].query["resource"] == "https://management.azure.com/"


def test_a_machine_without_identity_says_so() -> None:
    error = refusal(ManagedIdentity(None), Answer(b'{"error": "invalid_request"}', 400))

    assert isinstance(error, SourceDeniedError)
    assert "no such managed identity: assign one" in str(error)


def test_a_silent_metadata_service_is_told_as_such() -> None:
    error = refusal(ManagedIdentity(None), Answer(b"", 503))

    assert isinstance(error, SourceUnavailableError)
    assert "the metadata service is silent" in str(error)


@pytest.mark.parametrize("status", [400, 401])
def test_refused_credentials_are_told_by_number_only(status: int) -> None:
    said = {"error": "invalid_client", "error_description": f"AADSTS7000215: {SECRET} is wrong"}
    error = refusal(APP, Answer(json.dumps(said).encode(), status))

    assert isinstance(error, SourceDeniedError)
    assert "refuses the app (AADSTS7000215): check tenant, client id and secret" in str(error)
    assert SECRET not in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error_description": 5}'])
def test_a_refusal_without_a_number_is_one_all_the_same(body: bytes) -> None:
    assert isinstance(refusal(APP, Answer(body, 401)), SourceDeniedError)


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_is_told_by_the_right_error(kind: str) -> None:
    answer, expected = BAD_ANSWERS[kind]

    error = refusal(APP, answer)

    assert isinstance(error, expected)
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": None},
        {"access_token": "a\r\nb"},
        {"access_token": ""},
        {"expires_in": "soon"},
        {"expires_in": -1},
        {"expires_in": float("nan")},
        {"expires_in": [1]},
    ],
)
def test_an_odd_token_is_reported_and_not_quoted(changed: Mapping[str, object]) -> None:
    error = refusal(APP, {**GIVEN, **changed})

    assert "the token's answer: " in str(error)
    assert "a\r\nb" not in str(error)


def test_a_token_of_the_users_that_cannot_stand_in_a_header_is_not_quoted() -> None:
    error = refusal(StaticToken("bad\ntoken"), GIVEN)

    assert str(error) == "azure.test: SPOTCAST_AZURE_ACCESS_TOKEN holds no token"


def calls(made: AzureConnection, *answers: object) -> list[Sent]:
    """Three calls, and all that they sent."""
    with serving(in_turn(*answers)) as server, azure_at(server.url) as source:
        for _ in range(3):
            try:
                made.call(source.http, "GET", "/things", source="azure.test", permission="p")
            except SourceDeniedError:
                continue
    return server.sent


@pytest.mark.parametrize(("minutes", "tokens"), [(0, 1), (25, 1), (28, 2)])
def test_a_token_is_kept_until_five_minutes_before_its_end(minutes: int, tokens: int) -> None:
    times = iter([NOW + timedelta(minutes=minutes * step) for step in range(20)])
    made = connection(APP, clock=lambda: next(times))
    answers = [GIVEN, {}, {}, {}] if tokens == 1 else [GIVEN, {}, {}, {**GIVEN}, {}]

    sent = calls(made, *answers)

    asked = [one for one in sent if one.url.startswith("login.")]
    assert len(asked) == tokens


def test_a_token_that_is_refused_is_not_used_again() -> None:
    made = connection(APP, clock=lambda: NOW)
    expired = refused(UNAUTHORIZED, "ExpiredAuthenticationToken")

    sent = calls(made, GIVEN, expired, {**GIVEN, "access_token": "token-2"}, {}, {})

    bearers = [one.headers.get("authorization") for one in sent]
    assert bearers == [None, "Bearer token-1", None, "Bearer token-2", "Bearer token-2"]
