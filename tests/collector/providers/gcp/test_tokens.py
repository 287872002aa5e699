"""Who we are to Google: google-auth's own files, traded for tokens over our Fetcher."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from collector.errors import SourceDeniedError, SourceError, SourceUnavailableError
from collector.providers.gcp.tokens import (
    FileTokens,
    GivenToken,
    MachineTokens,
    Tokens,
    tokens_from,
)
from tests.support.gcp import Asked, answered, error, gcp_at, script
from tests.support.loopback import NOW, Answer

SECRET = "a-secret-that-is-in-no-message"  # noqa: S105 - invented
GIVEN = {"access_token": "ya29.one", "expires_in": 3600, "token_type": "Bearer"}
ANSWERS = {
    "oauth2.googleapis.com/token": GIVEN,
    "sts.googleapis.com/v1/token": {
        **GIVEN,
        "access_token": "ya29.federated",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    },
    ":generateAccessToken": {
        "accessToken": "ya29.impersonated",
        "expireTime": (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    },
    "cloudresourcemanager.googleapis.com/v1/projects/1": error(403, "accessNotConfigured"),
    "service-accounts/default/token": {**GIVEN, "access_token": "ya29.machine"},
}
USER = {
    "type": "authorized_user",
    "client_id": "a-client",
    "client_secret": SECRET,
    "refresh_token": SECRET,
}


@pytest.fixture(scope="module")
def service_account() -> dict[str, Any]:
    """A service account's file, with a key made for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": "example-project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "spotcast@example-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def federation(folder: Path, **more: Any) -> dict[str, Any]:
    """A workload identity federation's file, whose proof lies in another file."""
    proof = folder / "proof"
    proof.write_text(SECRET, encoding="utf-8")
    pool = "projects/1/locations/global/workloadIdentityPools/pool/providers/k8s"
    return {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{pool}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(proof)},
        **more,
    }


def tokens(folder: Path, file: Any) -> FileTokens:
    path = folder / "credentials.json"
    path.write_text(file if isinstance(file, str) else json.dumps(file), encoding="utf-8")
    return FileTokens(path)


def bearers(made: Tokens, answer: Callable[[Asked], Any], times: int = 1) -> tuple[list[str], Any]:
    """The header of each of ``times`` requests, and what was asked for them."""
    with answered(answer) as (source, server):
        found = [made.headers(source.http, "feed")["authorization"] for _ in range(times)]
    return found, server.asked


def refused(made: Tokens, answer: Callable[[Asked], Any]) -> SourceError:
    with answered(answer) as (source, _), pytest.raises(SourceError) as raised:
        made.headers(source.http, "feed")
    assert SECRET not in f"{raised.value!r} {raised.value.__cause__!r}"
    return raised.value


def test_a_service_account_signs_for_a_token_and_keeps_it(
    tmp_path: Path, service_account: dict[str, Any]
) -> None:
    found, asked = bearers(tokens(tmp_path, service_account), script(ANSWERS), times=3)

    assert found == ["Bearer ya29.one"] * 3
    assert [(one.method, one.url) for one in asked] == [("POST", "oauth2.googleapis.com/token")]
    assert asked[0].body["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"


def test_a_users_login_refreshes_its_token(tmp_path: Path) -> None:
    found, (asked,) = bearers(tokens(tmp_path, USER), script(ANSWERS))

    assert found == ["Bearer ya29.one"]
    assert asked.body["grant_type"] == "refresh_token"
    assert asked.body["refresh_token"] == SECRET


def test_the_project_that_pays_goes_along_where_the_file_names_one(tmp_path: Path) -> None:
    made = tokens(tmp_path, {**USER, "quota_project_id": "payer"})
    with answered(script(ANSWERS)) as (source, _):
        headers = made.headers(source.http, "feed")

    assert headers["x-goog-user-project"] == "payer"


def test_a_federated_identity_is_traded_for_a_token(tmp_path: Path) -> None:
    found, asked = bearers(tokens(tmp_path, federation(tmp_path)), script(ANSWERS))

    assert found == ["Bearer ya29.federated"]
    assert asked[0].url == "sts.googleapis.com/v1/token"
    assert asked[0].body["subject_token"] == SECRET


def test_a_federated_identity_may_act_as_a_service_account(tmp_path: Path) -> None:
    account = "projects/-/serviceAccounts/spotcast@p.iam.gserviceaccount.com"
    url = f"https://iamcredentials.googleapis.com/v1/{account}:generateAccessToken"
    file = federation(tmp_path, service_account_impersonation_url=url)

    found, asked = bearers(tokens(tmp_path, file), script(ANSWERS))

    assert found == ["Bearer ya29.impersonated"]
    assert asked[1].body["scope"] == ["https://www.googleapis.com/auth/cloud-platform"]


@pytest.mark.parametrize(
    "file",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"type": "unknown"}',
        {"type": "service_account", "private_key": SECRET},
        {**USER, "client_id": None, "refresh_token": None},
        {
            "type": "service_account",
            "private_key": SECRET,
            "client_email": "x",
            "token_uri": "https://oauth2.googleapis.com/token",
        },
    ],
)
def test_a_file_that_says_no_who_is_told_without_what_it_holds(tmp_path: Path, file: Any) -> None:
    told = refused(tokens(tmp_path, file), script(ANSWERS))

    assert isinstance(told, SourceDeniedError)
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(told) or "refuses" in str(told)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = refused(FileTokens(tmp_path / "nowhere.json"), script(ANSWERS))

    assert isinstance(told, SourceDeniedError)
    assert "the file of GOOGLE_APPLICATION_CREDENTIALS cannot be used" in str(told)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(b'{"error": "invalid_grant"}', 400), SourceDeniedError, "(invalid_grant)"),
        (Answer(b'{"error": "invalid_client"}', 401), SourceDeniedError, "(invalid_client)"),
        (Answer(f'{{"error": "{SECRET} 1"}}'.encode(), 400), SourceDeniedError, "refuses"),
        (Answer(b"<html>no", 403), SourceDeniedError, "Google refuses the credentials"),
        (Answer(b"busy", 503), SourceUnavailableError, "HTTP 503"),
        (Answer(b"slow", 429, {"retry-after": "7"}), SourceUnavailableError, "HTTP 429"),
        (Answer(b"{}"), SourceDeniedError, "refuses"),
    ],
)
def test_a_refused_trade_is_told_by_its_kind(
    tmp_path: Path, answer: Answer, kind: type[SourceError], words: str
) -> None:
    told = refused(tokens(tmp_path, USER), lambda _: answer)

    assert isinstance(told, kind)
    assert words in str(told)


def test_without_google_auth_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)

    told = refused(tokens(tmp_path, USER), script(ANSWERS))

    assert 'pip install "spotcast[gcp]"' in str(told)


def test_a_machine_has_a_token_of_its_own_until_shortly_before_its_end() -> None:
    now = [NOW]
    made = MachineTokens(lambda: now[0])
    first, asked = bearers(made, script(ANSWERS), times=2)
    now[0] += timedelta(minutes=57)
    _, again = bearers(made, script(ANSWERS))

    assert first == ["Bearer ya29.machine"] * 2
    assert [one.headers["metadata-flavor"] for one in asked] == ["Google"]
    assert len(again) == 1


def test_where_no_metadata_server_answers_it_says_what_to_set() -> None:
    with (
        gcp_at("http://127.0.0.1:1") as source,
        pytest.raises(SourceDeniedError, match="no credentials: set GOOGLE_APPLICATION_CRED"),
    ):
        MachineTokens(lambda: NOW).headers(source.http, "feed")


def test_a_metadata_server_that_is_busy_is_tried_again_later() -> None:
    told = refused(MachineTokens(lambda: NOW), lambda _: Answer(b"", 503))

    assert isinstance(told, SourceUnavailableError)


@pytest.mark.parametrize("reply", [[], {}, {"access_token": 5}, {"access_token": "x"}])
def test_a_metadata_server_of_another_form_is_reported(reply: Any) -> None:
    told = refused(MachineTokens(lambda: NOW), lambda _: reply)

    assert "the metadata server's token" in str(told)


def test_the_most_explicit_setting_wins(tmp_path: Path) -> None:
    login = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    login.parent.mkdir(parents=True)
    login.write_text("{}", encoding="utf-8")
    environ = {
        "SPOTCAST_GCP_ACCESS_TOKEN": "given",
        "GOOGLE_APPLICATION_CREDENTIALS": "/named.json",
        "HOME": str(tmp_path),
    }

    kinds = []
    for name in (None, "SPOTCAST_GCP_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "HOME"):
        environ.pop(name or "", None)
        kinds.append(type(tokens_from(environ, lambda: NOW)))

    assert kinds == [GivenToken, FileTokens, FileTokens, MachineTokens]


def test_a_token_is_in_no_repr() -> None:
    assert SECRET not in repr(GivenToken(SECRET))
