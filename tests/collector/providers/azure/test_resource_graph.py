"""The feeds that ask Resource Graph: eviction rates and price history, in Azure's spelling."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.errors import NotOfferedError, SourceChangedError, SourceDeniedError
from collector.provider import Feed
from collector.providers.azure import eviction_rates, spot_price_history
from tests.support.azure import (
    A100,
    D4S,
    REGION,
    collected,
    refused,
    replayed,
)
from tests.support.loopback import NOW, run
from warehouse.records import Pool, Record, RunOutcome, Semantics, Signal, SpotPrice
from warehouse.store import Warehouse

RATES, HISTORY = eviction_rates.FEED, spot_price_history.FEED
NO_SKUS: dict[str, Any] = {"value": []}


def graph(*rows: object, following: Any = None, cut: str = "false") -> dict[str, Any]:
    page: dict[str, Any] = {"data": list(rows), "resultTruncated": cut}
    return page if following is None else {**page, "$skipToken": following}


def band(size: str, low: float, high: float | None, label: object, region: str = REGION) -> Signal:
    pool = Pool("azure", region, "*", size)
    detail = json.dumps({"evictionRate": label})
    return Signal(pool, NOW, eviction_rates.BAND, low, high, eviction_rates.NAME, detail)


def rate(label: object, size: str = "standard_d4s_v5", location: str = REGION) -> dict[str, Any]:
    return {"skuName": size, "location": location, "spotEvictionRate": label}


def rates(*rows: Any, **spellings: str) -> list[Signal]:
    return list(eviction_rates.parse(rows, region=REGION, spellings=spellings, observed_at=NOW))


def history(*prices: object, **changed: Any) -> list[SpotPrice]:
    row = {
        "skuName": "standard_d4s_v5",
        "osType": "linux",
        "location": REGION,
        "spotPrices": list(prices),
        **changed,
    }
    return list(
        spot_price_history.parse(
            [row], region=REGION, spellings={"standard_d4s_v5": D4S}, observed_at=NOW
        )
    )


def price(value: float, month: int) -> SpotPrice:
    return SpotPrice(
        Pool("azure", REGION, "*", D4S),
        datetime(2026, month, 1, tzinfo=UTC),
        value,
        "USD",
        Semantics.CHANGE_POINT,
        spot_price_history.NAME,
        NOW,
    )


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (REGION, [band(D4S, 0.0, 0.05, "0-5"), band(A100, 0.2, None, "20+")]),
        ("westeurope", [band("standard_f8s_v2", 0.05, 0.1, "5-10", "westeurope")]),
    ],
)
def test_the_recorded_rates_become_bands_of_the_region(region: str, expected: list[Record]) -> None:
    with replayed(region=region) as source:
        assert list(RATES.collect(source)) == expected


def test_the_recorded_history_becomes_changes_of_price() -> None:
    with replayed() as source:
        assert list(HISTORY.collect(source)) == [
            price(0.036521, 10),
            price(0.0384, 9),
        ]


@pytest.mark.parametrize("feed", [RATES, HISTORY])
def test_a_second_run_stores_nothing_new(feed: Feed) -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, feed, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.OK, 2, 0),
    ]


def test_the_query_names_table_and_region_and_the_token_is_carried_on() -> None:
    records, sent = collected(
        RATES, graph(rate("0-5"), following="t-1"), graph(rate("20+", A100.lower())), NO_SKUS
    )

    assert len(records) == 2
    first, second, skus = sent
    assert first.method == second.method == "POST"
    assert first.url == "management.azure.com/providers/Microsoft.ResourceGraph/resources"
    assert first.query == {"api-version": "2022-10-01"}
    assert "'microsoft.compute/skuspotevictionrate/location'" in first.json["query"]
    assert "location =~ 'eastus'" in first.json["query"]
    assert first.json["options"] == {
        "resultFormat": "objectArray",
        "authorizationScopeFilter": "AtScopeAboveAndBelow",
        "$top": 1000,
    }
    assert second.json["query"] == first.json["query"]
    assert second.json["options"]["$skipToken"] == "t-1"
    assert skus.query["$filter"] == "location eq 'eastus'"


def test_the_history_is_asked_for_linux() -> None:
    row = {"skuName": "a", "osType": "linux", "location": REGION, "spotPrices": []}
    _, sent = collected(HISTORY, graph(row), NO_SKUS)

    query = sent[0].json["query"]
    assert "'microsoft.compute/skuspotpricehistory/ostype/location'" in query
    assert "osType =~ 'linux'" in query


@pytest.mark.parametrize("feed", [RATES, HISTORY])
@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([graph(following="t"), graph(following="t")], "page token repeats"),
        ([graph(cut="true")], "cut its answer and gave no token"),
        ([graph(following=5)], r"\$skipToken is 5, not a text"),
        ([{"data": []}], "missing 'resultTruncated'"),
        ([graph(5)], "not a list of objects"),
        ([{"rows": []}], "missing 'data'"),
    ],
)
def test_an_odd_page_is_reported(feed: Feed, answers: list[object], words: str) -> None:
    with pytest.raises(SourceChangedError, match=words):
        collected(feed, *answers)


@pytest.mark.parametrize("feed", [RATES, HISTORY])
def test_a_region_of_which_nothing_is_published_is_skipped(feed: Feed) -> None:
    with pytest.raises(NotOfferedError, match=r"published for eastus$"):
        collected(feed, graph())


@pytest.mark.parametrize("feed", [RATES, HISTORY])
def test_a_refused_query_names_the_permission(feed: Feed) -> None:
    with pytest.raises(SourceDeniedError, match=r"Microsoft\.ResourceGraph/resources/read"):
        collected(feed, refused(403, "AuthorizationFailed"))


def test_sizes_are_spelt_as_the_price_list_spells_them() -> None:
    names = {"value": [{"resourceType": "virtualMachines", "name": D4S, "locations": [REGION]}]}
    records, _ = collected(RATES, graph(rate("0-5"), rate("0-5", "standard_new_v9")), names)

    assert [one.pool.instance_type for one in records] == [D4S, "standard_new_v9"]


@pytest.mark.parametrize(
    ("label", "low", "high"),
    [
        ("0-5", 0, 0.05),
        ("5-10", 0.05, 0.1),
        ("10-15", 0.1, 0.15),
        ("15-20", 0.15, 0.2),
        ("20+", 0.2, None),
        ("7.5", 0.075, 0.075),
        (7, 0.07, 0.07),
        (0, 0.0, 0.0),
    ],
)
def test_a_label_is_a_band_and_a_bare_number_a_percentage(
    label: object, low: float, high: float | None
) -> None:
    (signal,) = rates(rate(label), standard_d4s_v5=D4S)

    assert signal.value_low == pytest.approx(low)
    assert signal.value_high == (high if high is None else pytest.approx(high))
    assert signal.detail == json.dumps({"evictionRate": label})


@pytest.mark.parametrize("label", ["", None])
def test_no_rate_is_unknown_rather_than_zero(label: object) -> None:
    assert rates(rate(label)) == []


@pytest.mark.parametrize("label", ["5-20", "rare", "25+", 101, -1, True, ["0-5"], "nan"])
def test_an_unknown_label_is_reported_as_changed(label: object) -> None:
    with pytest.raises(SourceChangedError, match=r"eastus standard_d4s_v5: evictionRate is "):
        rates(rate(label))


@pytest.mark.parametrize("name", ["skuName", "location", "spotEvictionRate"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    odd = rate("0-5")
    del odd[name]

    with pytest.raises(SourceChangedError, match=f"missing '{name}'"):
        rates(odd)


@pytest.mark.parametrize("date", ["effectiveDate", "timestamp"])
@pytest.mark.parametrize("amount", ["priceUSD", "unitPrice"])
def test_both_spellings_of_a_price_are_read(date: str, amount: str) -> None:
    assert history({date: "2026-10-01T00:00:00.0000000Z", amount: 0.04}) == [price(0.04, 10)]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"from": "2026-10-01T00:00:00Z", "priceUSD": 1}, "none of effectiveDate, timestamp but"),
        ({"timestamp": "2026-10-01T00:00:00Z", "usd": 1}, "none of priceUSD, unitPrice but"),
        ({}, "but nothing"),
        ({"timestamp": "2026-10-01T00:00:00Z", "priceUSD": "1"}, "priceUSD is '1', not a number"),
        ({"timestamp": "2026-10-01", "priceUSD": 1}, "without a time zone"),
        (5, "not a list of objects"),
    ],
)
def test_a_third_spelling_is_reported(entry: object, words: str) -> None:
    with pytest.raises(SourceChangedError, match=r"eastus standard_d4s_v5: ") as raised:
        history(entry)

    assert words in str(raised.value)


def test_a_price_of_0_or_of_the_future_is_left_out() -> None:
    entries = [
        {"effectiveDate": "2026-12-01T00:00:00Z", "priceUSD": 0.05},
        {"effectiveDate": "2026-10-01T00:00:00Z", "priceUSD": 0.0},
    ]

    assert history(*entries) == []


@pytest.mark.parametrize("changed", [{"osType": "Windows"}, {"location": "westus"}])
def test_other_systems_and_regions_are_passed_over(changed: dict[str, str]) -> None:
    assert history({"effectiveDate": "2026-10-01T00:00:00Z", "priceUSD": 0.1}, **changed) == []
