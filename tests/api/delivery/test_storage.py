"""Object storage, through moto's S3."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from api.config.channels import ObjectStorageChannel
from api.delivery.errors import DeliveryError
from api.delivery.notice import Attachment, Notice
from api.delivery.parcel import Parcel
from api.delivery.sending import deliver
from tests.support.processes import free_port

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Where moto serves."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, and credentials where boto3 looks for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="reports")
    yield client
    for one in client.list_objects_v2(Bucket="reports").get("Contents", ()):
        client.delete_object(Bucket="reports", Key=one["Key"])
    client.delete_bucket(Bucket="reports")


def parcel(environ: Mapping[str, str] | None = None) -> Parcel:
    """A report with a page."""
    page = Attachment(name="weekly.html", media_type="text/html", text="<p>π</p>")
    told = Notice(kind="report", key="w", title="Week", text="Prices.", at=NOW, attachments=(page,))
    return Parcel("0123456789abcdef" * 2, "", told, NOW, environ or {})


def channel(endpoint: str, name: str = "reports") -> ObjectStorageChannel:
    """The channel."""
    return ObjectStorageChannel(
        kind="object_storage", bucket=name, endpoint=endpoint, prefix="desk/", timeout_seconds=5
    )


def test_a_message_is_the_same_objects_however_often_it_is_written(
    endpoint: str, bucket: Any
) -> None:
    for _ in range(2):
        deliver(channel(endpoint), parcel())

    home = "desk/report/20261123T060000Z-report-0123456789ab"
    listed = bucket.list_objects_v2(Bucket="reports")["Contents"]
    assert [one["Key"] for one in listed] == [f"{home}/notice.json", f"{home}/weekly.html"]
    page = bucket.get_object(Bucket="reports", Key=f"{home}/weekly.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["Body"].read().decode() == "<p>π</p>"
    told = bucket.get_object(Bucket="reports", Key=f"{home}/notice.json")["Body"].read()
    assert json.loads(told)["title"] == "Week"


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_told_and_tried_again(endpoint: str) -> None:
    with pytest.raises(DeliveryError, match="bucket other: NoSuchBucket") as told:
        deliver(channel(endpoint, "other"), parcel())

    assert not told.value.is_final


@pytest.mark.usefixtures("bucket")
def test_a_storage_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(DeliveryError, match="Could not connect"):
        deliver(channel(f"http://127.0.0.1:{free_port()}"), parcel())


def test_the_key_of_another_cloud_is_taken_from_where_the_configuration_says(
    endpoint: str, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    told = channel(endpoint).model_copy(
        update={"access_key_id_env": "ID", "secret_access_key_env": "KEY", "region": "us-east-1"}
    )

    with pytest.raises(DeliveryError, match="KEY is not set"):
        deliver(told, parcel({"ID": "id"}))
    deliver(told, parcel({"ID": "id", "KEY": "key"}))

    assert bucket.list_objects_v2(Bucket="reports")["KeyCount"] == 2


def test_without_credentials_nothing_is_tried(endpoint: str) -> None:
    with pytest.raises(DeliveryError, match="credentials"):
        deliver(channel(endpoint), parcel())
