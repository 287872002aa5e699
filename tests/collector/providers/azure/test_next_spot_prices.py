"""Azure's announced spot prices: a signal with the time from which it holds."""

import json
from typing import Any

from collector.providers.azure import next_spot_prices
from collector.providers.azure.next_spot_prices import FEED, NAME, NEXT_PRICE
from tests.support.azure import D4S, REGION, azure_at, in_turn, replayed, serving
from tests.support.loopback import NOW, run, stored
from warehouse.records import Pool, RunOutcome, Signal
from warehouse.store import Warehouse


def announced(price: float, starts_at: str) -> Signal:
    detail = json.dumps({"effective_at": starts_at, "currency": "USD"})
    return Signal(Pool("azure", REGION, "*", D4S), NOW, NEXT_PRICE, price, price, NAME, detail)


def row(price: float, starts_at: str, name: str = "D4s v5 Spot") -> dict[str, Any]:
    return {
        "currencyCode": "USD",
        "retailPrice": price,
        "armRegionName": REGION,
        "effectiveStartDate": starts_at,
        "meterName": name,
        "skuName": name,
        "productName": "Virtual Machines Dsv5 Series",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": D4S,
    }


def parsed(*rows: dict[str, Any]) -> list[Signal]:
    page = {"Items": list(rows), "NextPageLink": None}
    return list(next_spot_prices.parse([page], region=REGION, observed_at=NOW))


def test_the_recorded_announcement_becomes_a_signal() -> None:
    with replayed() as source:
        assert list(FEED.collect(source)) == [announced(0.034902, "2026-12-01T00:00:00+00:00")]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [one.rows_new for one in results] == [1, 0]


def test_of_several_announcements_the_first_to_come_counts_in_any_order() -> None:
    near, far = row(0.03, "2026-12-01T00:00:00Z"), row(0.02, "2027-01-01T00:00:00Z")

    expected = [announced(0.03, "2026-12-01T00:00:00+00:00")]
    assert parsed(near, far) == parsed(far, near) == expected


def test_a_price_in_force_or_on_demand_is_no_announcement() -> None:
    in_force = row(0.03, "2026-11-23T18:30:00Z")
    on_demand = row(0.2, "2026-12-01T00:00:00Z", name="D4s v5")

    assert parsed(in_force, on_demand) == []


def test_a_month_without_announcements_is_no_fault() -> None:
    page = {"Items": [row(0.03, "2026-11-01T00:00:00Z")], "NextPageLink": None}
    with (
        serving(in_turn(page)) as server,
        azure_at(server.url) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, result.rows_new, left) == (RunOutcome.OK, 0, {})
