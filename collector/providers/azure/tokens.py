"""How credentials become a bearer token for Azure's management API.

What Microsoft Entra says when it refuses is not passed on but for its error number: its messages
name tenant and app, and repeat parts of an assertion.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.errors import SourceDeniedError, SourceUnavailableError
from collector.http import Fetcher, check_status, parse_json
from collector.payload import reading, text
from collector.providers.azure.credentials import (
    ACCESS_TOKEN,
    TOKEN_FILE,
    ClientSecret,
    Credentials,
    FederatedToken,
    ManagedIdentity,
    StaticToken,
)

AUTHORITY = "https://login.microsoftonline.com"
MANAGEMENT = "https://management.azure.com"
IDENTITY_URL = "http://169.254.169.254/metadata/identity/oauth2/token"
IDENTITY_API = "2018-02-01"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

REFUSED = frozenset({400, 401})
"""The statuses with which Entra and the metadata service refuse credentials."""
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""RFC 6750's spelling of a bearer token."""
LONGEST_SECONDS = 7 * 86_400
"""Entra's tokens live for an hour or so, those of a managed identity for a day."""
ERROR_NUMBER = re.compile(r"AADSTS\d+")


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; ``lifetime_seconds`` None means that we were not told."""

    value: str = field(repr=False)
    lifetime_seconds: float | None


def fetch_token(fetcher: Fetcher, credentials: Credentials, *, source: str) -> Token:
    """A new token.

    Raises:
        SourceDeniedError: the credentials are refused, or their file cannot be read.
        SourceUnavailableError: the service that gives tokens does not answer.
        SourceChangedError: it answers in another form.
    """
    match credentials:
        case StaticToken():
            if not is_token(credentials.token):
                raise SourceDeniedError(source, f"{ACCESS_TOKEN} holds no token")
            return Token(credentials.token, None)
        case ManagedIdentity():
            return _from_machine(fetcher, credentials, source)
        case FederatedToken():
            assertion = {
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": _assertion(credentials, source),
            }
            return _from_entra(fetcher, credentials, assertion, source)
        case ClientSecret():
            secret = {"client_secret": credentials.secret}
            return _from_entra(fetcher, credentials, secret, source)


def _from_entra(
    fetcher: Fetcher,
    credentials: ClientSecret | FederatedToken,
    proof: Mapping[str, str],
    source: str,
) -> Token:
    response = fetcher.request(
        "POST",
        f"{AUTHORITY}/{credentials.tenant}/oauth2/v2.0/token",
        source=source,
        form={
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "scope": f"{MANAGEMENT}/.default",
            **proof,
        },
        accept_status=REFUSED,
    )
    if response.status_code in REFUSED:
        told = ERROR_NUMBER.search(_word(response.content, "error_description"))
        number = f" ({told[0]})" if told else ""
        what = f"Microsoft Entra refuses the app{number}: check tenant, client id and secret"
        raise SourceDeniedError(source, what)
    return _token(parse_json(response.content, source=source), source)


def _from_machine(fetcher: Fetcher, credentials: ManagedIdentity, source: str) -> Token:
    chosen = {"client_id": credentials.client_id} if credentials.client_id else {}
    try:
        response = fetcher.request(
            "GET",
            IDENTITY_URL,
            source=source,
            params={"api-version": IDENTITY_API, "resource": f"{MANAGEMENT}/", **chosen},
            headers={"metadata": "true"},
            accept_status=REFUSED,
        )
    except SourceUnavailableError as error:
        what = f"no managed identity here, the metadata service is silent ({error.what})"
        raise SourceUnavailableError(source, what, error.retry_after_seconds) from error
    if response.status_code in REFUSED:
        raise SourceDeniedError(source, "this machine has no such managed identity: assign one")
    check_status(response, source=source)
    return _token(parse_json(response.content, source=source), source)


def _assertion(credentials: FederatedToken, source: str) -> str:
    """The service account's token, read anew each time: the cluster replaces it every hour."""
    try:
        return Path(credentials.path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = f"{TOKEN_FILE} cannot be read ({type(error).__name__})"
        raise SourceDeniedError(source, what) from error


def _token(answer: Any, source: str) -> Token:
    """Read a token's JSON; Entra gives its lifetime as a number, the metadata service as text."""
    with reading(source, "the token's answer"):
        lifetime = float(answer["expires_in"])
        value = text(answer, "access_token")
        if not is_token(value) or not 0 < lifetime < LONGEST_SECONDS:
            raise ValueError("access_token or expires_in cannot be true")
        return Token(value, lifetime)


def is_token(value: str) -> bool:
    """Whether it can stand in a header: what cannot would be quoted in an error."""
    return TOKEN.fullmatch(value) is not None


def _word(body: bytes, field_name: str) -> str:
    """The text under ``field_name`` of a JSON object; empty if there is none."""
    try:
        said = json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return ""
    found = said.get(field_name) if isinstance(said, Mapping) else None
    return found if isinstance(found, str) else ""
