"""Who we are to Google: an access token from a file, from the machine we run on, or as given.

google-auth reads the files (service account, workload identity federation, a user's login) and
trades them for tokens. Its requests go through the `Fetcher`, so that no second HTTP library is
needed and a test answers them like any other. The token of a machine is fetched here: google-auth
does that only with the library ``requests``.
"""

import json
import threading
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl

from collector.errors import SourceDeniedError, SourceError, SourceUnavailableError
from collector.http import UNAVAILABLE, Fetcher
from collector.payload import mapping, number, reading, text
from collector.providers.gcp.credentials import (
    ACCESS_TOKEN,
    CREDENTIALS_FILE,
    INSTRUCTIONS,
    file_in,
    setting,
)

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""What the token may be used for at most; the roles of its owner decide within it. No narrower
scope covers capacity advice, billing and Pub/Sub."""

METADATA_TOKEN = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105
)
RENEW_BEFORE = timedelta(seconds=225)
"""A token this close to its end is renewed; google-auth does the same with its own."""

INSTALL = 'google-auth is not installed: pip install "spotcast[gcp]"'
CLIENT_ERRORS = frozenset(range(400, 500)) - UNAVAILABLE


class Tokens(Protocol):
    """A way to prove who we are."""

    def headers(self, fetcher: Fetcher, source: str) -> dict[str, str]:
        """The headers to send along. Raises one of the `collector.errors`, of ``source``."""
        ...


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that the user made; it ends when it ends, mostly after an hour."""

    token: str = field(repr=False)

    def headers(self, fetcher: Fetcher, source: str) -> dict[str, str]:  # noqa: ARG002 - the protocol's
        """The token as it was given."""
        return _bearer(self.token)


class FileTokens:
    """Tokens for a credentials file, kept until they end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._credentials: Credentials | None = None
        self._lock = threading.Lock()

    def headers(self, fetcher: Fetcher, source: str) -> dict[str, str]:
        """A token in force, and the project that pays where the file names one.

        Raises:
            SourceDeniedError: google-auth or the file is missing, or Google refuses what it says.
            SourceUnavailableError: Google cannot be reached.
        """
        request = FetcherRequest(fetcher, source)
        headers: dict[str, str] = {}
        with self._lock, _translated(source):
            self._credentials = self._credentials or _loaded(self._path, request)
            if not self._credentials.valid:
                self._credentials.refresh(request)  # type: ignore[no-untyped-call] # google-auth has few types
            self._credentials.apply(headers)  # type: ignore[no-untyped-call] # the same
        return headers


class MachineTokens:
    """Tokens of the service account of the machine that we run on (GCE, GKE, Cloud Run)."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._token = ""
        self._renew_at: datetime | None = None
        self._lock = threading.Lock()

    def headers(self, fetcher: Fetcher, source: str) -> dict[str, str]:
        """A token in force.

        Raises:
            SourceDeniedError: no metadata server answers, so nothing says who we are.
        """
        with self._lock:
            if self._renew_at is None or self._clock() >= self._renew_at:
                self._renew(fetcher, source)
            return _bearer(self._token)

    def _renew(self, fetcher: Fetcher, source: str) -> None:
        try:
            reply = fetcher.request_json(
                "GET", METADATA_TOKEN, source=source, headers={"metadata-flavor": "Google"}
            )
        except SourceUnavailableError as error:
            if error.what.startswith("HTTP"):
                raise
            raise SourceDeniedError(source, f"no credentials: {INSTRUCTIONS}") from error
        with reading(source, "the metadata server's token"):
            holder = mapping({"token": reply}, "token")
            self._token = text(holder, "access_token")
            lasts = timedelta(seconds=number(holder, "expires_in"))
        self._renew_at = self._clock() + lasts - RENEW_BEFORE


@dataclass(frozen=True, slots=True)
class FetcherResponse:
    """An answer in the form that google-auth reads."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True)
class FetcherRequest:
    """google-auth's way to the network, over the `Fetcher`."""

    fetcher: Fetcher
    source: str

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the client has its own
        **_: object,
    ) -> FetcherResponse:
        """The answer, a refusal included; Google being away is raised as our error."""
        sent = dict(headers or {})
        is_json = "json" in sent.get("Content-Type", sent.get("content-type", ""))
        given = body.decode() if isinstance(body, bytes) else body
        response = self.fetcher.request(
            method,
            url,
            source=self.source,
            headers=sent,
            body=json.loads(given) if given and is_json else None,
            form=dict(parse_qsl(given, keep_blank_values=True)) if given and not is_json else None,
            accept_status=CLIENT_ERRORS,
        )
        return FetcherResponse(response.status_code, response.headers, response.content)


def tokens_from(environ: Mapping[str, str], clock: Callable[[], datetime]) -> Tokens:
    """The tokens that the environment names; those of the machine if it names none."""
    if token := setting(environ, ACCESS_TOKEN):
        return GivenToken(token)
    if path := file_in(environ):
        return FileTokens(path)
    return MachineTokens(clock)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _loaded(path: Path, request: FetcherRequest) -> "Credentials":
    import google.auth  # noqa: PLC0415 - optional

    with warnings.catch_warnings():
        # It warns of files that strangers hand in; this one is the user's own.
        warnings.simplefilter("ignore", DeprecationWarning)
        credentials: Credentials = google.auth.load_credentials_from_file(  # type: ignore[no-untyped-call] # the same
            str(path), scopes=[SCOPE], request=request
        )[0]
    return credentials


@contextmanager
def _translated(source: str) -> Generator[None]:
    """Turn google-auth's exceptions into ours, without their words: they may repeat the file."""
    try:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SourceDeniedError(source, INSTALL) from error
    try:
        yield
    except (GoogleAuthError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _trouble(source, error) from None


def _trouble(source: str, error: Exception) -> SourceError:
    """What an exception of google-auth asks for; only its kind is told."""
    from google.auth.exceptions import RefreshError, TransportError  # noqa: PLC0415 - optional

    if isinstance(error, TransportError) or getattr(error, "retryable", False):
        return SourceUnavailableError(source, "Google's token service cannot answer now")
    if isinstance(error, RefreshError):
        return SourceDeniedError(source, f"Google refuses the credentials{_code(error.args)}")
    kind = type(error).__name__
    return SourceDeniedError(source, f"the file of {CREDENTIALS_FILE} cannot be used ({kind})")


def _code(told: tuple[Any, ...]) -> str:
    """OAuth's word for the refusal, such as ``invalid_grant``."""
    answers = [one for one in told if isinstance(one, Mapping)]
    code = answers[0].get("error") if answers else None
    return f" ({code})" if isinstance(code, str) and code.replace("_", "").isalpha() else ""
