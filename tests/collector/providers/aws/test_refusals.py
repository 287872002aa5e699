"""How boto3's errors and AWS' refusals are told: by what the caller should do about them."""

import socket
from pathlib import Path

import pytest

from collector.errors import (
    NotOfferedError,
    NotRecordedError,
    SourceChangedError,
    SourceDeniedError,
    SourceError,
    SourceUnavailableError,
)
from collector.providers.aws.availability_zones import FEED
from collector.providers.aws.client import AwsConnection
from tests.support.aws import (
    PAYLOADS,
    Form,
    aws_at,
    connection,
    ec2,
    item,
    refusal,
    replayed,
    reply,
)
from tests.support.loopback import Answer, run, stored
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

OPERATION = "DescribeAvailabilityZones"
NEEDS = "(needs ec2:DescribeAvailabilityZones)"
TOKEN = "a-session-token-that-is-in-no-message"  # noqa: S105 - invented
HTML = b"<!doctype html>\n<html lang=en><title>Sign in</title></html>"

REFUSALS: dict[str, tuple[Answer, type[SourceError], str]] = {
    "throttled": (
        Answer((PAYLOADS / "aws" / "error.RequestLimitExceeded.xml").read_bytes(), 503),
        SourceUnavailableError,
        "RequestLimitExceeded (HTTP 503)",
    ),
    "throttled by status": (
        refusal("Slowly", 429),
        SourceUnavailableError,
        "Slowly (HTTP 429)",
    ),
    "broken": (refusal("InternalError", 500), SourceUnavailableError, "InternalError (HTTP 500)"),
    "a gateway's page": (Answer(HTML, 502), SourceUnavailableError, "(HTTP 502)"),
    "another gateway's page": (
        Answer(b"<html><b>Service Unavailable</b></html>", 503),
        SourceUnavailableError,
        "(HTTP 503)",
    ),
    "a failure without a body": (Answer(b"", 500), SourceUnavailableError, "(HTTP 500)"),
    "cut off": (
        Answer(b"<Describe", declared_size=1000),
        SourceChangedError,
        "the answer is not XML that can be read",
    ),
    "not allowed": (
        Answer((PAYLOADS / "aws" / "error.UnauthorizedOperation.xml").read_bytes(), 403),
        SourceDeniedError,
        f"UnauthorizedOperation: the policy of its user or role does not allow it {NEEDS}",
    ),
    "wrong key": (
        refusal("AuthFailure", 401),
        SourceDeniedError,
        f"AuthFailure: the credentials are not valid, or the region is not opted in {NEEDS}",
    ),
    "expired": (
        refusal("RequestExpired", 400),
        SourceDeniedError,
        "the session is over, or this machine's clock is wrong: renew it",
    ),
    "wrong signature": (
        refusal("SignatureDoesNotMatch", 403, f"x-amz-security-token:{TOKEN}"),
        SourceDeniedError,
        f"SignatureDoesNotMatch: check the credentials {NEEDS}",
    ),
    "denied by an unknown code": (
        refusal("NewKindOfNo", 403, TOKEN),
        SourceDeniedError,
        f"NewKindOfNo: check the credentials {NEEDS}",
    ),
    "not opted in": (
        refusal("OptInRequired", 401),
        NotOfferedError,
        "OptInRequired: the account has not opted in to the region",
    ),
    "an unknown parameter": (
        refusal("InvalidParameterValue", 400, "Value (true) for parameter is invalid."),
        SourceChangedError,
        "InvalidParameterValue: Value (true) for parameter is invalid.",
    ),
    "HTML": (Answer(HTML), SourceChangedError, "the answer is not XML that can be read"),
    "cut XML": (
        Answer(reply(OPERATION, "<availabilityZoneInfo/>").body[:-20]),
        SourceChangedError,
        "the answer is not XML that can be read",
    ),
    "JSON": (Answer(b'{"zones": []}'), SourceChangedError, "the answer is not XML"),
    "empty": (Answer(b""), SourceChangedError, ""),
    "other XML": (Answer(b"<html/>"), SourceChangedError, "missing 'AvailabilityZones'"),
}


def collected(url: str, region: str = "us-east-1", account: AwsConnection | None = None) -> None:
    """Ask the server at ``url`` for its zones."""
    with aws_at(url, region, connections={"aws": account or connection(url)}) as source:
        list(FEED.collect(source))


def unhurried(url: str) -> AwsConnection:
    """A connection for one test: one that was throttled is slower from then on."""
    return AwsConnection(endpoint=lambda host: f"{url}/{host}", retries=0)


@pytest.mark.parametrize("kind", REFUSALS)
def test_each_refusal_asks_for_the_right_reaction(kind: str) -> None:
    answer, expected, words = REFUSALS[kind]

    with ec2(lambda _: answer) as server, pytest.raises(SourceError) as raised:
        collected(server.url, account=unhurried(server.url) if "throttled" in kind else None)

    assert type(raised.value) is expected
    assert str(raised.value).startswith("aws.availability_zones: ")
    assert words in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_a_wish_for_a_pause_is_handed_on() -> None:
    busy = Answer(refusal("RequestLimitExceeded", 503).body, 503, {"retry-after": "7"})

    with ec2(lambda _: busy) as server, pytest.raises(SourceUnavailableError) as raised:
        collected(server.url, account=unhurried(server.url))

    assert raised.value.retry_after_seconds == 7


def test_nobody_listening_is_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(SourceUnavailableError, match=r"no connection \(Could not connect"):
            collected(url)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        (item(regionName="me-south-1", optInStatus="not-opted-in"), NotOfferedError),
        (item(regionName="me-south-1", optInStatus="opted-in"), SourceDeniedError),
        ("", SourceDeniedError),
    ],
)
def test_a_key_refused_by_a_region_is_compared_with_what_the_account_opted_in_to(
    regions: str, expected: type[SourceError]
) -> None:
    def answer(form: Form) -> Answer:
        if form["Action"] == "DescribeRegions":
            return reply("DescribeRegions", f"<regionInfo>{regions}</regionInfo>")
        return refusal("AuthFailure", 401)

    with ec2(answer) as server, pytest.raises(SourceError) as raised:
        collected(server.url, "me-south-1")

    assert type(raised.value) is expected
    asked = server.asked[-1]
    assert (asked["path"], asked["RegionName.1"], asked["AllRegions"]) == (
        "/ec2.us-east-1.amazonaws.com",
        "me-south-1",
        "true",
    )


@pytest.mark.parametrize("answer", [refusal("AuthFailure", 401), Answer(HTML)])
def test_a_key_that_may_not_ask_about_regions_is_denied(answer: Answer) -> None:
    def answers(form: Form) -> Answer:
        return answer if form["Action"] == "DescribeRegions" else refusal("AuthFailure", 401)

    with ec2(answers) as server, pytest.raises(SourceDeniedError, match="or the region is not"):
        collected(server.url, "me-south-1")


def test_a_region_that_is_not_opted_in_is_skipped_not_failed() -> None:
    with (
        Warehouse.in_memory() as warehouse,
        ec2(lambda _: refusal("OptInRequired", 401)) as server,
        aws_at(server.url) as source,
    ):
        result = run(warehouse, FEED, source).result

    assert result.outcome is RunOutcome.SKIPPED


@pytest.mark.parametrize("kind", ["throttled", "HTML"])
def test_a_refused_run_is_recorded_as_failed_and_stores_nothing(kind: str) -> None:
    answer, _, words = REFUSALS[kind]

    with ec2(lambda _: answer) as server, Warehouse.in_memory() as warehouse:
        account = unhurried(server.url) if kind == "throttled" else connection(server.url)
        with aws_at(server.url, connections={"aws": account}) as source:
            result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert words in (result.error or "")


def test_a_folder_without_the_payload_says_so(tmp_path: Path) -> None:
    with replayed(tmp_path) as source, pytest.raises(NotRecordedError) as raised:
        list(FEED.collect(source))

    assert str(raised.value) == (
        "aws.availability_zones: the folder holds no payload for DescribeAvailabilityZones"
    )


def test_a_recorded_refusal_is_replayed_as_one(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    recorded = (PAYLOADS / "aws" / "error.UnauthorizedOperation.xml").read_bytes()
    (tmp_path / "aws" / "describe_availability_zones.status403.xml").write_bytes(recorded)

    with replayed(tmp_path) as source, pytest.raises(SourceDeniedError, match="needs ec2:"):
        list(FEED.collect(source))
