"""The default terms: which parts a start has, and how each answers to size and kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.lead_time import Estimate, ImagePull, Part, StartError, WeightLoad
from advisor.lead_time_terms import BOOT, Start, default_terms


def parts(start: Start) -> list[Part]:
    return [one.part for one in default_terms(start)]


def p50(start: Start, part: Part) -> float:
    term = Estimate(default_terms(start)).term(part)
    assert term is not None
    return term.spread.p50_seconds


def test_a_warm_node_needs_no_boot_and_no_image() -> None:
    assert parts(Start(provider="aws", weights_gb=16, has_warm_node=True)) == [
        Part.WEIGHTS,
        Part.ENGINE,
    ]


def test_a_cold_fluid_cache_fills_beside_the_boot() -> None:
    cold = Start(provider="aws", weights_gb=15, weight_load=WeightLoad.FLUID, has_warm_cache=False)

    assert Part.PREFETCH in parts(cold)
    assert p50(cold, Part.PREFETCH) == pytest.approx(171, abs=1)


def test_a_new_nodes_own_cache_is_empty() -> None:
    start = Start(provider="aws", weights_gb=15, weight_load=WeightLoad.NODE_CACHE)
    warm = Start(
        provider="aws", weights_gb=15, weight_load=WeightLoad.NODE_CACHE, has_warm_node=True
    )

    assert Part.DOWNLOAD in parts(start)
    assert Part.DOWNLOAD not in parts(warm)


@given(
    sizes=st.tuples(st.floats(0.5, 800), st.floats(0.5, 800)).map(sorted),
    spared=st.fixed_dictionaries(
        {"enforces_eager": st.booleans(), "has_compile_cache": st.booleans()}
    ),
)
def test_a_larger_model_never_starts_sooner(sizes: list[float], spared: dict[str, bool]) -> None:
    small, large = (
        Start(
            provider="aws",
            weights_gb=1,
            parameters_billion=one,
            enforces_eager=spared["enforces_eager"],
            has_compile_cache=spared["has_compile_cache"],
        )
        for one in sizes
    )

    assert p50(small, Part.ENGINE) <= p50(large, Part.ENGINE) * (1 + 1e-12)


def test_an_engine_that_compiles_nothing_gains_nothing_by_a_cache_of_what_is_compiled() -> None:
    plain = Start(provider="aws", weights_gb=16)
    eager = Start(provider="aws", weights_gb=16, enforces_eager=True)
    both = Start(provider="aws", weights_gb=16, enforces_eager=True, has_compile_cache=True)

    assert default_terms(eager) == default_terms(both)
    assert p50(eager, Part.ENGINE) < p50(plain, Part.ENGINE)


def test_parameters_are_those_of_bf16_unless_told() -> None:
    assert Start(provider="aws", weights_gb=65).billions == pytest.approx(32.5)
    assert Start(provider="aws", weights_gb=19, parameters_billion=32).billions == 32


@pytest.mark.parametrize("pull", list(ImagePull))
@pytest.mark.parametrize("load", list(WeightLoad))
@pytest.mark.parametrize("provider", list(BOOT))
def test_every_figure_says_whether_it_is_published_or_assumed(
    provider: str, pull: ImagePull, load: WeightLoad
) -> None:
    start = Start(provider=provider, weights_gb=16, image_pull=pull, weight_load=load)

    for term in default_terms(start):
        assert term.source.startswith(("published, not measured here", "assumed"))


@pytest.mark.parametrize(
    "given",
    [
        {"provider": "gpus-r-us", "weights_gb": 16},
        {"provider": "aws", "weights_gb": 0},
        {"provider": "aws", "weights_gb": float("inf")},
        {"provider": "aws", "weights_gb": 16, "image_gb": -1},
        {"provider": "aws", "weights_gb": 16, "parameters_billion": 0},
    ],
)
def test_what_cannot_be_started_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(StartError):
        Start(**given)  # type: ignore[arg-type] # keywords of a table
