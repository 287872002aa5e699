"""Events over HTTP: whatever the envelope, the provider is handed the event itself."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.provider import Provider
from collector.push import MOST_EVENTS, read_pushed
from tests.support.market import NOW, a_price
from warehouse.records import Record


@dataclass
class Ear:
    """A provider that notes the events it is handed, and makes one record of each."""

    heard: list[Any] = field(default_factory=list)

    @property
    def provider(self) -> Provider:
        """It, as a provider."""
        return Provider("test", "Test", (), (), lambda _: [], pushed=self._hear)

    def _hear(self, event: Mapping[str, Any], _: object) -> Iterator[Record]:
        self.heard.append(event)
        yield a_price(0.5)


def push(body: Any, headers: Mapping[str, str] | None = None) -> list[Any]:
    ear = Ear()
    told = read_pushed(ear.provider, json.dumps(body).encode(), headers or {}, NOW)
    assert len(told.records) == told.events == len(ear.heard)
    return ear.heard


def test_a_plain_event_is_handed_on_as_it_is() -> None:
    assert push({"source": "aws.ec2", "detail": {}}) == [{"source": "aws.ec2", "detail": {}}]


def test_a_pubsub_message_is_opened() -> None:
    event = {"protoPayload": {"methodName": "compute.instances.preempted"}}
    data = base64.b64encode(json.dumps(event).encode()).decode()

    assert push({"message": {"data": data, "messageId": "1"}, "subscription": "s"}) == [event]


def test_a_cloud_event_whose_attributes_are_headers_is_put_together() -> None:
    headers = {"ce-specversion": "1.0", "ce-type": "ecs:Instance:X", "content-type": "a/json"}

    assert push({"instanceId": "i-1"}, headers) == [
        {"specversion": "1.0", "type": "ecs:Instance:X", "data": {"instanceId": "i-1"}}
    ]


def test_a_batch_is_taken_apart() -> None:
    assert push([{"id": "1"}, {"id": "2"}]) == [{"id": "1"}, {"id": "2"}]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not JSON: the body is empty"),
        (b"<html>", "not JSON: an HTML page"),
        (b"3", "event 1 is 3, not an object"),
        (b'[{}, "x"]', "event 2 is 'x', not an object"),
        (b'{"message": {"data": "%%"}, "subscription": "s"}', "data is not base64 of JSON"),
        (b'{"message": {"data": "MQ=="}, "subscription": "s"}', "data holds 1, not an object"),
        (b'{"message": {}, "subscription": "s"}', "missing 'data'"),
        (json.dumps([{}] * (MOST_EVENTS + 1)).encode(), "1001 events at once"),
    ],
)
def test_what_is_no_event_is_refused_whole(body: bytes, complaint: str) -> None:
    ear = Ear()

    with pytest.raises(SourceChangedError, match=complaint):
        read_pushed(ear.provider, body, {}, NOW)
    assert ear.heard == []


def test_a_provider_that_sends_nothing_says_so() -> None:
    mute = Provider("test", "Test", (), (), lambda _: [])

    with pytest.raises(SourceChangedError, match="Test sends no events here"):
        read_pushed(mute, b"{}", {}, NOW)
