"""Machines of the simulated market are lost as the truth says, and in bursts."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from advisor.simulation import Market, MarketSettings, simulate
from advisor.simulation.hazard import AGE_FACTOR, WEIGHT, Floats, Hazards, Integers, Regime
from advisor.simulation.machines import WAVE_REACH, machines
from warehouse.records import Pool

POOL = ["provider", "region", "zone", "instance_type"]
HOUR = timedelta(hours=1)


def held(market: Market) -> tuple[Integers, Floats, Floats, Floats]:
    """Of each machine the row of its pool, hours of launch and end, and 1.0 if it was taken."""
    exposures = market.facts["exposure"]
    row_of = {pool: row for row, pool in enumerate(market.pools)}
    rows = np.array([row_of[Pool(*row)] for row in exposures.select(POOL).rows()])
    begin, end = (
        (exposures[name] - market.start).dt.total_microseconds().to_numpy() / 3.6e9
        for name in ("launched_at", "last_alive_at")
    )
    taken = (exposures["ended_by"] == "interrupted").cast(pl.Float64).to_numpy()
    return rows, begin, end, taken


def gaps_to_nearest(market: Market) -> Floats:
    """Minutes from each loss to the nearest other one of its pool; infinite if it is the only."""
    taken = market.facts["interruption"].filter(pl.col("kind") == "taken")
    at = pl.col("occurred_at").dt.epoch("ms") / 60_000
    found = []
    for group in taken.sort("occurred_at").partition_by(POOL):
        minutes = group.select(at).to_series().to_numpy()
        between = np.concatenate([[np.inf], np.diff(minutes), [np.inf]])
        found.append(np.minimum(between[:-1], between[1:]))
    return np.concatenate(found)


def test_losses_agree_with_the_integral_of_the_true_hazard(market: Market) -> None:
    rows, begin, end, taken = held(market)

    expected = market.hazards.cumulative(rows, begin, end)

    # Losses minus their compensator is a martingale. A wave takes each of n machines with chance
    # q, so its variance is at most (1 + (n - 1) q) per expected loss; n = 6 are held in a pool.
    variance = 1 + 5 * WAVE_REACH
    total = expected.sum()
    assert total > 1000
    assert abs(taken.sum() - total) < 4 * np.sqrt(variance * total)
    by_pool = np.bincount(rows, expected), np.bincount(rows, taken)
    z = (by_pool[1] - by_pool[0]) / np.sqrt(variance * by_pool[0])
    busy = z[by_pool[0] >= 20]
    # The largest of about fifty standardized counts; 4.5 happens once in 3,000 such markets.
    assert len(busy) > 20
    assert np.abs(busy).max() < 4.5


def test_the_cumulative_hazard_is_that_of_a_plain_sum() -> None:
    per_hour = np.array([[1.2, 2.4, 0.0, 0.6, *[0.12] * 40]])
    hazards = Hazards(per_hour, np.zeros(per_hour.shape, dtype=np.int64))
    launched, ended = np.array([1 / 12, 0.0]), np.array([3.5 / 12, 3.0])

    found = hazards.cumulative(np.array([0, 0]), launched, ended)

    young, growing, old = AGE_FACTOR
    first = young * (2.4 + 0.0 + 0.5 * 0.6) / 12
    second = (young * 3.6 + growing * (0.6 + 20 * 0.12) + old * 12 * 0.12) / 12
    assert found == pytest.approx([first, second])


def test_a_plain_count_of_losses_agrees_with_a_constant_hazard() -> None:
    per_hour = np.full((40, 288 * 10), 0.05)
    hazards = Hazards(per_hour, np.zeros(per_hour.shape, dtype=np.int64))

    found = machines(hazards, 1, np.random.default_rng(5))

    # One machine per pool, so losses are independent: the count over old machines' time is
    # Poisson. A machine is old after two hours.
    old_hours = np.maximum(found.ended - found.launched - 2, 0).sum()
    old_losses = ((found.end == 1) & (found.ended - found.launched > 2)).sum()
    assert abs(old_losses - 0.05 * old_hours) < 4 * np.sqrt(0.05 * old_hours)


def test_the_young_are_lost_more_often() -> None:
    per_hour = np.full((60, 288 * 10), 0.1)
    hazards = Hazards(per_hour, np.zeros(per_hour.shape, dtype=np.int64))

    found = machines(hazards, 4, np.random.default_rng(5))

    age = found.ended - found.launched
    young_hours = np.minimum(age, 0.25).sum()
    losses = ((found.end == 1) & (age <= 0.25)).sum()
    expected = AGE_FACTOR[0] * 0.1 * young_hours
    assert AGE_FACTOR[0] > 1
    assert abs(losses - expected) < 4 * np.sqrt(expected * (1 + 3 * WAVE_REACH))


def test_losses_of_one_pool_come_in_bursts(market: Market) -> None:
    nearest = gaps_to_nearest(market)

    in_company = nearest[nearest <= 60]
    assert (in_company <= 5).mean() > 0.9
    # Were they independent, an interruption with a neighbor within the hour would have it within
    # 5 minutes in one case of twelve, or somewhat more if there are several.
    assert (nearest <= 5).mean() > 0.7


def test_bursts_are_far_from_what_independent_losses_would_give(market: Market) -> None:
    taken = market.facts["interruption"].filter(pl.col("kind") == "taken")
    counts = taken.group_by(POOL).len()["len"].to_numpy()
    minutes = (market.now - market.start) / timedelta(minutes=1)

    # Each of a pool's n losses, thrown at random into the month, has one of the others within
    # 5 minutes on either side with this chance.
    by_chance = 1 - (1 - 10 / minutes) ** (counts - 1)
    expected = (by_chance * counts).sum() / counts.sum()
    assert (gaps_to_nearest(market) <= 5).mean() > 5 * expected


def test_a_machine_is_never_in_two_places_and_ends_after_it_begins(market: Market) -> None:
    exposures = market.facts["exposure"]

    assert exposures["node"].is_unique().all()
    assert (exposures["last_alive_at"] >= exposures["launched_at"]).all()
    running = exposures.filter(pl.col("ended_by") == "still_running")
    assert running["ended_at"].null_count() == running.height > 0
    assert set(running["last_alive_at"]) == {market.now}
    ended = exposures.filter(pl.col("ended_by") != "still_running")
    assert ended["ended_at"].null_count() == 0


def test_no_more_machines_are_held_than_were_asked_for(market: Market) -> None:
    exposures = market.facts["exposure"]
    noon = market.now - timedelta(days=11)

    there = exposures.filter(pl.col("launched_at") <= noon, pl.col("last_alive_at") > noon)

    assert there.group_by(POOL).len()["len"].max() == 6


def test_each_loss_is_taken_once_and_announced_before_if_there_was_time(market: Market) -> None:
    lost = market.facts["exposure"].filter(pl.col("ended_by") == "interrupted")
    events = market.facts["interruption"]
    taken = events.filter(pl.col("kind") == "taken")
    announced = events.filter(pl.col("kind") == "announced")

    assert sorted(taken["node"]) == sorted(lost["node"])
    both = announced.join(taken, on="node", suffix="_taken", validate="1:1")
    lead = (both["occurred_at_taken"] - both["occurred_at"]).dt.total_seconds()
    assert both.height == announced.height
    assert (lead == both["notice_seconds"]).all()
    unwarned = lost.join(announced, on="node", how="anti")
    longest = (unwarned["ended_at"] - unwarned["launched_at"]).max()
    assert isinstance(longest, timedelta)
    assert longest < timedelta(minutes=5)


def test_a_stressed_pool_has_a_higher_hazard_and_the_others_stay_as_they_are(
    now: datetime,
) -> None:
    volatile = MarketSettings(days=3, regions=("us-east-1",), families=("p3",))
    before = simulate(volatile, now=now, rng=np.random.default_rng(12))
    row = before.truth["regime"].to_list().index("calm")

    stressed = replace(volatile, stressed=(before.pools[row],))
    after = simulate(stressed, now=now, rng=np.random.default_rng(12))

    assert after.truth["regime"][row] == "squeeze"
    ratio = after.truth["hazard_per_hour"][row] / before.truth["hazard_per_hour"][row]
    assert ratio == pytest.approx(WEIGHT[Regime.SQUEEZE] / WEIGHT[Regime.CALM])
    others = np.arange(len(before.pools)) != row
    assert (before.hazards.per_hour[others] == after.hazards.per_hour[others]).all()


def test_stressed_pools_lose_more_machines(now: datetime) -> None:
    volatile = MarketSettings(days=3, regions=("us-east-1",), families=("p3",))
    before = simulate(volatile, now=now, rng=np.random.default_rng(12))
    after = simulate(
        replace(volatile, stressed=before.pools), now=now, rng=np.random.default_rng(12)
    )

    # A stressed pool is squeezed for the last three hours.
    calm, worse = (
        one.facts["exposure"]
        .filter(pl.col("ended_by") == "interrupted", pl.col("ended_at") > now - 3 * HOUR)
        .height
        for one in (before, after)
    )
    assert worse > calm
