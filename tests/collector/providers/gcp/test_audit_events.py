"""Google Cloud's audit log: pulled, pushed, and never lost."""

import base64
import json
import logging
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceDeniedError
from collector.provider import Feed
from collector.providers.gcp import PROVIDER
from collector.providers.gcp.audit_events import FEED, NAME
from collector.providers.gcp.preemptions import FEED as PREEMPTIONS
from collector.push import read_pushed
from tests.support.gcp import (
    SUBSCRIPTION,
    ZONE,
    Asked,
    answered,
    connection,
    recorded,
    replayed,
)
from tests.support.loopback import NOW, Answer, run
from warehouse.records import Interruption, InterruptionKind, RunOutcome
from warehouse.store import Warehouse

URL = f"pubsub.googleapis.com/v1/{SUBSCRIPTION}"
ENTRY = recorded("audit_log.preempted.json")
AT = datetime(2026, 11, 23, 17, 42, 9, 581812, tzinfo=UTC)
NODE = "example-project/us-central1-a/spot-worker-3"


def taken(node: str = NODE) -> Interruption:
    return Interruption(
        "gcp", "us-central1", ZONE, None, node, InterruptionKind.TAKEN, AT, None, NAME, NOW
    )


def entry(name: str = "spot-worker-3") -> dict[str, Any]:
    path = ENTRY["protoPayload"]["resourceName"].replace("spot-worker-3", name)
    return {**ENTRY, "protoPayload": {**ENTRY["protoPayload"], "resourceName": path}}


def message(number: int, told: Any = ENTRY) -> dict[str, Any]:
    """A received message; ``told`` that is bytes is its data as it is."""
    data = told if isinstance(told, bytes) else base64.b64encode(json.dumps(told).encode())
    return {"ackId": f"ack-{number}", "message": {"data": data.decode(), "messageId": str(number)}}


def subscription(*batches: list[dict[str, Any]]) -> Any:
    """Pub/Sub with these messages, pull by pull, and then none."""
    left = list(batches)

    def answer(asked: Asked) -> Any:
        if asked.url == f"{URL}:acknowledge":
            return {}
        assert asked.url == f"{URL}:pull"
        return {"receivedMessages": left.pop(0)} if left else {}

    return answer


def stored(*batches: list[dict[str, Any]], feed: Feed = FEED) -> tuple[list[str], list[list[str]]]:
    """The nodes that a run stores, and the acknowledgements that it sends."""
    with Warehouse.in_memory() as warehouse, answered(subscription(*batches)) as (source, server):
        result = run(warehouse, feed, source).result
        nodes = [node for (node,) in warehouse.rows("select node from interruption order by 1")]
    assert result.outcome is RunOutcome.OK
    acknowledged = [one.body["ackIds"] for one in server.asked if one.url.endswith("acknowledge")]
    return nodes, acknowledged


def test_the_recorded_message_becomes_an_interruption() -> None:
    with replayed() as source:
        assert list(FEED.collect(source)) == [taken()]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 1, 1),
        (RunOutcome.OK, 1, 0),
    ]


def test_the_log_and_the_operation_are_one_loss_of_the_same_machine() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        for feed in (FEED, PREEMPTIONS):
            run(warehouse, feed, source)
        losses = warehouse.rows("select node, instance_type, sources from machine_interruption")

    assert losses == [(NODE, "n2-standard-4", [NAME, PREEMPTIONS.name])]


def test_pulls_go_on_until_nothing_waits_and_each_is_acknowledged() -> None:
    nodes, acknowledged = stored(
        [message(1, entry("a")), message(2, entry("b"))], [message(3, entry("c"))]
    )

    assert [node.rsplit("/", 1)[1] for node in nodes] == ["a", "b", "c"]
    assert acknowledged == [["ack-1", "ack-2"], ["ack-3"]]


def test_a_pull_is_for_100_messages_and_does_not_wait() -> None:
    with answered(subscription()) as (source, server):
        assert list(FEED.collect(source)) == []

    assert [one.body for one in server.asked] == [{"maxMessages": 100, "returnImmediately": True}]


def test_nothing_is_acknowledged_before_it_is_stored() -> None:
    with answered(subscription([message(1)])) as (source, server):
        list(FEED.collect(source))
        before = server.urls()
        for tell in source.progress.after_stored:
            tell()

    assert before == [f"{URL}:pull"] * 2
    assert server.urls() == [*before, f"{URL}:acknowledge"]


@pytest.mark.parametrize(
    "data",
    [
        b"not base64!",
        base64.b64encode(b"not json"),
        base64.b64encode(b"[1]"),
        base64.b64encode(b'{"hello": "world"}'),
        base64.b64encode(json.dumps({**ENTRY, "timestamp": "noon"}).encode()),
        base64.b64encode(json.dumps(entry("a/b/c")).encode()),
        b"",
    ],
)
def test_an_unreadable_message_is_logged_and_left_and_blocks_nothing(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        nodes, acknowledged = stored([message(666, data), message(1)])

    assert nodes == [NODE]
    assert acknowledged == [["ack-1"]]
    assert "message_unreadable feed=gcp.audit_events id=666" in caplog.text


def test_an_unreadable_message_that_comes_again_at_once_ends_the_run() -> None:
    bad = message(666, b"?")

    assert stored([bad], [bad], [message(1)]) == ([], [])


def test_entries_about_other_things_are_acknowledged_without_a_row() -> None:
    other = {**ENTRY, "protoPayload": {"methodName": "compute.instances.deferredStop"}}
    plain = {"logName": "projects/p/logs/syslog", "textPayload": "hello"}

    assert stored([message(1, other), message(2, plain)]) == ([], [["ack-1", "ack-2"]])


def test_a_run_ends_even_if_messages_never_do() -> None:
    numbers = count()
    with answered(lambda _: {"receivedMessages": [message(next(numbers))]}) as (source, server):
        list(FEED.collect(source))

    assert len(server.asked) == 50


@pytest.mark.parametrize("name", ["", "spot-events", "projects/p/subscriptions/s/../t"])
def test_without_the_name_of_a_subscription_nothing_is_asked(name: str) -> None:
    given = {"connections": {"gcp": connection(subscription=name)}}
    with (
        answered(lambda _: Answer(b"", 500), **given) as (source, server),
        pytest.raises(SourceDeniedError, match="set SPOTCAST_GCP_SUBSCRIPTION to projects/PROJECT"),
    ):
        list(FEED.collect(source))

    assert server.asked == []


def test_what_pubsub_pushes_is_read_like_what_is_pulled() -> None:
    body = json.dumps(recorded("pubsub.push.audit_log.json")).encode()

    assert read_pushed(PROVIDER, body, {}, NOW).records == [taken()]


def test_a_pushed_entry_about_something_else_says_nothing() -> None:
    assert PROVIDER.pushed is not None

    assert list(PROVIDER.pushed({"logName": "projects/p/logs/syslog"}, NOW)) == []


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"hello": "world"}, "missing 'logName'"),
        ({**ENTRY, "protoPayload": "text"}, "protoPayload is 'text', not an object"),
        ({**ENTRY, "timestamp": "2026-11-23T17:42:09"}, "without a time zone"),
        ({**ENTRY, "protoPayload": {"methodName": FEED.name}}, None),
    ],
)
def test_a_pushed_entry_of_another_form_is_reported(
    event: dict[str, Any], words: str | None
) -> None:
    assert PROVIDER.pushed is not None
    if words is None:
        assert list(PROVIDER.pushed(event, NOW)) == []
        return
    with pytest.raises(SourceChangedError, match=words):
        list(PROVIDER.pushed(event, NOW))
