"""boto3, hidden here: clients, pages, and what EC2's refusals mean.

Credentials are boto3's own affair: profiles, roles, web identity, SSO. boto3 is the extra
``spotcast[aws]`` and is imported only when a feed that needs an account runs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.errors import (
    NotOfferedError,
    NotRecordedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.http import NOT_RECORDED
from collector.provider import Source

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_ec2 import EC2Client

PROVIDER_NAME = "aws"

ATTEMPTS = 8
"""Tries of one call in boto3's adaptive mode, which also slows down by itself."""
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30

BUSY_CODES = frozenset(
    {
        *("RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled"),
        *("InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable"),
        "RequestTimeout",
    }
)
NOT_OFFERED_CODES = frozenset({"OptInRequired"})
DENIED_CODES = frozenset(
    {
        *("UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthFailure"),
        *("ExpiredToken", "RequestExpired", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        *("UnrecognizedClientException", "MissingAuthenticationToken", "Blocked"),
    }
)
"""EC2's common client errors (EC2 API reference, "Error codes"), by what a person must do."""

SERVER_ERROR = 500


class AwsConnection:
    """The way to EC2 of the account that boto3 finds.

    ``endpoint`` gives a URL for a host, for replay: then nothing looks for real credentials.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        endpoint: Callable[[str], str] | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._profile = profile
        self._endpoint = endpoint
        self._attempts = attempts
        self._clients: dict[str, EC2Client] = {}

    def ec2(self, region: str, *, source: str) -> "EC2Client":
        """The EC2 client of the region, made once.

        Raises:
            SourceDeniedError: boto3 is not installed, or the profile or region is unknown to it.
        """
        if region not in self._clients:
            with translated(source, "ec2"):
                self._clients[region] = self._make(region, source)
        return self._clients[region]

    def _make(self, region: str, source: str) -> "EC2Client":
        try:
            import boto3  # noqa: PLC0415 - an extra, wanted only here
            from botocore.config import Config  # noqa: PLC0415 - the same
        except ImportError as error:
            raise SourceDeniedError(
                source, 'boto3 is not installed: pip install "spotcast[aws]"'
            ) from error
        replayed: dict[str, str] = {}
        if self._endpoint:
            keys = ("aws_access_key_id", "aws_secret_access_key")
            replayed = dict.fromkeys(keys, "replay")
            replayed["endpoint_url"] = self._endpoint(f"ec2.{region}.amazonaws.com")
        return boto3.Session(profile_name=self._profile).client(
            "ec2",
            region_name=region,
            config=Config(
                retries={"mode": "adaptive", "max_attempts": self._attempts},
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
            ),
            **replayed,
        )


def connection(source: Source, name: str) -> AwsConnection:
    """The connection that the wiring made.

    Raises:
        SourceDeniedError: it made none.
    """
    found = source.connections.get(PROVIDER_NAME)
    if not isinstance(found, AwsConnection):
        raise SourceDeniedError(name, "no AWS connection was set up")
    return found


def pages(
    client: "EC2Client", operation: str, asked: Mapping[str, Any], *, source: str
) -> Iterator[Mapping[str, Any]]:
    """Every page of a call, in order.

    Raises:
        SourceError: as `translated`; a page token that repeats is a changed source.
    """
    with translated(source, operation):
        yield from client.get_paginator(operation).paginate(**asked)  # type: ignore[call-overload, misc] # stubs list each name alone


def call(
    client: "EC2Client", operation: str, asked: Mapping[str, Any], *, source: str
) -> Mapping[str, Any]:
    """The answer of a call that has no pages.

    Raises:
        SourceError: as `translated`.
    """
    with translated(source, operation):
        answer: Mapping[str, Any] = getattr(client, operation)(**asked)
        return answer


@contextmanager
def translated(source: str, operation: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours. No message of AWS about keys is passed on."""
    try:
        import botocore.exceptions as boto  # noqa: PLC0415 - an extra, wanted only here
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 - the same
    except ImportError:
        yield
        return
    try:
        yield
    except boto.ClientError as error:
        raise _refusal(source, operation, error) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
        raise SourceDeniedError(source, "boto3 finds no AWS credentials") from error
    except (ResponseParserError, boto.PaginationError) as error:
        what = str(error).splitlines()[0][:120]
        raise SourceChangedError(source, f"{operation}: {what}") from error
    except boto.HTTPClientError as error:
        raise SourceUnavailableError(source, f"{operation}: {type(error).__name__}") from error
    except boto.BotoCoreError as error:
        raise SourceDeniedError(source, f"{operation}: {error}") from error


def _refusal(source: str, operation: str, error: "ClientError") -> SourceError:
    """What an error code asks of us."""
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == NOT_RECORDED:
        return NotRecordedError(source, f"the folder holds no payload for {operation}")
    if code in BUSY_CODES or status >= SERVER_ERROR:
        return SourceUnavailableError(source, f"{operation}: {code} (HTTP {status})")
    if code in NOT_OFFERED_CODES:
        return NotOfferedError(source, "the account has not opted in to the region")
    if code in DENIED_CODES:
        action = "".join(word.capitalize() for word in operation.split("_"))
        # EC2 answers AuthFailure, too, from a region that the account has not opted in to.
        also = " (or opt in to the region)" if code == "AuthFailure" else ""
        return SourceDeniedError(
            source, f"{code}: check the credentials and grant ec2:{action}{also}"
        )
    return SourceChangedError(source, f"{operation}: {code} (HTTP {status})")


def missing(environ: Mapping[str, str]) -> list[str]:
    """What must be set before the account's feeds can run, in words; [] if something is.

    Only what can be seen without asking anybody: a role of the machine itself is found by boto3
    when a feed runs, so naming a feed tries it anyway.
    """
    names = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE")
    containers = (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    if any(environ.get(name) for name in (*names, *containers)):
        return []
    home = Path(environ.get("HOME") or "~").expanduser()
    files = [
        environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials",
        environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config",
    ]
    if any(Path(file).is_file() for file in files):
        return []
    return [
        "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on a machine with a "
        "role of its own, name the feed with --feed"
    ]
