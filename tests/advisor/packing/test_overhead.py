"""What a node leaves for pods, against figures of Karpenter's own tests and code."""

from math import ceil

import pytest

from advisor.packing.overhead import OVERHEADS, accelerator_resource, allocatable, max_pods
from tests.support.market import a_shape
from warehouse.records import InstanceType


def machine(
    name: str, provider: str, vcpu: float, memory_gib: float, architecture: str = "amd64"
) -> InstanceType:
    return a_shape(
        name,
        provider=provider,
        vcpu=vcpu,
        memory_gib=memory_gib,
        architecture=architecture,
        gpu_name=None,
        gpu_count=0,
        gpu_memory_gib=None,
    )


def test_an_m5_xlarge_leaves_what_karpenters_own_test_takes_from_it() -> None:
    """80m and 893Mi are kube-reserved in the AWS provider's suite_test.go; 100Mi the threshold."""
    room = allocatable(machine("m5.xlarge", "aws", 4, 16))
    shown = 16 * 1024 - 1229  # 7.5 %, rounded up to a MiB

    assert room["pods"] == 58
    assert room["cpu"] == 4000 - 80
    assert room["memory"] == shown - 893 - 100
    assert room["ephemeral-storage"] == 20 * 1024 * 9 // 10 - 1024


def test_graviton_keeps_64_mib_more() -> None:
    intel = allocatable(machine("m5.xlarge", "aws", 4, 16))
    graviton = allocatable(machine("m6g.xlarge", "aws", 4, 16, "arm64"))

    assert intel["memory"] - graviton["memory"] in {59, 60}  # 64 less the share of them kept anyway


@pytest.mark.parametrize(
    ("vcpu", "memory_gib", "cpu", "memory"),
    [(4, 7, 140, 1638), (2, 8, 100, 1843), (3, 64, 120, 5611)],
)
def test_azure_reserves_what_the_providers_own_test_expects(
    vcpu: int, memory_gib: int, cpu: int, memory: int
) -> None:
    """KubeReservedResources in the Azure provider's suite_test.go; 750Mi is the threshold."""
    room = allocatable(machine("Standard_X", "azure", vcpu, memory_gib))
    shown = memory_gib * 1024 - ceil(memory_gib * 1024 * 0.075)

    assert room["cpu"] == 1000 * vcpu - cpu
    assert room["memory"] == shown - memory - 750
    assert room["pods"] == 250


def test_gke_reserves_by_the_same_brackets_and_shows_all_memory() -> None:
    room = allocatable(machine("e2-standard-4", "gcp", 4, 16))

    assert room["memory"] == 16 * 1024 - 2662 - 100
    assert room["cpu"] == 3920


def test_ack_never_reserves_more_than_a_quarter_of_the_memory() -> None:
    room = allocatable(machine("ecs.t6-c1m1.large", "alibaba", 2, 2))

    assert room["memory"] == 2048 - 154 - 512 - 100


@pytest.mark.parametrize("provider", sorted(OVERHEADS))
@pytest.mark.parametrize("vcpu", [1, 2, 4, 8, 48, 192])
def test_a_larger_machine_leaves_more_and_none_leaves_what_it_has(provider: str, vcpu: int) -> None:
    room = allocatable(machine("unheard-of", provider, vcpu, 4 * vcpu))
    larger = allocatable(machine("unheard-of", provider, 2 * vcpu, 8 * vcpu))

    assert 0 < room["cpu"] < 1000 * vcpu
    assert 0 < room["memory"] < 4096 * vcpu
    assert larger["cpu"] > room["cpu"]
    assert larger["memory"] > room["memory"]


def test_a_machine_too_small_for_its_own_overhead_leaves_nothing() -> None:
    assert allocatable(machine("a.tiny", "azure", 1, 0.5))["memory"] == 0


def test_every_overhead_says_where_it_comes_from() -> None:
    assert all("read" in one.source or "unconfirmed" in one.source for one in OVERHEADS.values())


def test_the_addresses_of_its_network_interfaces_limit_the_pods_of_a_type_on_aws() -> None:
    """Figures of the AMI's eni-max-pods list."""
    assert max_pods(machine("t3.small", "aws", 2, 2)) == 11
    assert max_pods(machine("m5.large", "aws", 2, 8)) == 29
    assert max_pods(machine("m5.24xlarge", "aws", 96, 384)) == 737
    assert max_pods(machine("x9.unheard-of", "aws", 2, 8)) == 110


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("NVIDIA A10G", "nvidia.com/gpu"),
        ("Radeon Pro V520", "amd.com/gpu"),
        ("Inferentia2", "aws.amazon.com/neuron"),
        ("Gaudi HL-205", "habana.ai/gaudi"),
    ],
)
def test_accelerators_are_counted_under_the_name_of_their_device_plugin(
    name: str, resource: str
) -> None:
    shape = a_shape("x.large", gpu_name=name, gpu_count=2)

    assert accelerator_resource(shape) == resource
    assert allocatable(shape)[resource] == 2
