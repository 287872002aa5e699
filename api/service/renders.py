"""The best offerings in the words of the tool that buys them, made for a request."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from advisor import Demand, Policy
from advisor.renderers.autoscaling_group import GroupSettings
from advisor.renderers.cluster_autoscaler import NAMESPACE, PATTERN, ExpanderSettings
from advisor.renderers.compute_class import ComputeClassSettings
from advisor.renderers.ec2_fleet import FleetSettings
from advisor.renderers.eks_node_group import DISK_GIB, EksCluster, NodeGroupSettings
from advisor.renderers.launch_template import DEFAULT_VERSION, LaunchTemplate
from advisor.renderers.skypilot import SkyPilotSettings
from advisor.renderers.subnets import Subnet
from advisor.renderers.terraform import ManifestResource
from api.errors import UsageError
from api.making_renders import (
    compute_class_of,
    expander_of,
    fleet_of,
    line_of,
    node_groups_of,
    provenance_of,
    scaling_group_of,
    skypilot_of,
    terraform_node_groups_of,
    terraform_nodepools_of,
)
from api.service.karpenter import Name, NodePoolFields
from api.service.manifests import (
    ChoiceFields,
    ManifestsOut,
    choice_for,
    choice_in_region,
    choice_of_cloud,
    manifests_of_choice,
    wished,
)
from api.service.state import Service
from api.service.wishes import Asked, Seconds

AWS = "aws"
Text = Annotated[str, Field(max_length=500)]
Size = Annotated[int, Field(ge=0, le=100_000)]
TextByName = Annotated[
    dict[Annotated[str, Field(max_length=253)], Text],
    Field(max_length=100),
]
Strategy = Literal["capacity-optimized-prioritized", "price-capacity-optimized"]


class SubnetIn(BaseModel):
    """A subnet and its zone; without the zone it is of any."""

    model_config = ConfigDict(extra="forbid")

    subnet_id: Text = Field(examples=["subnet-0a1b2c3d"])
    zone: Text | None = Field(default=None, examples=["use1-az4"])


Subnets = Annotated[list[SubnetIn], Field(max_length=50)]


class TemplateFields(ChoiceFields):
    """What machines are started from, and where."""

    launch_template: Text = Field(description="Name or id of an existing launch template.")
    launch_template_version: Text = DEFAULT_VERSION
    on_demand_base: Size = Field(default=0, description="On demand, before any spot.")
    strategy: Strategy = Field(
        default="capacity-optimized-prioritized", description="Only this one reads the order."
    )
    weigh_by_gpus: bool = Field(default=False, description="Sizes are GPUs, not machines.")
    subnet: Subnets = Field(default_factory=list)

    def template(self) -> LaunchTemplate:
        """As the renderer takes it."""
        return LaunchTemplate(self.launch_template, self.launch_template_version)


class FleetIn(Asked, TemplateFields):
    """A request for EC2 CreateFleet."""

    capacity: int = Field(default=1, ge=1, le=100_000, description="Machines (or GPUs) to keep.")
    fleet_type: Literal["maintain", "instant"] = "maintain"
    rebalance_after_seconds: Seconds | None = Field(
        default=None, description="Replace a machine at elevated risk and end it after this time."
    )


class ScalingGroupIn(Asked, TemplateFields):
    """A request for CreateAutoScalingGroup."""

    name: Name = "gpu-spot"
    minimum: Size = 0
    maximum: Size = 10
    desired: Size | None = None
    on_demand_share: float = Field(
        default=0.0, ge=0, le=1, description="On demand of what is above the base."
    )
    capacity_rebalance: bool = Field(
        default=True, description="Start a successor of a machine at elevated risk."
    )


class NodeGroupFields(ChoiceFields):
    """An EKS node group."""

    name: Name = "gpu-spot"
    minimum: Size = 0
    maximum: Size = 10
    desired: Size | None = None
    disk_gib: int = Field(default=DISK_GIB, ge=1, le=65_536)
    labels: TextByName = Field(default_factory=dict, description="Of the nodes.")
    taint_gpu_nodes: bool = True
    per_shape: bool = Field(default=False, description="One group per shape of machine.")
    on_demand: bool = Field(default=False, description="The same machines on demand instead.")

    def settings(self) -> NodeGroupSettings:
        """As the renderer takes it.

        Raises:
            ManifestError: EKS would refuse a value.
        """
        return NodeGroupSettings(
            name=self.name,
            maximum=self.maximum,
            minimum=self.minimum,
            desired=self.desired,
            disk_gib=self.disk_gib,
            taint_gpu_nodes=self.taint_gpu_nodes,
            labels=self.labels,
        )


class NodeGroupIn(Asked, NodeGroupFields):
    """A request for EKS CreateNodegroup."""

    cluster: Text = Field(description="Name of the EKS cluster.")
    node_role: Text = Field(description="ARN of the IAM role of the nodes.")
    subnet: Subnets = Field(default_factory=list)


class TerraformNodeGroupIn(Asked, NodeGroupFields):
    """A Terraform module with an aws_eks_node_group."""


class TerraformNodePoolIn(Asked, NodePoolFields):
    """Karpenter's NodePool as a Terraform resource."""

    resource: ManifestResource = "kubernetes_manifest"


class ExpanderIn(Asked, ChoiceFields):
    """The ConfigMap of Cluster Autoscaler's priority expander."""

    namespace: Name = Field(default=NAMESPACE, description="Where Cluster Autoscaler runs.")
    pattern: Text = Field(default=PATTERN, description="What names of node groups hold.")
    groups: TextByName = Field(
        default_factory=dict, description="By type: its groups, if they are called otherwise."
    )
    last: Annotated[list[Text], Field(max_length=50)] = Field(
        default_factory=list, description="Groups for when nothing else helps."
    )


class ComputeClassIn(Asked, ChoiceFields):
    """A GKE ComputeClass."""

    name: Name = "gpu-spot"
    with_on_demand: bool = False
    scale_up_anyway: bool = Field(
        default=False, description="GKE's default machines where no rule can be met."
    )
    migrate: bool = Field(default=False, description="Move pods to a better rule later.")


class SkyPilotIn(Asked, ChoiceFields):
    """The resources of a SkyPilot task."""

    any_of: bool = Field(default=False, description="Let SkyPilot choose by its own prices.")
    recovery: Literal["EAGER_NEXT_REGION", "FAILOVER"] = "EAGER_NEXT_REGION"
    with_on_demand: bool = False


class LineFields(ChoiceFields):
    """How the line is written."""

    places: bool = Field(default=False, description="Each pool: g5.xlarge@use1-az4.")


class LineIn(Asked, LineFields):
    """Demand, policy and how the line is written."""


def fleet(service: Service, asked: FleetIn) -> ManifestsOut:
    """A request for EC2 CreateFleet."""
    after = asked.rebalance_after_seconds
    settings = FleetSettings(
        launch_template=asked.template(),
        capacity=asked.capacity,
        on_demand_base=asked.on_demand_base,
        fleet_type=asked.fleet_type,
        strategy=asked.strategy,
        weigh_by_gpus=asked.weigh_by_gpus,
        subnets=_subnets(asked.subnet),
        rebalance_after=None if after is None else timedelta(seconds=after),
    )
    demand, policy = wished(asked)
    choice = choice_of_cloud(service, demand, policy, asked.types_max, AWS)
    return manifests_of_choice(fleet_of(choice, settings), choice)


def scaling_group(service: Service, asked: ScalingGroupIn) -> ManifestsOut:
    """A request for CreateAutoScalingGroup."""
    settings = GroupSettings(
        name=asked.name,
        launch_template=asked.template(),
        maximum=asked.maximum,
        minimum=asked.minimum,
        desired=asked.desired,
        on_demand_base=asked.on_demand_base,
        on_demand_share=asked.on_demand_share,
        strategy=asked.strategy,
        weigh_by_gpus=asked.weigh_by_gpus,
        subnets=_subnets(asked.subnet),
        capacity_rebalance=asked.capacity_rebalance,
    )
    demand, policy = wished(asked)
    choice = choice_of_cloud(service, demand, policy, asked.types_max, AWS)
    return manifests_of_choice(scaling_group_of(choice, settings), choice)


def node_groups(service: Service, asked: NodeGroupIn) -> ManifestsOut:
    """A request for EKS CreateNodegroup, or one per shape."""
    settings = asked.settings()
    place = EksCluster(asked.cluster, asked.node_role, _subnets(asked.subnet))
    demand, policy = wished(asked)
    choice = choice_of_cloud(service, demand, policy, asked.types_max, AWS)
    made = node_groups_of(
        choice, settings, place, per_shape=asked.per_shape, is_on_demand=asked.on_demand
    )
    return manifests_of_choice(made, choice)


def terraform_node_groups(service: Service, asked: TerraformNodeGroupIn) -> ManifestsOut:
    """A Terraform module with an aws_eks_node_group."""
    settings = asked.settings()
    demand, policy = wished(asked)
    choice = choice_of_cloud(service, demand, policy, asked.types_max, AWS)
    made = terraform_node_groups_of(
        choice, settings, per_shape=asked.per_shape, is_on_demand=asked.on_demand
    )
    return manifests_of_choice(made, choice)


def terraform_nodepools(service: Service, asked: TerraformNodePoolIn) -> ManifestsOut:
    """Karpenter's NodePool as a Terraform resource."""
    demand, policy = wished(asked)
    choice = choice_in_region(service, demand, policy, asked.types_max)
    wishes = asked.wishes(demand.gpu_manufacturer)
    return manifests_of_choice(terraform_nodepools_of(choice, wishes, asked.resource), choice)


def expander(service: Service, asked: ExpanderIn) -> ManifestsOut:
    """The ConfigMap of the priority expander.

    Raises:
        UsageError: no single provider and region is asked for.
    """
    settings = ExpanderSettings(asked.namespace, asked.pattern, asked.groups, tuple(asked.last))
    demand, policy = wished(asked)
    if len(policy.providers) != 1:
        raise UsageError("give one provider: the node groups of a cluster are of one cloud")
    choice = choice_of_cloud(service, demand, policy, asked.types_max, policy.providers[0])
    return manifests_of_choice(expander_of(choice, settings), choice)


def gke_compute_class(service: Service, asked: ComputeClassIn) -> ManifestsOut:
    """A GKE ComputeClass."""
    settings = ComputeClassSettings(
        asked.name,
        "ScaleUpAnyway" if asked.scale_up_anyway else "DoNotScaleUp",
        active_migration=asked.migrate,
    )
    demand, policy = wished(asked)
    choice = choice_of_cloud(service, demand, policy, asked.types_max, "gcp")
    made = compute_class_of(choice, settings, with_on_demand=asked.with_on_demand)
    return manifests_of_choice(made, choice)


def skypilot(service: Service, asked: SkyPilotIn) -> ManifestsOut:
    """The resources of a SkyPilot task; regions and clouds may be mixed."""
    settings = SkyPilotSettings("any_of" if asked.any_of else "ordered", asked.recovery)
    demand, policy = wished(asked)
    choice = choice_for(service, demand, policy, asked.types_max)
    made = skypilot_of(choice, settings, with_on_demand=asked.with_on_demand)
    return manifests_of_choice(made, choice, *provenance_of(choice).sentences())


def line(service: Service, demand: Demand, policy: Policy, asked: LineFields) -> ManifestsOut:
    """The instance types in one line, with commas between."""
    choice = choice_for(service, demand, policy, asked.types_max)
    return manifests_of_choice(line_of(choice, with_places=asked.places), choice)


def _subnets(given: list[SubnetIn]) -> tuple[Subnet, ...]:
    return tuple(Subnet(one.subnet_id, one.zone) for one in given)
