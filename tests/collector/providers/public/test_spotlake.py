"""SpotLake's files: prices, scores and bands; -1 is not known, and 3.0 is the rarest."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.provider import Feed
from collector.providers.public import spotlake_aws, spotlake_azure, spotlake_gcp
from tests.support.loopback import NOW, Answer, run
from tests.support.public_catalogs import collected, replayed
from warehouse.records import (
    OnDemandPrice,
    Pool,
    Record,
    RunOutcome,
    Semantics,
    Signal,
    SpotPrice,
)
from warehouse.store import Warehouse

AT = datetime(2026, 11, 23, 18, 10, tzinfo=UTC)
FEEDS = {"aws": spotlake_aws.FEED, "gcp": spotlake_gcp.FEED, "azure": spotlake_azure.FEED}
PARSERS: dict[str, Callable[..., Iterator[Record]]] = {
    "aws": spotlake_aws.parse,
    "gcp": spotlake_gcp.parse,
    "azure": spotlake_azure.parse,
}
M7G = Pool("aws", "us-east-1", "use1-az4", "m7g.xlarge")
D4S = Pool("azure", "eastus", "*", "Standard_D4s_v5")

ROWS: dict[str, dict[str, Any]] = {
    "aws": {
        "InstanceType": "m7g.xlarge",
        "Region": "us-east-1",
        "AZ": "use1-az4",
        "SPS": 3,
        "T3": 50,
        "T2": 50,
        "IF": 3.0,
        "OndemandPrice": 0.1632,
        "SpotPrice": 0.0743,
        "Time": "2026-11-23 18:10:00",
    },
    "gcp": {
        "InstanceType": "n2-standard-4",
        "Region": "us-central1",
        "OnDemand Price": 0.19,
        "Spot Price": 0.04,
        "Time": "2026-11-23 18:10:00",
    },
    "azure": {
        "InstanceTier": "Standard",
        "InstanceType": "D4s_v5",
        "Region": "eastus",
        "AvailabilityZone": "Single",
        "SpotPrice": 0.036521,
        "OndemandPrice": 0.192,
        "IF": 3.0,
        "Score": "High",
        "T2": 50,
        "T3": -1,
        "Time": "2026-11-23 18:10:00",
    },
}


def spot(pool: Pool, price: float) -> SpotPrice:
    source = f"public.spotlake_{pool.provider}"
    return SpotPrice(pool, AT, price, "USD", Semantics.SAMPLE, source, NOW)


def listed(pool: Pool, price: float) -> OnDemandPrice:
    source = f"public.spotlake_{pool.provider}"
    return OnDemandPrice(
        pool.provider, pool.region, pool.instance_type, AT, price, "USD", source, NOW
    )


def signal(
    pool: Pool, definition: str, low: float, high: float | None, detail: Mapping[str, object]
) -> Signal:
    source = f"public.spotlake_{pool.provider}"
    return Signal(pool, AT, definition, low, high, source, json.dumps(detail))


def parsed(provider: str, *rows: Mapping[str, Any]) -> list[Record]:
    return list(PARSERS[provider](rows, observed_at=NOW))


def changed(provider: str, **given: Any) -> dict[str, Any]:
    return {**ROWS[provider], **given}


def definitions(records: Sequence[Record]) -> list[str]:
    return [one.definition for one in records if isinstance(one, Signal)]


def test_the_recorded_file_of_aws_becomes_prices_scores_and_bands() -> None:
    with replayed() as source:
        records = list(spotlake_aws.FEED.collect(source))

    region = Pool("aws", "us-east-1", "*", "m7g.xlarge")
    p5 = Pool("aws", "us-east-1", "*", "p5.48xlarge")
    assert records == [
        spot(M7G, 0.0743),
        listed(M7G, 0.1632),
        signal(M7G, "spotlake.aws_placement_score", 3, 3, {"T2": 50.0, "T3": 50.0}),
        signal(region, "spotlake.aws_advisor_band_trailing_month", 0.0, 0.05, {"IF": 3.0}),
        signal(p5, "spotlake.aws_advisor_band_trailing_month", 0.2, None, {"IF": 1.0}),
    ]


def test_the_recorded_file_of_gcp_becomes_prices() -> None:
    with replayed() as source:
        records = list(spotlake_gcp.FEED.collect(source))

    pool = Pool("gcp", "us-central1", "*", "n2-standard-4")
    assert records == [spot(pool, 0.04708), listed(pool, 0.194236)]


def test_of_the_recorded_file_of_azure_the_score_of_a_foreign_zone_is_left_out() -> None:
    with replayed() as source:
        records = list(spotlake_azure.FEED.collect(source))

    assert records == [
        spot(D4S, 0.036521),
        listed(D4S, 0.192),
        signal(D4S, "spotlake.azure_eviction_band_28_days", 0.0, 0.05, {"IF": 3.0}),
    ]


@pytest.mark.parametrize("provider", FEEDS)
def test_the_latest_file_is_asked_for_and_read_once(provider: str) -> None:
    answer = Answer(json.dumps([ROWS[provider]]).encode())

    records, url = collected(FEEDS[provider], answer)

    assert records == parsed(provider, ROWS[provider])
    assert url == f"d26bk4799jlxhe.cloudfront.net/latest_data/latest_{provider}.json"
    with Warehouse.in_memory() as warehouse, replayed() as source:
        outcomes = [run(warehouse, FEEDS[provider], source).result.outcome for _ in range(2)]
    assert outcomes == [RunOutcome.OK, RunOutcome.UNCHANGED]


@pytest.mark.parametrize("feed", FEEDS.values())
def test_an_academic_service_is_asked_only_if_wanted(feed: Feed) -> None:
    assert "cite SpotLake" in (feed.opt_in or "")


def test_a_score_of_a_whole_region_of_azure_is_read() -> None:
    for zone in ("Single", "", None, -1):
        records = parsed("azure", changed("azure", AvailabilityZone=zone))
        detail = {"score": "High", "T2": 50.0, "T3": None}
        assert signal(D4S, "spotlake.azure_placement_score", 1, 1, detail) in records


@pytest.mark.parametrize(("word", "value"), [("Low", 0.0), ("Medium", 0.5), ("High", 1.0)])
def test_azures_words_keep_their_order(word: str, value: float) -> None:
    (score, _) = (
        one for one in parsed("azure", changed("azure", Score=word)) if isinstance(one, Signal)
    )

    assert (score.value_low, score.value_high) == (value, value)


@pytest.mark.parametrize(
    "word", [None, -1, "", "N/A", "DataNotFoundOrStale", "RestrictedSkuNotAvailable"]
)
def test_no_score_is_unknown_rather_than_low(word: object) -> None:
    records = parsed("azure", changed("azure", Score=word))

    assert definitions(records) == ["spotlake.azure_eviction_band_28_days"]


@pytest.mark.parametrize("unknown", [-1, -1.0, None, float("nan")])
def test_what_is_not_known_becomes_no_number(unknown: float | None) -> None:
    row = changed("aws", SPS=unknown, IF=unknown, OndemandPrice=unknown, SpotPrice=unknown)

    assert parsed("aws", row) == []


def test_a_price_of_0_is_not_known() -> None:
    assert definitions(parsed("aws", changed("aws", SpotPrice=0, OndemandPrice=0.0)))
    assert len(parsed("aws", changed("aws", SpotPrice=0, OndemandPrice=0.0))) == 2


@pytest.mark.parametrize(
    ("score", "low", "high"),
    [(3.0, 0, 0.05), (2.5, 0.05, 0.1), (2.0, 0.1, 0.15), (1.5, 0.15, 0.2), (1, 0.2, None)],
)
def test_a_score_of_interruption_is_a_band(score: float, low: float, high: float | None) -> None:
    (_, _, _, found) = parsed("aws", changed("aws", IF=score))

    assert isinstance(found, Signal)
    assert (found.value_low, found.value_high, found.pool.zone) == (low, high, "*")


def test_what_holds_for_a_region_comes_once_for_all_its_zones() -> None:
    records = parsed("aws", ROWS["aws"], changed("aws", AZ="use1-az6"))

    assert len([one for one in records if isinstance(one, OnDemandPrice)]) == 1
    assert definitions(records).count("spotlake.aws_advisor_band_trailing_month") == 1
    assert definitions(records).count("spotlake.aws_placement_score") == 2


@pytest.mark.parametrize("name", ["a2-highgpu-1g", "g2-standard-4"])
def test_google_machines_with_gpus_are_left_out(name: str) -> None:
    assert parsed("gcp", changed("gcp", InstanceType=name)) == []


@pytest.mark.parametrize(
    ("provider", "given", "words"),
    [
        ("aws", {"IF": 2.2}, "us-east-1 m7g.xlarge: IF is 2.2, not one of 3.0, 2.5"),
        ("aws", {"SPS": 11}, "SPS is 11, not from 1 to 10"),
        ("aws", {"SPS": 0}, "SPS is 0, not from 1 to 10"),
        ("aws", {"SPS": "3"}, "SPS is '3', not a number"),
        ("aws", {"SpotPrice": "0.07"}, "SpotPrice is '0.07', not a number"),
        ("aws", {"AZ": None}, "AZ is None, not a text"),
        ("aws", {"Time": "yesterday"}, "does not match format"),
        ("aws", {"Time": 5}, "Time is 5, not a text"),
        ("gcp", {"Spot Price": True}, "Spot Price is True, not a number"),
        ("azure", {"Score": "Superb"}, "eastus D4s_v5: Score is 'Superb', not one of Low"),
        ("azure", {"Score": 5}, "Score is 5, not a text"),
        ("azure", {"AvailabilityZone": []}, "unhashable"),
    ],
)
def test_an_odd_row_is_reported_with_its_place(
    provider: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(provider, changed(provider, **given))

    assert str(raised.value).startswith(f"public.spotlake_{provider}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("provider", "name"), [(one, name) for one, row in ROWS.items() for name in row]
)
def test_a_field_that_is_missing_is_named(provider: str, name: str) -> None:
    odd = changed(provider)
    del odd[name]

    with pytest.raises(SourceChangedError, match=f"missing '{name}'"):
        parsed(provider, odd)


@pytest.mark.parametrize("body", [b"[]", b"[1]", b"null", b'{"rows": []}'])
def test_a_file_that_is_no_list_of_objects_is_reported(body: bytes) -> None:
    with pytest.raises(SourceChangedError, match="no list of objects, or an empty one"):
        collected(spotlake_aws.FEED, Answer(body))
