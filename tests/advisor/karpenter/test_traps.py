"""What a manifest cannot say is said, and nothing is said where there is nothing to say."""

import pytest

from advisor.karpenter.traps import hyperdisk_types, listed, traps
from tests.support.offerings import offering
from warehouse.records import CapacityType, Offering


def test_on_gcp_a_machine_with_several_gpus_counts_as_one() -> None:
    chosen = [offering("a2-highgpu-8g", provider="gcp", gpu_count=8)]

    (said,) = traps(chosen, gpu_limit=16)

    assert "no pod that asks for more is put on a2-highgpu-8g" in said
    assert "the limit of 16 counts machines" in said
    assert "limit" not in traps(chosen)[0]


def test_on_gcp_gpus_that_are_attached_do_not_come_with_the_machine() -> None:
    (said,) = traps([offering("n1-standard-8", provider="gcp")])

    assert "n1-standard-8 comes without" in said


def test_on_gcp_newer_series_boot_from_hyperdisk() -> None:
    chosen = [
        offering(name, provider="gcp")
        for name in ("g2-standard-4", "a3-highgpu-1g", "a3-ultragpu-1g", "g4-standard-48", "c4-x")
    ]

    assert hyperdisk_types(chosen) == ["a3-ultragpu-1g", "g4-standard-48", "c4-x"]
    assert "boots from Hyperdisk only" in traps(chosen)[0]


def test_on_azure_zones_and_notices_are_explained() -> None:
    zonal = offering("Standard_NC4as_T4_v3", "westus2-1", provider="azure")

    assert "the subscription's own" in traps([zonal])[0]
    assert "NodeRepair" in traps([zonal])[1]
    regional = offering("Standard_A", provider="azure", capacity_type=CapacityType.ON_DEMAND)
    assert traps([regional]) == []


@pytest.mark.parametrize(
    ("provider", "name", "most"), [("aws", "g{}.xlarge", 60), ("alibaba", "ecs.gn{}i.large", 20)]
)
def test_more_types_than_one_launch_looks_at_are_told(provider: str, name: str, most: int) -> None:
    def of(count: int) -> list[Offering]:
        return [offering(name.format(n), provider=provider) for n in range(count)]

    assert traps(of(most)) == []
    assert traps(of(most + 1)) == [
        f"Of the {most + 1} types, Karpenter tries the {most} cheapest at each launch."
    ]


def test_gpus_of_two_makers_in_one_list_are_told() -> None:
    chosen = [offering("g5.xlarge"), offering("g4ad.xlarge", gpu_name="Radeon Pro V520")]

    (said,) = traps(chosen)

    assert "GPUs of NVIDIA and of AMD" in said


def test_an_ordinary_choice_has_no_traps() -> None:
    assert traps([offering("g5.xlarge", "use1-az4")]) == []
    assert traps([offering("g2-standard-4", "us-central1-a", provider="gcp")], gpu_limit=4) == []


def test_long_lists_are_cut_and_counted() -> None:
    assert listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
