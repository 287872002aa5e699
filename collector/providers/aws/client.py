"""boto3, hidden here: one connection for all AWS feeds that need an account.

boto3 finds credentials (profile, environment, SSO, web identity, container and machine roles),
signs, retries and parses; what it raises is translated in `collector.providers.aws.refusals`. It is
imported where it is used: without it, the feeds that need no account still run.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from collector.errors import SourceChangedError, SourceDeniedError, SourceError
from collector.provider import Network, Source
from collector.providers.aws.refusals import INSTALL, SERVER_ERROR, translated

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_ec2.client import EC2Client

PROVIDER_NAME = "aws"

RETRIES = 8
"""Tries after the first. Adaptive mode also slows down on its own when AWS throttles, which it
does per account: other tools in the account feel an impatient client."""
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
"""A page of 1,000 prices takes a few seconds at worst; botocore would wait for 60."""

HOME_REGION = "us-east-1"
"""Enabled in every account, so it can say which regions are not."""
NOT_OPTED_IN = "not-opted-in"

Page = TypeVar("Page", bound=Mapping[str, Any])


class AwsConnection:
    """One account's way to EC2, in every region.

    ``endpoint`` maps a host such as ``ec2.us-east-1.amazonaws.com`` to the URL that answers for
    it. With one, nothing of the user is looked up: no credentials, profile, proxy or file.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        endpoint: Callable[[str], str] | None = None,
        retries: int = RETRIES,
    ) -> None:
        self._profile = profile
        self._endpoint = endpoint
        self._retries = retries
        self._session: boto3.session.Session | None = None
        self._ec2: dict[str, EC2Client] = {}
        # A client may be shared between threads, but not the making of one.
        self._lock = threading.Lock()

    def ec2(self, region: str) -> "EC2Client":
        """The region's client, made once. Making it does not touch the network.

        Raises:
            SourceDeniedError: boto3 is not installed.
        """
        with self._lock:
            if region not in self._ec2:
                self._ec2[region] = self._made(region)
            return self._ec2[region]

    def pages(
        self, source: str, region: str, ask: Callable[["EC2Client"], Iterable[Page]]
    ) -> Iterator[Page]:
        """The pages that ``ask`` gets from the region's client, one by one.

        ``source`` is the feed that an error names. Raises one of the `collector.errors`.
        """
        with translated(source, is_opted_out=lambda: self._is_opted_out(region)):
            tokens: set[str] = set()
            for page in ask(self.ec2(region)):
                # botocore itself would notice only the same token twice in a row.
                token = page.get("NextToken")
                if token and token in tokens:
                    raise SourceChangedError(source, "the same page token came twice")
                tokens.add(token or "")
                yield page

    def _made(self, region: str) -> "EC2Client":
        if self._session is None:
            self._session = _isolated_session() if self._endpoint else _session(self._profile)
        url = self._endpoint(host(region)) if self._endpoint else None
        client = self._session.client(
            "ec2", region_name=region, endpoint_url=url, config=self._config()
        )
        client.meta.events.register("before-parse.ec2", _drop_error_page)
        return client

    def _config(self) -> "Config":
        from botocore.config import Config  # noqa: PLC0415 - optional

        config = Config(
            retries={"mode": "adaptive", "max_attempts": self._retries},
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
        )
        if self._endpoint:
            # Neither a proxy nor the FIPS twin of a host can reach an endpoint of ours.
            return config.merge(Config(proxies={}, use_fips_endpoint=False))
        return config

    def _is_opted_out(self, region: str) -> bool:
        """Whether AWS says that the account has not opted in; False if it does not say."""
        if region == HOME_REGION:
            return False
        asked = self.pages(
            PROVIDER_NAME,
            HOME_REGION,
            lambda ec2: [ec2.describe_regions(AllRegions=True, RegionNames=[region])],
        )
        try:
            regions = [one for page in asked for one in page.get("Regions", [])]
        except SourceError:
            return False
        return any(one.get("OptInStatus") == NOT_OPTED_IN for one in regions)


def connect(network: Network) -> AwsConnection:
    """A connection with whatever credentials boto3 finds; it looks when it is first used."""
    return AwsConnection(endpoint=network.endpoint)


def connection_of(source: Source, feed: str) -> AwsConnection:
    """The connection that the wiring made.

    Raises:
        SourceDeniedError: there is none.
    """
    connection = source.connections.get(PROVIDER_NAME)
    if not isinstance(connection, AwsConnection):
        raise SourceDeniedError(feed, "no connection to AWS was set up")
    return connection


def host(region: str) -> str:
    """The name under which EC2 answers for a region."""
    return f"ec2.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _session(profile: str | None) -> "boto3.session.Session":
    try:
        import boto3  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SourceDeniedError(PROVIDER_NAME, INSTALL) from error
    return boto3.session.Session(profile_name=profile)


def _isolated_session() -> "boto3.session.Session":
    """A session that reads neither the user's files nor the profile named in the environment."""
    try:
        import boto3  # noqa: PLC0415 - optional
        import botocore.session  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SourceDeniedError(PROVIDER_NAME, INSTALL) from error
    nothing = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    return boto3.session.Session(
        aws_access_key_id="replay",
        aws_secret_access_key="replay",  # noqa: S106 - no secret: whoever answers does not check
        botocore_session=botocore.session.Session(session_vars=nothing),
    )


def _drop_error_page(response_dict: dict[str, Any], **_: object) -> None:
    """Leave only the status of a failure that a gateway wrote as HTML.

    botocore does so itself if the page begins ``<html>``; any other start is a parse error to
    it, which hides the status and is not tried again.
    """
    is_failure = response_dict["status_code"] >= SERVER_ERROR
    if is_failure and not response_dict["body"].lstrip().startswith((b"<?xml", b"<Response")):
        response_dict["body"] = b""
