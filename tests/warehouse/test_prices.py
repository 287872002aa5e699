"""The market at one moment: which price is in force, and which is too old to be."""

from datetime import timedelta

import pytest

from tests.support.market import NOW, a_pool, a_price, a_shape
from warehouse.frames import frames_of
from warehouse.prices import market
from warehouse.records import OnDemandPrice, Record, Semantics
from warehouse.store import Warehouse

DAY = timedelta(days=1)
USD = {"USD": 1.0}


def store(warehouse: Warehouse, *records: Record) -> None:
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)


def prices(warehouse: Warehouse, **where: object) -> dict[str, float | None]:
    found = market(warehouse, NOW, usd_per_unit=USD, **where)  # type: ignore[arg-type] # test's own
    return {
        f"{one.pool.instance_type} {one.pool.zone}": one.usd_per_hour for one in found.offerings
    }


def test_the_newest_price_of_each_pool_is_in_force(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_shape(),
        a_price(0.5, effective_at=NOW - 2 * DAY),
        a_price(0.6, effective_at=NOW - DAY),
        a_price(0.9, effective_at=NOW + DAY),
        a_price(0.7, a_pool(zone="use1-az6"), NOW - DAY),
    )

    assert prices(warehouse) == {"g5.xlarge use1-az4": 0.6, "g5.xlarge use1-az6": 0.7}


def test_a_change_point_stays_in_force_and_a_sample_does_not(warehouse: Warehouse) -> None:
    old, types = NOW - 60 * DAY, ("g5.xlarge", "g6.xlarge", "g4dn.xlarge")
    store(
        warehouse,
        *(a_shape(one) for one in types),
        a_price(0.5, a_pool("g5.xlarge"), old, semantics=Semantics.CHANGE_POINT),
        a_price(0.5, a_pool("g6.xlarge"), old, semantics=Semantics.SAMPLE),
        a_price(0.5, a_pool("g4dn.xlarge"), NOW, semantics=Semantics.SAMPLE),
    )

    assert set(prices(warehouse)) == {"g5.xlarge use1-az4", "g4dn.xlarge use1-az4"}


def test_a_region_that_is_old_as_a_whole_is_answered_with_its_age(warehouse: Warehouse) -> None:
    old = NOW - 700 * DAY
    store(warehouse, a_shape(), a_price(0.5, effective_at=old, semantics=Semantics.SAMPLE))

    offering = market(warehouse, NOW, usd_per_unit=USD).offerings[0]

    assert offering.price_observed_at == old


def test_a_price_that_was_seen_again_is_as_fresh_as_the_last_look(warehouse: Warehouse) -> None:
    store(warehouse, a_shape(), a_price(0.5, effective_at=NOW - 9 * DAY))
    store(
        warehouse,
        a_price(0.5, effective_at=NOW - 9 * DAY, observed_at=NOW - timedelta(minutes=5)),
    )

    offering = market(warehouse, NOW, usd_per_unit=USD).offerings[0]

    assert offering.price_observed_at == NOW - timedelta(minutes=5)


def test_a_zones_own_price_goes_before_the_regions(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_shape(),
        a_shape("g6.xlarge"),
        a_price(0.5, a_pool(zone="*"), NOW, source="aws.website_spot"),
        a_price(0.6, a_pool(zone="use1-az4"), NOW - DAY),
        a_price(0.7, a_pool("g6.xlarge", zone="*"), NOW, source="aws.website_spot"),
    )

    assert prices(warehouse) == {"g5.xlarge use1-az4": 0.6, "g6.xlarge *": 0.7}


def test_a_zones_price_of_long_ago_does_not_hide_the_regions(warehouse: Warehouse) -> None:
    store(
        warehouse,
        a_shape(),
        a_price(0.5, a_pool(zone="*"), NOW, source="aws.website_spot"),
        a_price(0.6, a_pool(zone="us-east-1a"), NOW - 90 * DAY),
    )

    assert prices(warehouse) == {"g5.xlarge *": 0.5, "g5.xlarge us-east-1a": 0.6}


def test_an_unknown_currency_leaves_the_usd_unknown(warehouse: Warehouse) -> None:
    store(warehouse, a_shape(), a_price(3.5, currency="CNY"))

    assert prices(warehouse) == {"g5.xlarge use1-az4": None}
    offering = market(warehouse, NOW, usd_per_unit={"USD": 1, "CNY": 0.14}).offerings[0]
    assert offering.usd_per_hour == pytest.approx(0.49)


def test_the_list_price_in_force_is_joined(warehouse: Warehouse) -> None:
    def listed(usd: float, days_ago: int) -> OnDemandPrice:
        at = NOW - days_ago * DAY
        return OnDemandPrice("aws", "us-east-1", "g5.xlarge", at, usd, "USD", "x", at)

    store(warehouse, a_shape(), a_price(0.5), listed(1.2, 90), listed(1.0, 30), listed(0.8, -1))

    offering = market(warehouse, NOW, usd_per_unit=USD).offerings[0]

    assert offering.on_demand_usd_per_hour == 1.0


def test_a_pool_without_a_known_shape_is_named_not_guessed(warehouse: Warehouse) -> None:
    store(warehouse, a_price(0.5))

    found = market(warehouse, NOW, usd_per_unit=USD)

    assert found.offerings == []
    assert found.shapeless == [a_pool()]


def test_provider_and_regions_narrow_the_question(warehouse: Warehouse) -> None:
    west = a_pool(region="us-west-2", zone="usw2-az1")
    store(warehouse, a_shape(), a_price(0.5), a_price(0.6, west))

    assert set(prices(warehouse, regions=["us-west-2"])) == {"g5.xlarge usw2-az1"}
    assert prices(warehouse, provider="gcp") == {}
