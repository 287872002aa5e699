"""What a machine must have, and which GPU is meant by a name."""

import pytest

from advisor import Demand, Policy
from advisor.demand import gpu_manufacturer, is_model
from tests.support.market import a_pool, a_shape, an_offering


@pytest.mark.parametrize(
    ("gpu_name", "wanted", "meant"),
    [
        ("NVIDIA A100 40GB", "A100", True),
        ("NVIDIA A100 40GB", "a100 40gb", True),
        ("A10G", "A10", False),
        ("A10", "A10", True),
        ("A10 (vGPU slice)", "A10", True),
        ("L40S", "L4", False),
        ("RTX PRO Server 6000", "rtx-pro-6000", True),
    ],
)
def test_a_model_is_meant_by_its_words(gpu_name: str, wanted: str, *, meant: bool) -> None:
    assert is_model(gpu_name, wanted) is meant


@pytest.mark.parametrize(
    ("gpu_name", "maker"),
    [
        ("T4", "nvidia"),
        ("RADEON-PRO-V520", "amd"),
        ("Inferentia2", None),
        ("Trainium", None),
        ("GAUDI-HL-205", None),
        ("Qualcomm AI100", None),
        (None, None),
    ],
)
def test_the_maker_is_told_from_the_model_and_accelerators_are_no_gpus(
    gpu_name: str | None, maker: str | None
) -> None:
    assert gpu_manufacturer(a_shape(gpu_name=gpu_name)) == maker


@pytest.mark.parametrize(
    ("demand", "unmet"),
    [
        (Demand(), None),
        (Demand(gpus=1), None),
        (Demand(gpus=2), "exactly 2 GPU"),
        (Demand(gpus=0), "no GPU"),
        (Demand(gpus=1, gpu_manufacturer="amd"), "a GPU of amd"),
        (Demand(gpu_model="T4"), "GPU model T4"),
        (Demand(gpu_memory_min_gib=24), "at least 24 GiB per GPU"),
        (Demand(vcpus_min=8), "at least 8 vCPU"),
        (Demand(memory_min_gib=64), "at least 64 GiB of memory"),
        (Demand(architecture="arm64"), "architecture arm64"),
    ],
)
def test_the_wish_that_is_not_met_is_said(demand: Demand, unmet: str | None) -> None:
    assert demand.unmet_by(a_shape()) == unmet


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        (Policy(), None),
        (Policy(types=("g5.*",)), None),
        (Policy(types=("g6.*", "p*")), "type g6.* or p*"),
        (Policy(zones=("use1-az4",)), None),
        (Policy(zones=("use1-az6",)), "zone use1-az6"),
        (Policy(max_usd_per_hour=0.4), "at most 0.4 USD an hour"),
    ],
)
def test_the_limit_that_is_broken_is_said(policy: Policy, refused: str | None) -> None:
    assert policy.refuses(an_offering(0.5)) == refused


def test_a_regional_price_is_in_every_zone() -> None:
    assert Policy(zones=("use1-az4",)).refuses(an_offering(pool=a_pool(zone="*"))) is None


def test_an_unknown_price_breaks_a_price_limit() -> None:
    assert Policy(max_usd_per_hour=100).refuses(an_offering(None)) is not None
