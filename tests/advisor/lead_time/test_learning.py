"""Learning from the user's own starts: how soon it helps, and what cannot mislead it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.lead_time import Estimate, ImagePull, Part, Spread, WeightLoad
from advisor.lead_time_learning import learned_terms, spread_from
from advisor.lead_time_terms import default_terms
from tests.support.starts import (
    ASKED,
    MODEL,
    NOW,
    PARTS,
    SimulatedCluster,
    a_duration,
)

SHARES = (0.5, 0.9, 0.95)
PRIOR = Spread(80, 150)


def pinball(estimate: Estimate, starts: np.ndarray) -> float:
    """Mean quantile loss on starts that the estimate has not seen; smaller is better."""
    losses = []
    for share, said in zip(SHARES, estimate.quantiles(*SHARES), strict=True):
        late = starts - said
        losses.append(np.maximum(share * late, (share - 1) * late).mean())
    return float(np.mean(losses))


def held_out(cluster: SimulatedCluster, random: np.random.Generator) -> np.ndarray:
    return np.array([sum(cluster.drawn_seconds(random).values()) for _ in range(800)])


def off(estimate: Estimate, cluster: SimulatedCluster) -> float:
    """By what factor an estimate's quantiles are wrong, as a logarithm."""
    true = np.array(cluster.estimate.quantiles(*SHARES))
    return float(np.abs(np.log(np.array(estimate.quantiles(*SHARES)) / true)).mean())


def test_twenty_starts_beat_the_defaults_on_starts_that_were_not_seen() -> None:
    random = np.random.default_rng(7)
    default = Estimate(default_terms(ASKED))
    gains, errors = [], []
    for _ in range(50):
        cluster = SimulatedCluster.drawn(random)
        seen, unseen = cluster.starts(20, random), held_out(cluster, random)
        learned = Estimate(learned_terms(ASKED, seen, NOW))
        gains.append(1 - pinball(learned, unseen) / pinball(default, unseen))
        errors.append(off(default, cluster))
    wrong = np.array(errors) > 0.1

    # Where the defaults happen to be right to 10 %, nothing beats them by much or needs to.
    assert wrong.sum() > 25
    assert (np.array(gains)[wrong] > 0).mean() > 0.95
    assert np.array(gains)[wrong].min() > -0.05
    assert np.mean(gains) > 0.25
    assert min(gains) > -0.2


def test_five_starts_are_better_than_the_defaults_over_clusters() -> None:
    random = np.random.default_rng(8)
    default = Estimate(default_terms(ASKED))
    before, after = [], []
    for _ in range(30):
        cluster = SimulatedCluster.drawn(random)
        learned = Estimate(learned_terms(ASKED, cluster.starts(5, random), NOW))
        before.append(off(default, cluster))
        after.append(off(learned, cluster))

    assert np.mean(after) < 0.8 * np.mean(before)


def test_learned_terms_converge_to_the_truth() -> None:
    errors = {}
    for count in (20, 200, 2000):
        random = np.random.default_rng(9)
        clusters = [SimulatedCluster.drawn(random) for _ in range(6)]
        errors[count] = np.mean(
            [
                off(Estimate(learned_terms(ASKED, one.starts(count, random), NOW)), one)
                for one in clusters
            ]
        )

    assert errors[2000] < errors[200] < errors[20]
    assert errors[2000] < 0.02


def test_nothing_seen_leaves_the_defaults() -> None:
    assert learned_terms(ASKED, [], NOW) == default_terms(ASKED)


def test_what_is_seen_later_is_not_known_now() -> None:
    later = [a_duration(part, 9999, hours_ago=-1) for part in PARTS]

    assert learned_terms(ASKED, later, NOW) == default_terms(ASKED)


@settings(max_examples=60)
@given(
    seconds=st.lists(st.floats(1, 5000), min_size=1, max_size=40),
    ages=st.floats(0, 400),
)
def test_a_learned_spread_is_always_one(seconds: list[float], ages: float) -> None:
    seen = [(one, NOW - timedelta(days=ages)) for one in seconds]

    spread, kept, aside = spread_from(PRIOR, seen, NOW)

    assert 0 < spread.p50_seconds <= spread.p90_seconds
    assert kept + aside == len(seconds)


@pytest.mark.parametrize("wild", [20 * 60.0, 2 * 3600.0])
def test_a_few_starts_that_were_none_do_not_move_the_rest(wild: float) -> None:
    random = np.random.default_rng(3)
    good = [(float(80 * np.exp(0.3 * random.normal())), NOW) for _ in range(18)]

    clean, _, _ = spread_from(PRIOR, good, NOW)
    poisoned, _, aside = spread_from(PRIOR, [*good, (wild, NOW), (wild, NOW)], NOW)

    assert aside == 2
    assert poisoned == clean


def test_one_wild_start_alone_is_not_believed() -> None:
    spread, kept, aside = spread_from(PRIOR, [(3600, NOW)], NOW)

    assert (spread, kept, aside) == (PRIOR, 0, 1)


def test_a_cloud_that_is_in_fact_ten_times_slower_is_believed_in_the_end() -> None:
    seen = [(800.0 + number, NOW) for number in range(20)]

    spread, kept, _ = spread_from(PRIOR, seen, NOW)

    assert kept == 20
    assert spread.p50_seconds > 450


def test_newer_starts_count_more() -> None:
    old = [(60.0, NOW - timedelta(days=120))] * 10
    new = [(120.0, NOW)] * 10

    spread, _, _ = spread_from(PRIOR, [*old, *new], NOW)

    assert spread.p50_seconds > 100


def test_the_same_instance_type_goes_before_others_of_its_cloud() -> None:
    others = [a_duration(Part.BOOT, 200, subject=f"o{n}", instance_type="p5") for n in range(30)]
    own = [a_duration(Part.BOOT, 90, subject=f"s{n}") for n in range(30)]

    of_own = Estimate(learned_terms(ASKED, [*others, *own], NOW)).term(Part.BOOT)
    of_others = Estimate(learned_terms(ASKED, others, NOW)).term(Part.BOOT)

    assert of_own is not None
    assert of_others is not None
    assert of_own.spread.p50_seconds < 110
    assert of_others.spread.p50_seconds > 160


def test_the_rate_of_another_image_tells_of_this_ones_size() -> None:
    half = [
        a_duration(Part.IMAGE, 20, subject=f"{n}", image="example.com/half:1", size_gb=4.675)
        for n in range(200)
    ]

    found = Estimate(learned_terms(ASKED, half, NOW)).term(Part.IMAGE)

    assert found is not None
    assert found.spread.p50_seconds == pytest.approx(40, rel=0.05)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"provider": "gcp"}, Part.BOOT),
        ({"way": "soci"}, Part.IMAGE),
        ({"way": "fluid", "model": MODEL}, Part.WEIGHTS),
        ({"model": "hf://another/model"}, Part.WEIGHTS),
        ({"model": "hf://another/model"}, Part.ENGINE),
    ],
)
def test_a_start_of_another_kind_tells_nothing(given: dict[str, Any], part: Part) -> None:
    other = [a_duration(part, 999, subject=f"{n}", **given) for n in range(9)]

    assert learned_terms(ASKED, other, NOW) == default_terms(ASKED)


def test_a_compile_cache_that_was_never_seen_still_helps_a_learned_engine() -> None:
    seen = [a_duration(Part.ENGINE, 200, subject=f"{n}") for n in range(50)]

    plain = Estimate(learned_terms(ASKED, seen, NOW)).term(Part.ENGINE)
    cached = Estimate(learned_terms(replace(ASKED, has_compile_cache=True), seen, NOW)).term(
        Part.ENGINE
    )

    assert plain is not None
    assert cached is not None
    assert cached.spread.p50_seconds == pytest.approx(plain.spread.p50_seconds / 2)


def test_a_server_that_reads_its_weights_itself_has_one_term_for_both() -> None:
    fluid = replace(ASKED, weight_load=WeightLoad.FLUID, image_pull=ImagePull.SOCI)
    seen = [
        a_duration(Part.LOADING, 150 + n, subject=f"{n}", way="fluid", image=None)
        for n in range(40)
    ]

    found = learned_terms(fluid, seen, NOW)

    assert [one.part for one in found] == [Part.BOOT, Part.IMAGE, Part.LOADING]
    assert found[-1].observed == 40
    assert found[-1].spread.p50_seconds == pytest.approx(169, rel=0.1)
