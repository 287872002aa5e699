"""The price server's paths: its wire format, field by field, as its clients read it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.service.price_lists import InstanceTypePrice, _number
from api.service.state import Service
from tests.support.market import NOW, a_pool, a_price, a_shape
from tests.support.served import a_client, a_service, add
from warehouse.records import AvailableType, OnDemandPrice, Record, Semantics, ZoneAlias

RECORDED: dict[str, Any] = {
    "arch": "amd64",
    "vcpu": 64,
    "memory": 128,
    "gpu": 0,
    "zones": ["cn-hangzhou-b", "cn-hangzhou-i"],
    "onDemandPricePerHour": 13.046366,
    "spotPricePerHour": {"cn-hangzhou-b": 2.479, "cn-hangzhou-i": 2.871},
}
"""One type as the server at price.cloudpilot.ai gave it in 2024 (fewer zones), in CNY."""

GO_FIELDS: dict[str, type | tuple[type, ...]] = {
    "arch": str,
    "vcpu": (int, float),
    "memory": (int, float),
    "gpu": int,
    "zones": list,
    "onDemandPricePerHour": float,
    "spotPricePerHour": dict,
    "awsEC2Billing": dict,
}
"""The fields of the Go clients' struct and what JSON they decode into each."""

ALIBABA = "/api/v1/alibabacloud/ecs/regions"
AWS = "/api/v1/aws/ec2/regions"


def listed(usd: float, name: str = "g5.xlarge", provider: str = "aws", **more: str) -> Record:
    place = {"region": "us-east-1", "currency": "USD", **more}
    return OnDemandPrice(provider, place["region"], name, NOW, usd, place["currency"], "list", NOW)


def sold(zone: str, name: str = "g5.xlarge") -> Record:
    return AvailableType(a_pool(name, zone=zone), "offerings", NOW)


def alias(name: str, zone_id: str, account: str = "1") -> Record:
    return ZoneAlias("aws", account, "us-east-1", name, zone_id, "zones", NOW)


def aws(*records: Record, at: Any = NOW) -> dict[str, Any]:
    """The answer for N. Virginia of a warehouse with these records."""
    with a_service(*records, now=at) as service:
        answer = a_client(service).get(f"{AWS}/us-east-1/price")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["instanceTypePrices"]
    return found


@pytest.fixture
def alibaba() -> Iterator[Service]:
    """The recorded type, as our feeds would have stored it."""
    name = "ecs.c7.16xlarge"
    shape = a_shape(
        name,
        provider="alibaba",
        vcpu=64,
        memory_gib=128,
        gpu_name=None,
        gpu_count=0,
        gpu_memory_gib=None,
    )
    prices = [
        a_price(
            cny,
            a_pool(name, zone=zone, region="cn-hangzhou", provider="alibaba"),
            currency="CNY",
            semantics=Semantics.SAMPLE,
        )
        for zone, cny in RECORDED["spotPricePerHour"].items()
    ]
    list_price = listed(13.046366, name, "alibaba", region="cn-hangzhou", currency="CNY")
    with a_service(shape, list_price, *prices) as service:
        yield service


def test_a_type_is_what_the_price_server_gives_field_by_field(alibaba: Service) -> None:
    client = a_client(alibaba)
    region = client.get(f"{ALIBABA}/cn-hangzhou/price").json()
    one = client.get(f"{ALIBABA}/cn-hangzhou/types/ecs.c7.16xlarge/price").json()
    assert one == RECORDED
    assert region == {"instanceTypePrices": {"ecs.c7.16xlarge": RECORDED}}


def test_numbers_are_written_as_a_go_struct_decodes_them(alibaba: Service) -> None:
    text = a_client(alibaba).get(f"{ALIBABA}/cn-hangzhou/types/ecs.c7.16xlarge/price").text
    found = json.loads(text)
    assert found.keys() <= GO_FIELDS.keys()
    assert all(isinstance(value, GO_FIELDS[name]) for name, value in found.items())
    assert '"vcpu":64,' in text  # An integer of Go refuses 64.0.


@given(st.floats(0.25, 1e6, allow_nan=False))
def test_a_whole_number_has_no_point_and_no_other_number_changes(value: float) -> None:
    found = _number(value)
    assert found == value
    assert isinstance(found, int) is value.is_integer()


def test_every_field_that_we_give_is_one_of_theirs() -> None:
    given_names = {one.alias for one in InstanceTypePrice.model_fields.values()}
    assert given_names == GO_FIELDS.keys() - {"awsEC2Billing"}  # We read no Savings Plans.
    for field in InstanceTypePrice.model_fields.values():
        assert type(None) in get_args(field.annotation)


def test_what_is_unknown_is_absent_and_never_zero() -> None:
    found = aws(a_price(0.4), listed(2.0, "p5.48xlarge"))
    assert found["g5.xlarge"] == {"zones": ["use1-az4"], "spotPricePerHour": {"use1-az4": 0.4}}
    assert found["p5.48xlarge"] == {"onDemandPricePerHour": 2.0}


def test_prices_of_one_cloud_are_in_one_currency(alibaba: Service) -> None:
    name = "ecs.c7.16xlarge"
    pool = a_pool(name, zone="cn-hangzhou-j", region="cn-hangzhou", provider="alibaba")
    euros = a_pool(name, zone="cn-hangzhou-k", region="cn-hangzhou", provider="alibaba")
    with alibaba.writing() as warehouse:
        add(
            warehouse,
            a_price(0.35, pool, currency="USD", semantics=Semantics.SAMPLE),
            a_price(0.35, euros, currency="EUR", semantics=Semantics.SAMPLE),
        )
    path = f"{ALIBABA}/cn-hangzhou/types/{name}/price"
    spot = a_client(alibaba).get(path).json()["spotPricePerHour"]
    assert spot["cn-hangzhou-j"] == pytest.approx(0.35 / 0.14)
    assert "cn-hangzhou-k" not in spot  # No rate is known: absent, and not 0.


def test_zones_of_aws_are_named_where_the_name_can_be_relied_on() -> None:
    told = [a_price(0.4), a_price(0.5, a_pool(zone="use1-az6")), alias("us-east-1a", "use1-az4")]
    assert aws(*told)["g5.xlarge"]["spotPricePerHour"] == {"us-east-1a": 0.4, "use1-az6": 0.5}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(alias("us-east-1c", "use1-az4", "2"), id="another account's other name"),
        pytest.param(alias("us-east-1a", "use1-az6", "2"), id="another account's other zone"),
    ],
)
def test_a_name_that_two_accounts_use_differently_is_not_used(other: Record) -> None:
    found = aws(a_price(0.4), alias("us-east-1a", "use1-az4"), other)
    assert found["g5.xlarge"]["spotPricePerHour"] == {"use1-az4": 0.4}


def test_the_newest_name_that_an_account_gave_counts() -> None:
    later = ZoneAlias(
        "aws", "1", "us-east-1", "us-east-1b", "use1-az4", "zones", NOW + timedelta(hours=1)
    )
    found = aws(a_price(0.4), alias("us-east-1a", "use1-az4"), later)
    assert found["g5.xlarge"]["zones"] == ["us-east-1b"]


def test_a_price_of_the_whole_region_holds_in_each_zone_where_the_type_is_sold() -> None:
    regional = a_price(0.4, a_pool(zone="*"))
    found = aws(regional, sold("use1-az1"), sold("use1-az2"))["g5.xlarge"]
    assert found["spotPricePerHour"] == {"use1-az1": 0.4, "use1-az2": 0.4}
    assert aws(regional)["g5.xlarge"] == {}


def test_a_zone_where_it_is_sold_and_that_has_no_spot_price_is_a_zone() -> None:
    found = aws(a_price(0.4), sold("use1-az1"), sold("use1-az4"))["g5.xlarge"]
    assert found["zones"] == ["use1-az1", "use1-az4"]
    assert found["spotPricePerHour"] == {"use1-az4": 0.4}


@pytest.mark.parametrize(("hours", "is_stale"), [(24, "false"), (25, "true")])
def test_the_age_that_the_format_has_no_place_for_is_in_the_headers(
    hours: int, is_stale: str
) -> None:
    with a_service(a_price(0.4), now=NOW + timedelta(hours=hours)) as service:
        answer = a_client(service).get(f"{AWS}/us-east-1/price")
    assert answer.headers["spotcast-stale"] == is_stale
    assert answer.headers["spotcast-as-of"].endswith("Z")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{AWS}/mars-north-1/price", 404),
        (f"{AWS}/us-east-1/types/g99.xlarge/price", 404),
        (f"{ALIBABA}/us-east-1/price", 404),
        (f"{AWS}/us_east/price", 422),
        (f"{AWS}/{'a' * 51}/price", 422),
        (f"{AWS}/us-east-1/types/%00/price", 422),
        ("/api/v1/gcp/gce/regions/us-east1/price", 404),
    ],
)
def test_what_is_not_known_is_said(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_list_is_made_once_for_each_view_of_the_market(service: Service) -> None:
    client = a_client(service)
    path = f"{AWS}/us-east-1/types/g5.xlarge/price"
    first = client.get(path)
    again = client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    with service.writing() as warehouse:
        add(warehouse, a_price(0.7, effective_at=NOW, source="newer", observed_at=NOW))
        add(warehouse, listed(3.0, "p5.48xlarge"))
    assert client.get(f"{AWS}/us-east-1/types/p5.48xlarge/price").status_code == 404
    service.markets.refresh()
    assert client.get(f"{AWS}/us-east-1/types/p5.48xlarge/price").status_code == 200
