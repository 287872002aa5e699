"""What is known of clouds, shapes and pools, and what sources told of them."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from api.service.state import Service
from tests.support.cli import a_market
from tests.support.market import NOW, a_pool, a_price, a_shape, a_signal
from tests.support.served import a_client, a_service, add
from warehouse.records import (
    AvailabilityTick,
    AvailableType,
    OnDemandPrice,
    ProbeKind,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def got(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def every(client: TestClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    following: str | None = f"{path}&limit=1"
    while following:
        answer = client.get(following)
        found += answer.json()["items"]
        following = answer.links["next"]["url"] if answer.links else None
    return found


def stored(service: Service, *records: Any) -> TestClient:
    with service.writing() as warehouse:
        add(warehouse, *records)
    return a_client(service)


def test_clouds_are_counted_with_the_age_of_what_is_known(service: Service) -> None:
    other = a_shape("c2-standard-4", provider="gcp")
    client = stored(service, other, AvailableType(a_pool(zone="use1-az6"), "aws", NOW))

    aws, gcp = got(client, "/v1/providers")["items"]

    assert (aws["provider"], aws["title"]) == ("aws", "Amazon Web Services")
    assert (aws["regions"], aws["zones"]) == (["us-east-1"], 2)
    # Four priced, one offered in a second zone, two hinted at for the whole region.
    assert (aws["instance_types"], aws["priced_pools"], aws["pools"]) == (4, 4, 7)
    assert aws["newest_price_at"] == aws["newest_signal_at"] == "2026-11-24T09:00:00Z"
    assert (gcp["shapes"], gcp["pools"], gcp["newest_price_at"]) == (1, 0, None)


def test_regions_have_their_zones_by_name(client: TestClient) -> None:
    (region,) = got(client, "/v1/regions?provider=aws")["items"]

    assert (region["region"], region["zones"]) == ("us-east-1", ["use1-az4"])
    assert got(client, "/v1/regions?provider=azure")["items"] == []


def test_shapes_are_found_by_what_they_must_have(client: TestClient) -> None:
    def names(query: str) -> list[str]:
        return [one["instance_type"] for one in got(client, f"/v1/instance-types?{query}")["items"]]

    assert names("gpus=0") == ["m7i.large"]
    assert names("gpu_model=T4") == ["g4dn.xlarge"]
    assert names("gpu_memory_min_gib=20") == ["g5.xlarge"]
    assert names("instance_type=g*&provider=aws") == ["g4dn.xlarge", "g5.xlarge"]
    assert names("provider=gcp") == []
    whole = got(client, "/v1/instance-types")["items"]
    assert every(client, "/v1/instance-types?provider=aws") == whole


def test_a_shape_tells_where_it_is_offered_and_its_links_lead_somewhere(service: Service) -> None:
    client = stored(service, AvailableType(a_pool(zone="use1-az6"), "aws.offerings", NOW))

    found = got(client, "/v1/instance-types/aws/g5.xlarge")

    assert [(one["zone"], one["told_by"]) for one in found["offered"]] == [
        ("use1-az6", ["aws.offerings"])
    ]
    for link in found["links"].values():
        assert client.get(link).status_code == 200, link


def test_what_is_not_known_is_not_found_in_words(client: TestClient) -> None:
    for path in ("/v1/instance-types/aws/g9.huge", "/v1/pools/aws/us-east-1/x/g9.huge"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "g9.huge" in answer.json()["detail"]


def test_pools_carry_what_is_published_of_them_or_of_their_region(service: Service) -> None:
    score = a_signal(7, 7, pool=a_pool(), definition="aws.spot_placement_score")
    client = stored(service, score)

    page = got(client, "/v1/pools?instance_type=g5.xlarge")

    (pool,) = page["items"]
    told = {one["definition"]: one for one in pool["signals"]}
    band, score_told = told["aws.advisor_band_trailing_month"], told["aws.spot_placement_score"]
    assert (band["zone"], band["value_low"], band["value_high"]) == ("*", 0.05, 0.10)
    assert "AWS Spot Advisor" in band["meaning"]
    assert (score_told["zone"], score_told["quantity"]) == ("use1-az4", "placement score")
    assert (pool["gpu_name"], pool["usd_per_hour"], pool["forecasts"]) == ("A10G", 0.4, [])
    assert every(client, "/v1/pools?provider=aws") == got(client, "/v1/pools")["items"]


def test_lists_within_a_row_are_one_cell_of_a_table(service: Service) -> None:
    client = stored(service, a_price(0.5, a_pool(region="us-west-2", zone="*")))
    arrow = {"accept": "application/vnd.apache.arrow.stream"}

    csv = client.get("/v1/pools", headers={"accept": "text/csv"})
    pools = pl.read_ipc_stream(io.BytesIO(client.get("/v1/pools", headers=arrow).content))
    regions = pl.read_ipc_stream(io.BytesIO(client.get("/v1/regions", headers=arrow).content))

    assert pl.read_csv(io.BytesIO(csv.content))["signals"].to_list() == pools["signals"].to_list()
    assert json.loads(pools["signals"][0])[0]["value_low"] == 0.2
    assert regions["zones"].to_list() == [["use1-az4"], []]


def test_one_pool_has_everything_and_its_links_lead_somewhere(client: TestClient) -> None:
    pool = got(client, "/v1/pools/aws/us-east-1/use1-az4/g5.xlarge")

    assert (pool["price"]["usd_per_hour"], pool["on_demand"]["usd_per_hour"]) == (0.4, 1.0)
    assert (pool["shape"]["gpu_name"], pool["is_offered"]) == ("A10G", None)
    assert [one["definition"] for one in pool["signals"]] == ["aws.advisor_band_trailing_month"]
    for link in pool["links"].values():
        assert client.get(link).status_code == 200, link


def test_a_pool_without_a_price_or_a_shape_is_still_known(service: Service) -> None:
    client = stored(
        service,
        AvailableType(a_pool("g6.xlarge"), "aws", NOW),
        a_price(0.7, a_pool("g7.xlarge")),
    )

    offered = got(client, "/v1/pools/aws/us-east-1/use1-az4/g6.xlarge")
    priced = got(client, "/v1/pools/aws/us-east-1/use1-az4/g7.xlarge")
    elsewhere = client.get("/v1/pools/aws/us-east-1/use1-az6/g6.xlarge")

    assert (offered["is_offered"], offered["price"], offered["is_stale"]) == (True, None, True)
    assert (priced["price"]["usd_per_hour"], priced["shape"]) == (0.7, None)
    assert elsewhere.status_code == 404


def test_the_newest_signal_of_each_definition_comes_or_all_of_them(service: Service) -> None:
    old = a_signal(0.10, 0.15, observed_at=NOW - 50 * DAY)
    told = a_signal(1, 1, pool=a_pool(), definition="own.hint", observed_at=NOW - DAY)
    odd = replace(told, source="own")
    client = stored(service, old, odd)
    path = "/v1/signals?instance_type=g5.xlarge"

    newest = got(client, path)["items"]
    history = got(client, f"{path}&history=true")["items"]

    assert [(one["definition"], one["value_low"]) for one in newest] == [
        ("aws.advisor_band_trailing_month", 0.05),
        ("own.hint", 1),
    ]
    assert [one["value_low"] for one in history] == [0.05, 1, 0.10]
    assert [one["is_stale"] for one in history] == [False, None, True]
    assert (newest[1]["meaning"], newest[1]["quantity"]) == (None, None)
    assert every(client, path) == newest
    assert every(client, f"{path}&history=true") == history
    named = got(client, f"{path}&history=true&definition=own.hint&start=2026-11-23")["items"]
    assert [one["value_low"] for one in named] == [1]


def test_on_demand_prices_in_force_and_before(service: Service) -> None:
    before = NOW - 90 * DAY
    raised = OnDemandPrice("aws", "us-east-1", "g5.xlarge", before, 0.9, "USD", "list", before)
    other = OnDemandPrice("aws", "us-east-1", "p3.2xlarge", before, 9, "XAU", "list", before)
    client = stored(service, raised, other)
    path = "/v1/on-demand-prices?provider=aws"

    in_force = got(client, path)["items"]
    history = got(client, f"{path}&history=true")["items"]

    assert [(one["price_per_hour"], one["usd_per_hour"]) for one in in_force] == [
        (1.0, 1.0),
        (9.0, None),
    ]
    assert [one["price_per_hour"] for one in history] == [1.0, 9.0, 0.9]
    assert every(client, path) == in_force
    assert every(client, f"{path}&history=true") == history


def test_probes_are_told_as_spells_that_a_gap_ends() -> None:
    def tick(number: int, minutes: int, available: int) -> AvailabilityTick:
        pool, offset = a_pool(), 60.0 * minutes
        return AvailabilityTick(
            *("series", number, pool.provider, pool.region, pool.zone, pool.instance_type),
            *(ProbeKind.HELD_INSTANCE, 2, available, NOW - DAY + timedelta(minutes=minutes)),
            *(False, offset, None, "probes"),
        )

    ticks = [tick(0, 0, 2), tick(1, 10, 2), tick(2, 20, 1), tick(3, 90, 1), tick(4, 100, 1)]
    with a_service(*a_market(NOW), *ticks) as service:
        client = a_client(service)
        path = "/v1/availability?provider=aws&instance_type=g5.xlarge"

        items = got(client, path)["items"]

        assert [(one["available"], one["duration_seconds"], one["probes"]) for one in items] == [
            (1, 600, 2),
            (1, 0, 1),
            (2, 600, 2),
        ]
        assert [one["share"] for one in items] == [0.5, 0.5, 1]
        assert every(client, path) == items
        assert got(client, f"{path}&probe_kind=launch_probe")["items"] == []
        assert len(got(client, f"{path}&start=2026-11-23T10:00:00Z")["items"]) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/v1/signals?limit=0", "query.limit"),
        ("/v1/signals?cursor=WzFd", "query.cursor"),
        ("/v1/on-demand-prices?zone=a", "query.zone"),
        ("/v1/availability?provider=aws", "query.instance_type"),
        ("/v1/availability?provider=a&instance_type=b&probe_kind=c", "query.probe_kind.0"),
        ("/v1/pools?cursor=x", "query.cursor"),
        ("/v1/regions?region=a", "query.region"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, query: str, field: str) -> None:
    answer = client.get(query)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]
