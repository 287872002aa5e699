"""The queue of announcements: stored first, deleted then."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from collector.errors import SourceDeniedError
from collector.provider import Source
from collector.providers.alibaba.event_queue import FEED, NAME
from tests.support.alibaba import REGION, alibaba_at, connection, payload, queue_of, replayed
from tests.support.loopback import NOW, run
from warehouse.records import Interruption, InterruptionKind, Record, RunOutcome
from warehouse.store import Warehouse

AT = datetime(2026, 11, 23, 4, 18, 26, 922000, tzinfo=UTC)
EVENT: dict[str, Any] = json.loads(payload("event.eventbridge.preemptible_interruption.json"))
OTHER = json.dumps({**EVENT, "type": "ecs:Instance:StateChange"})


def body(node: str) -> str:
    return json.dumps({**EVENT, "data": {"instanceId": node, "action": "delete"}})


def announcement(node: str, *pool: str, at: datetime = AT) -> Interruption:
    zone, instance_type = pool or (None, None)
    kind = InterruptionKind.ANNOUNCED
    return Interruption(
        "alibaba", REGION, zone, instance_type, node, kind, at, 300.0, NAME, observed_at=NOW
    )


def test_the_recorded_messages_become_announcements_with_their_machines_pools() -> None:
    with replayed(region="*") as source:
        records = list(FEED.collect(source))

    assert records == [
        announcement("i-bp1ecr********5go2go", f"{REGION}-i", "ecs.g7.large"),
        announcement(
            "i-bp1starting0000000002",
            f"{REGION}-j",
            "ecs.gn7i-c8g1.2xlarge",
            at=datetime(2026, 11, 23, 18, 29, 36, 500000, tzinfo=UTC),
        ),
    ]
    assert len(source.progress.after_stored) == 3


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed(region="*") as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.OK, 2, 0),
    ]


def test_messages_are_deleted_once_they_are_stored_also_those_of_other_kinds() -> None:
    with (
        Warehouse.in_memory() as warehouse,
        queue_of(a=body("i-1"), b=OTHER) as queue,
        alibaba_at(queue.url, region="*") as source,
    ):
        list(FEED.collect(source))
        assert set(queue.bodies) == {"a", "b"}

        queue.shown.clear()
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_new) == (RunOutcome.OK, 1)
    assert queue.bodies == {}


def test_the_queue_is_read_until_it_is_empty_and_only_the_first_call_waits() -> None:
    bodies = {f"m{number}": body(f"i-{number}") for number in range(33)}
    with queue_of(**bodies) as queue, alibaba_at(queue.url, region="*") as source:
        records = list(FEED.collect(source))

    assert records == [announcement(f"i-{number}") for number in range(33)]
    received = [target.partition("?")[2] for method, target, _ in queue.asked if method == "GET"]
    assert received == [
        "numOfMessages=16&waitseconds=10",
        "numOfMessages=16&waitseconds=0",
        "numOfMessages=16&waitseconds=0",
        "numOfMessages=16&waitseconds=0",
    ]


def test_a_run_takes_no_more_than_it_can_delete_in_time() -> None:
    bodies = {f"m{number}": body(f"i-{number}") for number in range(400)}
    with queue_of(**bodies) as queue, alibaba_at(queue.url, region="*") as source:
        assert len(list(FEED.collect(source))) == 320


def test_an_event_that_comes_twice_is_one() -> None:
    with (
        queue_of(a=body("i-1"), b=body("i-1")) as queue,
        alibaba_at(queue.url, region="*") as source,
    ):
        assert list(FEED.collect(source)) == [announcement("i-1")]

    assert len(source.progress.after_stored) == 2


@pytest.mark.parametrize(
    "unreadable",
    ["", "secret words", "{}", body(""), body("i-\ud800"), json.dumps({**EVENT, "time": "2099"})],
)
def test_a_message_that_cannot_be_read_stays_and_stops_no_other(
    unreadable: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Warehouse.in_memory() as warehouse,
        queue_of(bad=unreadable, good=body("i-1")) as queue,
        alibaba_at(queue.url, region="*") as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_new) == (RunOutcome.OK, 1)
    assert set(queue.bodies) == {"bad"}
    assert "message_not_read feed=alibaba.event_queue message=bad" in caplog.text
    assert "secret words" not in caplog.text


def test_an_event_of_an_impossible_time_stops_no_other() -> None:
    future = json.dumps({**EVENT, "time": "2099-01-01T00:00:00Z"})
    with (
        Warehouse.in_memory() as warehouse,
        queue_of(bad=future, good=body("i-1")) as queue,
        alibaba_at(queue.url, region="*") as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_new) == (RunOutcome.OK, 1)
    assert set(queue.bodies) == {"bad"}


def test_an_empty_queue_is_no_fault() -> None:
    with (
        Warehouse.in_memory() as warehouse,
        queue_of() as queue,
        alibaba_at(queue.url, region="*") as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_read) == (RunOutcome.OK, 0)


def told_before(records: list[Record], _: Source) -> Iterator[Record]:
    return iter(records)


def test_a_message_that_is_gone_already_is_logged_and_fails_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        Warehouse.in_memory() as warehouse,
        queue_of(a=body("i-1"), b=body("i-2")) as queue,
        alibaba_at(queue.url, region="*") as source,
    ):
        records = list(FEED.collect(source))
        queue.bodies.pop("a")
        again = replace(FEED, collect=partial(told_before, records))
        result = run(warehouse, again, source).result

    assert result.outcome is RunOutcome.OK
    assert queue.bodies == {}
    assert "not_acknowledged feed=alibaba.event_queue reason=" in caplog.text


def test_a_queue_that_is_not_set_is_asked_for() -> None:
    made = connection()
    made.event_queue = None
    with (
        alibaba_at("http://127.0.0.1:9", connections={"alibaba": made}) as source,
        pytest.raises(SourceDeniedError, match="no queue: set SPOTCAST_ALIBABA_EVENT_QUEUE"),
    ):
        list(FEED.collect(source))

    (missing,) = FEED.missing({})
    assert missing.startswith("set SPOTCAST_ALIBABA_EVENT_QUEUE: the queue's address, https://")
