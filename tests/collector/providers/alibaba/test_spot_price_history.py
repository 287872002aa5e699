"""Alibaba Cloud's spot price history: recorded pages, and answers made to be odd."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from alibabacloud_ecs20140526.models import DescribeSpotPriceHistoryRequest

from collector.errors import NotOfferedError
from collector.provider import Source
from collector.providers.alibaba import spot_price_history
from collector.providers.alibaba.spot_price_history import FEED, NAME
from tests.support.alibaba import REGION, alibaba_at, official_client, replayed
from tests.support.loopback import NOW, Answer, Request, always, loopback, run
from warehouse.records import OnDemandPrice, Pool, Record, RunOutcome, Semantics, SpotPrice
from warehouse.store import Warehouse

G7 = ("ecs.g7.large",)


def hour(number: int) -> datetime:
    return datetime(2026, 11, 23, number, tzinfo=UTC)


def price(zone: str, at: int, amount: float) -> SpotPrice:
    pool = Pool("alibaba", REGION, f"{REGION}-{zone}", "ecs.g7.large")
    return SpotPrice(pool, hour(at), amount, "CNY", Semantics.SAMPLE, NAME, NOW)


def list_price(at: int, amount: float) -> OnDemandPrice:
    return OnDemandPrice(
        "alibaba", REGION, "ecs.g7.large", hour(at), amount, "CNY", NAME, observed_at=NOW
    )


def row(at: int = 18, zone: str = "i", **changed: Any) -> dict[str, Any]:
    given = {
        "ZoneId": f"{REGION}-{zone}",
        "InstanceType": "ecs.g7.large",
        "SpotPrice": 0.1,
        "OriginPrice": 0.5,
        "Timestamp": f"2026-11-23T{at:02}:00:00Z",
    }
    return {**given, **changed}


def page(*rows: dict[str, Any], following: Any = 0) -> dict[str, Any]:
    return {"Currency": "CNY", "NextOffset": following, "SpotPrices": {"SpotPriceType": [*rows]}}


def parsed(*pages: dict[str, Any]) -> list[Record]:
    return list(spot_price_history.parse(pages, region=REGION, observed_at=NOW))


def asked(
    answer: Callable[[Request], Any], **given: Any
) -> tuple[list[Record], list[dict[str, str]]]:
    """What the feed yields from JSON answers, and the queries it sent."""
    with (
        loopback(lambda request: Answer(json.dumps(answer(request)).encode())) as server,
        alibaba_at(server.url, **{"instance_types": G7, **given}) as source,
    ):
        return list(FEED.collect(source)), [one.query for one in server.requests]


def test_the_recorded_pages_become_samples_and_one_list_price() -> None:
    with replayed(instance_types=G7) as source:
        records = list(FEED.collect(source))

    assert records == [
        price("i", 15, 0.101),
        price("j", 15, 0.093),
        price("i", 16, 0.101),
        price("j", 16, 0.096),
        price("i", 17, 0.104),
        price("j", 17, 0.096),
        price("i", 18, 0.104),
        price("j", 18, 0.096),
        list_price(15, 0.504),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed(instance_types=G7) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 9, 9),
        (RunOutcome.OK, 9, 0),
    ]


def test_the_official_client_reads_the_same_prices() -> None:
    facts = []
    offset: int | None = 0
    with official_client() as client:
        while offset is not None:
            body = client.describe_spot_price_history(
                DescribeSpotPriceHistoryRequest(
                    region_id=REGION,
                    instance_type=G7[0],
                    network_type="vpc",
                    ostype="linux",
                    offset=offset,
                )
            ).body
            rows = body.spot_prices.spot_price_type
            facts += [(one.zone_id, one.timestamp, one.spot_price, body.currency) for one in rows]
            offset = body.next_offset if rows else None

    with replayed(instance_types=G7) as source:
        ours = [one for one in FEED.collect(source) if isinstance(one, SpotPrice)]
    assert facts == [
        (
            one.pool.zone,
            one.effective_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            one.price_per_hour,
            one.currency,
        )
        for one in ours
    ]


def test_a_first_run_asks_for_three_hours_of_the_protected_linux_price() -> None:
    _, queries = asked(lambda _: page(row()))

    assert queries == [
        {
            "RegionId": "cn-hangzhou",
            "InstanceType": "ecs.g7.large",
            "NetworkType": "vpc",
            "OSType": "linux",
            "SpotDuration": "1",
            "StartTime": "2026-11-23T15:30:00Z",
            "EndTime": "2026-11-23T18:30:00Z",
            "Offset": "0",
        }
    ]


@pytest.mark.parametrize(
    ("since", "start"),
    [
        (NOW - timedelta(hours=5), "2026-11-23T12:30:00Z"),
        (NOW - timedelta(days=90), "2026-10-24T18:30:00Z"),
    ],
)
def test_a_later_run_overlaps_the_last_by_an_hour_within_the_apis_thirty_days(
    since: datetime, start: str
) -> None:
    _, queries = asked(lambda _: page(row()), since=since)

    assert queries[0]["StartTime"] == start


@pytest.mark.parametrize("following", [0, None, 1, -1])
def test_pages_end_at_an_offset_that_does_not_advance(following: int | None) -> None:
    def answer(request: Request) -> dict[str, Any]:
        first = request.query["Offset"] == "0"
        return page(row(17 if first else 18), following=1 if first else following)

    records, queries = asked(answer)

    assert [query["Offset"] for query in queries] == ["0", "1"]
    assert [one.effective_at for one in records if isinstance(one, SpotPrice)] == [
        hour(17),
        hour(18),
    ]


def test_pages_end_at_an_empty_page_and_without_an_offset() -> None:
    def empty_at_the_end(request: Request) -> dict[str, Any]:
        return page(row(), following=1) if request.query["Offset"] == "0" else page(following=9)

    without = page(row())
    del without["NextOffset"]

    assert [query["Offset"] for query in asked(empty_at_the_end)[1]] == ["0", "1"]
    assert [query["Offset"] for query in asked(lambda _: without)[1]] == ["0"]


def test_a_row_on_two_pages_is_one_fact() -> None:
    def answer(request: Request) -> dict[str, Any]:
        return page(row(), following=1 + int(request.query["Offset"]) % 2)

    records, queries = asked(answer)

    assert len(queries) == 3
    assert records == [price("i", 18, 0.1), list_price(18, 0.5)]


def test_the_list_price_is_told_where_it_changes() -> None:
    rows = [row(at, OriginPrice=amount) for at, amount in [(15, 0.5), (16, 0.5), (17, 0.4)]]

    told = [one for one in parsed(page(*reversed(rows))) if isinstance(one, OnDemandPrice)]

    assert told == [list_price(15, 0.5), list_price(17, 0.4)]
    assert all(one.effective_at < other.effective_at for one, other in pairwise(told))


def test_the_cheapest_zone_gives_the_list_price_and_0_gives_none() -> None:
    rows = [row(16, "i", OriginPrice=0.6), row(16, "j", OriginPrice=0.5), row(17, OriginPrice=0)]

    told = [one for one in parsed(page(*rows)) if isinstance(one, OnDemandPrice)]

    assert told == [list_price(16, 0.5)]


def test_without_watched_types_the_regions_gpu_types_are_asked() -> None:
    def answer(request: Request) -> dict[str, Any]:
        if "InstanceType" in request.query:
            return page(row())
        shape = {"CpuArchitecture": "X86", "CpuCoreCount": 8, "MemorySize": 30.0}
        gpu = {**shape, "InstanceTypeId": "ecs.gn7i-c8g1.2xlarge", "GPUAmount": 1}
        no_gpu = {**shape, "InstanceTypeId": "ecs.g7.large", "GPUAmount": 0}
        return {"InstanceTypes": {"InstanceType": [gpu, no_gpu]}}

    _, queries = asked(answer, instance_types=())

    assert queries[0]["MinimumGPUAmount"] == "1"
    assert [query.get("InstanceType") for query in queries[1:]] == ["ecs.gn7i-c8g1.2xlarge"]


def refusing(request: Request) -> Answer:
    if request.query["InstanceType"] == "ecs.g7.large":
        return Answer(json.dumps(page(row())).encode())
    return Answer(b'{"Code": "InvalidInstanceType.ValueNotSupported", "Message": "no"}', 403)


def collect_refusing(types: tuple[str, ...]) -> list[Record]:
    with loopback(refusing) as server, alibaba_at(server.url, instance_types=types) as source:
        return list(FEED.collect(source))


def test_a_type_that_is_not_sold_here_is_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    records = collect_refusing(("ecs.typo.large", "ecs.g7.large"))

    assert records == [price("i", 18, 0.1), list_price(18, 0.5)]
    assert "instance_type_left_out type=ecs.typo.large" in caplog.text


def test_a_region_that_sells_none_of_the_types_is_skipped() -> None:
    with pytest.raises(NotOfferedError, match=r"cn-hangzhou has no spot price \(ecs.typo.large\)"):
        collect_refusing(("ecs.typo.large",))

    with pytest.raises(NotOfferedError, match="no GPU type is listed"):
        asked(lambda _: {"InstanceTypes": {"InstanceType": []}}, instance_types=())


def test_the_source_is_asked_for_nothing_until_it_is_read() -> None:
    with loopback(always(Answer(b"{}"))) as server, alibaba_at(server.url) as source:
        FEED.collect(source)

    assert isinstance(source, Source)
    assert server.requests == []
