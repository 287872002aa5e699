"""Alibaba Cloud's price calculator: the machine's own line, never the total."""

import json
from typing import Any

import pytest
from alibabacloud_ecs20140526.models import DescribePriceRequest

from collector.errors import NotOfferedError
from collector.providers.alibaba import price
from collector.providers.alibaba.price import FEED, NAME
from tests.support.alibaba import REGION, alibaba_at, official_client, payload, replayed
from tests.support.loopback import NOW, Answer, Request, loopback, run
from warehouse.records import OnDemandPrice, Pool, Record, RunOutcome, Semantics, SpotPrice
from warehouse.store import Warehouse

G7 = "ecs.g7.large"
HOUR = NOW.replace(minute=0)


def listed(amount: float = 0.504) -> OnDemandPrice:
    return OnDemandPrice("alibaba", REGION, G7, HOUR, amount, "CNY", NAME, observed_at=NOW)


def spot(amount: float = 0.104) -> SpotPrice:
    pool = Pool("alibaba", REGION, "*", G7)
    return SpotPrice(pool, HOUR, amount, "CNY", Semantics.SAMPLE, NAME, NOW)


def reply(original: Any, trade: Any) -> dict[str, Any]:
    line = {"Resource": "instanceType", "OriginalPrice": original, "TradePrice": trade}
    details = {"DetailInfos": {"DetailInfo": [line]}}
    return {"PriceInfo": {"Price": {"Currency": "CNY", "TradePrice": 9.0, **details}}}


def asked(
    *types: str, refuse: str = "", code: str = "PriceNotFound"
) -> tuple[list[Record], list[dict[str, str]]]:
    """What the feed yields for the types watched, and the queries that it sent."""

    def answer(request: Request) -> Answer:
        if request.query["InstanceType"] == refuse:
            return Answer(json.dumps({"Code": code, "Message": "no"}).encode(), 403)
        return Answer(payload("describe_price.spot.json"))

    with loopback(answer) as server, alibaba_at(server.url, instance_types=types) as source:
        return list(FEED.collect(source)), [one.query for one in server.requests]


def test_the_recorded_price_is_that_of_the_machine_without_its_disk() -> None:
    with replayed(instance_types=(G7,)) as source:
        assert list(FEED.collect(source)) == [listed(), spot()]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed(instance_types=(G7,)) as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.OK, 2, 0),
    ]


def test_the_official_client_reads_the_same_price() -> None:
    with official_client() as client:
        body = client.describe_price(DescribePriceRequest(region_id=REGION)).body
    (line,) = (
        one
        for one in body.price_info.price.detail_infos.detail_info
        if one.resource == "instanceType"
    )

    assert (line.original_price, line.trade_price) == (listed().price_per_hour, 0.104)
    assert body.price_info.price.currency == listed().currency


def test_each_watched_type_costs_one_call() -> None:
    records, queries = asked(G7, "ecs.c7.large")

    assert len(records) == 4
    assert [one["InstanceType"] for one in queries] == [G7, "ecs.c7.large"]
    assert {**queries[0], "InstanceType": ""} == {
        "RegionId": REGION,
        "InstanceType": "",
        "ResourceType": "instance",
        "PriceUnit": "Hour",
        "Period": "1",
        "InstanceNetworkType": "vpc",
        "SpotStrategy": "SpotAsPriceGo",
        "SpotDuration": "1",
        "SystemDisk.Category": "cloud_essd",
        "SystemDisk.Size": "40",
    }


@pytest.mark.parametrize(
    ("original", "trade", "told"),
    [(0.504, 0, [listed()]), (0, 0.104, [spot()]), (0.0, 0.0, [])],
)
def test_a_price_of_0_is_unknown(original: float, trade: float, told: list[Record]) -> None:
    answer = reply(original, trade)

    found = list(price.parse(answer, region=REGION, instance_type=G7, observed_at=NOW))

    assert found == told


@pytest.mark.parametrize(
    "code",
    ["PriceNotFound", "InvalidInstanceType.ValueNotSupported", "InvalidSystemDiskCategory.Value"],
)
def test_a_type_that_has_no_price_costs_the_others_nothing(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    records, queries = asked("ecs.typo.large", G7, refuse="ecs.typo.large", code=code)

    assert records == [listed(), spot()]
    assert len(queries) == 2
    assert "instance_type_left_out type=ecs.typo.large" in caplog.text


def test_a_region_without_any_price_is_skipped() -> None:
    with pytest.raises(NotOfferedError, match=r"cn-hangzhou has no price \(ecs\.g7\.large\)"):
        asked(G7, refuse=G7)


def test_nothing_is_asked_if_no_type_is_watched() -> None:
    with pytest.raises(NotOfferedError, match="no type is watched"):
        asked()
