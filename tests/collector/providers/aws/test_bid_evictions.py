"""CloudTrail's evictions: 90 days at the first run, and the pool of a machine that is gone."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceDeniedError, SourceUnavailableError
from collector.provider import Source
from collector.providers.aws.bid_evictions import FEED, MOST_LAUNCHES, NAME
from collector.providers.aws.client import AwsConnection
from tests.support.aws import (
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
from warehouse.records import Interruption, InterruptionKind, Record, RunOutcome
from warehouse.store import Warehouse

AT = datetime(2026, 11, 23, 18, 4, 16, tzinfo=UTC)
FIRST, SECOND = "i-0b662ef9931388ba0", "i-0b662ef9931388ba1"
EVENTS = payload("cloudtrail.lookup_events.bid_evicted.json")["Events"]


def loss(node: str, zone: str | None, instance_type: str | None) -> Interruption:
    return Interruption(
        "aws", "us-east-1", zone, instance_type, node, InterruptionKind.TAKEN, AT, None, NAME, NOW
    )


def event(record: object) -> dict[str, str]:
    text = record if isinstance(record, str) else json.dumps(record)
    return {"EventId": "4ca413e4", "CloudTrailEvent": text}


def eviction(*nodes: str, **changed: object) -> dict[str, str]:
    record = {**json.loads(EVENTS[0]["CloudTrailEvent"]), **changed}
    return event({**record, "serviceEventDetails": {"instanceIdSet": list(nodes)}})


RUN_INSTANCES = {
    "eventName": "RunInstances",
    "responseElements": {
        "instancesSet": {
            "items": [
                {
                    "instanceId": SECOND,
                    "instanceType": "g6.xlarge",
                    "instanceLifecycle": "spot",
                    "placement": {"availabilityZone": "us-east-1a"},
                }
            ]
        }
    },
}
CREATE_FLEET = {
    "eventName": "CreateFleet",
    "responseElements": {
        "CreateFleetResponse": {
            "fleetInstanceSet": {
                "item": {
                    "instanceType": "g6.xlarge",
                    "lifecycle": "spot",
                    "instanceIds": {"item": SECOND},
                }
            }
        }
    },
}


class Trail:
    """CloudTrail, and an EC2 that shows some machines, as a test says."""

    def __init__(self, *pages: Answer, launches: Answer | None = None, ec2: Answer) -> None:
        self.pages = list(pages)
        self.launches = launches or told(Events=[])
        self.ec2 = ec2
        self.looked_up: list[dict[str, Any]] = []

    def __call__(self, form: Form) -> Answer:
        """Answer one request."""
        if form["Action"] == "DescribeAvailabilityZones":
            return zones(us_east_1a="use1-az4")
        if form["Action"] != "LookupEvents":
            return self.ec2
        asked = json.loads(form["body"])
        self.looked_up.append(asked)
        if asked["LookupAttributes"][0]["AttributeKey"] == "ResourceName":
            return self.launches
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


def trail(*events: object, launches: Answer | None = None, ec2: Answer | None = None) -> Trail:
    return Trail(told(Events=list(events)), launches=launches, ec2=ec2 or machines())


def read(script: Callable[[Form], Answer], **given: Any) -> list[Any]:
    with ec2(script) as server, aws_at(server.url, **given) as source:
        return list(FEED.collect(source))


def test_the_recorded_event_is_one_interruption_per_machine() -> None:
    with replayed() as source:
        assert list(FEED.collect(source)) == [
            loss(FIRST, "use1-az4", "g5.xlarge"),
            loss(SECOND, None, None),
        ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2),
        (RunOutcome.OK, 0),
    ]


@pytest.mark.parametrize(
    ("since", "start"),
    [
        (None, NOW - timedelta(days=90)),
        (NOW - timedelta(minutes=10), NOW - timedelta(minutes=70)),
        (NOW - timedelta(days=200), NOW - timedelta(days=90)),
    ],
)
def test_what_is_asked_for(since: datetime | None, start: datetime) -> None:
    script = trail()

    assert read(script, since=since) == []
    assert script.looked_up == [
        {
            "LookupAttributes": [
                {"AttributeKey": "EventName", "AttributeValue": "BidEvictedEvent"}
            ],
            "StartTime": start.timestamp(),
            "EndTime": NOW.timestamp(),
            "MaxResults": 50,
        }
    ]


def test_pages_are_followed_no_faster_than_two_a_second() -> None:
    script = Trail(
        told(Events=[eviction(FIRST)], NextToken="two"),
        told(Events=[eviction(SECOND)]),
        ec2=machines(instance(FIRST), instance(SECOND)),
    )
    pauses: list[float] = []
    with ec2(script) as server:
        own = AwsConnection(
            endpoint=lambda host: f"{server.url}/{host}", retries=0, sleep=pauses.append
        )
        with aws_at(server.url, connections={"aws": own}) as source:
            assert len(list(FEED.collect(source))) == 2

    assert script.looked_up[1]["NextToken"] == "two"
    assert pauses == [0.5, 0.5]


def test_a_repeated_page_token_is_reported() -> None:
    script = Trail(told(Events=[], NextToken="same"), ec2=machines())

    with pytest.raises(SourceChangedError, match="token"):
        read(script)


@pytest.mark.parametrize(
    ("launch", "zone"),
    [
        (RUN_INSTANCES, "use1-az4"),
        # A fleet's request need not choose the zone.
        (CREATE_FLEET, None),
    ],
)
def test_the_pool_of_a_machine_that_is_gone_is_in_its_launch(
    launch: object, zone: str | None
) -> None:
    script = trail(
        eviction(FIRST, SECOND),
        launches=told(Events=[event({"eventName": "StopInstances"}), event(launch)]),
        ec2=machines(instance(FIRST)),
    )

    assert read(script) == [loss(FIRST, "use1-az4", "g5.xlarge"), loss(SECOND, zone, "g6.xlarge")]
    assert script.looked_up[1]["LookupAttributes"] == [
        {"AttributeKey": "ResourceName", "AttributeValue": SECOND}
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"instancesSet": None},
        {"instancesSet": {"items": "many"}},
        {"instancesSet": {"items": [{"instanceId": SECOND, "instanceType": 5}]}},
        {"instancesSet": {"items": [{"instanceId": None, "instanceType": "g6.xlarge"}]}},
        None,
    ],
)
def test_a_launch_of_another_form_adds_nothing(answer: object) -> None:
    launch = {"eventName": "RunInstances", "responseElements": answer}
    script = trail(eviction(SECOND), launches=told(Events=[event(launch)]))

    assert read(script) == [loss(SECOND, None, None)]


def test_a_run_looks_up_a_bounded_number_of_launches() -> None:
    script = trail(eviction(*(f"i-{number:08x}" for number in range(MOST_LAUNCHES + 5))))

    assert len(read(script)) == MOST_LAUNCHES + 5
    assert len(script.looked_up) == 1 + MOST_LAUNCHES


def test_an_eviction_outlives_a_launch_that_cannot_be_looked_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = trail(eviction(SECOND), launches=refused_json("ThrottlingException", 400))

    with caplog.at_level(logging.WARNING):
        assert read(script) == [loss(SECOND, None, None)]
    assert "launch_unknown feed=aws.bid_evictions" in caplog.text


def test_an_eviction_outlives_an_ec2_that_refuses() -> None:
    script = trail(eviction(SECOND), ec2=refusal("UnauthorizedOperation", 403))

    assert read(script) == [loss(SECOND, None, None)]


@pytest.mark.parametrize(("answer", "error"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_is_told(answer: Answer, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(lambda _: answer)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "event without EventId: missing 'CloudTrailEvent'"),
        (event("no json"), "event 4ca413e4"),
        (event([]), "not an object"),
        (event({}), "missing 'eventName'"),
        (eviction("no-machine"), "no instance id"),
        (eviction(FIRST, eventTime="yesterday"), "event 4ca413e4"),
        (eviction(FIRST, eventTime="2030-01-01T00:00:00Z"), "cannot be when it happened"),
        (eviction(FIRST, awsRegion=None), "not a text"),
    ],
)
def test_an_event_of_an_unknown_form_is_reported(row: object, why: str) -> None:
    with pytest.raises(SourceChangedError, match=why):
        read(trail(row))


def test_refusals_name_the_permission_or_the_time_to_wait() -> None:
    with pytest.raises(SourceDeniedError, match="needs cloudtrail:LookupEvents"):
        read(lambda _: refused_json("AccessDeniedException", 400))
    with pytest.raises(SourceUnavailableError, match="ThrottlingException"):
        read(lambda _: refused_json("ThrottlingException", 400))


def test_a_queues_report_and_cloudtrails_are_one_loss() -> None:
    def told_by_queue(_: Source) -> Iterator[Record]:
        yield replace(loss(FIRST, None, None), source="aws.events")

    with Warehouse.in_memory() as warehouse, replayed() as source:
        run(warehouse, FEED, source)
        run(warehouse, replace(FEED, name="x", collect=told_by_queue), source)

        rows = warehouse.rows("select node, zone, sources from machine_interruption order by node")

    assert rows == [
        (FIRST, "use1-az4", ["aws.bid_evictions", "aws.events"]),
        (SECOND, None, ["aws.bid_evictions"]),
    ]
