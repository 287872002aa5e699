"""EC2 Fleet, Auto Scaling and EKS: the requests pass AWS' own models, and keep its limits."""

import functools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.renderers.autoscaling_group import GroupSettings, create_auto_scaling_group
from advisor.renderers.ec2_fleet import FleetSettings, create_fleet
from advisor.renderers.eks_node_group import (
    EksCluster,
    NodeGroupSettings,
    create_nodegroup,
    one_per_shape,
)
from advisor.renderers.launch_template import LaunchTemplate
from advisor.renderers.subnets import Subnet
from tests.support.renderers import (
    MACHINES,
    PROVENANCE,
    ZONES,
    Machine,
    choices,
    chosen,
    many_types,
    some,
)
from warehouse.records import REGIONAL, CapacityType, Offering

TEMPLATE = LaunchTemplate("gpu")
SUBNETS = tuple(Subnet(f"subnet-{number}", zone) for number, zone in enumerate(ZONES["aws"]))
EKS = EksCluster("prod", "arn:aws:iam::123456789012:role/nodes", SUBNETS)
GRAVITON = Machine("g5g.xlarge", 4, 8, "T4g", 1, 16, architecture="arm64")


@functools.cache
def input_shape(service: str, operation: str) -> Any:
    return (
        botocore.session.get_session()
        .get_service_model(service)
        .operation_model(operation)
        .input_shape
    )


def complaints(service: str, operation: str, request: dict[str, Any]) -> str:
    found: str = (
        ParamValidator().validate(request, input_shape(service, operation)).generate_report()
    )
    return found


def strange_values(service: str, operation: str, request: dict[str, Any]) -> list[str]:
    """Texts that are none of those the model lists: ParamValidator lets them pass."""

    def walk(shape: Any, value: Any) -> Iterator[str]:
        if shape.type_name == "structure":
            for name, inner in value.items():
                yield from walk(shape.members[name], inner)
        elif shape.type_name == "list":
            for inner in value:
                yield from walk(shape.member, inner)
        elif shape.type_name == "string" and shape.enum and value not in shape.enum:
            yield value

    return list(walk(input_shape(service, operation), request))


def fleet(offerings: list[Offering], **given: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"launch_template": TEMPLATE, "capacity": 4} | given
    return create_fleet(offerings, FleetSettings(**wanted), PROVENANCE).document


def group(offerings: list[Offering], **given: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"name": "gpu", "launch_template": TEMPLATE, "maximum": 8}
    wanted |= {"subnets": SUBNETS, **given}
    made = create_auto_scaling_group(offerings, GroupSettings(**wanted), PROVENANCE)
    return made.document


def node_group(offerings: list[Offering]) -> dict[str, Any]:
    return create_nodegroup(offerings, NodeGroupSettings("gpu-spot", 8), EKS, PROVENANCE).document


def overrides_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    return request["LaunchTemplateConfigs"][0]["Overrides"]  # type: ignore[no-any-return] # JSON


@settings(deadline=None, max_examples=50)
@given(
    choices("aws"),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["maintain", "instant"]),
    st.sampled_from(["capacity-optimized-prioritized", "price-capacity-optimized"]),
)
def test_every_fleet_passes_ec2s_model_and_holds_each_pool_once(
    offerings: list[Offering], with_subnets: Any, weighed: Any, kind: str, strategy: str
) -> None:
    request = fleet(
        offerings,
        subnets=SUBNETS if with_subnets else (),
        weigh_by_gpus=weighed,
        fleet_type=kind,
        strategy=strategy,
    )

    assert complaints("ec2", "CreateFleet", request) == ""
    assert [
        value
        for value in strange_values("ec2", "CreateFleet", request)
        if value not in {one.instance_type for one in MACHINES["aws"]}
    ] == []
    places = [
        (one["InstanceType"], one.get("SubnetId"), one.get("AvailabilityZoneId"))
        for one in overrides_of(request)
    ]
    assert len(set(places)) == len(places)
    assert {kind for kind, *_ in places} == {one.pool.instance_type for one in offerings}
    assert "MaxPrice" not in str(request)


@settings(deadline=None, max_examples=50)
@given(choices("aws"), st.booleans(), st.booleans(), st.integers(0, 100))
def test_every_group_passes_auto_scalings_model_and_holds_each_type_once(
    offerings: list[Offering], rebalance: Any, weighed: Any, percent: int
) -> None:
    request = group(
        offerings,
        capacity_rebalance=rebalance,
        weigh_by_gpus=weighed,
        on_demand_share=percent / 100,
    )

    assert complaints("autoscaling", "CreateAutoScalingGroup", request) == ""
    policy = request["MixedInstancesPolicy"]
    types = [one["InstanceType"] for one in policy["LaunchTemplate"]["Overrides"]]
    assert types == list(dict.fromkeys(one.pool.instance_type for one in offerings))
    assert policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == percent


@settings(deadline=None, max_examples=50)
@given(choices("aws"))
def test_every_node_group_passes_eks_model_and_one_per_shape_holds_all_types_once(
    offerings: list[Offering],
) -> None:
    request = node_group(offerings)
    parts = [
        create_nodegroup(part, wanted, EKS, PROVENANCE)
        for part, wanted in one_per_shape(offerings, NodeGroupSettings("gpu", 8))
    ]

    assert complaints("eks", "CreateNodegroup", request) == ""
    assert strange_values("eks", "CreateNodegroup", request) == []
    types = [name for part in parts for name in part.document["instanceTypes"]]
    assert sorted(types) == sorted(request["instanceTypes"])
    assert not any("shapes" in note for part in parts for note in part.notes)
    assert len({part.document["nodegroupName"] for part in parts}) == len(parts)


def test_the_better_offering_has_the_higher_priority() -> None:
    request = fleet(
        [
            *some("aws", "g6.xlarge", zone="use1-az4"),
            *some("aws", "g5.xlarge", zone="us-east-1a"),
            *some("aws", "g4dn.xlarge"),
        ]
    )

    assert overrides_of(request) == [
        {"InstanceType": "g6.xlarge", "AvailabilityZoneId": "use1-az4", "Priority": 0},
        {"InstanceType": "g5.xlarge", "AvailabilityZone": "us-east-1a", "Priority": 1},
        {"InstanceType": "g4dn.xlarge", "Priority": 2},
    ]


def test_a_zone_without_a_subnet_is_left_out_and_said() -> None:
    offerings = [*some("aws", "g6.xlarge", zone="use1-az4"), *some("aws", "g5.xlarge")]
    settings = FleetSettings(TEMPLATE, 2, subnets=(Subnet("subnet-0", "use1-az1"),))

    made = create_fleet(offerings, settings, PROVENANCE)

    assert overrides_of(made.document) == [
        {"InstanceType": "g5.xlarge", "SubnetId": "subnet-0", "Priority": 1}
    ]
    assert "Left out, as no subnet is there: use1-az4." in made.notes


def test_gpus_are_counted_and_a_part_of_one_is_refused() -> None:
    offerings = some("aws", "g5.12xlarge", "g5.xlarge")
    part = chosen(Machine("g6f.large", 2, 8, "L4", 0, 2.8))

    assert [
        one["WeightedCapacity"] for one in overrides_of(fleet(offerings, weigh_by_gpus=True))
    ] == [4, 1]
    with pytest.raises(ManifestError, match=r"g6f\.large has no whole GPU"):
        fleet([part], weigh_by_gpus=True)
    with pytest.raises(ManifestError, match=r"g6f\.large has no whole GPU"):
        group([part], weigh_by_gpus=True)


def test_what_exceeds_a_limit_is_left_out_from_the_end_and_said() -> None:
    zones = ZONES["aws"]
    in_fleet = create_fleet(many_types(101, zones), FleetSettings(TEMPLATE, 2), PROVENANCE)
    in_group = create_auto_scaling_group(
        many_types(41, zones), GroupSettings("gpu", TEMPLATE, 8), PROVENANCE
    )
    in_nodes = create_nodegroup(many_types(22), NodeGroupSettings("gpu", 8), EKS, PROVENANCE)

    assert len(overrides_of(in_fleet.document)) == 300
    assert "the last 3 of 303 were left out" in in_fleet.notes[0]
    policy = in_group.document["MixedInstancesPolicy"]["LaunchTemplate"]
    assert [one["InstanceType"] for one in policy["Overrides"]] == [
        f"g5.size{number}" for number in range(40)
    ]
    assert "the last 1 of 41 was left out" in in_group.notes[0]
    assert in_nodes.document["instanceTypes"][-1] == "g5.size19"
    assert "the last 2 of 22 were left out" in in_nodes.notes[0]


def test_a_group_names_zones_by_id_or_by_name_and_never_none() -> None:
    by_id = group(some("aws", "g5.xlarge", zone="use1-az4"), subnets=())
    by_name = group(some("aws", "g5.xlarge", zone="us-east-1a"), subnets=())

    assert by_id["AvailabilityZoneIds"] == ["use1-az4"]
    assert by_name["AvailabilityZones"] == ["us-east-1a"]
    with pytest.raises(ManifestError, match="name no zone; name subnets"):
        group(some("aws", "g5.xlarge"), subnets=())


def test_a_strategy_that_does_not_read_the_order_is_said() -> None:
    offerings = some("aws", "g5.xlarge")
    strategy: Any = "price-capacity-optimized"
    in_fleet = create_fleet(offerings, FleetSettings(TEMPLATE, 2, strategy=strategy), PROVENANCE)
    settings = GroupSettings("gpu", TEMPLATE, 8, desired=2, strategy=strategy, subnets=SUBNETS)
    in_group = create_auto_scaling_group(offerings, settings, PROVENANCE)

    assert in_group.document["DesiredCapacity"] == 2
    for made in (in_fleet, in_group):
        assert "price-capacity-optimized does not read our order" in made.notes[0]
    assert "Priority" not in str(in_fleet.document)


def test_the_pairs_that_nobody_ranked_are_told() -> None:
    offerings = [
        *some("aws", "g5.xlarge", zone="use1-az1"),
        *some("aws", "g6.xlarge", zone="use1-az4"),
    ]
    made = create_auto_scaling_group(offerings, GroupSettings("gpu", TEMPLATE, 8), PROVENANCE)

    assert "may also start 2 pools that were not ranked" in made.notes[0]


@pytest.mark.parametrize(
    ("machines", "image"),
    [
        ((MACHINES["aws"][0],), "AL2023_x86_64_NVIDIA"),
        ((GRAVITON,), "AL2023_ARM_64_NVIDIA"),
        ((Machine("m7i.large", 2, 8),), "AL2023_x86_64_STANDARD"),
        ((Machine("m7g.large", 2, 8, architecture="arm64"),), "AL2023_ARM_64_STANDARD"),
    ],
)
def test_the_image_follows_from_the_machines(machines: tuple[Machine, ...], image: str) -> None:
    assert node_group([chosen(one) for one in machines])["amiType"] == image


@pytest.mark.parametrize(
    ("machines", "reason"),
    [
        ((MACHINES["aws"][0], GRAVITON), "architecture is amd64 and arm64"),
        ((MACHINES["aws"][0], Machine("m7i.large", 2, 8)), "GPU is none and nvidia"),
        ((Machine("g4ad.xlarge", 4, 16, "RADEON-PRO-V520", 1, 8),), "no image for g4ad.xlarge"),
    ],
)
def test_machines_that_no_image_serves_are_refused(
    machines: tuple[Machine, ...], reason: str
) -> None:
    with pytest.raises(ManifestError, match=reason):
        node_group([chosen(one) for one in machines])


def test_a_node_group_is_spot_or_on_demand_as_a_whole() -> None:
    listed = chosen(MACHINES["aws"][0], capacity_type=CapacityType.ON_DEMAND)

    assert node_group([listed])["capacityType"] == "ON_DEMAND"
    with pytest.raises(ManifestError, match="on-demand and spot; make two"):
        node_group([listed, *some("aws", "g5.xlarge")])
    with pytest.raises(ManifestError, match="takes spot offerings, not on-demand"):
        fleet([listed])


def test_machines_of_several_shapes_in_one_group_are_warned_of() -> None:
    made = create_nodegroup(
        some("aws", "g5.xlarge", "g5.2xlarge"), NodeGroupSettings("gpu", 8), EKS, PROVENANCE
    )

    assert "Machines of 2 shapes share one node group" in made.notes[-1]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda: FleetSettings(TEMPLATE, 0), "capacity: 0 is not 1 or more"),
        (lambda: FleetSettings(TEMPLATE, 2, on_demand_base=3), "not 0 to the capacity 2"),
        (
            lambda: FleetSettings(TEMPLATE, 2, rebalance_after=timedelta(seconds=60)),
            "2 minutes to 2 hours",
        ),
        (
            lambda: FleetSettings(
                TEMPLATE, 2, fleet_type="instant", rebalance_after=timedelta(minutes=5)
            ),
            "an instant fleet replaces no machines",
        ),
        (lambda: GroupSettings("", TEMPLATE, 2), "name: '' is not 1 to 255"),
        (lambda: GroupSettings("a", TEMPLATE, 2, minimum=3), "minimum 3, desired 3, maximum 2"),
        (lambda: GroupSettings("a", TEMPLATE, 2, on_demand_base=3), "3 is not 0 to the maximum"),
        (lambda: GroupSettings("a", TEMPLATE, 2, on_demand_share=0.125), "whole hundredths"),
        (lambda: NodeGroupSettings("-a", 2), "no name of a node group"),
        (lambda: NodeGroupSettings("a", 0), "maximum 0"),
        (lambda: NodeGroupSettings("a", 1, disk_gib=0), "0 GiB is not 1 or more"),
        (lambda: NodeGroupSettings("a", 1, labels={"a b": "c"}), "not of the form"),
        (lambda: EksCluster("", "arn:aws:iam::1:role/n", SUBNETS), "no name"),
        (lambda: EksCluster("a", "nodes", SUBNETS), "'nodes' is no ARN"),
        (lambda: EksCluster("a", "arn:aws:iam::1:role/n", ()), "wants subnets"),
        (lambda: LaunchTemplate("x"), "neither a name nor an id"),
        (lambda: LaunchTemplate("gpu", "newest"), "version 'newest' is no number"),
        (lambda: Subnet("vpc-1"), "'vpc-1' is no subnet id"),
    ],
)
def test_a_value_that_aws_would_refuse_is_told_before(wrong: Any, reason: str) -> None:
    with pytest.raises(ManifestError, match=reason):
        wrong()


def test_subnets_elsewhere_or_of_unknown_zone_are_told() -> None:
    offerings = some("aws", "g5.xlarge", zone="use1-az4")

    with pytest.raises(ManifestError, match="write use1-az4=subnet-1"):
        fleet(offerings, subnets=(Subnet("subnet-1"),))
    with pytest.raises(ManifestError, match="no subnet is in a zone of the offerings"):
        fleet(offerings, subnets=(Subnet("subnet-1", "use1-az1"),))
    with pytest.raises(ManifestError, match="are in use1-az1; the offerings are in use1-az4"):
        group(offerings, subnets=(Subnet("subnet-1", "use1-az1"),))


def test_another_cloud_another_region_or_nothing_is_refused() -> None:
    with pytest.raises(ManifestError, match="is for aws, and the offerings are of gcp"):
        fleet(some("gcp", "g2-standard-4"))
    with pytest.raises(ManifestError, match="one region, not aws us-east-1, aws us-west-2"):
        group([*some("aws", "g5.xlarge"), chosen(MACHINES["aws"][0], region="us-west-2")])
    with pytest.raises(ManifestError, match="no offering was chosen"):
        node_group([])


def test_an_offering_of_a_whole_region_is_started_in_each_subnet() -> None:
    request = fleet(some("aws", "g5.xlarge", zone=REGIONAL), subnets=SUBNETS)

    assert [one["SubnetId"] for one in overrides_of(request)] == [
        "subnet-0",
        "subnet-1",
        "subnet-2",
    ]
