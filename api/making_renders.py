"""A choice in the words of the tool that buys it: one function for each output of ``render``."""

from collections.abc import Sequence
from typing import Any

from advisor.offerings import on_demand
from advisor.renderers.autoscaling_group import GroupSettings, create_auto_scaling_group
from advisor.renderers.choice import Provenance, Rendered
from advisor.renderers.cluster_autoscaler import ExpanderSettings, priority_expander
from advisor.renderers.compute_class import ComputeClassSettings, compute_class
from advisor.renderers.ec2_fleet import FleetSettings, create_fleet
from advisor.renderers.eks_node_group import (
    EksCluster,
    NodeGroupSettings,
    create_nodegroup,
    one_per_shape,
)
from advisor.renderers.hcl import to_hcl
from advisor.renderers.one_line import one_line
from advisor.renderers.skypilot import SkyPilotSettings, resources
from advisor.renderers.terraform import ManifestResource, eks_node_group, karpenter_manifests
from api.choices import Choice
from api.making import Made, NodePoolWishes, nodepools_of
from warehouse.records import Offering


def provenance_of(choice: Choice) -> Provenance:
    """Where the choice comes from."""
    return Provenance(
        data_as_of=choice.data_as_of,
        risk_basis=choice.answer.risk_basis,
        is_stale=choice.is_stale,
        pools=len(choice.ranked),
        unknown_risk_pools=len(choice.unknown_risk),
    )


def fleet_of(choice: Choice, settings: FleetSettings) -> Made:
    """A request for EC2 CreateFleet."""
    return _made(create_fleet(choice.offerings, settings, provenance_of(choice)))


def scaling_group_of(choice: Choice, settings: GroupSettings) -> Made:
    """A request for CreateAutoScalingGroup."""
    return _made(create_auto_scaling_group(choice.offerings, settings, provenance_of(choice)))


def node_groups_of(
    choice: Choice,
    settings: NodeGroupSettings,
    place: EksCluster,
    *,
    per_shape: bool = False,
    is_on_demand: bool = False,
) -> Made:
    """A request for EKS CreateNodegroup, or one per shape of machine."""
    groups, notes = _groups(choice, settings, per_shape=per_shape, is_on_demand=is_on_demand)
    made = [
        create_nodegroup(offerings, own, place, provenance_of(choice)) for offerings, own in groups
    ]
    told = [*notes, *(text for one in made for text in one.notes)]
    return Made([one.document for one in made], list(dict.fromkeys(told)))


def terraform_node_groups_of(
    choice: Choice,
    settings: NodeGroupSettings,
    *,
    per_shape: bool = False,
    is_on_demand: bool = False,
) -> Made:
    """A Terraform module with an aws_eks_node_group, or one per shape; the text is HCL."""
    groups, notes = _groups(choice, settings, per_shape=per_shape, is_on_demand=is_on_demand)
    made = [eks_node_group(offerings, own, provenance_of(choice)) for offerings, own in groups]
    document = made[0].document
    for other in made[1:]:
        for kind, named in other.document["resource"].items():
            document["resource"][kind] |= named
    told = [*notes, *(text for one in made for text in one.notes)]
    return _terraform(document, told)


def terraform_nodepools_of(
    choice: Choice, wishes: NodePoolWishes, resource: ManifestResource
) -> Made:
    """Karpenter's NodePools as Terraform resources; the text is HCL."""
    documents = nodepools_of(choice, wishes).documents
    made = karpenter_manifests(documents, provenance_of(choice), resource)
    return _terraform(made.document, made.notes)


def expander_of(choice: Choice, settings: ExpanderSettings) -> Made:
    """The ConfigMap of Cluster Autoscaler's priority expander."""
    return _made(priority_expander(choice.offerings, settings, provenance_of(choice)))


def compute_class_of(
    choice: Choice, settings: ComputeClassSettings, *, with_on_demand: bool = False
) -> Made:
    """A GKE ComputeClass."""
    offerings, notes = _behind(choice, with_on_demand=with_on_demand)
    return _made(compute_class(offerings, settings, provenance_of(choice)), notes)


def skypilot_of(
    choice: Choice, settings: SkyPilotSettings, *, with_on_demand: bool = False
) -> Made:
    """The resources of a SkyPilot task."""
    offerings, notes = _behind(choice, with_on_demand=with_on_demand)
    return _made(resources(offerings, settings), notes)


def line_of(choice: Choice, *, with_places: bool) -> Made:
    """The instance types in one line, as the text; each is a document of its own."""
    names = one_line(choice.offerings, with_places=with_places)
    documents = [{"name": name} for name in names.split(",")]
    return Made(documents, text=f"{names}\n")


def listed(offerings: Sequence[Offering]) -> tuple[list[Offering], list[str]]:
    """The same machines on demand, cheapest first, and how many have no known list price."""
    twins = [twin for one in offerings if (twin := on_demand(one))]
    notes = []
    if len(twins) < len(offerings):
        notes.append(
            f"{len(offerings) - len(twins)} of {len(offerings)} pools have no known price on "
            f"demand and are left out there."
        )
    return sorted(twins, key=lambda one: one.price_per_hour), notes


def _behind(choice: Choice, *, with_on_demand: bool) -> tuple[list[Offering], list[str]]:
    """The choice, and if wished the same machines on demand behind all others."""
    twins, notes = listed(choice.offerings) if with_on_demand else ([], [])
    return [*choice.offerings, *twins], notes


def _groups(
    choice: Choice, settings: NodeGroupSettings, *, per_shape: bool, is_on_demand: bool
) -> tuple[list[tuple[list[Offering], NodeGroupSettings]], list[str]]:
    offerings, notes = listed(choice.offerings) if is_on_demand else (choice.offerings, [])
    if per_shape:
        return one_per_shape(offerings, settings), notes
    return [(offerings, settings)], notes


def _made(rendered: Rendered, notes: Sequence[str] = ()) -> Made:
    return Made([rendered.document], list(dict.fromkeys([*notes, *rendered.notes])))


def _terraform(document: dict[str, Any], notes: Sequence[str]) -> Made:
    return Made([document], list(dict.fromkeys(notes)), to_hcl(document))
