"""Alibaba Cloud's spot stock, per zone and type."""

import json
from typing import Any

import pytest
from alibabacloud_ecs20140526.models import DescribeAvailableResourceRequest

from advisor.risk.signal_conversions import DEFINITIONS
from collector.providers.alibaba import available_resource
from collector.providers.alibaba.available_resource import FEED, LEVEL, NAME, STOCK
from tests.support.alibaba import REGION, alibaba_at, official_client, payload, replayed
from tests.support.loopback import NOW, Answer, always, loopback, run
from warehouse.records import AvailableType, Pool, Record, RunOutcome, Signal
from warehouse.store import Warehouse

G7, GN7I = "ecs.g7.large", "ecs.gn7i-c8g1.2xlarge"


def pool(zone: str, instance_type: str) -> Pool:
    return Pool("alibaba", REGION, f"{REGION}-{zone}", instance_type)


def offered(zone: str, instance_type: str) -> AvailableType:
    return AvailableType(pool(zone, instance_type), NAME, NOW)


def stock(zone: str, instance_type: str, level: float, status: str, category: str) -> Signal:
    detail = json.dumps({"Status": status, "StatusCategory": category})
    return Signal(pool(zone, instance_type), NOW, STOCK, level, level, NAME, detail)


def reply(*resources: dict[str, Any], **zone: Any) -> dict[str, Any]:
    given = {
        "ZoneId": f"{REGION}-i",
        "Status": "Available",
        "AvailableResources": {"AvailableResource": [*resources]},
        **zone,
    }
    return {"AvailableZones": {"AvailableZone": [given]}}


def resource(category: str, status: str, kind: str = "InstanceType") -> dict[str, Any]:
    row = {"Value": G7, "Status": status, "StatusCategory": category}
    return {"Type": kind, "SupportedResources": {"SupportedResource": [row]}}


def parsed(answer: dict[str, Any]) -> list[Record]:
    return list(available_resource.parse(answer, region=REGION, observed_at=NOW))


def test_the_recorded_stock_becomes_pools_and_signals() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        offered("i", G7),
        stock("i", G7, 1.0, "Available", "WithStock"),
        offered("i", GN7I),
        stock("i", GN7I, 0.5, "Available", "ClosedWithStock"),
        offered("g", G7),
        stock("g", G7, 0.0, "SoldOut", "WithoutStock"),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 6, 6),
        (RunOutcome.OK, 6, 0),
    ]


def test_the_official_client_reads_the_same_stock() -> None:
    with official_client() as client:
        body = client.describe_available_resource(
            DescribeAvailableResourceRequest(region_id=REGION, destination_resource="InstanceType")
        ).body
    official = [
        (zone.zone_id, one.value, LEVEL[one.status_category or ""])
        for zone in body.available_zones.available_zone
        for resource in zone.available_resources.available_resource
        for one in resource.supported_resources.supported_resource
    ]

    with replayed() as source:
        signals = [one for one in FEED.collect(source) if isinstance(one, Signal)]
    assert official == [(one.pool.zone, one.pool.instance_type, one.value_low) for one in signals]


def test_one_call_asks_for_every_type_as_it_is_priced() -> None:
    body = payload("describe_available_resource.json")
    with (
        loopback(always(Answer(body))) as server,
        alibaba_at(server.url, instance_types=(G7,)) as source,
    ):
        assert len(list(FEED.collect(source))) == 6

    (sent,) = server.requests
    assert sent.headers["x-acs-action"] == "DescribeAvailableResource"
    assert sent.query == {
        "RegionId": REGION,
        "DestinationResource": "InstanceType",
        "IoOptimized": "optimized",
        "InstanceChargeType": "PostPaid",
        "NetworkCategory": "vpc",
        "SpotStrategy": "SpotAsPriceGo",
        "SpotDuration": "1",
    }


@pytest.mark.parametrize(
    ("category", "status", "level"),
    [("WithStock", "Available", 1.0), ("ClosedWithStock", "Available", 0.5)],
)
def test_what_is_in_stock_is_offered(category: str, status: str, level: float) -> None:
    told = parsed(reply(resource(category, status)))

    assert told == [offered("i", G7), stock("i", G7, level, status, category)]


def test_a_type_that_is_sold_out_is_still_offered() -> None:
    told = parsed(reply(resource("WithoutStock", "SoldOut")))

    assert told == [offered("i", G7), stock("i", G7, 0.0, "SoldOut", "WithoutStock")]


def test_a_type_that_is_sold_out_for_good_is_not_offered() -> None:
    told = parsed(reply(resource("ClosedWithoutStock", "SoldOut")))

    assert told == [stock("i", G7, 0.0, "SoldOut", "ClosedWithoutStock")]


def test_a_zone_that_is_sold_out_may_have_no_list() -> None:
    assert parsed(reply(Status="SoldOut", AvailableResources=None)) == []


def test_what_is_no_instance_type_is_passed_over() -> None:
    assert parsed(reply(resource("WithStock", "Available", kind="SystemDisk"))) == []


def test_the_signal_is_one_that_the_forecast_knows() -> None:
    assert STOCK in DEFINITIONS
