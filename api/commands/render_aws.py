"""``spotcast render`` for AWS: requests to EC2, Auto Scaling and EKS."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from advisor.renderers.autoscaling_group import GroupSettings
from advisor.renderers.ec2_fleet import FleetSettings
from advisor.renderers.eks_node_group import DISK_GIB, EksCluster, NodeGroupSettings
from advisor.renderers.launch_template import DEFAULT_VERSION, LaunchTemplate
from advisor.renderers.subnets import Subnet
from api.making_renders import fleet_of, node_groups_of, scaling_group_of
from api.options import span, with_fields
from api.output import Manifest
from api.renderings import Output, RenderOptions, conclude, pairs, write_document


class FleetKind(StrEnum):
    """Kinds of fleets."""

    MAINTAIN = "maintain"
    INSTANT = "instant"


class Strategy(StrEnum):
    """AWS' two good strategies for spot capacity."""

    PRIORITIZED = "capacity-optimized-prioritized"
    PRICE = "price-capacity-optimized"


Subnets = Annotated[
    list[str] | None,
    typer.Option(
        "--subnet", metavar="ZONE=SUBNET", help="Subnet and its zone, or alone; may be repeated."
    ),
]
Minimum = Annotated[int, typer.Option("--min", min=0, help="Smallest size.")]
Maximum = Annotated[int, typer.Option("--max", min=1, help="Largest size.")]
Desired = Annotated[int | None, typer.Option("--desired", min=0, help="Size to start with.")]
StrategyOption = Annotated[Strategy, typer.Option(help="Only the first one reads the order.")]
Template = Annotated[str, typer.Option(help="Name or id of an existing launch template.")]
TemplateVersion = Annotated[str, typer.Option(help="Its version: a number, $Default or $Latest.")]
WeighByGpus = Annotated[bool, typer.Option("--weigh-by-gpus", help="Sizes are GPUs, not machines.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroupOptions(RenderOptions):
    """The options of an EKS node group; the same for the request and for Terraform."""

    name: Annotated[str, typer.Option(help="Name of the node group.")] = "gpu-spot"
    minimum: Minimum = 0
    maximum: Maximum = 10
    desired: Desired = None
    disk: Annotated[int, typer.Option("--disk", min=1, help="GiB of a node's disk.")] = DISK_GIB
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="Label of the nodes; may be repeated."),
    ] = None
    no_taint: Annotated[
        bool, typer.Option("--no-taint", help="Let pods without GPUs onto nodes with GPUs.")
    ] = False
    per_shape: Annotated[
        bool,
        typer.Option(
            "--per-shape", help="One group per shape of machine, as Cluster Autoscaler wants it."
        ),
    ] = False
    on_demand: Annotated[
        bool, typer.Option("--on-demand", help="The same machines on demand instead of spot.")
    ] = False

    def settings(self) -> NodeGroupSettings:
        """What the group is called and how large it gets."""
        return NodeGroupSettings(
            name=self.name,
            maximum=self.maximum,
            minimum=self.minimum,
            desired=self.desired,
            disk_gib=self.disk,
            taint_gpu_nodes=not self.no_taint,
            labels=pairs(self.label, "--label"),
        )


@with_fields(RenderOptions)
def ec2_fleet_command(
    options: RenderOptions,
    context: typer.Context,
    launch_template: Template,
    launch_template_version: TemplateVersion = DEFAULT_VERSION,
    capacity: Annotated[int, typer.Option(min=1, help="Machines (or GPUs) to keep.")] = 1,
    on_demand_base: Annotated[int, typer.Option(min=0, help="Of these, on demand.")] = 0,
    kind: Annotated[FleetKind, typer.Option("--fleet-type", help="Kept, or asked for once.")] = (
        FleetKind.MAINTAIN
    ),
    strategy: StrategyOption = Strategy.PRIORITIZED,
    weigh_by_gpus: WeighByGpus = False,
    subnet: Subnets = None,
    rebalance_after: Annotated[
        timedelta | None,
        typer.Option(
            parser=span,
            metavar="DURATION",
            help="Replace a machine at elevated risk, and end it after this time.",
        ),
    ] = None,
    output: Output = Manifest.JSON,
) -> None:
    """Write a request for EC2 CreateFleet (aws)."""
    choice = options.choice_in(context.obj, "aws")
    settings = FleetSettings(
        launch_template=LaunchTemplate(launch_template, launch_template_version),
        capacity=capacity,
        on_demand_base=on_demand_base,
        fleet_type=kind.value,
        strategy=strategy.value,
        weigh_by_gpus=weigh_by_gpus,
        subnets=subnets_of(subnet),
        rebalance_after=rebalance_after,
    )
    made = fleet_of(choice, settings)
    write_document(made.documents[0], output)
    conclude(choice, made.notes)


@with_fields(RenderOptions)
def autoscaling_group_command(
    options: RenderOptions,
    context: typer.Context,
    launch_template: Template,
    launch_template_version: TemplateVersion = DEFAULT_VERSION,
    name: Annotated[str, typer.Option(help="Name of the group.")] = "gpu-spot",
    minimum: Minimum = 0,
    maximum: Maximum = 10,
    desired: Desired = None,
    on_demand_base: Annotated[int, typer.Option(min=0, help="On demand, before any spot.")] = 0,
    on_demand_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share on demand of what is above that, 0 to 1.")
    ] = 0.0,
    strategy: StrategyOption = Strategy.PRIORITIZED,
    weigh_by_gpus: WeighByGpus = False,
    subnet: Subnets = None,
    no_rebalance: Annotated[
        bool,
        typer.Option("--no-rebalance", help="Leave machines at elevated risk where they are."),
    ] = False,
    output: Output = Manifest.JSON,
) -> None:
    """Write a request for CreateAutoScalingGroup with a MixedInstancesPolicy (aws)."""
    choice = options.choice_in(context.obj, "aws")
    settings = GroupSettings(
        name=name,
        launch_template=LaunchTemplate(launch_template, launch_template_version),
        maximum=maximum,
        minimum=minimum,
        desired=desired,
        on_demand_base=on_demand_base,
        on_demand_share=on_demand_share,
        strategy=strategy.value,
        weigh_by_gpus=weigh_by_gpus,
        subnets=subnets_of(subnet),
        capacity_rebalance=not no_rebalance,
    )
    made = scaling_group_of(choice, settings)
    write_document(made.documents[0], output)
    conclude(choice, made.notes)


@with_fields(NodeGroupOptions)
def eks_node_group_command(
    options: NodeGroupOptions,
    context: typer.Context,
    cluster: Annotated[str, typer.Option(help="Name of the EKS cluster.")],
    node_role: Annotated[str, typer.Option(help="ARN of the IAM role of the nodes.")],
    subnet: Subnets = None,
    output: Output = Manifest.JSON,
) -> None:
    """Write a request for EKS CreateNodegroup, or one per shape (aws)."""
    choice = options.choice_in(context.obj, "aws")
    place = EksCluster(cluster, node_role, subnets_of(subnet))
    made = node_groups_of(
        choice,
        options.settings(),
        place,
        per_shape=options.per_shape,
        is_on_demand=options.on_demand,
    )
    write_document(made.documents if options.per_shape else made.documents[0], output)
    conclude(choice, made.notes)


def subnets_of(texts: list[str] | None) -> tuple[Subnet, ...]:
    """``["use1-az4=subnet-1", "subnet-2"]`` as subnets.

    Raises:
        ManifestError: one is no subnet id.
    """
    halves = (text.rpartition("=") for text in texts or ())
    return tuple(Subnet(subnet_id, zone or None) for zone, _, subnet_id in halves)
