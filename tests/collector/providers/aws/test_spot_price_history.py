"""AWS' spot prices: what is asked, page by page, and what becomes of the answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from collector.errors import SourceChangedError, SourceError
from collector.providers.aws.spot_price_history import FEED, LONGEST_WINDOW, NAME, collect
from tests.support.aws import (
    PAYLOADS,
    Form,
    aws_at,
    ec2,
    price_row,
    prices,
    refusal,
    replayed,
    script,
    zones,
)
from tests.support.loopback import NOW, Answer, run, stored
from warehouse.records import Pool, RunOutcome, Semantics, SpotPrice
from warehouse.runs import last_success
from warehouse.store import Warehouse

OPERATION = "DescribeSpotPriceHistory"


def price(zone: str, effective_at: datetime, price_per_hour: float) -> SpotPrice:
    return SpotPrice(
        pool=Pool("aws", "us-east-1", zone, "m7g.xlarge"),
        effective_at=effective_at,
        price_per_hour=price_per_hour,
        currency="USD",
        semantics=Semantics.CHANGE_POINT,
        source=NAME,
        observed_at=NOW,
    )


def test_the_recorded_pages_become_the_prices_of_plain_linux() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        price("use1-az4", datetime(2026, 11, 23, 18, 1, 37, tzinfo=UTC), 0.0743),
        price("use1-az4", datetime(2026, 11, 23, 9, 16, 4, tzinfo=UTC), 0.0739),
        price("use1-az6", datetime(2026, 11, 23, 14, 46, 20, tzinfo=UTC), 0.0812),
        price("use1-az4", datetime(2026, 11, 21, 5, 45, 11, tzinfo=UTC), 0.0728),
        # The row has only the name us-east-1b; the zones, from another account, call it this.
        price("use1-az1", datetime(2026, 11, 19, 20, 15, 48, tzinfo=UTC), 0.0806),
    ]


def test_a_second_run_stores_nothing_new_but_sees_every_pool_again() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        first = run(warehouse, FEED, source).result
        later = replace(source, now=NOW + timedelta(minutes=10))
        second = run(warehouse, FEED, later).result
        rows, seen = stored(warehouse), warehouse.rows("select distinct seen_at from last_seen")

    assert [(one.outcome, one.rows_read, one.rows_new) for one in (first, second)] == [
        (RunOutcome.OK, 5, 5),
        (RunOutcome.OK, 5, 0),
    ]
    assert rows == {"spot_price": 5, "last_seen": 3}
    assert seen == [(NOW + timedelta(minutes=10),)]


def test_the_first_request_asks_for_the_linux_prices_in_force_now() -> None:
    with (
        ec2(script(DescribeSpotPriceHistory=prices(price_row()))) as server,
        aws_at(server.url) as source,
    ):
        list(FEED.collect(source))

    assert server.asked == [
        {
            "Action": OPERATION,
            "Version": "2016-11-15",
            "StartTime": "2026-11-23T18:30:00Z",
            "ProductDescription.1": "Linux/UNIX",
            "ProductDescription.2": "Linux/UNIX (Amazon VPC)",
            "MaxResults": "1000",
            "path": "/ec2.us-east-1.amazonaws.com",
        }
    ]


def test_a_later_run_asks_for_the_changes_since_an_hour_before_the_last_success() -> None:
    with (
        Warehouse.in_memory() as warehouse,
        ec2(script(DescribeSpotPriceHistory=prices(price_row()))) as server,
        aws_at(server.url) as source,
    ):
        run(warehouse, FEED, source)
        since = last_success(warehouse, NAME, source.region)
        run(warehouse, FEED, replace(source, since=since, now=NOW + timedelta(minutes=10)))

    assert [one["StartTime"] for one in server.asked] == [
        "2026-11-23T18:30:00Z",
        "2026-11-23T17:30:00Z",
    ]


@pytest.mark.parametrize(
    ("since", "first_window"), [(None, timedelta(days=400)), (NOW - timedelta(days=400), None)]
)
def test_no_more_is_asked_for_than_aws_keeps(
    since: datetime | None, first_window: timedelta | None
) -> None:
    window = first_window or timedelta(0)

    with (
        ec2(script(DescribeSpotPriceHistory=prices(price_row()))) as server,
        aws_at(server.url, since=since) as source,
    ):
        list(collect(source, first_window=window))

    assert server.asked[0]["StartTime"] == f"{NOW - LONGEST_WINDOW:%Y-%m-%dT%H:%M:%SZ}"


def test_a_first_run_can_be_told_to_fetch_the_past() -> None:
    feed = replace(FEED, collect=partial(collect, first_window=timedelta(days=90)))

    with (
        Warehouse.in_memory() as warehouse,
        ec2(script(DescribeSpotPriceHistory=prices(price_row()))) as server,
        aws_at(server.url) as source,
    ):
        run(warehouse, feed, source)

    assert server.asked[0]["StartTime"] == "2026-08-25T18:30:00Z"


def test_each_page_is_asked_for_with_the_token_of_the_one_before() -> None:
    pages = {
        None: prices(price_row(spotPrice="0.1"), following="one+/="),
        "one+/=": prices(price_row(spotPrice="0.2"), following="two"),
        "two": prices(price_row(spotPrice="0.3")),
    }

    with ec2(lambda form: pages[form.get("NextToken")]) as server, aws_at(server.url) as source:
        told = [one.price_per_hour for one in FEED.collect(source) if isinstance(one, SpotPrice)]

    assert told == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"]])
def test_a_page_token_that_comes_back_is_reported_not_followed(tokens: list[str]) -> None:
    answers = iter([prices(price_row(), following=token) for token in tokens])

    with (
        ec2(lambda _: next(answers)) as server,
        aws_at(server.url) as source,
        pytest.raises(SourceChangedError, match="the same page token came twice"),
    ):
        list(FEED.collect(source))

    assert len(server.asked) == len(tokens)


def test_the_zones_are_asked_for_once_and_only_if_a_row_has_no_id() -> None:
    nameless = price_row(availabilityZoneId=None)
    pages = {None: prices(price_row(), following="two"), "two": prices(nameless, following="three")}
    asked_zones = zones(us_east_1a="use1-az2")

    def answer(form: Form) -> Answer:
        if form["Action"] == "DescribeAvailabilityZones":
            return asked_zones
        return pages.get(form.get("NextToken"), prices(nameless, price_row(availabilityZoneId="")))

    with ec2(answer) as server, aws_at(server.url) as source:
        told = [one.pool.zone for one in FEED.collect(source) if isinstance(one, SpotPrice)]

    assert told == ["use1-az4", "use1-az2", "use1-az2", "use1-az2"]
    assert [one["Action"] for one in server.asked] == [
        OPERATION,
        OPERATION,
        "DescribeAvailabilityZones",
        OPERATION,
    ]


def test_a_zone_name_that_nothing_explains_is_kept() -> None:
    answers = script(
        DescribeSpotPriceHistory=prices(price_row(availabilityZoneId=None)),
        DescribeAvailabilityZones=zones(us_east_1f="use1-az5"),
    )

    with ec2(answers) as server, aws_at(server.url) as source:
        told = [one.pool.zone for one in FEED.collect(source) if isinstance(one, SpotPrice)]

    assert told == ["us-east-1a"]


def test_a_folder_without_zones_still_gives_prices(tmp_path: Path) -> None:
    folder = tmp_path / "aws"
    folder.mkdir()
    name = "describe_spot_price_history.page2.xml"
    (folder / name).write_bytes((PAYLOADS / "aws" / name).read_bytes())

    with replayed(tmp_path) as source:
        told = [one.pool.zone for one in FEED.collect(source) if isinstance(one, SpotPrice)]

    assert told == ["use1-az4", "us-east-1b"]


def test_prices_without_ids_fail_if_the_zones_are_refused() -> None:
    answers = script(
        DescribeSpotPriceHistory=prices(price_row(availabilityZoneId=None)),
        DescribeAvailabilityZones=refusal("UnauthorizedOperation", 403),
    )

    with ec2(answers) as server, aws_at(server.url) as source, Warehouse.in_memory() as warehouse:
        result = run(warehouse, FEED, source).result

    assert (result.outcome, result.error) == (
        RunOutcome.FAILED,
        (
            "aws.spot_price_history: DescribeAvailabilityZones was refused: UnauthorizedOperation: "
            "the policy of its user or role does not allow it (needs ec2:DescribeAvailabilityZones)"
        ),
    )


def test_the_classic_and_the_vpc_name_of_linux_are_one_product() -> None:
    rows = [price_row(), price_row(productDescription="Linux/UNIX (Amazon VPC)")]

    with (
        Warehouse.in_memory() as warehouse,
        ec2(script(DescribeSpotPriceHistory=prices(*rows))) as server,
        aws_at(server.url) as source,
    ):
        result = run(warehouse, FEED, source).result

    assert (result.rows_read, result.rows_new) == (2, 1)


def test_other_products_are_left_out_even_those_the_model_does_not_know() -> None:
    products = ["Windows", "SUSE Linux (Amazon VPC)", "Plan 9", "Linux/UNIX"]
    rows = [price_row(productDescription=product) for product in products]

    with (
        ec2(script(DescribeSpotPriceHistory=prices(*rows))) as server,
        aws_at(server.url) as source,
    ):
        records = list(FEED.collect(source))

    assert len(records) == 1


def test_prices_in_china_are_in_yuan_and_come_from_its_own_host() -> None:
    with (
        ec2(script(DescribeSpotPriceHistory=prices(price_row()))) as server,
        aws_at(server.url, "cn-north-1") as source,
    ):
        told = [one.currency for one in FEED.collect(source) if isinstance(one, SpotPrice)]

    assert told == ["CNY"]
    assert server.asked[0]["path"] == "/ec2.cn-north-1.amazonaws.com.cn"


def test_a_second_page_that_fails_leaves_nothing_of_the_first() -> None:
    def answer(form: Form) -> Answer:
        return (
            refusal("InternalError", 500)
            if "NextToken" in form
            else prices(price_row(), following="two")
        )

    with ec2(answer) as server, aws_at(server.url) as source, Warehouse.in_memory() as warehouse:
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert "InternalError (HTTP 500)" in (result.error or "")


def test_without_a_connection_the_feed_says_so() -> None:
    with (
        aws_at("http://127.0.0.1:9", connections={}) as source,
        pytest.raises(SourceError, match="no connection to AWS was set up"),
    ):
        list(FEED.collect(source))
