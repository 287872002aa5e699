"""Quantiles of a start: against random draws of its terms, and the contract's own table."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import lognorm

from advisor.lead_time import (
    Estimate,
    ImagePull,
    Part,
    Spread,
    StartError,
    Term,
    WeightLoad,
    of_sigma,
)
from advisor.lead_time_terms import Start, default_terms, serving_by_default

SHARES = (0.5, 0.9, 0.95)
DRAWS = 60_000

terms = st.dictionaries(
    st.sampled_from([one for one in Part if one is not Part.LOADING]),
    st.builds(of_sigma, st.floats(1.0, 2000.0), st.floats(0.0, 1.2)),
    min_size=1,
).map(lambda found: tuple(Term(part, spread, "a test") for part, spread in found.items()))


def drawn(given_terms: tuple[Term, ...], correlation: float) -> np.ndarray:
    """Quantiles of random starts, by scipy's own lognormal and the formula written out."""
    random = np.random.default_rng(1)
    covariance = np.full((6, 6), correlation) + (1 - correlation) * np.eye(6)
    normal = random.multivariate_normal(np.zeros(6), covariance, DRAWS)
    order = [Part.BOOT, Part.IMAGE, Part.PREFETCH, Part.DOWNLOAD, Part.WEIGHTS, Part.ENGINE]
    by_part = {one.part: one.spread for one in given_terms}
    seconds = [
        lognorm(s=spread.sigma or 1e-12, scale=spread.p50_seconds).ppf(_uniform(normal[:, place]))
        if (spread := by_part.get(part))
        else np.zeros(DRAWS)
        for place, part in enumerate(order)
    ]
    boot, image, prefetch, download, weights, engine = seconds
    return np.quantile(np.maximum(boot + image, prefetch) + download + weights + engine, SHARES)


def _uniform(normal: np.ndarray) -> np.ndarray:
    return np.array(lognorm(s=1).cdf(np.exp(normal)))


@settings(max_examples=20, deadline=None)
@given(terms=terms, correlation=st.sampled_from([0.0, 0.3, 0.6]))
def test_quantiles_are_those_of_random_draws_of_the_same_terms(
    terms: tuple[Term, ...], correlation: float
) -> None:
    found = Estimate(terms, correlation).quantiles(*SHARES)

    assert found == pytest.approx(drawn(terms, correlation), rel=0.05)


def test_one_term_has_its_own_quantiles() -> None:
    found = Estimate((Term(Part.BOOT, Spread(80, 150), "a test"),)).quantiles(0.5, 0.9)

    assert found == pytest.approx((80, 150), rel=1e-3)


@given(terms=terms, factor=st.floats(1.0, 5.0), data=st.data())
@settings(max_examples=50, deadline=None)
def test_a_slower_term_never_makes_a_start_faster(
    terms: tuple[Term, ...], factor: float, data: st.DataObject
) -> None:
    slow = data.draw(st.sampled_from(terms))
    slower = Term(slow.part, slow.spread.times(factor), "a test")
    others = tuple(one for one in terms if one is not slow)

    before, after = Estimate(terms), Estimate((*others, slower))

    for share in SHARES:
        assert after.quantiles(share)[0] >= before.quantiles(share)[0] - 1e-9


def test_a_cache_that_fills_in_time_costs_nothing() -> None:
    boot = Term(Part.BOOT, Spread(80, 150), "a test")
    quick = Term(Part.PREFETCH, Spread(1, 2), "a test")
    slow = Term(Part.PREFETCH, Spread(800, 900), "a test")

    assert Estimate((boot, quick)).quantiles(0.5) == pytest.approx((80,), rel=1e-3)
    assert Estimate((boot, slow)).quantiles(0.5) == pytest.approx((800,), rel=1e-3)


def test_correlated_terms_are_late_together() -> None:
    apart = default_terms(Start(provider="aws", weights_gb=16))

    alone, together = Estimate(apart), Estimate(apart, 0.3)

    assert together.quantiles(0.95)[0] > 1.02 * alone.quantiles(0.95)[0]
    assert together.quantiles(0.5)[0] == pytest.approx(alone.quantiles(0.5)[0], rel=0.02)


@pytest.mark.parametrize(("p50", "p90"), [(0, 1), (-1, 1), (2, 1), (1, math.inf), (math.nan, 1)])
def test_what_is_no_duration_is_refused(p50: float, p90: float) -> None:
    with pytest.raises(StartError, match="both are above 0"):
        Spread(p50, p90)


def test_a_correlation_of_one_is_refused() -> None:
    with pytest.raises(StartError, match="0 to below 1"):
        Estimate((), 1.0)


BASELINE = {"image_pull": ImagePull.EAGER, "weight_load": WeightLoad.INITIALIZER}
FLUID = {"image_pull": ImagePull.SOCI, "weight_load": WeightLoad.FLUID}
BEST = {
    "image_pull": ImagePull.SOCI_BOTTLEROCKET,
    "weight_load": WeightLoad.STREAMER,
    "has_compile_cache": True,
}
WARM = {**FLUID, "has_warm_node": True}
BIG = {"weights_gb": 65.5, "parameters_billion": 32.8}
FOUR_BITS = {"weights_gb": 19.3, "parameters_billion": 32.8}
SMALL = {"weights_gb": 16, "parameters_billion": 8}
PUBLISHED = [
    ("aws", BIG, (1284, 1814), (425, 668), (234, 384), (292, 520)),
    ("aws", FOUR_BITS, (617, 850), (292, 469), (184, 304), (159, 308)),
    ("aws", SMALL, (502, 687), (218, 337), (146, 250), (88, 159)),
    ("alibaba", BIG, (1396, 1935), (539, 804), (346, 530), (292, 520)),
    ("alibaba", FOUR_BITS, (728, 985), (404, 611), (294, 458), (159, 308)),
    ("alibaba", SMALL, (613, 827), (327, 492), (255, 411), (88, 159)),
    ("gcp", BIG, (1332, 1876), (472, 750), (278, 478), (292, 520)),
    ("gcp", SMALL, (546, 773), (259, 441), (186, 361), (88, 159)),
    ("azure", BIG, (1458, 2025), (594, 921), (397, 668), (292, 520)),
    ("azure", SMALL, (667, 955), (377, 638), (306, 561), (88, 159)),
]
"""The contract's own simulation of 40,000 draws: p50 and p95, seconds."""


@pytest.mark.parametrize(
    ("provider", "model", "times"), [(a, b, rest) for a, b, *rest in PUBLISHED]
)
def test_the_simulated_starts_of_the_contract_come_out(
    provider: str, model: dict[str, float], times: list[tuple[float, float]]
) -> None:
    for way, expected in zip((BASELINE, FLUID, BEST, WARM), times, strict=True):
        start = Start(provider=provider, **model, **way)  # type: ignore[arg-type] # keywords of a table

        found = Estimate(default_terms(start)).quantiles(0.5, 0.95)

        assert found == pytest.approx(expected, rel=0.012)


def test_the_guards_lead_times_are_those_of_a_small_model_without_caches() -> None:
    expected = {"aws": 687, "alibaba": 827, "gcp": 773, "azure": 955}

    found = {name: one.total_seconds() for name, one in serving_by_default().items()}

    assert found == pytest.approx(expected, abs=4)
