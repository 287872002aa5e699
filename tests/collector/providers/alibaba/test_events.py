"""One announcement in all its spellings and wrappings."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

import pytest

from collector.errors import SourceChangedError
from collector.providers.alibaba import PROVIDER
from collector.providers.alibaba.events import SOURCE, parse, pushed, read_message
from collector.push import read_pushed
from tests.support.alibaba import payload
from tests.support.loopback import NOW
from warehouse.records import Interruption, InterruptionKind

NODE = "i-bp1ecr********5go2go"
AT = datetime(2026, 11, 23, 4, 18, 26, 922000, tzinfo=UTC)
EVENTBRIDGE: dict[str, Any] = json.loads(payload("event.eventbridge.preemptible_interruption.json"))
MONITOR: dict[str, Any] = json.loads(payload("event.cloudmonitor.preemptible_interruption.json"))
(LISTED,) = json.loads(payload("cms.describe_system_event_attribute.json"))["SystemEvents"][
    "SystemEvent"
]
SPELLINGS = {"eventbridge": EVENTBRIDGE, "cloudmonitor": MONITOR, "listed": LISTED}


def announcement(source: str = "test", **changed: Any) -> Interruption:
    given: dict[str, Any] = {
        "provider": "alibaba",
        "region": "cn-hangzhou",
        "zone": None,
        "instance_type": None,
        "node": NODE,
        "kind": InterruptionKind.ANNOUNCED,
        "occurred_at": AT,
        "notice_seconds": 300.0,
        "source": source,
        "observed_at": NOW,
    }
    return Interruption(**{**given, **changed})


def parsed(event: dict[str, Any]) -> list[Interruption]:
    return list(parse(event, observed_at=NOW, source="test"))


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def in_json(text: str) -> str:
    return json.dumps({"TopicOwner": "1", "TopicName": "spot", "MessageId": "2", "Message": text})


def in_xml(text: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><Notification xmlns="http://mns.aliyuncs.com/doc/v1/">'
        f"<TopicName>spot</TopicName><Message>{escape(text)}</Message></Notification>"
    )


def plain(text: str) -> str:
    return text


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_tells_the_same(spelling: str) -> None:
    assert parsed(SPELLINGS[spelling]) == [announcement()]


@pytest.mark.parametrize("spelling", ["eventbridge", "cloudmonitor"])
@pytest.mark.parametrize("inner", [plain, packed])
@pytest.mark.parametrize("middle", [plain, in_json, in_xml])
@pytest.mark.parametrize("outer", [plain, packed])
def test_a_message_is_read_in_any_wrapping(
    spelling: str,
    inner: Callable[[str], str],
    middle: Callable[[str], str],
    outer: Callable[[str], str],
) -> None:
    body = outer(middle(inner(json.dumps(SPELLINGS[spelling]))))

    assert read_message(f"\n{body} ", observed_at=NOW, source="test") == [announcement()]


def test_content_may_be_a_text() -> None:
    assert parsed({**MONITOR, "content": json.dumps(MONITOR["content"])}) == [announcement()]


def test_the_region_of_the_machine_goes_before_that_of_the_bus() -> None:
    moved = {**EVENTBRIDGE, "aliyunregionid": "cn-beijing"}

    assert parsed(moved) == [announcement()]
    assert parsed({**moved, "subject": None}) == [announcement(region="cn-beijing")]
    assert parsed({**moved, "subject": "i-1"}) == [announcement(region="cn-beijing")]
    bare = {name: EVENTBRIDGE[name] for name in ("specversion", "type", "time", "data")}
    assert parsed(bare) == [announcement(region=None)]


def test_the_events_state_may_follow_its_type() -> None:
    assert parsed({**EVENTBRIDGE, "type": f"{EVENTBRIDGE['type']}:Normal"}) == [announcement()]


@pytest.mark.parametrize(
    "event",
    [
        {**EVENTBRIDGE, "type": "ecs:Instance:StateChange", "data": None},
        {**MONITOR, "name": "Instance:StateChange", "content": None},
        {**LISTED, "Name": "Instance:StateChange", "Content": None},
    ],
)
def test_an_event_of_another_kind_tells_nothing(event: dict[str, Any]) -> None:
    assert parsed(event) == []


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({}, "neither a CloudEvent nor an event of CloudMonitor"),
        ({"alertName": "cpu"}, "neither a CloudEvent"),
        ({**EVENTBRIDGE, "type": 5}, "type is 5, not a text"),
        ({**EVENTBRIDGE, "subject": 5}, "subject is 5, not a text"),
        ({**EVENTBRIDGE, "time": "2026-11-23T04:18:26"}, "without a time zone"),
        ({**EVENTBRIDGE, "time": "soon"}, "Invalid isoformat"),
        ({**EVENTBRIDGE, "data": []}, "data is no object"),
        ({**EVENTBRIDGE, "data": "{"}, "Expecting property name"),
        ({**EVENTBRIDGE, "data": {}}, "missing 'instanceId'"),
        ({**EVENTBRIDGE, "data": {"instanceId": None}}, "instanceId is None, not a text"),
        ({**EVENTBRIDGE, "data": {"instanceId": " "}}, "instanceId is no machine's id"),
        ({**EVENTBRIDGE, "data": {"instanceId": "i-\ud800"}}, "instanceId is no machine's id"),
        ({**MONITOR, "regionId": "Hang zhou"}, "its region is no region's name"),
        ({**MONITOR, "eventTime": "20190409"}, "without a time zone"),
        ({**MONITOR, "eventTime": "19700101T000000.000+0800"}, "cannot be true"),
        ({**MONITOR, "eventTime": "20261124T121826.922+0800"}, "cannot be true"),
        ({**LISTED, "Time": -1}, "not a time in milliseconds"),
        ({**LISTED, "Time": 1.5}, "not a whole number"),
        ({**LISTED, "Time": float("nan")}, "Time is nan, not a whole number"),
        ({**LISTED, "Time": 10**17}, "not a time in milliseconds"),
    ],
)
def test_an_event_of_an_unknown_form_is_reported(event: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceChangedError, match=r"^test: an event: ") as raised:
        parsed(event)

    assert words in str(raised.value)


BOMB = (
    '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    "<Notification><TopicName>t</TopicName><Message>&c;</Message></Notification>"
)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "[1, 2]",
        "{",
        '{"a": ' * 3_000,
        json.dumps({**MONITOR, "content": '{"a": ' * 30_000}),
        "<html></html>",
        "<a",
        BOMB,
        packed("hello"),
        packed("\u00e9") + "=",
        base64.b64encode(b"\xff\xfe\x00").decode(),
        in_json(in_json(in_json(in_json("{}")))),
        json.dumps({"TopicName": "t", "Message": 5}),
        '{"specversion": "1.0", "n": ' + "9" * 5_000 + "}",
    ],
)
def test_a_message_that_cannot_be_read_is_reported(body: str) -> None:
    with pytest.raises(SourceChangedError, match=r"^test: (a message|an event): "):
        read_message(body, observed_at=NOW, source="test")


def test_a_time_may_be_a_little_ahead_of_ours() -> None:
    ahead = (NOW + timedelta(minutes=4)).isoformat()

    assert len(parsed({**EVENTBRIDGE, "time": ahead})) == 1


@pytest.mark.parametrize("event", [EVENTBRIDGE, MONITOR, json.loads(in_json(json.dumps(MONITOR)))])
def test_a_pushed_event_is_read_like_a_message(event: dict[str, Any]) -> None:
    assert list(pushed(event, NOW)) == [announcement(SOURCE)]
    assert read_pushed(PROVIDER, json.dumps(event).encode(), {}, NOW).records == [
        announcement(SOURCE)
    ]


def test_a_pushed_cloud_event_may_have_its_attributes_in_headers() -> None:
    headers = {
        f"ce-{name}": value
        for name, value in EVENTBRIDGE.items()
        if name not in {"data", "datacontenttype"}
    }
    body = json.dumps(EVENTBRIDGE["data"]).encode()

    assert read_pushed(PROVIDER, body, headers, NOW).records == [announcement(SOURCE)]


@pytest.mark.parametrize("event", [{}, {"TopicName": "t", "Message": "{"}, {"specversion": "1.0"}])
def test_a_pushed_event_of_an_unknown_form_is_reported(event: dict[str, Any]) -> None:
    with pytest.raises(SourceChangedError, match=r"^alibaba\.event_queue: an event: "):
        list(pushed(event, NOW))
