"""The connection to EC2: its clients, its retries, and where its credentials come from."""

import sys
from pathlib import Path

import pytest

from collector.errors import SourceChangedError, SourceDeniedError, SourceError
from collector.providers.aws.availability_zones import FEED
from collector.providers.aws.client import AwsConnection, host
from tests.support.aws import Form, aws_at, connection, ec2, item, refusal, reply
from tests.support.loopback import Answer

SECRET = "a-secret-that-is-in-no-message"  # noqa: S105 - invented
ZONE = item(zoneName="us-east-1a", zoneId="use1-az4")
ZONES = reply("DescribeAvailabilityZones", f"<availabilityZoneInfo>{ZONE}</availabilityZoneInfo>")


def refused(account: AwsConnection) -> SourceError:
    """What a feed says with this connection, which must fail before it reaches EC2."""
    with (
        aws_at("http://127.0.0.1:9", connections={"aws": account}) as source,
        pytest.raises(SourceError) as raised,
    ):
        list(FEED.collect(source))
    return raised.value


@pytest.fixture
def no_machine_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 asks no metadata service, which would be the network."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("us-east-1", "ec2.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "ec2.us-gov-west-1.amazonaws.com"),
        ("cn-northwest-1", "ec2.cn-northwest-1.amazonaws.com.cn"),
    ],
)
def test_each_region_has_its_host(region: str, expected: str) -> None:
    assert host(region) == expected


def test_a_client_is_made_once_per_region() -> None:
    own = connection("http://127.0.0.1:9")

    assert own.ec2("us-east-1") is own.ec2("us-east-1")
    assert own.ec2("us-west-2") is not own.ec2("us-east-1")


def test_a_gateway_that_fails_once_is_asked_again() -> None:
    answers = iter([Answer(b"<!doctype html><html></html>", 502), ZONES])

    with ec2(lambda _: next(answers)) as server:
        own = AwsConnection(endpoint=lambda name: f"{server.url}/{name}", retries=1)
        with aws_at(server.url, connections={"aws": own}) as source:
            records = list(FEED.collect(source))

    assert (len(records), len(server.asked)) == (1, 2)


def test_an_endpoint_of_ours_is_reached_whatever_the_user_has_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "config"
    broken.write_text("[this is no config")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    with ec2(lambda _: ZONES) as server:
        own = AwsConnection(endpoint=lambda name: f"{server.url}/{name}", retries=0)
        with aws_at(server.url, connections={"aws": own}) as source:
            records = list(FEED.collect(source))

    assert len(records) == 1


@pytest.mark.usefixtures("no_machine_role")
def test_without_credentials_the_feed_is_denied() -> None:
    error = refused(AwsConnection())

    assert isinstance(error, SourceDeniedError)
    assert str(error) == (
        "aws.availability_zones: no usable credentials or settings (Unable to locate credentials)"
    )


@pytest.mark.usefixtures("no_machine_role")
def test_a_profile_that_does_not_exist_is_named() -> None:
    error = refused(AwsConnection(profile="nobody"))

    assert isinstance(error, SourceDeniedError)
    assert "The config profile (nobody) could not be found" in str(error)


@pytest.mark.usefixtures("no_machine_role")
def test_half_a_key_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")

    error = refused(AwsConnection())

    assert isinstance(error, SourceDeniedError)
    assert "AWS_SECRET_ACCESS_KEY" in str(error)


@pytest.mark.usefixtures("no_machine_role")
def test_what_a_credential_process_prints_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "credentials.py"
    script.write_text(f"import sys; sys.exit({SECRET!r})")
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    error = refused(AwsConnection())

    assert isinstance(error, SourceDeniedError)
    assert str(error).endswith("the credentials could not be fetched from their source")
    assert SECRET not in str(error)


def test_a_role_that_may_not_be_assumed_is_denied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(SECRET)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/spotcast")
    no = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"

    def answer(form: Form) -> Answer:
        return Answer(no, 403) if form["Action"].startswith("Assume") else refusal("Never", 400)

    with ec2(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        error = refused(AwsConnection(retries=0))

    assert isinstance(error, SourceDeniedError)
    assert str(error) == (
        "aws.availability_zones: AssumeRoleWithWebIdentity was refused: AccessDenied: check the "
        "role and who may assume it"
    )


def test_a_name_that_is_no_region_is_denied() -> None:
    own = connection("http://127.0.0.1:9")

    with (
        aws_at("http://127.0.0.1:9", "us east 1", connections={"aws": own}) as source,
        pytest.raises(SourceDeniedError, match="us east 1"),
    ):
        list(FEED.collect(source))


def test_a_request_that_botocore_does_not_know_is_reported() -> None:
    own = connection("http://127.0.0.1:9")
    wrong = {"Zones": ["use1-az4"]}

    with pytest.raises(SourceChangedError, match="botocore does not know the request"):
        list(own.pages("a.feed", "us-east-1", lambda ec2: [ec2.describe_regions(**wrong)]))  # type: ignore[arg-type]


@pytest.mark.parametrize("own", [AwsConnection(), AwsConnection(endpoint=str)])
def test_without_boto3_the_message_says_what_to_install(
    own: AwsConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [one for one in sys.modules if one.split(".")[0] in {"boto3", "botocore"}]:
        monkeypatch.setitem(sys.modules, name, None)

    error = refused(own)
    with pytest.raises(SourceDeniedError) as raised:
        own.ec2("us-east-1")

    install = 'boto3 is not installed: pip install "spotcast[aws]"'
    assert (str(error), str(raised.value)) == (
        f"aws.availability_zones: {install}",
        f"aws: {install}",
    )
