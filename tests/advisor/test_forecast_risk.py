"""Which source of risk speaks for a pool, and what it says per hour."""

import math
from datetime import timedelta

import polars as pl
import pytest

from advisor import Hazard
from advisor.forecast_risk import CERTAIN_PER_HOUR, forecast_hazards, hazards_of
from tests.support.market import NOW, a_pool, a_signal
from warehouse.records import Pool

BAND = a_signal(0.05, 0.10)


def rows(
    pool: Pool, *, probability: float = 0.2, age: timedelta = timedelta(0), high: float = 0.4
) -> pl.DataFrame:
    """A forecast of the four windows, all of one probability."""
    minutes = (1440, 15, 360, 60)
    return pl.DataFrame(
        [
            {
                "provider": pool.provider,
                "region": pool.region,
                "zone": pool.zone,
                "instance_type": pool.instance_type,
                "horizon_seconds": 60.0 * one,
                "probability": probability,
                "probability_low": probability / 2,
                "probability_high": high,
                "grade": "established",
                "model_version": "m1",
                "issued_at": NOW - age,
            }
            for one in minutes
        ]
    )


def test_a_probability_is_spread_evenly_over_its_window() -> None:
    hazards = forecast_hazards(rows(a_pool()))[a_pool()]

    assert [one.horizon for one in hazards] == [
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(hours=24),
    ]
    for one in hazards:
        assert one.horizon is not None
        hours = one.horizon / timedelta(hours=1)
        assert one.probability_within(hours) == pytest.approx(0.2)
        assert one.low_per_hour == pytest.approx(-math.log(0.9) / hours)
        assert one.high_per_hour == pytest.approx(-math.log(0.6) / hours)
    assert hazards[1].words() == "20% interrupted within 1 h as forecast (10 to 40%)"


def test_a_certain_loss_has_a_hazard_that_no_machine_outlasts() -> None:
    hazards = forecast_hazards(rows(a_pool(), probability=1.0, high=1.0))[a_pool()]

    assert {one.per_hour for one in hazards} == {CERTAIN_PER_HOUR}
    assert {one.high_per_hour for one in hazards} == {None}


def of(*frames: pl.DataFrame, pool: Pool | None = None, band: bool = True) -> list[Hazard]:
    pool = pool or a_pool()
    signals = [BAND] if band else []
    return list(hazards_of([pool], pl.concat(frames), signals, NOW).get(pool, ()))


def test_a_fresh_forecast_goes_before_a_published_band() -> None:
    assert all(one.is_forecast for one in of(rows(a_pool())))


def test_a_band_goes_before_a_forecast_whose_windows_are_over() -> None:
    old = rows(a_pool(), age=timedelta(days=3))

    assert [one.band for one in of(old)] == ["5-10%"]


def test_a_stale_forecast_is_better_than_nothing_and_says_that_it_is_stale() -> None:
    found = of(rows(a_pool(), age=timedelta(days=3)), band=False)

    assert len(found) == 4
    assert all(one.is_stale(NOW) for one in found)


def test_of_a_forecast_some_hours_old_only_the_long_windows_still_speak() -> None:
    found = of(rows(a_pool(), age=timedelta(hours=3)))

    assert [one.horizon for one in found] == [timedelta(hours=6), timedelta(hours=24)]


def test_a_zones_own_forecast_goes_before_its_regions() -> None:
    zone, region = rows(a_pool(), probability=0.3), rows(a_pool(zone="*"), probability=0.1)

    assert {one.share for one in of(zone, region)} == {0.3}
    assert {one.share for one in of(zone, region, pool=a_pool(zone="use1-az6"))} == {0.1}


def test_a_pool_of_which_nothing_is_known_is_left_out() -> None:
    assert hazards_of([a_pool("x1.large")], rows(a_pool()), [], NOW) == {}
