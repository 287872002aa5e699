"""Azure's price list: which rows are prices of plain Linux machines, and which is in force."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceDeniedError
from collector.providers.azure import retail_prices
from collector.providers.azure.retail_prices import FEED, NAME
from tests.support.azure import D4S, REGION, azure_at, collected, in_turn, replayed, serving
from tests.support.loopback import NOW, run
from warehouse.records import OnDemandPrice, Pool, RunOutcome, Semantics, SpotPrice
from warehouse.store import Warehouse

LINK = "https://prices.azure.com:443/api/retail/prices?$skip="


def spot(price: float, starts_at: datetime = datetime(2026, 10, 1, tzinfo=UTC)) -> SpotPrice:
    pool = Pool("azure", REGION, "*", D4S)
    return SpotPrice(pool, starts_at, price, "USD", Semantics.INTERVAL, NAME, NOW)


def on_demand(price: float, starts_at: datetime) -> OnDemandPrice:
    return OnDemandPrice("azure", REGION, D4S, starts_at, price, "USD", NAME, NOW)


def row(**changed: Any) -> dict[str, Any]:
    """A spot price of this month, with parts of it changed."""
    return {
        "currencyCode": "USD",
        "retailPrice": 0.04,
        "armRegionName": REGION,
        "effectiveStartDate": "2026-10-01T00:00:00Z",
        "meterName": "D4s v5 Spot",
        "skuName": "D4s v5 Spot",
        "productName": "Virtual Machines Dsv5 Series",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": D4S,
        **changed,
    }


def page(*rows: Mapping[str, Any], link: Any = None) -> dict[str, Any]:
    return {"Items": list(rows), "NextPageLink": link}


def parsed(*rows: Mapping[str, Any]) -> list[SpotPrice | OnDemandPrice]:
    return list(retail_prices.parse([page(*rows)], region=REGION, observed_at=NOW))


def test_of_the_recorded_list_the_prices_in_force_are_read() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [on_demand(0.192, datetime(2021, 11, 1, tzinfo=UTC)), spot(0.036521)]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.OK, 2, 0),
    ]


def test_the_region_is_asked_for_and_the_links_are_followed() -> None:
    records, sent = collected(FEED, page(link=f"{LINK}1000"), page(row()))

    assert records == [spot(0.04)]
    assert [one.url for one in sent] == ["prices.azure.com/api/retail/prices"] * 2
    assert sent[0].query == {
        "api-version": "2023-01-01-preview",
        "currencyCode": "USD",
        "$filter": (
            "serviceName eq 'Virtual Machines' and armRegionName eq 'eastus' "
            "and priceType eq 'Consumption'"
        ),
    }
    assert sent[1].query == {"$skip": "1000"}


def test_no_account_is_needed() -> None:
    assert collected(FEED, page(row()), connections={})[0] == [spot(0.04)]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://evil.example/api/retail/prices?$skip=1000", "leads to https://evil.example, not"),
        ("http://prices.azure.com/api/retail/prices?$skip=1000", "leads to http://prices.azure"),
        (5, "NextPageLink is 5, not a text"),
    ],
)
def test_a_link_to_elsewhere_is_not_followed(link: Any, words: str) -> None:
    with pytest.raises(SourceChangedError, match=words):
        collected(FEED, page(row(), link=link))


def test_a_link_that_repeats_is_not_followed_for_ever() -> None:
    with pytest.raises(SourceChangedError, match="eastus: the link to the next page repeats"):
        collected(FEED, *[page(row(), link=f"{LINK}1000")] * 3)


@pytest.mark.parametrize(
    "changed",
    [
        {"skuName": "D4s v5 Low Priority", "meterName": "D4s v5 Low Priority"},
        {"meterName": "D4s v5 Spot Expired"},
        {"skuName": "D4s v5 Spot Expired"},
        {"productName": "Virtual Machines Dsv5 Series Windows"},
        {"productName": "Virtual Machines Dsv5 Series CloudServices"},
        {"productName": "Dsv5 Series Cloud Services"},
        {"productName": "Dsv3 Series Dedicated Host", "armSkuName": "DSv3-Type1"},
        {"armSkuName": "Basic_A1"},
        {"armSkuName": ""},
        {"type": "DevTestConsumption"},
        {"unitOfMeasure": "1 GB/Month"},
        {"retailPrice": 0},
        {"retailPrice": 0.0},
        {"effectiveStartDate": "2026-11-23T18:30:01Z"},
        {"effectiveEndDate": "2026-11-23T18:30:00Z"},
    ],
)
def test_a_row_that_is_no_price_of_a_plain_linux_machine_today_is_left_out(
    changed: Mapping[str, Any],
) -> None:
    assert parsed(row(**changed)) == []


@pytest.mark.parametrize("name", ["skuName", "meterName"])
def test_either_name_tells_a_spot_price(name: str) -> None:
    assert parsed(row(**{name: "D4s v5"})) == [spot(0.04)]


def test_without_spot_in_a_name_the_price_is_on_demand() -> None:
    start = datetime(2026, 10, 1, tzinfo=UTC)

    assert parsed(row(skuName="D4s v5", meterName="D4s v5")) == [on_demand(0.04, start)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"retailPrice": 0.05, "effectiveStartDate": "2026-11-01T00:00:00Z"}, 0.05),
        ({"retailPrice": 0.05, "effectiveStartDate": "2026-09-01T00:00:00Z"}, 0.04),
        ({"retailPrice": 0.05, "effectiveStartDate": "2026-12-01T00:00:00Z"}, 0.04),
        ({"retailPrice": 0.05, "isPrimaryMeterRegion": False}, 0.04),
        ({"retailPrice": 0.05}, 0.05),
        ({"retailPrice": 0.03}, 0.04),
    ],
)
def test_of_several_rows_the_newest_in_force_counts_in_any_order(
    other: Mapping[str, Any], expected: float
) -> None:
    for rows in ([row(), row(**other)], [row(**other), row()]):
        (price,) = parsed(*rows)
        assert price.price_per_hour == expected


def test_the_period_is_chosen_over_all_pages() -> None:
    newer = row(retailPrice=0.05, effectiveStartDate="2026-11-01T00:00:00Z")
    records, _ = collected(FEED, page(newer, link=f"{LINK}1000"), page(row()))

    assert records == [spot(0.05, datetime(2026, 11, 1, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"retailPrice": "0.04"}, "retailPrice is '0.04', not a number"),
        ({"retailPrice": None}, "retailPrice is None, not a number"),
        ({"armRegionName": "westus"}, "armRegionName is 'westus'"),
        ({"effectiveStartDate": "2026-10-01"}, "without a time zone"),
        ({"effectiveStartDate": "October"}, "Invalid isoformat"),
        ({"effectiveEndDate": 5}, "effectiveEndDate is 5, not a text"),
        ({"currencyCode": None}, "currencyCode is None, not a text"),
    ],
)
def test_an_odd_row_is_reported_with_its_place(changed: Mapping[str, Any], words: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(row(**changed))

    assert str(raised.value).startswith(f"{NAME}: eastus {D4S}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize("name", sorted(set(row()) - {"armSkuName"}))
def test_a_field_that_is_missing_is_named(name: str) -> None:
    odd = row()
    del odd[name]

    with pytest.raises(SourceChangedError, match=f"eastus {D4S}: missing '{name}'"):
        parsed(odd)


def test_a_region_that_the_list_does_not_know_is_no_success() -> None:
    with (
        serving(in_turn(page())) as server,
        azure_at(server.url) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result

    assert "gave no rows at all for eastus" in (result.error or "")


def test_a_region_in_another_spelling_is_asked_for_nowhere() -> None:
    with pytest.raises(SourceDeniedError, match="'East US' is not the name of a region"):
        collected(FEED, region="East US")


def test_a_price_that_cannot_be_true_is_not_stored() -> None:
    with (
        serving(in_turn(page(row(retailPrice=-0.04)))) as server,
        azure_at(server.url) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result

    assert result.outcome is RunOutcome.FAILED
    assert "is not above 0" in (result.error or "")


def test_the_price_changes_with_the_month() -> None:
    periods = [
        row(effectiveEndDate="2026-11-30T23:59:59Z"),
        row(retailPrice=0.05, effectiveStartDate="2026-12-01T00:00:00Z"),
    ]
    later = NOW + timedelta(days=10)

    (price,) = retail_prices.parse([page(*periods)], region=REGION, observed_at=later)

    assert price.price_per_hour == 0.05
