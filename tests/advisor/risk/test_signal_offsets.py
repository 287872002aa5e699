"""Signals: each definition by its own conversion, bounded, faded, and said to be unfitted."""

import json
import math
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.risk.issuing import pools_frame
from advisor.risk.signal_conversions import (
    BASE_RATES,
    BOUND,
    CONVERSIONS,
    QUANTITIES,
    Coefficient,
    rebalance_log_odds,
)
from advisor.risk.signal_offsets import SIGNALS, Readings, added_by, readings_of
from tests.support.market import NOW, a_pool
from warehouse import signals as derived
from warehouse.records import Pool

MINUTE = timedelta(minutes=1)
Row = tuple[str, float, datetime, str]


def a_row(
    definition: str, value: float, age: timedelta = 0 * MINUTE, zone: str = "use1-az4"
) -> Row:
    return definition, value, NOW - age, zone


def read(*rows: Row, pools: tuple[Pool, ...] = (a_pool(),)) -> Readings:
    frame = pl.DataFrame(
        [
            ("aws", "us-east-1", zone, "g5.xlarge", definition, value, at)
            for definition, value, at, zone in rows
        ],
        schema=SIGNALS,
        orient="row",
    )
    return readings_of(pools_frame(pools), frame, NOW)


def reading(*rows: Row) -> dict[str, float]:
    return {name: float(value[0]) for name, value in read(*rows).values.items()}


@pytest.mark.parametrize(
    ("definition", "value", "expected"),
    [
        ("aws.rebalance_recommendation", 1, {"rebalance": 1}),
        ("aws.spot_placement_score", 10, {"placement_score": -1}),
        ("aws.spot_placement_score", 1, {"placement_score": 1}),
        ("gcp.obtainability", 0.5, {"placement_score": 0}),
        ("azure.spot_placement_score", 0, {"placement_score": 1}),
        ("alibaba.stock", 1, {"stock": -1}),
        ("alibaba.stock", 0, {"stock": 1}),
        ("gcp.preemption_share_daily", 0.75, {"preemption_share": 0.5}),
        ("spotcast.price_paid_share", 0.41, {"discount": 0}),
        ("spotcast.price_paid_share", 0.9, {"discount": 1}),
        ("aws.advisor_saving_trailing_month", 0.44, {"discount": 1}),
        ("alibaba.price_paid_share_trailing_30_days", 0.26, {"discount": -1}),
        ("spotcast.price_against_day_before", 1.12, {"price_movement": 1}),
        ("spotcast.price_against_day_before", 0.5, {"price_movement": -1}),
        ("somebody.elses_score", 7, {}),
    ],
)
def test_each_definition_is_read_by_its_own_conversion(
    definition: str, value: float, expected: dict[str, float]
) -> None:
    assert reading(a_row(definition, value)) == pytest.approx(expected, abs=1e-9)


def test_every_definition_tells_of_a_quantity_and_none_has_two_conversions() -> None:
    names = [one.definition for one in CONVERSIONS]

    assert len(names) == len(set(names)) > 5
    assert {one.quantity for one in CONVERSIONS} == QUANTITIES.keys()
    assert {derived.PAID, derived.MOVED} <= set(names)


@given(value=st.floats(-1e9, 1e9), place=st.integers(0, len(CONVERSIONS) - 1))
def test_whatever_a_source_says_a_reading_stays_within_one(value: float, place: int) -> None:
    found = reading(a_row(CONVERSIONS[place].definition, value))

    assert all(-1 <= one <= 1 for one in found.values())


def test_a_rebalance_recommendation_fades_with_its_age_and_is_forgotten() -> None:
    def faded(minutes: float) -> float | None:
        row = a_row("aws.rebalance_recommendation", 1, minutes * MINUTE)
        return reading(row).get("rebalance")

    assert [faded(0), faded(15), faded(30), faded(61)] == [1, 0.5, 0.25, None]


def test_what_a_recommendation_adds_is_what_its_precision_says() -> None:
    added = np.array(rebalance_log_odds())
    base = np.array(BASE_RATES)
    odds = base / (1 - base) * np.exp(added)

    assert odds[0] / (1 + odds[0]) == pytest.approx(0.30)
    # Who outlives the 15 minutes has the usual risk of the rest.
    survived = (1 - odds / (1 + odds)) / (1 - 0.30)
    assert survived == pytest.approx((1 - base) / (1 - base[0]))
    assert (np.diff(added) < 0).all()
    assert (added > 0).all()
    assert rebalance_log_odds(0.99)[0] == BOUND


def test_only_the_recommendation_moves_a_forecast_before_anything_is_fitted() -> None:
    moving = {name for name, one in QUANTITIES.items() if any(c.mean for c in one.prior)}
    assert moving == {"rebalance"}

    mean, variance = added_by(read(a_row("aws.spot_placement_score", 1)), {}, "launch_probe")

    assert mean.tolist() == [[0.0]] * 4
    assert variance == pytest.approx(np.full((4, 1), 0.25))


def test_a_zones_own_signal_goes_before_the_regions_and_a_live_price_before_a_monthly_one() -> None:
    zones = (a_pool(), a_pool(zone="use1-az6"))
    score = (
        a_row("aws.spot_placement_score", 1, zone="use1-az4"),
        a_row("aws.spot_placement_score", 10, zone="*"),
    )
    price = (
        a_row("aws.advisor_saving_trailing_month", 0.74, zone="*"),
        a_row("spotcast.price_paid_share", 0.56, 5 * MINUTE, zone="*"),
    )

    found = read(*score, *price, pools=zones)

    assert found.values["placement_score"].tolist() == [1, -1]
    assert found.values["discount"] == pytest.approx([1, 1], abs=0.01)


def test_a_fitted_coefficient_replaces_the_prior_and_is_bounded() -> None:
    found = read(a_row("aws.spot_placement_score", 1))
    fitted = {
        ("placement_score", "launch_probe", 3600.0): Coefficient(0.5, 0.1, 40),
        ("placement_score", "machine", 3600.0): Coefficient(9.0, 0.1, 40),
    }

    mean, variance = added_by(found, fitted, "launch_probe")
    most, _ = added_by(found, fitted, "machine")

    assert mean[:, 0].tolist() == [0, 0.5, 0, 0]
    assert variance[1, 0] == pytest.approx(0.01)
    assert most[1, 0] == BOUND


def test_words_tell_the_value_and_whether_it_is_fitted() -> None:
    found = read(
        a_row("aws.spot_placement_score", 3), a_row("aws.rebalance_recommendation", 1, 4 * MINUTE)
    )
    fitted = {("placement_score", "launch_probe", 3600.0): Coefficient(0.5, 0.1, 40)}

    shares = found.shares(fitted, "launch_probe", 1)
    words = found.words_of(shares, fitted, "launch_probe", 1)
    notes = found.notes({}, "launch_probe", 1)

    assert words["placement_score"].to_list() == ["placement score 3 of 10 (fitted on 40 losses)"]
    assert words["rebalance"].to_list() == ["rebalance recommendation 4 min ago (unfitted)"]
    assert [one.words.to_list() for one in notes] == [["placement score 3 of 10 (unfitted)"]]


def test_a_signal_that_says_next_to_nothing_is_not_mentioned() -> None:
    assert read(a_row("aws.spot_placement_score", 5)).notes({}, "launch_probe", 1) == []


def test_what_was_read_is_kept_for_later_fits_and_nothing_where_nothing_was() -> None:
    pools = (a_pool(), a_pool(zone="use1-az6"))
    found = read(a_row("aws.spot_placement_score", 1), pools=pools)

    first, second = found.as_json(np.array([0.25, 0.0])).to_list()

    assert json.loads(first) == {"added": 0.25, "placement_score": 1.0}
    assert second is None
    assert read(pools=pools).as_json(np.zeros(2)).to_list() == [None, None]


def test_a_value_that_is_no_number_is_no_signal() -> None:
    assert reading(a_row("aws.spot_placement_score", math.nan)) == {}
