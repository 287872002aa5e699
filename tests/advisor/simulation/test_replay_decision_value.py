"""The rows of a report: which there are, and what they are compared with."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from advisor.risk.grid import timelines
from advisor.risk.splits import train_and_test
from advisor.simulation.availability import Availability, Bools
from advisor.simulation.decayed_rate import decayed_rate
from advisor.simulation.decision_value import ALL, Value, decision_values
from advisor.simulation.out_of_sample import SOURCES, forecasted
from advisor.simulation.replay_settings import ReplaySettings, ServingJob, TrainingJob
from advisor.simulation.stretches import Selection, Stretch, cut

DAY = 288
ONE = ReplaySettings(ServingJob(replicas=1))


def stretch(up: Bools, campaign: str = "x", kind: str = "launch_probe") -> Stretch:
    """A stretch with the decayed rate as forecast."""
    pools = tuple("ABCDEF"[: up.shape[0]])
    return Stretch(campaign, kind, 0.0, Availability(pools, up), decayed_rate(up))


def flickering(days: int, seed: int) -> Bools:
    flips = np.random.default_rng(seed).random((3, days * DAY)) < 1 / 12
    up: Bools = np.cumsum(flips, axis=1) % 2 == 0
    return up


def values(
    *stretches: Stretch,
    policies: tuple[str, ...] = ("reactive", "headroom"),
    settings: ReplaySettings = ONE,
    targets: tuple[float, ...] = (0.9,),
) -> list[Value]:
    return decision_values(stretches, policies, settings, targets=targets, seed=5)


def lost_once(days: int) -> Bools:
    """One pool that is lost for one step every day, and one that is never up."""
    up = np.zeros((2, days * DAY), dtype=np.bool_)
    up[0] = np.arange(days * DAY) % DAY != 100
    return up


def test_figures_are_per_day() -> None:
    (row,) = values(stretch(lost_once(3)), policies=("reactive",))

    # One loss a day, after which nothing serves for a cold start less the notice: 13 minutes.
    assert row.days == 3
    assert row.per_day["losses"] == pytest.approx(1)
    assert row.per_day["uncovered_minutes"] == pytest.approx(13)
    assert row.target is None


def test_headroom_is_replayed_at_each_target_in_the_order_given() -> None:
    rows = values(stretch(flickering(2, seed=1)), targets=(0.99, 0.5))

    assert [(row.policy, row.target) for row in rows] == [
        ("reactive", None),
        ("headroom", 0.99),
        ("headroom", 0.5),
    ]
    assert rows[1].per_day["spot_hours"] > rows[2].per_day["spot_hours"]


def test_the_references_are_replayed_though_nobody_asked_for_them() -> None:
    (row,) = values(stretch(flickering(4, seed=2)), policies=("reactive",))

    assert set(row.against) == {"static-n+1", "static-n+2"}
    low, middle, high = row.against["static-n+2"]["cost"]
    assert low <= middle <= high < 0, "no spares cost less than two"


def test_a_difference_is_that_of_the_totals() -> None:
    reactive, one, two = values(
        stretch(flickering(3, seed=3)), policies=("reactive", "static-n+1", "static-n+2")
    )

    assert set(one.against) == {"static-n+2"}
    expected = one.per_day["cost"] / two.per_day["cost"] - 1
    assert one.against["static-n+2"]["cost"][1] == pytest.approx(expected)
    missed = reactive.per_day["uncovered_minutes"] / one.per_day["uncovered_minutes"] - 1
    assert reactive.against["static-n+1"]["uncovered_minutes"][1] == pytest.approx(missed)


def test_one_day_shows_no_interval_and_nothing_missed_no_difference() -> None:
    (row,) = values(stretch(np.ones((2, DAY), dtype=np.bool_)), policies=("reactive",))

    low, middle, high = row.against["static-n+1"]["cost"]
    assert middle == pytest.approx(-0.5)
    assert np.isnan([low, high]).all()
    assert np.isnan(row.against["static-n+1"]["uncovered_minutes"]).all()


def test_campaigns_of_a_kind_are_added_up_and_kinds_are_not() -> None:
    rows = values(
        stretch(lost_once(1), "one"),
        stretch(lost_once(2), "two"),
        stretch(lost_once(1), "two"),
        stretch(lost_once(5), "held", "held_instance"),
        policies=("reactive",),
    )

    assert [(row.probe_kind, row.campaign, row.days) for row in rows] == [
        ("launch_probe", "one", 1),
        ("launch_probe", "two", 3),
        ("launch_probe", ALL, 4),
        ("held_instance", "held", 5),
    ]
    assert rows[2].per_day["losses"] == pytest.approx(1)


def test_a_training_job_is_compared_by_its_waste() -> None:
    settings = ReplaySettings(TrainingJob())

    reactive, headroom = values(stretch(flickering(3, seed=4)), settings=settings)

    assert headroom.target is None, "one machine has no spares"
    assert reactive.against == {}
    assert set(headroom.against["reactive"]) == {"waste_hours", "useful_hours"}
    waste = headroom.per_day["lost_hours"] + headroom.per_day["overhead_hours"]
    assert headroom.per_day["waste_hours"] == pytest.approx(waste)


def test_the_same_seed_gives_the_same_rows_in_any_company() -> None:
    pools = stretch(flickering(2, seed=6))

    alone = values(pools, policies=("rebalance",))
    among = values(pools, policies=("ucb", "rebalance", "reactive"))

    assert alone[0] == among[1]


def test_on_a_real_trace_spares_by_risk_cover_like_two_for_a_fifth_less(real_data: Path) -> None:
    ticks = pl.read_parquet(real_data / "interruptions" / "availability_ticks.parquet")
    campaign = pl.col("trace_id").str.split("/").list.first()
    old = ticks.filter(campaign.is_in(["aws-2022-10-26", "aws-2022-11-28"]))
    new = ticks.filter(campaign == "aws-02-15-2023")
    lines = timelines(pl.concat([old, new]))
    made = forecasted(lines, [train_and_test(old, new)], SOURCES["model"])
    settings = ReplaySettings()

    (row,) = decision_values(
        cut(made, Selection()).stretches, ["headroom"], settings, targets=[settings.target], seed=1
    )

    # The target is the one chosen on the campaigns of 2022 (docs/decision-value.md).
    _, cost, most_cost = row.against["static-n+2"]["cost"]
    _, missed, _ = row.against["static-n+2"]["uncovered_minutes"]
    assert cost < -0.20
    assert most_cost < -0.15
    assert missed < 0.05
