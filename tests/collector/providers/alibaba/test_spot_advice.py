"""Alibaba Cloud's spot advice: rates of 30 days, per zone and type."""

import json
from typing import Any

import pytest
from alibabacloud_ecs20140526.models import DescribeSpotAdviceRequest

from collector.errors import NotOfferedError, SourceChangedError
from collector.providers.alibaba import spot_advice
from collector.providers.alibaba.spot_advice import FEED, INTERRUPTION_RATE, NAME, PRICE_PAID
from tests.support.alibaba import REGION, alibaba_at, official_client, replayed
from tests.support.loopback import NOW, Answer, Request, loopback, run
from warehouse.records import Pool, RunOutcome, Signal
from warehouse.store import Warehouse

GN7I = "ecs.gn7i-c8g1.2xlarge"


def rate(zone: str, instance_type: str, low: float, high: float, band: str) -> Signal:
    pool = Pool("alibaba", REGION, f"{REGION}-{zone}", instance_type)
    detail = json.dumps({"InterruptRateDesc": band})
    return Signal(pool, NOW, INTERRUPTION_RATE, low, high, NAME, detail)


def paid(zone: str, instance_type: str, share: float) -> Signal:
    pool = Pool("alibaba", REGION, f"{REGION}-{zone}", instance_type)
    return Signal(pool, NOW, PRICE_PAID, share, share, NAME)


def advice(**row: Any) -> dict[str, Any]:
    given = {"InstanceType": GN7I, "InterruptRateDesc": "3-5%", **row}
    zone = {
        "ZoneId": f"{REGION}-i",
        "AvailableSpotResources": {"AvailableSpotResource": [given]},
    }
    return {"AvailableSpotZones": {"AvailableSpotZone": [zone]}}


def parsed(**row: Any) -> list[Signal]:
    return list(spot_advice.parse(advice(**row), region=REGION, observed_at=NOW))


def test_the_recorded_advice_becomes_rates_and_shares_paid() -> None:
    with replayed() as source:
        signals = list(FEED.collect(source))

    assert signals == [
        rate("i", "ecs.g7.large", 0.004, 0.004, "0-3%"),
        paid("i", "ecs.g7.large", 0.20),
        rate("i", GN7I, 0.3125, 0.3125, "10-100%"),
        paid("i", GN7I, 0.38),
        rate("j", "ecs.g7.large", 0.039, 0.039, "3-5%"),
        paid("j", "ecs.g7.large", 0.19),
    ]


def test_a_second_run_at_the_same_time_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 6, 6),
        (RunOutcome.OK, 6, 0),
    ]


def test_the_official_client_reads_the_same_advice() -> None:
    with official_client() as client:
        body = client.describe_spot_advice(
            DescribeSpotAdviceRequest(region_id=REGION, min_cores=1, min_memory=1)
        ).body
    official = [
        (zone.zone_id, one.instance_type, one.interruption_rate, one.average_spot_discount)
        for zone in body.available_spot_zones.available_spot_zone
        for one in zone.available_spot_resources.available_spot_resource
    ]

    with replayed() as source:
        signals = [one for one in FEED.collect(source) if isinstance(one, Signal)]
    rates, shares = signals[::2], signals[1::2]
    assert official == [
        (
            one.pool.zone,
            one.pool.instance_type,
            pytest.approx(100 * one.value_low),
            pytest.approx(100 * share.value_low),
        )
        for one, share in zip(rates, shares, strict=True)
    ]


@pytest.mark.parametrize(
    ("band", "low", "high"),
    [("0-3%", 0, 0.03), ("3-5%", 0.03, 0.05), ("5-10%", 0.05, 0.1), ("10-100%", 0.1, 1)],
)
def test_without_a_rate_the_band_is_told(band: str, low: float, high: float) -> None:
    assert parsed(InterruptRateDesc=band) == [rate("i", GN7I, low, high, band)]


def test_a_rate_of_0_is_a_rate() -> None:
    assert parsed(InterruptionRate=0) == [rate("i", GN7I, 0.0, 0.0, "3-5%")]


@pytest.mark.parametrize("discount", [0, None])
def test_no_discount_is_unknown_rather_than_free(discount: int | None) -> None:
    assert parsed(AverageSpotDiscount=discount) == [rate("i", GN7I, 0.03, 0.05, "3-5%")]


def test_an_unknown_band_is_reported_as_changed() -> None:
    expected = r"alibaba\.spot_advice: cn-hangzhou-i ecs\.gn7i.*InterruptRateDesc is '3-7%'"
    with pytest.raises(SourceChangedError, match=expected):
        parsed(InterruptRateDesc="3-7%", InterruptionRate=4.0)


def sent(types: tuple[str, ...], refused: str = "") -> tuple[list[Any], list[dict[str, str]]]:
    """What the feed yields for the types watched, and the filters that it sent."""

    def answer(request: Request) -> Answer:
        if refused and refused in request.query.values():
            return Answer(b'{"Code": "InvalidInstanceType.ValueNotSupported"}', 404)
        return Answer(json.dumps(advice()).encode())

    with loopback(answer) as server, alibaba_at(server.url, instance_types=types) as source:
        signals = list(FEED.collect(source))
    return signals, [
        {name: value for name, value in one.query.items() if name != "RegionId"}
        for one in server.requests
    ]


def test_without_watched_types_the_whole_region_is_asked_in_one_call() -> None:
    assert sent(())[1] == [{"MinCores": "1", "MinMemory": "1"}]


def test_watched_types_are_asked_ten_at_a_time() -> None:
    types = tuple(f"ecs.t{number}.large" for number in range(12))

    filters = sent(types)[1]

    assert [set(one.values()) for one in filters] == [set(types[:10]), set(types[10:])]
    assert filters[1] == {"InstanceTypes.1": types[10], "InstanceTypes.2": types[11]}


def test_a_type_that_is_not_sold_here_costs_the_others_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signals, filters = sent(("ecs.typo.large", GN7I), refused="ecs.typo.large")

    assert signals == [rate("i", GN7I, 0.03, 0.05, "3-5%")]
    assert len(filters) == 3
    assert "instance_type_left_out type=ecs.typo.large" in caplog.text


def test_a_region_without_advice_on_any_watched_type_is_skipped() -> None:
    with pytest.raises(NotOfferedError, match=r"cn-hangzhou has no advice \(ecs.typo.large\)"):
        sent(("ecs.typo.large",), refused="ecs.typo.large")
