"""The queue of events: what is stored before what is deleted, and what is left in the queue."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceDeniedError, SourceUnavailableError
from collector.provider import Network, Progress
from collector.providers.aws import PROVIDER
from collector.providers.aws.client import EVENT_QUEUE, AwsConnection, EventQueues, connect
from collector.providers.aws.events import FEED, NAME
from collector.run import run_feed
from tests.support.aws import (
    QUEUE,
    Form,
    aws_at,
    ec2,
    instance,
    machines,
    payload,
    refusal,
    refused_json,
    replayed,
    told,
    zones,
)
from tests.support.loopback import BAD_ANSWERS, NOW, Answer, run
from warehouse.records import Exposure, Interruption, InterruptionKind, Record, RunOutcome
from warehouse.store import Warehouse

NODE = "i-0b662ef9931388ba0"
WARNING = payload("event.spot_interruption_warning.json")
REBALANCE = payload("event.rebalance_recommendation.json")
GONE = machines()
RECORDED = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)


def message(event: object, number: int = 1) -> dict[str, str]:
    body = event if isinstance(event, str) else json.dumps(event)
    return {"MessageId": f"message-{number}", "ReceiptHandle": f"handle-{number}", "Body": body}


class Queue:
    """An SQS queue and an EC2, as a test says: it gives each batch once, and notes deletions."""

    def __init__(self, *batches: list[dict[str, str]], ec2: Answer = GONE) -> None:
        self.batches = list(batches)
        self.ec2 = ec2
        self.deleted: list[str] = []

    def __call__(self, form: Form) -> Answer:
        """Answer one request."""
        body = json.loads(form.get("body", "{}"))
        match form["Action"]:
            case "ReceiveMessage":
                return told(Messages=self.batches.pop(0)) if self.batches else told()
            case "DeleteMessageBatch":
                self.deleted += [one["ReceiptHandle"] for one in body["Entries"]]
                return told(Successful=[], Failed=[])
            case "DescribeAvailabilityZones":
                return zones(us_east_1a="use1-az4")
            case _:
                return self.ec2


def read(queue: Callable[[Form], Answer], **given: Any) -> list[Record]:
    with ec2(queue) as server, aws_at(server.url, "*", **given) as source:
        return list(FEED.collect(source))


def test_the_recorded_message_is_an_interruption_of_its_pool() -> None:
    with replayed(region="*", now=RECORDED) as source:
        (record,) = list(FEED.collect(source))

    assert isinstance(record, Interruption)
    assert record == Interruption(
        "aws", "us-east-1", "use1-az4", "g5.xlarge", NODE, InterruptionKind.ANNOUNCED,
        datetime(2026, 11, 23, 21, 27, 44, tzinfo=UTC), 120.0, NAME, RECORDED,
    )  # fmt: skip


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed(region="*", now=RECORDED) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 1),
        (RunOutcome.OK, 0),
    ]


def test_what_is_asked_of_the_queue() -> None:
    with ec2(Queue([message(WARNING)])) as server, aws_at(server.url, "*") as source:
        list(FEED.collect(source))
        (tell,) = source.progress.after_stored
        tell()

    first, second, described, deleted = server.asked
    assert first["path"].startswith("/sqs.us-east-1.amazonaws.com")
    assert json.loads(first["body"]) == {
        "QueueUrl": QUEUE,
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 0,
        "VisibilityTimeout": 60,
    }
    assert second["Action"] == "ReceiveMessage"
    assert described["Filter.1.Name"] == "instance-id"
    assert described["Filter.1.Value.1"] == NODE
    assert json.loads(deleted["body"]) == {
        "QueueUrl": QUEUE,
        "Entries": [{"Id": "0", "ReceiptHandle": "handle-1"}],
    }


def test_only_a_first_message_is_waited_for() -> None:
    queues = EventQueues((QUEUE, QUEUE.replace("us-east-1", "eu-west-1")))
    with ec2(Queue([message(WARNING)])) as server:
        own = AwsConnection(endpoint=lambda host: f"{server.url}/{host}", retries=0, queues=queues)
        with aws_at(server.url, "*", connections={"aws": own}) as source:
            list(FEED.collect(source))

    received = [one for one in server.asked if one["Action"] == "ReceiveMessage"]
    waits = [json.loads(one["body"])["WaitTimeSeconds"] for one in received]
    assert waits == [10, 1, 10]
    assert "sqs.eu-west-1." in received[-1]["path"]


def test_messages_are_deleted_only_after_they_are_stored() -> None:
    queue = Queue([message(WARNING)])
    with (
        Warehouse.in_memory() as warehouse,
        ec2(queue) as server,
        aws_at(server.url, "*") as source,
    ):
        records = list(FEED.collect(source))
        before = list(queue.deleted)
        queue.batches.append([message(WARNING)])
        run(warehouse, FEED, replace(source, progress=Progress()))

    assert (len(records), before, queue.deleted) == (1, [], ["handle-1"])


def test_a_message_stored_but_not_deleted_comes_again_and_changes_nothing() -> None:
    queue = Queue([message(WARNING)], [], [message(WARNING)])
    with (
        Warehouse.in_memory() as warehouse,
        ec2(queue) as server,
        aws_at(server.url, "*") as source,
    ):
        # As if killed between the two.
        run_feed(warehouse, FEED, source, lambda: NOW, acknowledges=False)
        assert queue.deleted == []
        run(warehouse, FEED, replace(source, progress=Progress()))

        assert len(warehouse.rows("from interruption")) == 1
        assert queue.deleted == ["handle-1"]


def test_ten_are_deleted_in_one_call() -> None:
    batches = [[message(WARNING, 10 * ten + one) for one in range(10)] for ten in range(3)]
    with ec2(Queue(*batches, [message(WARNING, 30)])) as server, aws_at(server.url, "*") as source:
        list(FEED.collect(source))
        for tell in source.progress.after_stored:
            tell()

    deletions = [one for one in server.asked if one["Action"] == "DeleteMessageBatch"]
    assert [len(json.loads(one["body"])["Entries"]) for one in deletions] == [10, 10, 10, 1]


def test_a_run_takes_no_more_than_it_can_store_in_time() -> None:
    batches = [[message(WARNING, 10 * ten + one) for one in range(10)] for ten in range(3)]
    queue = Queue(*batches)
    with ec2(queue) as server:
        own = AwsConnection(
            endpoint=lambda host: f"{server.url}/{host}",
            retries=0,
            queues=EventQueues((QUEUE,), wait_seconds=0, most_per_run=20),
        )
        with aws_at(server.url, "*", connections={"aws": own}) as source:
            list(FEED.collect(source))

    assert len(queue.batches) == 1


def test_a_queue_that_repeats_itself_is_left() -> None:
    again = [message(WARNING)]

    assert len(read(Queue(again, again, again))) == 1


def test_a_message_that_cannot_be_read_is_left_and_keeps_back_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unknown = {**WARNING, "detail": {"instance-id": NODE, "instance-action": "melt"}}
    future = {**WARNING, "time": "2030-01-01T00:00:00Z"}
    bodies = ["no json", "[]", "null", "{}", unknown, future, "[" * 100_000, WARNING]
    queue = Queue([message(one, number) for number, one in enumerate(bodies)])
    with (
        caplog.at_level(logging.WARNING),
        Warehouse.in_memory() as warehouse,
        ec2(queue) as server,
        aws_at(server.url, "*") as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_new) == (RunOutcome.OK, 1)
    assert queue.deleted == ["handle-7"]
    logged = [one.getMessage() for one in caplog.records if "unreadable_message" in one.message]
    assert len(logged) == 7
    assert logged[0] == (
        "unreadable_message feed=aws.events id=message-0 reason=a message is not JSON"
    )


def test_an_event_that_says_nothing_is_deleted() -> None:
    queue = Queue([message({**WARNING, "detail-type": "EC2 Something New"})])
    with (
        Warehouse.in_memory() as warehouse,
        ec2(queue) as server,
        aws_at(server.url, "*") as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.rows_read, queue.deleted) == (RunOutcome.OK, 0, ["handle-1"])


@pytest.mark.parametrize(
    "answer", [refusal("UnauthorizedOperation", 403), refusal("RequestLimitExceeded", 503), GONE]
)
def test_without_ec2s_word_an_interruption_is_kept_without_its_pool(answer: Answer) -> None:
    record, recommended = read(Queue([message(WARNING), message(REBALANCE, 2)], ec2=answer))

    assert isinstance(record, Interruption)
    assert (record.zone, record.instance_type, record.node) == (None, None, NODE)
    assert recommended.pool.zone == "*"  # type: ignore[union-attr]


def test_a_zone_without_an_id_is_joined_through_the_accounts_zones() -> None:
    queue = Queue([message(WARNING)], ec2=machines(instance(NODE, zone_id=None)))

    (record,) = read(queue)

    assert isinstance(record, Interruption)
    assert record.zone == "use1-az4"


def test_a_change_of_state_gives_a_life_with_what_ec2_says_of_it() -> None:
    event = payload("event.instance_state_change.json")
    row = instance(NODE, state_reason="Server.SpotInstanceTermination")

    life, loss = read(Queue([message(event)], ec2=machines(row)))

    assert isinstance(life, Exposure)
    assert isinstance(loss, Interruption)
    assert (life.end_reason, loss.kind) == (
        "Server.SpotInstanceTermination",
        InterruptionKind.TAKEN,
    )


def test_lives_and_signals_pass_the_checks_of_what_is_stored() -> None:
    running = payload("event.instance_state_change.json")
    running["detail"] = {"instance-id": NODE, "state": "running"}
    names = ("rebalance_recommendation", "health_scheduled_change", "cloudtrail_bid_evicted")
    events = [running, *(payload(f"event.{name}.json") for name in names)]
    batch = [message(one, number) for number, one in enumerate(events)]
    with (
        Warehouse.in_memory() as warehouse,
        ec2(Queue(batch, ec2=machines(instance(NODE)))) as server,
        aws_at(server.url, "*") as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.error, result.rows_new) == (RunOutcome.OK, None, 5)


def test_two_hundred_machines_are_asked_for_at_once() -> None:
    batch = [
        message({**WARNING, "detail": {**WARNING["detail"], "instance-id": f"i-{one:08x}"}}, one)
        for one in range(201)
    ]
    with ec2(Queue(batch)) as server, aws_at(server.url, "*") as source:
        assert len(list(FEED.collect(source))) == 201

    described = [one for one in server.asked if one["Action"] == "DescribeInstances"]
    values = [sum(name.startswith("Filter.1.Value") for name in one) for one in described]
    assert values == [200, 1]


@pytest.mark.parametrize(("answer", "error"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_is_told(answer: Answer, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(lambda _: answer)


@pytest.mark.parametrize(
    ("code", "status", "error", "why"),
    [
        ("AccessDeniedException", 403, SourceDeniedError, r"needs sqs:ReceiveMessage"),
        ("com.amazonaws.sqs#QueueDoesNotExist", 400, SourceDeniedError, "check the queue's URL"),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, SourceDeniedError, "the queue's URL"),
        ("RequestThrottled", 403, SourceUnavailableError, "RequestThrottled"),
        ("OverLimit", 403, SourceUnavailableError, "OverLimit"),
        ("InvalidClientTokenId", 403, SourceDeniedError, "check the credentials"),
    ],
)
def test_a_refusal_of_sqs_says_what_to_do(
    code: str, status: int, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        read(lambda _: refused_json(code, status))


@pytest.mark.parametrize(
    "row", [{}, {"MessageId": "1"}, {"MessageId": "1", "ReceiptHandle": "2"}, "text"]
)
def test_a_message_of_an_unknown_form_is_reported(row: object) -> None:
    with pytest.raises(SourceChangedError):
        read(lambda _: told(Messages=[row]))


def test_a_refused_deletion_is_logged_and_the_run_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = {"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
    queue = Queue([message(WARNING)])

    def answer(form: Form) -> Answer:
        if form["Action"] == "DeleteMessageBatch":
            return told(Successful=[], Failed=[failed])
        return queue(form)

    with (
        Warehouse.in_memory() as warehouse,
        ec2(answer) as server,
        aws_at(server.url, "*") as source,
    ):
        assert run(warehouse, FEED, source).result.outcome is RunOutcome.OK

    assert "not_deleted feed=aws.events code=ReceiptHandleIsInvalid" in caplog.text


def test_a_queue_that_is_down_does_not_keep_back_the_others() -> None:
    queue = Queue([message(WARNING)])
    urls = (QUEUE.replace("us-east-1", "eu-west-1"), QUEUE)

    def answer(form: Form) -> Answer:
        return refused_json("InternalError", 500) if "eu-west-1" in form["path"] else queue(form)

    with ec2(answer) as server:
        own = AwsConnection(
            endpoint=lambda host: f"{server.url}/{host}",
            retries=0,
            queues=EventQueues(urls, wait_seconds=0),
        )
        with aws_at(server.url, "*", connections={"aws": own}) as source:
            assert len(list(FEED.collect(source))) == 1
            with pytest.raises(SourceUnavailableError):
                read(lambda _: refused_json("InternalError", 500))


def test_without_a_queue_it_is_said_what_to_set() -> None:
    with (
        aws_at("http://127.0.0.1:9", "*", connections={"aws": AwsConnection()}) as source,
        pytest.raises(SourceDeniedError, match=EVENT_QUEUE),
    ):
        list(FEED.collect(source))
    assert FEED.missing({}) == [f"set {EVENT_QUEUE}: {FEED.settings[0].meaning}"]
    assert FEED.missing({EVENT_QUEUE: QUEUE}) == []


def test_a_url_that_names_no_region_is_refused() -> None:
    own = AwsConnection(queues=EventQueues(("https://example.com/queue",)))
    with (
        aws_at("http://127.0.0.1:9", "*", connections={"aws": own}) as source,
        pytest.raises(SourceDeniedError, match="names no region of AWS"),
    ):
        list(FEED.collect(source))


def test_several_queues_are_set_with_commas_and_waited_for_only_live() -> None:
    other = QUEUE.replace("us-east-1", "cn-north-1")
    environ = {EVENT_QUEUE: f" {QUEUE}, ,{other},{QUEUE}"}

    live = connect(Network(environ, lambda: NOW))
    replaying = connect(Network(PROVIDER.replay_environ, lambda: NOW, endpoint=str))

    assert live.queues == EventQueues((QUEUE, other), wait_seconds=20)
    assert (len(replaying.queues.urls), replaying.queues.wait_seconds) == (1, 0)
