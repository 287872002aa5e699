"""EC2 Fleet, Auto Scaling and EKS: a server made of AWS' own models creates what is asked."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from advisor.renderers.autoscaling_group import GroupSettings, create_auto_scaling_group
from advisor.renderers.ec2_fleet import FleetSettings, create_fleet
from advisor.renderers.eks_node_group import EksCluster, NodeGroupSettings, create_nodegroup
from advisor.renderers.launch_template import LaunchTemplate
from advisor.renderers.subnets import Subnet
from tests.support.renderers import PROVENANCE, some

TEMPLATE = LaunchTemplate("gpu")


def client(service: str) -> Any:
    """A client of any service: its answers are JSON."""
    return boto3.session.Session(region_name="us-east-1").client(service)  # type: ignore[call-overload] # a name known only here


@mock_aws
def test_a_server_made_of_the_same_models_creates_what_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    ec2, scaling, eks = (client(name) for name in ("ec2", "autoscaling", "eks"))
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.create_launch_template(LaunchTemplateName="gpu", LaunchTemplateData={"ImageId": image})
    subnets = tuple(
        Subnet(one["SubnetId"], one["AvailabilityZoneId"])
        for one in ec2.describe_subnets()["Subnets"]
    )
    role = "arn:aws:iam::123456789012:role/nodes"
    ids = [one.subnet_id for one in subnets]
    eks.create_cluster(name="prod", roleArn=role, resourcesVpcConfig={"subnetIds": ids})
    offerings = some("aws", "g5.xlarge", "g6.xlarge")

    fleet = create_fleet(offerings, FleetSettings(TEMPLATE, 2, on_demand_base=1), PROVENANCE)
    group = create_auto_scaling_group(
        offerings, GroupSettings("gpu", TEMPLATE, 8, subnets=subnets), PROVENANCE
    )

    made = ec2.create_fleet(**fleet.document)
    scaling.create_auto_scaling_group(**group.document)
    request = create_nodegroup(
        offerings, NodeGroupSettings("gpu-spot", 8), EksCluster("prod", role, subnets), PROVENANCE
    )
    eks.create_nodegroup(**request.document)

    assert made["FleetId"].startswith("fleet-")
    found = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert found["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"] == [
        {"InstanceType": "g5.xlarge"},
        {"InstanceType": "g6.xlarge"},
    ]
    nodes = eks.describe_nodegroup(clusterName="prod", nodegroupName="gpu-spot")["nodegroup"]
    assert nodes["instanceTypes"] == ["g5.xlarge", "g6.xlarge"]
    assert nodes["tags"]["spotcast.io/unknown-risk-pools"] == "1"
