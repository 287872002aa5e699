"""Requirements: the lists that Karpenter buys from."""

from typing import Any

import pytest

from advisor.errors import ManifestError
from advisor.karpenter.requirements import (
    Operator,
    Requirement,
    nodepool_requirements,
    placed,
)
from tests.support.offerings import offering
from warehouse.records import CapacityType, Offering

TYPE = "node.kubernetes.io/instance-type"
ZONE_ID = "topology.k8s.aws/zone-id"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
MAKER = "karpenter.k8s.aws/instance-gpu-manufacturer"
COUNT = "karpenter.k8s.aws/instance-gpu-count"
ON_DEMAND = CapacityType.ON_DEMAND


def by_key(offerings: list[Offering], **arguments: Any) -> dict[str, tuple[str, ...]]:
    return {r.key: r.values for r in nodepool_requirements(offerings, **arguments)}


def test_the_requirements_of_two_spot_pools_on_aws() -> None:
    chosen = [offering("g6.xlarge", "use1-az6"), offering("g5.xlarge", "use1-az4")]

    assert nodepool_requirements(chosen) == [
        Requirement("kubernetes.io/arch", "In", ("amd64",)),
        Requirement("kubernetes.io/os", "In", ("linux",)),
        Requirement(CAPACITY_TYPE, "In", ("spot",)),
        Requirement(TYPE, "In", ("g6.xlarge", "g5.xlarge")),
        Requirement(ZONE_ID, "In", ("use1-az4", "use1-az6")),
        Requirement(MAKER, "In", ("nvidia",)),
        Requirement(COUNT, "Gt", ("0",)),
        Requirement("spotcast.io/retire", "DoesNotExist"),
    ]


def test_the_requirements_of_two_spot_pools_on_alibaba_cloud() -> None:
    chosen = [
        offering("ecs.gn7i-c8g1.2xlarge", "cn-hangzhou-i", provider="alibaba"),
        offering("ecs.gn6i-c8g1.2xlarge", "cn-hangzhou-i", provider="alibaba"),
    ]

    assert nodepool_requirements(chosen)[3:] == [
        Requirement(TYPE, "In", ("ecs.gn7i-c8g1.2xlarge", "ecs.gn6i-c8g1.2xlarge")),
        Requirement("topology.kubernetes.io/zone", "In", ("cn-hangzhou-i",)),
        Requirement("karpenter.k8s.alibabacloud/instance-category", "In", ("gn",)),
        Requirement(
            "karpenter.k8s.alibabacloud/instance-family",
            "In",
            ("ecs.gn6i-c8g1", "ecs.gn7i-c8g1"),
        ),
        Requirement("spotcast.io/retire", "DoesNotExist"),
    ]


def test_types_keep_their_rank_and_occur_once() -> None:
    chosen = [
        offering("g6.xlarge", "use1-az6"),
        offering("g5.xlarge", "use1-az4"),
        offering("g6.xlarge", "use1-az4"),
    ]

    assert by_key(chosen)[TYPE] == ("g6.xlarge", "g5.xlarge")


def test_regional_offerings_alone_require_no_zone() -> None:
    keys = by_key([offering("g6.xlarge"), offering("g5.xlarge")])

    assert ZONE_ID not in keys
    assert "topology.kubernetes.io/zone" not in keys


def test_the_zones_that_are_named_bind_a_regional_fallback_too() -> None:
    chosen = [
        offering("g6.xlarge", "use1-az6"),
        offering("g6.xlarge", capacity_type=ON_DEMAND),
    ]

    keys = by_key(chosen)

    assert keys[ZONE_ID] == ("use1-az6",)
    assert keys[CAPACITY_TYPE] == ("on-demand", "spot")


def test_zone_names_of_aws_have_the_common_key() -> None:
    assert by_key([offering("g6.xlarge", "us-east-1a")])["topology.kubernetes.io/zone"] == (
        "us-east-1a",
    )


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (
            [offering("g4ad.xlarge"), offering("g5.xlarge")],
            {MAKER: ("amd", "nvidia"), COUNT: ("0",)},
        ),
        ([offering("g6f.large", gpu_count=0), offering("g6.xlarge")], {MAKER: ("nvidia",)}),
        ([offering("g5.xlarge", gpu_name=None, gpu_count=0)], {MAKER: ("nvidia",)}),
        ([offering("g9x.xlarge"), offering("g5.xlarge")], {}),
        ([offering("inf2.xlarge", gpu_name=None, gpu_count=0)], {}),
    ],
    ids=["two makers", "part of a GPU", "catalog in doubt", "unknown family", "no GPU"],
)
def test_aws_gpu_keys_are_there_only_if_they_hold_for_each_type(
    chosen: list[Offering], expected: dict[str, tuple[str, ...]]
) -> None:
    keys = by_key(chosen)

    assert {key: keys[key] for key in (MAKER, COUNT) if key in keys} == expected


def test_alibaba_keys_are_left_off_if_the_provider_derives_nothing_from_one_type() -> None:
    chosen = [
        offering("ecs.gn7i-c8g1.2xlarge", provider="alibaba"),
        offering("ecs.turbo.large", provider="alibaba"),
    ]

    assert not [key for key in by_key(chosen) if key.startswith("karpenter.k8s.alibabacloud")]


def test_variety_is_asked_for_only_on_request() -> None:
    chosen = [offering("g6.xlarge"), offering("g5.xlarge")]

    asked = nodepool_requirements(chosen, min_instance_types=2)[3]
    unasked = nodepool_requirements(chosen)[3]

    assert asked.as_manifest() == {
        "key": TYPE,
        "operator": "In",
        "values": ["g6.xlarge", "g5.xlarge"],
        "minValues": 2,
    }
    assert "minValues" not in unasked.as_manifest()


@pytest.mark.parametrize(("types", "asked"), [(2, 0), (2, 3), (60, 51)])
def test_variety_that_the_list_cannot_give_is_refused(types: int, asked: int) -> None:
    chosen = [offering(f"g5.size{number}") for number in range(types)]

    with pytest.raises(ManifestError, match=f"minValues {asked} of {types} values"):
        nodepool_requirements(chosen, min_instance_types=asked)


def test_the_users_own_requirements_stand_before_the_retire_switch() -> None:
    own = Requirement("karpenter.k8s.aws/instance-local-nvme", "Gt", ("400",))

    assert nodepool_requirements([offering("g5.xlarge")], extra=[own])[-2:] == [
        own,
        Requirement("spotcast.io/retire", "DoesNotExist"),
    ]


def test_the_users_own_requirements_are_checked_too() -> None:
    with pytest.raises(ManifestError, match="no label key"):
        nodepool_requirements(
            [offering("g5.xlarge")], extra=[Requirement("karpenter.k8s.aws/colour", "Exists")]
        )


def test_more_than_100_requirements_are_refused() -> None:
    own = [Requirement(f"example.com/key-{number}", "Exists") for number in range(100)]

    with pytest.raises(ManifestError, match="107; a NodePool holds 100"):
        nodepool_requirements([offering("g5.xlarge")], extra=own)


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ([], "no offering was chosen"),
        ([offering("g5.xlarge"), offering("g5.xlarge", region="us-west-2")], "us-east-1, aws us-w"),
        ([offering("g5.xlarge"), offering("ecs.gn7i.l", provider="alibaba")], "alibaba cn-hang"),
        ([offering("a2", provider="oci", region="europe-west4")], "provider oci"),
        ([offering("NC4as_T4_v3", provider="azure")], "whole name: Standard_NC4as_T4_v3"),
        ([offering("Standard_A", "1", provider="azure")], "write westus2-1"),
        ([offering("g5.xlarge", architecture="x86")], "x86 is not amd64 or arm64"),
        ([offering("g5/xlarge")], "'g5/xlarge' is no label value"),
        ([offering("g5." + "x" * 61)], "is no label value"),
        ([offering("g5.xlarge", "use1-az4"), offering("g5.xlarge", "us-east-1a")], "are mixed"),
        (
            [offering("ecs.gn7i.l", provider="alibaba", capacity_type=CapacityType.RESERVED)],
            "alibaba has no reserved",
        ),
        (
            [
                offering("ecs.gn7i.l", provider="alibaba"),
                offering("ecs.g8y.l", provider="alibaba", architecture="arm64"),
            ],
            "one NodePool per architecture",
        ),
    ],
)
def test_a_choice_that_one_nodepool_cannot_hold_is_refused(
    chosen: list[Offering], complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint):
        nodepool_requirements(chosen)


def test_aws_takes_both_architectures_and_reserved_capacity() -> None:
    chosen = [
        offering("g5.xlarge", capacity_type=CapacityType.RESERVED),
        offering("g5g.xlarge", architecture="arm64"),
    ]

    keys = by_key(chosen)

    assert keys["kubernetes.io/arch"] == ("amd64", "arm64")
    assert keys[CAPACITY_TYPE] == ("reserved", "spot")


@pytest.mark.parametrize(
    ("operator", "values"),
    [
        ("In", ()),
        ("NotIn", ()),
        ("Exists", ("a",)),
        ("DoesNotExist", ("a",)),
        ("Gt", ("x",)),
        ("Gt", ("-1",)),
        ("Gt", ("²",)),
        ("Lt", ("1", "2")),
    ],
)
def test_a_requirement_that_the_api_server_refuses_is_not_made(
    operator: Operator, values: tuple[str, ...]
) -> None:
    with pytest.raises(ManifestError):
        Requirement("example.com/key", operator, values)


def test_azure_counts_gpus_above_nought_for_the_label_is_on_every_size() -> None:
    gpu = offering("Standard_NC4as_T4_v3", "westus2-1", provider="azure")
    cpu = offering("Standard_D4s_v5", provider="azure", gpu_name=None, gpu_count=0)

    assert Requirement("karpenter.azure.com/sku-gpu-count", "Gt", ("0",)) in nodepool_requirements(
        [gpu]
    )
    assert "karpenter.azure.com/sku-gpu-count" not in by_key([gpu, cpu])


def test_gcp_is_asked_for_families_and_never_for_labels_that_no_node_has() -> None:
    keys = by_key(
        [offering(name, provider="gcp") for name in ("g2-standard-4", "a2-highgpu-1g", "g2-x")]
    )

    assert keys["karpenter.k8s.gcp/instance-family"] == ("a2", "g2")
    assert not [key for key in keys if "gpu-m" in key]


def test_a_regional_offering_is_placed_in_the_zones_that_were_asked_for() -> None:
    chosen = [
        offering("g2-standard-4", provider="gcp"),
        offering("a2-x", "us-a1-a", provider="gcp"),
    ]

    found = [one.pool.zone for one in placed(chosen, ("us-b1-b", "us-c1-c"))]

    assert found == ["us-b1-b", "us-c1-c", "us-a1-a"]
    assert placed(chosen, ()) == chosen
