"""The way of an event as AWS' users set it up, through moto: rule, queue, dead letters, machine."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from collector.provider import Progress, Source
from collector.providers.aws.client import AwsConnection, EventQueues
from collector.providers.aws.events import FEED
from tests.support.aws import QUEUE, aws_at
from tests.support.loopback import run
from warehouse.records import EndedBy
from warehouse.store import Warehouse

REGION = "us-east-1"
ACCOUNT_ARN = f"arn:aws:sqs:{REGION}:123456789012"
PATTERN = {
    "source": ["aws.ec2"],
    "detail-type": [
        "EC2 Spot Instance Interruption Warning",
        "EC2 Instance State-change Notification",
    ],
}


class Account:
    """An account in moto, with a queue, its dead-letter queue and the rule that fills it."""

    def __init__(self, url: str) -> None:
        def client(service: Any) -> Any:
            return boto3.client(
                service,
                region_name=REGION,
                endpoint_url=url,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - moto checks none
            )

        self.url = url
        self.ec2, self.sqs, self.events = (client(one) for one in ("ec2", "sqs", "events"))
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        redrive = {
            "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:123456789012:dead",
            "maxReceiveCount": 2,
        }
        self.queue = self.sqs.create_queue(
            QueueName="spotcast-events",
            Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"},
        )["QueueUrl"]
        self.events.put_rule(Name="spotcast", EventPattern=json.dumps(PATTERN))
        target = f"{ACCOUNT_ARN}:spotcast-events"
        self.events.put_targets(Rule="spotcast", Targets=[{"Id": "queue", "Arn": target}])

    def launched(self) -> tuple[str, str]:
        """A Spot machine that runs now, and the id of its zone."""
        wanted = {"ImageId": "ami-12345678", "InstanceType": "g5.xlarge"}
        self.ec2.request_spot_instances(InstanceCount=1, LaunchSpecification=wanted)
        (found,) = self.ec2.describe_instances()["Reservations"]
        machine = found["Instances"][0]
        zones = self.ec2.describe_availability_zones()["AvailabilityZones"]
        ids = {one["ZoneName"]: one["ZoneId"] for one in zones}
        return machine["InstanceId"], ids[machine["Placement"]["AvailabilityZone"]]

    def put(self, kind: str, detail: dict[str, str]) -> None:
        """Put an event of EC2 on the account's bus."""
        entry = {"Source": "aws.ec2", "DetailType": kind, "Detail": json.dumps(detail)}
        self.events.put_events(Entries=[entry])

    def connection(self) -> AwsConnection:
        """To the queue, whose messages are back at once if they are not deleted."""
        queues = EventQueues((QUEUE,), wait_seconds=0, hidden_seconds=0)
        return AwsConnection(endpoint=lambda _: self.url, retries=0, queues=queues)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """The account, for all tests of this file."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Account(f"http://{host}:{port}")
    server.stop()


@pytest.fixture
def source(account: Account) -> Iterator[Source]:
    """A run's source, a minute after what moto stamps with its own clock."""
    with aws_at(
        account.url, "*", connections={"aws": account.connection()}, now=datetime.now(UTC)
    ) as made:
        yield made


def test_an_event_goes_through_the_rule_into_the_database(
    account: Account, source: Source, warehouse: Warehouse
) -> None:
    launched = account.ec2.request_spot_instances(
        InstanceCount=1,
        LaunchSpecification={"ImageId": "ami-12345678", "InstanceType": "g5.xlarge"},
    )
    assert launched["SpotInstanceRequests"]
    (found,) = account.ec2.describe_instances()["Reservations"]
    node = found["Instances"][0]["InstanceId"]
    account.put(
        "EC2 Spot Instance Interruption Warning", {"instance-id": node, "instance-action": "stop"}
    )
    account.put("EC2 Instance State-change Notification", {"instance-id": node, "state": "running"})
    account.put("Another kind", {"instance-id": node})

    result = run(warehouse, FEED, source).result
    again = run(warehouse, FEED, replace(source, progress=Progress())).result

    zones = {
        one["ZoneName"]: one["ZoneId"]
        for one in account.ec2.describe_availability_zones()["AvailabilityZones"]
    }
    zone = zones[found["Instances"][0]["Placement"]["AvailabilityZone"]]
    assert (result.error, again.error, again.rows_read) == (None, None, 0)
    assert warehouse.rows("select node, region, zone, instance_type from interruption") == [
        (node, REGION, zone, "g5.xlarge")
    ]
    assert warehouse.rows("select node, zone, instance_type, ended_by from exposure") == [
        (node, zone, "g5.xlarge", EndedBy.STILL_RUNNING.value)
    ]


def test_a_message_that_cannot_be_read_ends_in_the_dead_letter_queue(
    account: Account, source: Source, warehouse: Warehouse
) -> None:
    account.sqs.send_message(QueueUrl=account.queue, MessageBody="no event")

    for _ in range(3):
        assert run(warehouse, FEED, replace(source, progress=Progress())).result.error is None

    (dead,) = account.sqs.receive_message(QueueUrl=account.dead)["Messages"]
    assert dead["Body"] == "no event"
    assert "Messages" not in account.sqs.receive_message(QueueUrl=account.queue)
