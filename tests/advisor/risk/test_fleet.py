"""What a fleet says of its pools: sums over machines, the machine in the middle, no future."""

from datetime import timedelta

import numpy as np
import pytest

from advisor.risk import fleet
from advisor.risk.fleet import watched_fleet
from advisor.risk.grades import grade
from advisor.risk.history import AGE_EDGES_H, FIELDS, HALF_LIVES_H
from advisor.risk.lifetimes import samples_of_lifetimes
from advisor.risk.watched import Watched
from tests.support.lifetimes import (
    MINUTE,
    START,
    Life,
    a_lost,
    a_running,
    lifetimes_of,
    steady_lives,
)
from warehouse.records import Pool

FOREVER = HALF_LIVES_H.index(np.inf)
NOW = START + 180 * MINUTE
OTHER_ZONE = Pool("aws", "us-east-1", "us-east-1b", "g5.xlarge")
ELSEWHERE = Pool("aws", "us-west-2", "us-west-2a", "g5.xlarge")


def watched(*lives: Life, market: tuple[Pool, ...] = ()) -> Watched:
    return watched_fleet(lifetimes_of(lives), market, NOW)


def test_a_pool_is_told_by_all_its_machines_together() -> None:
    found = watched(a_lost("a", 0, 60), a_lost("b", 0, 120), a_running("c", 60, 180))

    own = found.evidence.history
    assert found.probe_kind == "instance_lifetime"
    assert [pool.zone for pool in found.pools] == ["us-east-1a"]
    assert own.drops[FOREVER].tolist() == [2.0]
    assert own.up_hours[FOREVER].tolist() == pytest.approx([1 + 2 + 2])
    assert own.watched.tolist() == pytest.approx([3.0])
    assert own.since_drop.tolist() == pytest.approx([1.0])
    assert own.last_up.tolist() == [2.0]


def test_machines_that_are_lost_in_one_burst_count_once() -> None:
    burst = [a_lost(name, 0, 61 + minute) for minute, name in enumerate("abc")]

    together = watched(*burst, a_running("d", 0, 180))
    apart = watched(a_lost("a", 0, 61), a_lost("b", 0, 71), a_running("d", 0, 180))

    assert together.evidence.history.drops[FOREVER].tolist() == [1.0]
    assert apart.evidence.history.drops[FOREVER].tolist() == [2.0]


def test_a_burst_in_two_pools_counts_in_each() -> None:
    found = watched(a_lost("a", 0, 61), a_lost("b", 0, 61, zone="us-east-1b"))

    assert found.evidence.history.drops[FOREVER].tolist() == [1.0, 1.0]
    assert found.evidence.siblings.drops[FOREVER, 0].tolist() == [1.0, 1.0]


def test_time_at_risk_is_counted_at_the_age_of_each_machine() -> None:
    found = watched(a_running("old", 0, 180), a_running("new", 150, 180))

    by_age = found.evidence.history.aged_hours[1, : len(AGE_EDGES_H), 0]
    first_half_hour = AGE_EDGES_H.index(0.5)
    assert by_age[:first_half_hour].sum() == pytest.approx(0.5 + 0.5)
    assert by_age[first_half_hour:].sum() == pytest.approx(2.5)


def test_the_age_is_that_of_the_machine_in_the_middle() -> None:
    lives = [a_running(str(start), start, 180) for start in (0, 60, 120, 150)]

    odd, even = watched(*lives[:3]), watched(*lives)

    assert odd.evidence.history.age.tolist() == [2.0]
    assert even.evidence.history.age.tolist() == [2.0]
    assert not odd.evidence.history.censored.any()


def test_a_pool_in_which_nothing_runs_has_the_age_of_a_machine_started_now() -> None:
    ended = watched(a_lost("a", 0, 60))
    silent = watched(a_running("gone from sight", 0, 30))

    for found, last in ((ended, 60), (silent, 30)):
        assert found.evidence.history.age.tolist() == [0.0]
        assert not found.evidence.history.censored.any()
        assert not found.evidence.history.up.any()
        assert found.evidence.observed_age_s.tolist() == [(180 - last) * 60.0]
        assert grade(found.evidence).tolist() == ["stale"]


def test_evidence_is_as_old_as_the_newest_sign_of_life() -> None:
    found = watched(a_running("a", 0, 170), a_running("b", 0, 176))

    assert found.evidence.observed_age_s.tolist() == [240.0]
    assert found.evidence_until_s.tolist() == [(NOW - 4 * MINUTE).timestamp()]


def test_pools_near_the_fleet_are_told_by_it() -> None:
    found = watched(a_lost("a", 0, 60), market=(OTHER_ZONE, ELSEWHERE))

    assert [pool.zone for pool in found.pools] == ["us-east-1a", "us-east-1b"]
    assert np.isnan(found.evidence_until_s).tolist() == [False, True]
    assert found.evidence.siblings.drops[FOREVER, 0].tolist() == [0.0, 1.0]


def test_a_region_that_is_not_told_is_that_of_the_zone_in_the_market() -> None:
    market = Pool("aws", "us-east-1", "use1-az4", "g6.xlarge")

    found = watched(a_running("a", 0, 180, zone="use1-az4"), market=(market,))

    assert [pool.region for pool in found.pools] == ["us-east-1"]


def test_a_machine_of_unknown_zone_is_in_no_pool() -> None:
    found = watched(Life("nowhere", 0, 180, zone=None), a_running("a", 0, 180))

    assert [pool.zone for pool in found.pools] == ["us-east-1a"]


def test_no_machines_are_no_pools() -> None:
    found = watched()

    assert found.pools == ()
    assert found.evidence.rows == 0


def test_a_live_fleet_is_known_as_in_its_samples() -> None:
    lives = steady_lives(3, 2, 60, lost_per_hour=0.5, seed=3)
    now = START + timedelta(hours=60)

    live = watched_fleet(lives, (), now)

    rows = samples_of_lifetimes(lives)
    newest = rows.take(rows.time_s == now.timestamp())
    counts = set(FIELDS) - {"age", "censored"}
    for place, pool in enumerate(live.pools):
        row = np.flatnonzero(newest.pool == rows.pools.index(pool))[0]
        for name in counts:
            told = getattr(live.evidence.history, name)[..., place]
            kept = getattr(newest.evidence.history, name)[..., row]
            assert np.array_equal(told, kept, equal_nan=True), name
        assert np.array_equal(
            live.evidence.siblings.drops[..., place], newest.evidence.siblings.drops[..., row]
        )


def test_blocks_of_time_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = steady_lives(2, 2, 10, lost_per_hour=1.0, seed=4)
    whole = samples_of_lifetimes(lives)

    monkeypatch.setattr(fleet, "BLOCK", 7)
    parts = samples_of_lifetimes(lives)

    for name in FIELDS:
        one, other = getattr(whole.evidence.history, name), getattr(parts.evidence.history, name)
        assert np.array_equal(one, other, equal_nan=True)


def test_hours_before_the_memory_are_not_counted() -> None:
    old = a_running("old", -60 * 24 * 50, 180)

    found = watched(old)

    assert found.evidence.history.up_hours[FOREVER].tolist() == pytest.approx([45 * 24], abs=0.1)
    assert found.evidence.history.age.tolist() == pytest.approx([50 * 24 + 3])
