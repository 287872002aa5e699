"""boto3, hidden here: one connection for all AWS feeds that need an account.

boto3 finds credentials (profile, environment, SSO, web identity, container and machine roles),
signs, retries and parses; what it raises is translated in `collector.providers.aws.refusals`. It is
imported where it is used: without it, the feeds that need no account still run.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from collector.errors import SourceChangedError, SourceDeniedError, SourceError
from collector.provider import Network, Source
from collector.providers.aws.refusals import INSTALL, REFUSED, SERVER_ERROR, translated

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_cloudtrail.client import CloudTrailClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_sqs.client import SQSClient

PROVIDER_NAME = "aws"

RETRIES = 8
"""Tries after the first. Adaptive mode also slows down on its own when AWS throttles, which it
does per account: other tools in the account feel an impatient client."""
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
"""A page of 1,000 prices takes a few seconds at worst; botocore would wait for 60."""

EVENT_QUEUE = "SPOTCAST_AWS_EVENT_QUEUE"
"""The variable that holds the URLs of the SQS queues with events, separated by commas."""

HOME_REGION = "us-east-1"
"""Enabled in every account, so it can say which regions are not."""
NOT_OPTED_IN = "not-opted-in"

REDIRECT = 300
ANSWERS = (b'"Messages"', b'"Successful"', b'"Events"')
"""What the JSON answers we ask for hold: one of these, or nothing at all."""

Page = TypeVar("Page", bound=Mapping[str, Any])
Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class EventQueues:
    """The queues with events, by their URLs, and how they are read.

    A first message is waited for, for ``wait_seconds``; SQS allows no more than 20. One that was
    taken is out of sight for ``hidden_seconds``: by then a run of at most ``most_per_run`` messages
    from each queue must have stored and deleted them, which takes about ten seconds.
    """

    urls: tuple[str, ...] = ()
    wait_seconds: int = 20
    hidden_seconds: int = 60
    most_per_run: int = 2_000


class AwsConnection:
    """One account's way to EC2, SQS and CloudTrail, in every region.

    ``endpoint`` maps a host such as ``ec2.us-east-1.amazonaws.com`` to the URL that answers for
    it. With one, nothing of the user is looked up: no credentials, profile, proxy or file.
    ``sleep`` keeps apart what must be asked slowly.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        endpoint: Callable[[str], str] | None = None,
        retries: int = RETRIES,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
        queues: EventQueues = EventQueues(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.queues = queues
        self.sleep = sleep
        self._profile = profile
        self._endpoint = endpoint
        self._retries = retries
        self._read_timeout_seconds = read_timeout_seconds
        self._session: boto3.session.Session | None = None
        self._ec2: dict[str, EC2Client] = {}
        self._sqs: dict[str, SQSClient] = {}
        self._cloudtrail: dict[str, CloudTrailClient] = {}
        # A client may be shared between threads, but not the making of one.
        self._lock = threading.Lock()

    def ec2(self, region: str) -> "EC2Client":
        """The region's client, made once. Making it does not touch the network.

        Raises:
            SourceDeniedError: boto3 is not installed.
        """

        def make() -> "EC2Client":
            client = self._opened().client("ec2", **self._given("ec2", region))
            client.meta.events.register("before-parse.ec2", _drop_error_page)
            return client

        return self._once(self._ec2, region, make)

    def sqs(self, region: str) -> "SQSClient":
        """The region's client for queues; as `ec2`."""

        def make() -> "SQSClient":
            client = self._opened().client("sqs", **self._given("sqs", region))
            for operation in ("ReceiveMessage", "DeleteMessageBatch"):
                client.meta.events.register(f"before-parse.sqs.{operation}", _refuse_other_json)
            return client

        return self._once(self._sqs, region, make)

    def cloudtrail(self, region: str) -> "CloudTrailClient":
        """The region's client for the record of what happened in the account; as `ec2`."""

        def make() -> "CloudTrailClient":
            client = self._opened().client("cloudtrail", **self._given("cloudtrail", region))
            client.meta.events.register("before-parse.cloudtrail", _refuse_other_json)
            return client

        return self._once(self._cloudtrail, region, make)

    @contextmanager
    def asking(self, source: str, region: str) -> Generator[None]:
        """Inside, what boto3 raises is told as one of the `collector.errors` of ``source``."""
        with translated(source, is_opted_out=lambda: self._is_opted_out(region)):
            yield

    def pages(
        self, source: str, region: str, ask: Callable[["EC2Client"], Iterable[Page]]
    ) -> Iterator[Page]:
        """The pages that ``ask`` gets from the region's EC2, one by one.

        ``source`` is the feed that an error names. Raises one of the `collector.errors`.
        """
        with self.asking(source, region):
            yield from different(source, ask(self.ec2(region)))

    def _once(self, made: dict[str, Client], region: str, make: Callable[[], Client]) -> Client:
        with self._lock:
            if region not in made:
                made[region] = make()
            return made[region]

    def _opened(self) -> "boto3.session.Session":
        if self._session is None:
            self._session = _isolated_session() if self._endpoint else _session(self._profile)
        return self._session

    def _given(self, service: str, region: str) -> dict[str, Any]:
        """What a client of the service in the region is made with."""
        url = self._endpoint(host(region, service)) if self._endpoint else None
        return {"region_name": region, "endpoint_url": url, "config": self._config()}

    def _config(self) -> "Config":
        from botocore.config import Config  # noqa: PLC0415 - optional

        config = Config(
            retries={"mode": "adaptive", "max_attempts": self._retries},
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=self._read_timeout_seconds,
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
    """A connection with whatever credentials boto3 finds; it looks when it is first used.

    An endpoint of ours has all that it will ever have, so it is not waited for.
    """
    urls = (one.strip() for one in network.environ.get(EVENT_QUEUE, "").split(","))
    queues = EventQueues(tuple(dict.fromkeys(url for url in urls if url)))
    retries = RETRIES if network.attempts is None else network.attempts - 1
    timeout = network.timeout_seconds or READ_TIMEOUT_SECONDS
    if network.endpoint is None:
        return AwsConnection(queues=queues, retries=retries, read_timeout_seconds=timeout)
    return AwsConnection(
        endpoint=network.endpoint,
        queues=replace(queues, wait_seconds=0),
        retries=retries,
        read_timeout_seconds=timeout,
        sleep=lambda _: None,
    )


def connection_of(source: Source, feed: str) -> AwsConnection:
    """The connection that the wiring made.

    Raises:
        SourceDeniedError: there is none.
    """
    connection = source.connections.get(PROVIDER_NAME)
    if not isinstance(connection, AwsConnection):
        raise SourceDeniedError(feed, "no connection to AWS was set up")
    return connection


def host(region: str, service: str = "ec2") -> str:
    """The name under which a service answers for a region."""
    return f"{service}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def different(source: str, pages: Iterable[Page]) -> Iterator[Page]:
    """The pages, as long as each leads to another one.

    Raises:
        SourceChangedError: a page leads back. botocore itself would notice only the same token
            twice in a row.
    """
    tokens: set[str] = set()
    for page in pages:
        token = page.get("NextToken")
        if token and token in tokens:
            raise SourceChangedError(source, "the same page token came twice")
        tokens.add(token or "")
        yield page


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
    """Leave only the status of a failure that a gateway wrote as HTML or as plain text.

    botocore does so itself for a status from 500 if the page begins ``<html>``; anything else is a
    parse error to it, which hides the status and is not tried again.
    """
    status = response_dict["status_code"]
    if status < REFUSED or response_dict["body"].lstrip().startswith((b"<?xml", b"<Response")):
        return
    code = f"<Response><Errors><Error><Code>{status}</Code></Error></Errors></Response>"
    response_dict["body"] = b"" if status >= SERVER_ERROR else code.encode()


def _refuse_other_json(response_dict: dict[str, Any], **_: object) -> None:
    """Stop at a success that is cut, no JSON object, or an object of something else.

    botocore takes any of these for an empty answer: a sign-in page would read as "no messages".
    """
    from botocore.exceptions import IncompleteReadError  # noqa: PLC0415 - optional
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - optional

    if response_dict["status_code"] >= REDIRECT:
        return
    body, headers = response_dict["body"], response_dict["headers"]
    declared = int(headers.get("content-length") or 0)
    if len(body) < declared and not headers.get("content-encoding"):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=declared)
    is_known = body.strip() == b"{}" or any(field in body for field in ANSWERS)
    if not is_known or not body.lstrip().startswith(b"{"):
        raise ResponseParserError("no JSON object of a known form")
