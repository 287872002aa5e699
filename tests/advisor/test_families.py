"""The family of a type, as its provider names it."""

import pytest

from advisor.families import family_of


@pytest.mark.parametrize(
    ("provider", "instance_type", "family"),
    [
        ("aws", "g5.12xlarge", "g5"),
        ("aws", "p6-b200.48xlarge", "p6-b200"),
        ("aws", "u-6tb1.metal", "u-6tb1"),
        ("alibaba", "ecs.gn7i-c8g1.2xlarge", "ecs.gn7i-c8g1"),
        ("alibaba", "strange", "strange"),
        ("gcp", "a2-highgpu-1g", "a2"),
        ("gcp", "n1-highcpu-16", "n1"),
        ("gcp", "n1+V100x1", "n1+V100"),
        ("gcp", "n1+V100x8", "n1+V100"),
        ("azure", "Standard_NC24ads_A100_v4", "NCads_v4"),
        ("azure", "Standard_NC96ads_A100_v4", "NCads_v4"),
        ("azure", "Standard_NC6s_v3", "NCs_v3"),
        ("azure", "Standard_M8-2ms", "Mms"),
        ("azure", "odd", "odd"),
        ("elsewhere", "x.large", "x.large"),
    ],
)
def test_a_family_is_what_its_provider_calls_one(
    provider: str, instance_type: str, family: str
) -> None:
    assert family_of(provider, instance_type) == family
