"""``spotcast render``: the best offerings in the words of the tool that buys them."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from advisor.renderers.cluster_autoscaler import NAMESPACE, PATTERN, ExpanderSettings
from advisor.renderers.compute_class import ComputeClassSettings, WhenUnsatisfiable
from advisor.renderers.skypilot import SkyPilotSettings
from advisor.renderers.terraform import ManifestResource
from api.commands.nodepool import NodePoolOptions
from api.commands.render_aws import (
    NodeGroupOptions,
    autoscaling_group_command,
    ec2_fleet_command,
    eks_node_group_command,
)
from api.errors import UsageError
from api.making import Made
from api.making_renders import (
    compute_class_of,
    expander_of,
    line_of,
    provenance_of,
    skypilot_of,
    terraform_node_groups_of,
    terraform_nodepools_of,
)
from api.options import with_fields
from api.output import Manifest
from api.renderings import Output, RenderOptions, conclude, pairs, write_document

render_app = typer.Typer(
    help="Write the best offerings as the tool that buys them reads it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
render_app.command("ec2-fleet")(ec2_fleet_command)
render_app.command("autoscaling-group")(autoscaling_group_command)
render_app.command("eks-node-group")(eks_node_group_command)


class Language(StrEnum):
    """Terraform's two syntaxes."""

    JSON = "json"
    HCL = "hcl"


class Recovery(StrEnum):
    """SkyPilot's two ways to go on."""

    EAGER_NEXT_REGION = "EAGER_NEXT_REGION"
    FAILOVER = "FAILOVER"


Syntax = Annotated[
    Language, typer.Option("--output", "-o", help="A .tf.json file, or a .tf file for reading.")
]
WithOnDemand = Annotated[
    bool, typer.Option("--with-on-demand", help="The same machines on demand, behind all others.")
]


@render_app.command("terraform-node-group")
@with_fields(NodeGroupOptions)
def terraform_node_group_command(
    options: NodeGroupOptions, context: typer.Context, output: Syntax = Language.JSON
) -> None:
    """Write a Terraform module with an aws_eks_node_group (aws).

    The module asks for three variables: cluster_name, node_role_arn and subnet_ids.
    """
    choice = options.choice_in(context.obj, "aws")
    made = terraform_node_groups_of(
        choice, options.settings(), per_shape=options.per_shape, is_on_demand=options.on_demand
    )
    write_terraform(made, output)
    conclude(choice, made.notes)


@render_app.command("terraform-nodepool")
@with_fields(NodePoolOptions)
def terraform_nodepool_command(
    options: NodePoolOptions,
    context: typer.Context,
    kubectl: Annotated[
        bool,
        typer.Option(
            "--kubectl", help="As kubectl_manifest, which wants no CRD at the time of the plan."
        ),
    ] = False,
    output: Syntax = Language.JSON,
) -> None:
    """Write Karpenter's NodePool as a Terraform resource."""
    choice = options.choice(context.obj)
    resource: ManifestResource = "kubectl_manifest" if kubectl else "kubernetes_manifest"
    made = terraform_nodepools_of(choice, options.wishes(), resource)
    write_terraform(made, output)
    conclude(choice, made.notes)


@render_app.command("cluster-autoscaler")
@with_fields(RenderOptions)
def cluster_autoscaler_command(
    options: RenderOptions,
    context: typer.Context,
    namespace: Annotated[str, typer.Option(help="Where Cluster Autoscaler runs.")] = NAMESPACE,
    pattern: Annotated[
        str, typer.Option(help="What names of node groups hold: {type}, or {type} and {zone}.")
    ] = PATTERN,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="TYPE=REGEX",
            help="A type's groups, if called otherwise; repeatable.",
        ),
    ] = None,
    last: Annotated[
        list[str] | None,
        typer.Option("--last", metavar="REGEX", help="Groups for when nothing else helps."),
    ] = None,
    output: Output = Manifest.YAML,
) -> None:
    """Write the ConfigMap of Cluster Autoscaler's priority expander."""
    if len(options.policy.providers) != 1:
        raise UsageError("give --provider: the node groups of a cluster are of one cloud")
    choice = options.choice_in(context.obj, options.policy.providers[0])
    settings = ExpanderSettings(namespace, pattern, pairs(group, "--group"), tuple(last or ()))
    made = expander_of(choice, settings)
    write_document(made.documents[0], output)
    conclude(choice, made.notes)


@render_app.command("compute-class")
@with_fields(RenderOptions)
def compute_class_command(
    options: RenderOptions,
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Name of the ComputeClass.")] = "gpu-spot",
    with_on_demand: WithOnDemand = False,
    scale_up_anyway: Annotated[
        bool,
        typer.Option("--scale-up-anyway", help="GKE's default machines where no rule can be met."),
    ] = False,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Move pods to a better rule once it has capacity.")
    ] = False,
    output: Output = Manifest.YAML,
) -> None:
    """Write a GKE ComputeClass (gcp)."""
    choice = options.choice_in(context.obj, "gcp")
    unmet: WhenUnsatisfiable = "ScaleUpAnyway" if scale_up_anyway else "DoNotScaleUp"
    settings = ComputeClassSettings(name, unmet, active_migration=migrate)
    made = compute_class_of(choice, settings, with_on_demand=with_on_demand)
    write_document(made.documents[0], output)
    conclude(choice, made.notes)


@render_app.command("skypilot")
@with_fields(RenderOptions)
def skypilot_command(
    options: RenderOptions,
    context: typer.Context,
    any_of: Annotated[
        bool, typer.Option("--any-of", help="Let SkyPilot choose by its own prices.")
    ] = False,
    recovery: Annotated[
        Recovery, typer.Option(help="Where a managed job goes on when it was interrupted.")
    ] = Recovery.EAGER_NEXT_REGION,
    with_on_demand: WithOnDemand = False,
    output: Output = Manifest.YAML,
) -> None:
    """Write the resources of a SkyPilot task (aws, gcp, azure; regions and clouds may be mixed)."""
    choice = options.choice(context.obj)
    settings = SkyPilotSettings("any_of" if any_of else "ordered", recovery.value)
    made = skypilot_of(choice, settings, with_on_demand=with_on_demand)
    write_document(made.documents[0], output, provenance_of(choice).sentences())
    conclude(choice, made.notes)


@render_app.command("one-line")
@with_fields(RenderOptions)
def one_line_command(
    options: RenderOptions,
    context: typer.Context,
    places: Annotated[
        bool, typer.Option("--places", help="Each pool by type and zone: g5.xlarge@use1-az4.")
    ] = False,
) -> None:
    """Write the instance types in one line, with commas between."""
    choice = options.choice(context.obj)
    sys.stdout.write(line_of(choice, with_places=places).text or "")
    conclude(choice, ())


def write_terraform(made: Made, language: Language) -> None:
    """To standard output, in the language asked for."""
    if language is Language.HCL:
        sys.stdout.write(made.text or "")
    else:
        write_document(made.documents[0], Manifest.JSON)
