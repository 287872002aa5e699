"""Rows of AWS' spot prices that are of another form, or that cannot be true."""

import pytest

from collector.errors import SourceChangedError
from collector.providers.aws.spot_price_history import FEED, parse
from tests.support.aws import aws_at, ec2, price_row, prices, reply, script, zones
from tests.support.loopback import NOW, run, stored
from warehouse.records import RunOutcome
from warehouse.store import Warehouse


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"spotPrice": None}, "missing 'SpotPrice'"),
        ({"spotPrice": None, "price": "0.4"}, "missing 'SpotPrice'"),
        ({"spotPrice": ""}, "SpotPrice is '', not a number"),
        ({"spotPrice": "N/A"}, "SpotPrice is 'N/A', not a number"),
        ({"instanceType": None}, "missing 'InstanceType'"),
        ({"timestamp": None}, "missing 'Timestamp'"),
        ({"productDescription": None}, "missing 'ProductDescription'"),
        (
            {"availabilityZone": None, "availabilityZoneId": None},
            "missing 'AvailabilityZone'",
        ),
    ],
)
def test_a_row_of_another_form_is_reported_with_its_place(
    changed: dict[str, str | None], words: str
) -> None:
    answers = script(
        DescribeSpotPriceHistory=prices(
            price_row(), price_row(instanceType="g6.xlarge") + price_row(**changed)
        ),
        DescribeAvailabilityZones=zones(us_east_1a="use1-az2"),
    )
    fields = {"availabilityZone": "us-east-1a", "instanceType": "g5.xlarge"}
    place = [value for name, value in fields.items() if changed.get(name, value)]

    with (
        ec2(answers) as server,
        aws_at(server.url) as source,
        pytest.raises(SourceChangedError) as raised,
    ):
        list(FEED.collect(source))

    assert str(raised.value).startswith(
        f"aws.spot_price_history: {' '.join(['us-east-1', *place])}"
    )
    assert str(raised.value).endswith(words)


def test_a_list_under_another_name_is_reported() -> None:
    renamed = reply("DescribeSpotPriceHistory", f"<priceHistorySet>{price_row()}</priceHistorySet>")

    with (
        ec2(script(DescribeSpotPriceHistory=renamed)) as server,
        aws_at(server.url) as source,
        pytest.raises(SourceChangedError, match="us-east-1: missing 'SpotPriceHistory'"),
    ):
        list(FEED.collect(source))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"spotPrice": "-0.1"}, "price_per_hour -0.1 is not above 0"),
        ({"spotPrice": "0.000000"}, "stands for an unknown price"),
        ({"spotPrice": "NaN"}, "price_per_hour NaN is not a finite number"),
        ({"spotPrice": "Infinity"}, "price_per_hour inf is not a finite number"),
        ({"spotPrice": "40000"}, "is more than any machine costs"),
        ({"timestamp": "2026-11-23T19:00:00.000Z"}, "is in the future"),
        ({"timestamp": "1970-01-01T00:00:00.000Z"}, "is before the first spot market"),
        ({"timestamp": "yesterday"}, "a value cannot be read"),
        ({"instanceType": ""}, "instance_type  is blank"),
        ({"spotPrice": None}, "missing 'SpotPrice'"),
    ],
)
def test_nothing_of_a_page_that_cannot_be_true_is_stored(
    changed: dict[str, str | None], words: str
) -> None:
    answers = script(DescribeSpotPriceHistory=prices(price_row(), price_row(**changed)))

    with ec2(answers) as server, aws_at(server.url) as source, Warehouse.in_memory() as warehouse:
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert words in (result.error or "")


def test_a_time_that_boto3_gives_as_text_is_reported() -> None:
    row = {
        "AvailabilityZoneId": "use1-az4",
        "InstanceType": "g5.xlarge",
        "Timestamp": "2026-11-23T18:00:00Z",
    }

    with pytest.raises(SourceChangedError, match="Timestamp is '2026-11-23T18:00:00Z', not a time"):
        list(parse([row], region="us-east-1", observed_at=NOW, zone_ids={}))
