"""Replay: a folder of payloads answers the real clients, by operation, region and page."""

import gzip
from pathlib import Path

import httpx
import pytest

from collector.errors import NotRecordedError, SourceUnavailableError
from collector.http import Fetcher
from collector.provider import RecordedAs
from collector.replay import Recordings, ReplayServer, ReplayTransport, snake_case

RECORDED_AS = [
    ("public", RecordedAs("/data.json", "data")),
    ("public", RecordedAs("/other.json", "other")),
]
URL = "https://somewhere.example/files/data.json"


def get(folder: Path, url: str = URL) -> bytes:
    with (
        ReplayServer(Recordings(folder, RECORDED_AS)) as server,
        httpx.Client(transport=ReplayTransport(server.url)) as client,
    ):
        return Fetcher(client).request("GET", url, source="test").content


def payload(folder: Path, name: str, body: bytes = b"{}") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def test_a_plain_url_is_answered_by_the_file_its_feed_names(tmp_path: Path) -> None:
    payload(tmp_path, "public/data.json", b'{"a": 1}')

    assert get(tmp_path) == b'{"a": 1}'


def test_a_packed_payload_is_sent_as_gzip_and_arrives_unpacked(tmp_path: Path) -> None:
    payload(tmp_path, "built/public/data.json.gz", gzip.compress(b'{"a": 1}'))

    assert get(tmp_path) == b'{"a": 1}'


def test_a_status_in_the_name_is_the_answers_status(tmp_path: Path) -> None:
    payload(tmp_path, "public/data.status503.json")

    with pytest.raises(SourceUnavailableError, match="HTTP 503"):
        get(tmp_path)


def test_a_request_without_payload_says_so(tmp_path: Path) -> None:
    payload(tmp_path, "public/data.json")

    with pytest.raises(NotRecordedError, match="holds no payload"):
        get(tmp_path, "https://somewhere.example/other.json")


def test_a_payload_of_another_provider_is_not_taken(tmp_path: Path) -> None:
    payload(tmp_path, "elsewhere/data.json")

    with pytest.raises(NotRecordedError):
        get(tmp_path)


def ec2(folder: Path, region: str, **fields: str) -> str:
    """What the EC2 of a region answers to a form, as boto3 sends it."""
    with (
        ReplayServer(Recordings(folder)) as server,
        httpx.Client(transport=ReplayTransport(server.url)) as client,
    ):
        form = {"Action": "DescribeThings", **fields}
        return client.post(f"https://ec2.{region}.amazonaws.com/", data=form).text


def test_a_regions_own_payload_goes_before_the_common_one(tmp_path: Path) -> None:
    payload(tmp_path, "aws/describe_things.xml", b"<common/>")
    payload(tmp_path, "aws/eu-west-1/describe_things.xml", b"<own/>")

    assert ec2(tmp_path, "eu-west-1") == "<own/>"
    assert ec2(tmp_path, "us-east-1") == "<common/>"


def test_a_page_token_leads_to_the_page_behind_the_one_that_holds_it(tmp_path: Path) -> None:
    payload(tmp_path, "aws/describe_things.page1.xml", b"<nextToken>one</nextToken>")
    payload(tmp_path, "aws/describe_things.page2.xml", b"<nextToken>two</nextToken>")
    payload(tmp_path, "aws/describe_things.page3.xml", b"<nextToken/>")

    assert ec2(tmp_path, "us-east-1") == "<nextToken>one</nextToken>"
    assert ec2(tmp_path, "us-east-1", NextToken="two") == "<nextToken/>"
    assert "SpotcastNotRecorded" in ec2(tmp_path, "us-east-1", NextToken="nobody gave this")


def test_the_path_of_a_plain_url_names_the_region_before_its_host_does(tmp_path: Path) -> None:
    payload(tmp_path, "public/eu-west-1/data.json", b'"west"')
    payload(tmp_path, "public/us-east-1/data.json", b'"east"')
    host = "https://pricing.us-east-1.example"

    assert get(tmp_path, f"{host}/lists/eu-west-1/data.json") == b'"west"'
    assert get(tmp_path, f"{host}/lists/us-east-1/data.json") == b'"east"'


def test_a_packed_page_is_searched_for_its_token_too(tmp_path: Path) -> None:
    first = gzip.compress(b"<nextToken>one</nextToken>")
    payload(tmp_path, "aws/describe_things.page1.xml.gz", first)
    payload(tmp_path, "aws/describe_things.page2.xml", b"<nextToken/>")

    assert ec2(tmp_path, "us-east-1", NextToken="one") == "<nextToken/>"


def test_operations_are_spelled_as_python_spells_names() -> None:
    assert snake_case("DescribeSpotPriceHistory") == "describe_spot_price_history"
