"""What an AWS account calls its zones."""

import pytest

from collector.errors import SourceChangedError
from collector.providers.aws.availability_zones import FEED, NAME
from tests.support.aws import aws_at, ec2, item, replayed, reply
from tests.support.loopback import NOW, Answer, run
from warehouse.records import RunOutcome, ZoneAlias
from warehouse.store import Warehouse


def alias(zone_name: str, zone_id: str) -> ZoneAlias:
    return ZoneAlias("aws", "self", "us-east-1", zone_name, zone_id, NAME, NOW)


def zones(*rows: str) -> Answer:
    content = f"<availabilityZoneInfo>{''.join(rows)}</availabilityZoneInfo>"
    return reply("DescribeAvailabilityZones", content)


def test_the_recorded_zones_become_aliases() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        alias("us-east-1a", "use1-az6"),
        alias("us-east-1b", "use1-az1"),
        alias("us-east-1c", "use1-az2"),
        alias("us-east-1d", "use1-az4"),
        alias("us-east-1e", "use1-az3"),
        alias("us-east-1f", "use1-az5"),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 6, 6),
        (RunOutcome.OK, 6, 0),
    ]


def test_zones_that_are_not_opted_in_are_asked_for_too() -> None:
    local = item(zoneName="us-west-2-lax-1a", zoneId="usw2-lax1-az1", optInStatus="not-opted-in")

    with ec2(lambda _: zones(local)) as server, aws_at(server.url) as source:
        records = list(FEED.collect(source))

    assert records == [alias("us-west-2-lax-1a", "usw2-lax1-az1")]
    assert server.asked[0]["AllAvailabilityZones"] == "true"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (zones(item(zoneName="us-east-1a")), "us-east-1 zone us-east-1a: missing 'ZoneId'"),
        (zones(item(zoneId="use1-az4")), "zone without a name: missing 'ZoneName'"),
        (reply("DescribeAvailabilityZones", ""), "us-east-1: missing 'AvailabilityZones'"),
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
