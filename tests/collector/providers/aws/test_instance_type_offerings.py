"""Which types each AWS zone sells."""

import pytest

from collector.errors import SourceChangedError
from collector.providers.aws.instance_type_offerings import FEED, NAME
from tests.support.aws import Form, aws_at, ec2, item, replayed, reply
from tests.support.loopback import NOW, Answer, run
from warehouse.records import AvailableType, Pool, RunOutcome
from warehouse.store import Warehouse


def offered(zone: str, instance_type: str) -> AvailableType:
    return AvailableType(Pool("aws", "us-east-1", zone, instance_type), NAME, NOW)


def offerings(*rows: str, following: str = "") -> Answer:
    content = f"<instanceTypeOfferingSet>{''.join(rows)}</instanceTypeOfferingSet>"
    return reply("DescribeInstanceTypeOfferings", f"{content}<nextToken>{following}</nextToken>")


def test_the_recorded_offerings_become_pools_by_zone_id() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        offered("use1-az1", "m5.large"),
        offered("use1-az1", "p4d.24xlarge"),
        offered("use1-az2", "m5.large"),
        offered("use1-az2", "p4d.24xlarge"),
        offered("use1-az4", "m5.large"),
        offered("use1-az4", "p4d.24xlarge"),
        offered("use1-az5", "m5.large"),
        offered("use1-az6", "m5.large"),
        offered("use1-az6", "p4d.24xlarge"),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 9, 9),
        (RunOutcome.OK, 9, 0),
    ]


def test_all_pages_are_asked_for_by_zone_id() -> None:
    one, other = (item(instanceType=name, location="use1-az4") for name in ("g5.large", "g6.large"))

    def answer(form: Form) -> Answer:
        return offerings(other) if "NextToken" in form else offerings(one, following="two")

    with ec2(answer) as server, aws_at(server.url) as source:
        records = list(FEED.collect(source))

    assert records == [offered("use1-az4", "g5.large"), offered("use1-az4", "g6.large")]
    assert [(form["LocationType"], form["MaxResults"]) for form in server.asked] == [
        ("availability-zone-id", "1000"),
        ("availability-zone-id", "1000"),
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (offerings(item(instanceType="g5.large")), "us-east-1 g5.large: missing 'Location'"),
        (offerings(item(location="use1-az4")), "a row without InstanceType: missing"),
        (reply("DescribeInstanceTypeOfferings", ""), "us-east-1: missing 'InstanceTypeOfferings'"),
    ],
)
def test_an_answer_of_another_form_is_reported(answer: Answer, words: str) -> None:
    with (
        ec2(lambda _: answer) as server,
        aws_at(server.url) as source,
        pytest.raises(SourceChangedError) as raised,
    ):
        list(FEED.collect(source))

    assert words in str(raised.value)
