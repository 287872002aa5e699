"""Where nothing fits, one sentence says what excludes everything and what would do."""

import pytest
from hypothesis import given, settings

from advisor import Demand, Policy, Universe
from advisor.relax import CONSTRAINTS, constrained, remedies, why_nothing
from tests.support.market import a_pool, a_shape, an_offering
from tests.support.ranking import demands, markets, policies
from warehouse.records import Offering


def a_market() -> Universe:
    shapes = [
        a_shape("g4dn.xlarge", gpu_name="T4", gpu_memory_gib=16),
        a_shape("g5.xlarge"),
        a_shape("p4de.24xlarge", gpu_name="A100", gpu_count=8, gpu_memory_gib=80, vcpu=96),
    ]
    prices = (0.2, 0.5, 15.0)
    return Universe(
        [
            an_offering(usd, pool=a_pool(shape.instance_type), shape=shape)
            for usd, shape in zip(prices, shapes, strict=True)
        ],
        {},
    )


@pytest.mark.parametrize(
    ("demand", "policy", "sentence"),
    [
        (
            Demand(gpus=3),
            Policy(),
            "'exactly 3 GPU' excludes all that is left, and 3 fit without it; they have 1, 8 GPU.",
        ),
        (
            Demand(gpus=1, gpu_memory_min_gib=40),
            Policy(),
            (
                "and 2 fit without it; the most that they have is 22.35 GiB per GPU. Or give up "
                "'exactly 1 GPU' (1)."
            ),
        ),
        (
            Demand(gpu_model="A100", gpus=8),
            Policy(max_usd_per_hour=10),
            (
                "'at most 10 USD an hour' excludes all that is left, and 1 fit without it; the "
                "cheapest of them is 15.0000 USD an hour."
            ),
        ),
        (Demand(gpu_model="B2000"), Policy(), "GPU model 'B2000' is not known; similar: B200"),
        (Demand(gpu_model="H200"), Policy(), "H200 is known, but no machine in this market has it"),
        (
            Demand(gpus=1, gpu_memory_min_gib=200),
            Policy(max_usd_per_hour=0.1),
            (
                "'at least 200 GiB per GPU' and 'at most 0.1 USD an hour' exclude all that is "
                "left, and 2 fit without them; the most that they have is 22.35 GiB per GPU; the"
            ),
        ),
        (
            Demand(gpus=2, vcpus_min=500, memory_min_gib=4000),
            Policy(),
            "no two of these can be given up alone: exactly 2 GPU, a GPU of nvidia, at least 500",
        ),
        (Demand(), Policy(zones=("nowhere",)), "'zone nowhere' excludes"),
    ],
)
def test_the_sentence_names_the_constraint_and_what_would_relax_it(
    demand: Demand, policy: Policy, sentence: str
) -> None:
    assert sentence in why_nothing(a_market(), demand, policy)


def test_an_empty_market_is_said_to_be_empty() -> None:
    assert why_nothing(Universe([], {}), Demand(gpus=1), Policy()) == (
        "There is no offering to choose from."
    )


@settings(deadline=None)
@given(markets, demands, policies)
def test_whatever_excludes_everything_has_a_sentence_and_its_remedies_hold(
    market: list[Offering], demand: Demand, policy: Policy
) -> None:
    universe = Universe(market, {})
    rows, _ = universe.fitting(demand, policy)
    if len(rows):
        return

    sentence = why_nothing(universe, demand, policy)

    assert sentence.endswith(".")
    assert constrained(demand, policy) or not market
    for names, fitting in remedies(universe, demand, policy):
        assert fitting
        assert set(names) <= CONSTRAINTS.keys()


def test_every_constraint_that_can_be_set_reads_as_words() -> None:
    demand = Demand(
        gpus=1,
        gpu_model="A10G",
        gpu_memory_min_gib=1,
        gpu_memory_total_min_gib=1,
        precision="fp32",
        nvlink=True,
        vcpus_min=1,
        memory_min_gib=1,
        architecture="arm64",
    )
    policy = Policy(
        providers=("aws",),
        regions=("us-east-1",),
        zones=("use1-az4",),
        types=("g5.*",),
        types_not=("p3.*",),
        max_usd_per_hour=5,
    )

    assert set(constrained(demand, policy)) == CONSTRAINTS.keys()
    assert "architecture arm64" in why_nothing(a_market(), demand, policy)
