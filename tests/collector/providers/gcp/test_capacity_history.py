"""Google Cloud's capacity history: complete days told once, and the prices of a year."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.errors import NotOfferedError, SourceChangedError, SourceDeniedError
from collector.providers.gcp.capacity_history import FEED, NAME, SHARE, parse
from tests.support.gcp import (
    PROJECT,
    REGION,
    ZONE,
    Asked,
    answered,
    connection,
    error,
    machine_type,
    machine_types,
    recorded,
    replayed,
)
from tests.support.loopback import NOW, Answer, run
from warehouse.records import Pool, Record, RunOutcome, Semantics, Signal, SpotPrice
from warehouse.store import Warehouse

N2 = ("n2-standard-4",)
DAY = timedelta(days=1)
V1 = f"compute.googleapis.com/compute/v1/projects/{PROJECT}/regions/{REGION}/advice/capacityHistory"
BETA = V1.replace("/v1/", "/beta/")


def day(number: int, hour: int = 8) -> datetime:
    return datetime(2026, 11, number, hour, tzinfo=UTC)


def share(end: datetime, value: float, zone: str = ZONE) -> Signal:
    detail = json.dumps({"from": (end - DAY).isoformat(), "until": end.isoformat()})
    return Signal(Pool("gcp", REGION, zone, N2[0]), end, SHARE, value, value, NAME, detail)


def price(start: datetime, amount: float) -> SpotPrice:
    pool = Pool("gcp", REGION, "*", N2[0])
    return SpotPrice(pool, start, amount, "USD", Semantics.INTERVAL, NAME, NOW)


def interval(start: datetime, end: datetime) -> dict[str, Any]:
    return {"interval": {"startTime": start.isoformat(), "endTime": end.isoformat()}}


def zonal(*days: tuple[datetime, float], name: str = N2[0], zone: str = ZONE) -> dict[str, Any]:
    """The answer about a zone; a day is its end and its share."""
    rows = [{**interval(end - DAY, end), "preemptionRate": value} for end, value in days]
    return {"location": f"zones/{zone}", "machineType": name, "preemptionHistory": rows}


def regional(name: str = N2[0]) -> dict[str, Any]:
    return {"location": f"regions/{REGION}", "machineType": name}


def answer(*days: tuple[datetime, float]) -> Any:
    """Google of one type in one zone."""

    def told(asked: Asked) -> Any:
        if asked.method == "GET":
            return machine_types(machine_type())
        is_zonal = asked.body["locationPolicy"]["location"] == f"zones/{ZONE}"
        return zonal(*days) if is_zonal else regional()

    return told


def test_the_recorded_answers_become_days_of_the_zone_and_prices_of_the_region() -> None:
    with replayed(instance_types=N2) as source:
        records = list(FEED.collect(source))

    # No 20th to 21st: Google left that day out.
    assert records == [
        share(day(19), 0.041),
        share(day(20), 0.0),
        share(day(22), 0.187),
        share(day(23), 0.062),
        price(datetime(2025, 11, 24, 8, tzinfo=UTC), 0.04996),
        price(datetime(2026, 10, 1, 7, tzinfo=UTC), 0.04708),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed(instance_types=N2) as source:
        results = [run(warehouse, FEED, source).result for _ in range(3)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 6, 6),
        (RunOutcome.OK, 3, 0),
        (RunOutcome.OK, 3, 0),
    ]


def test_the_questions_are_about_spot_vms_in_each_zone_and_the_region() -> None:
    with (
        answered(answer(), instance_types=("g6.xlarge", *N2, "Standard_D2")) as (source, server),
        pytest.raises(NotOfferedError, match="us-central1 has no history of n2-standard-4"),
    ):
        list(FEED.collect(source))

    listing, *asked = server.asked
    assert listing.query == {"filter": '(name = "n2-standard-4")', "maxResults": "500"}
    assert [one.url for one in asked] == [V1, V1]
    assert asked[0].body == {
        **recorded("advice.capacityHistory.request.json"),
        "types": ["PREEMPTION"],
    }
    assert asked[1].body == {
        **asked[0].body,
        "types": ["PRICE"],
        "locationPolicy": {"location": "regions/us-central1"},
    }


def test_a_day_that_is_not_over_is_left_out() -> None:
    with answered(answer((day(23), 0.5), (day(24), 0.9)), instance_types=N2) as (source, _):
        assert list(FEED.collect(source)) == [share(day(23), 0.5)]


def test_a_new_day_and_one_that_google_adds_late_are_told_and_the_others_are_not() -> None:
    told: list[list[Record]] = []
    with answered(answer((day(20), 0.1), (day(22), 0.2)), instance_types=N2) as (source, _):
        told.append(list(FEED.collect(source)))
        kept = source.progress
    days = ((day(20), 0.1), (day(21), 0.4), (day(22), 0.2), (day(23), 0.3))
    for _ in range(2):
        with answered(answer(*days), instance_types=N2, progress=kept) as (source, _):
            told.append(list(FEED.collect(source)))

    assert told == [
        [share(day(20), 0.1), share(day(22), 0.2)],
        [share(day(21), 0.4), share(day(22), 0.2), share(day(23), 0.3)],
        [share(day(23), 0.3)],
    ]


def test_all_days_told_in_two_runs_are_stored_once() -> None:
    first, then = (day(20), 0.1), (day(21), 0.1)
    with Warehouse.in_memory() as warehouse:
        with answered(answer(first), instance_types=N2) as (source, _):
            run(warehouse, FEED, source)
            kept = source.progress
        with answered(answer(first, then), instance_types=N2, progress=kept) as (source, _):
            run(warehouse, FEED, source)
        stored = warehouse.rows("select observed_at, value_low from signal order by 1")

    assert [(one.astimezone(UTC), value) for one, value in stored] == [first, then]


def test_where_v1_has_no_such_method_the_beta_is_asked_from_then_on() -> None:
    def told(asked: Asked) -> Any:
        is_v1 = asked.url == V1
        return Answer(b"<html>404</html>", 404) if is_v1 else answer((day(23), 0.5))(asked)

    with answered(told, instance_types=N2) as (source, server):
        assert list(FEED.collect(source)) == [share(day(23), 0.5)]

    assert server.urls()[1:] == [V1, BETA, BETA]


def test_the_beta_can_be_asked_at_once() -> None:
    beta = connection(advice_url="https://compute.googleapis.com/compute/beta")
    given = {"instance_types": N2, "connections": {"gcp": beta}}
    with answered(answer((day(23), 0.5)), **given) as (source, server):
        list(FEED.collect(source))

    assert server.urls()[1:] == [BETA, BETA]


def test_a_type_that_google_does_not_take_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    names = ("n1-custom-4", *N2)

    def told(asked: Asked) -> Any:
        if asked.method == "GET":
            return machine_types(*(machine_type(name) for name in names))
        if asked.body["instanceProperties"]["machineType"] == "n1-custom-4":
            return error(400, "invalid", "Invalid value for field 'machineType': 'n1-custom-4'.")
        return answer((day(23), 0.5))(asked)

    with answered(told, instance_types=names) as (source, _):
        assert list(FEED.collect(source)) == [share(day(23), 0.5)]

    assert "instance_type_left_out type=n1-custom-4 zone=us-central1-a" in caplog.text


def test_a_bad_request_of_another_kind_is_told() -> None:
    def told(asked: Asked) -> Any:
        is_listing = asked.method == "GET"
        return machine_types(machine_type()) if is_listing else error(400, "invalid", "Bad types.")

    with (
        answered(told, instance_types=N2) as (source, _),
        pytest.raises(SourceChangedError, match="HTTP 400: Bad types"),
    ):
        list(FEED.collect(source))


def test_a_missing_permission_is_named() -> None:
    def told(asked: Asked) -> Any:
        refusal = Answer(json.dumps(recorded("error.403.json")).encode(), 403)
        return machine_types(machine_type()) if asked.method == "GET" else refusal

    with (
        answered(told, instance_types=N2) as (source, _),
        pytest.raises(SourceDeniedError, match=r"permission compute\.advice\.capacityHistory"),
    ):
        list(FEED.collect(source))


@pytest.mark.parametrize("types", [(), ("g6.xlarge", "ecs.g7.large", "Standard_NC6")])
def test_without_a_type_of_google_there_is_nothing_to_ask(types: tuple[str, ...]) -> None:
    with (
        answered(answer(), instance_types=types) as (source, server),
        pytest.raises(NotOfferedError, match="no watched type is Google Cloud's"),
    ):
        list(FEED.collect(source))

    assert server.asked == []


def test_a_type_that_the_region_does_not_sell_is_not_asked_for() -> None:
    elsewhere = machine_types(machine_type(), zone="europe-west4-a")
    with (
        answered(lambda _: elsewhere, instance_types=N2) as (source, server),
        pytest.raises(NotOfferedError, match="us-central1 has no history"),
    ):
        list(FEED.collect(source))

    assert len(server.asked) == 1


def test_a_region_that_is_no_name_is_refused_before_it_is_in_a_url() -> None:
    with (
        answered(answer(), instance_types=N2, region="../x") as (source, server),
        pytest.raises(SourceDeniedError, match="is not the name of a region"),
    ):
        list(FEED.collect(source))

    assert server.asked == []


@pytest.mark.parametrize(
    ("money", "prices"),
    [
        ({"currencyCode": "USD", "units": "1", "nanos": 500_000_000}, [1.5]),
        ({"currencyCode": "USD", "units": "2"}, [2.0]),
        ({"currencyCode": "USD", "nanos": 5}, [5e-9]),
        ({"currencyCode": "USD", "units": "0", "nanos": 0}, []),
    ],
)
def test_money_is_units_and_billionths_and_0_is_no_price(
    money: dict[str, Any], prices: list[float]
) -> None:
    reply = {**regional(), "priceHistory": [{**interval(day(1), day(30)), "listPrice": money}]}

    found = parse(reply, region=REGION, zone="*", instance_type=N2[0], observed_at=NOW)

    assert [one.price_per_hour for one in found if isinstance(one, SpotPrice)] == prices


def test_money_without_an_amount_is_reported() -> None:
    row = {**interval(day(1), day(30)), "listPrice": {"currencyCode": "USD"}}
    reply = {**regional(), "priceHistory": [row]}

    with pytest.raises(SourceChangedError, match="us-central1 n2-standard-4: missing 'units'"):
        list(parse(reply, region=REGION, zone="*", instance_type=N2[0], observed_at=NOW))
