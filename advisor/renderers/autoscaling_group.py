"""EC2 Auto Scaling: the request CreateAutoScalingGroup with its MixedInstancesPolicy.

A group has one list of types and one list of zones: it may start any type in any zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.karpenter.requirements import cross_product_extras
from advisor.renderers.choice import (
    Provenance,
    Rendered,
    at_most,
    gpu_weight,
    instance_types,
    one_region,
    spot_only,
    zones,
)
from advisor.renderers.launch_template import LaunchTemplate
from advisor.renderers.shapes import mixed_shapes
from advisor.renderers.subnets import Subnet, subnets_in
from warehouse.records import Offering

OUTPUT = "Auto Scaling group"

MOST_TYPES = 40
"""Instance types in one MixedInstancesPolicy (EC2 Auto Scaling user guide, "Auto Scaling groups
with multiple instance types and purchase options")."""

NAME_LENGTH = 255
"""Characters of AutoScalingGroupName (Auto Scaling API)."""

Strategy = Literal["capacity-optimized-prioritized", "price-capacity-optimized"]


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Size of the group, and what share of it is on demand.

    Raises:
        ManifestError: Auto Scaling would refuse a value, or it contradicts another.
    """

    name: str
    launch_template: LaunchTemplate
    maximum: int
    """Machines, or GPUs if they are weighed by GPUs; so are the next three."""
    minimum: int = 0
    desired: int | None = None
    """None: the minimum, and whatever scales the group from there."""
    on_demand_base: int = 0
    on_demand_share: float = 0.0
    """Of what is above the base, 0 to 1, in whole hundredths."""
    strategy: Strategy = "capacity-optimized-prioritized"
    """The one of AWS' good strategies that reads our order."""
    weigh_by_gpus: bool = False
    subnets: tuple[Subnet, ...] = ()
    """None: the default subnets of the offerings' zones."""
    capacity_rebalance: bool = True
    """Start a successor when EC2 says that a machine is at elevated risk: not every such word is
    followed by an interruption, but most interruptions come with no longer notice."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= NAME_LENGTH or not self.name.isprintable():
            raise ManifestError("name", f"{self.name!r} is not 1 to {NAME_LENGTH} characters")
        desired = self.minimum if self.desired is None else self.desired
        if not 0 <= self.minimum <= desired <= self.maximum or self.maximum < 1:
            raise ManifestError(
                "size",
                f"minimum {self.minimum}, desired {desired}, maximum {self.maximum}: "
                f"each must not be below the one before, and the maximum 1 or more",
            )
        if not 0 <= self.on_demand_base <= self.maximum:
            raise ManifestError("on-demand base", f"{self.on_demand_base} is not 0 to the maximum")
        if not 0 <= self.on_demand_share <= 1 or not _is_percent(self.on_demand_share):
            raise ManifestError(
                "on-demand share", f"{self.on_demand_share:g} is not 0 to 1 in whole hundredths"
            )


def create_auto_scaling_group(
    offerings: Sequence[Offering], settings: GroupSettings, provenance: Provenance
) -> Rendered:
    """The request, as ``aws autoscaling create-auto-scaling-group --cli-input-json`` takes it.

    Raises:
        ManifestError: the offerings do not fit into one group.
    """
    one_region(OUTPUT, offerings, "aws")
    spot_only(OUTPUT, offerings)
    kept, notes = at_most(
        instance_types(offerings), MOST_TYPES, f"An {OUTPUT} holds {MOST_TYPES} instance types"
    )
    chosen = [one for one in offerings if one.pool.instance_type in set(kept)]
    request: dict[str, Any] = {
        "AutoScalingGroupName": settings.name,
        "MinSize": settings.minimum,
        "MaxSize": settings.maximum,
        "MixedInstancesPolicy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": settings.launch_template.as_request(),
                "Overrides": _overrides(chosen, settings),
            },
            "InstancesDistribution": {
                # By price: our order rests on spot prices and risks.
                "OnDemandAllocationStrategy": "lowest-price",
                "OnDemandBaseCapacity": settings.on_demand_base,
                "OnDemandPercentageAboveBaseCapacity": round(100 * settings.on_demand_share),
                "SpotAllocationStrategy": settings.strategy,
            },
        },
        "CapacityRebalance": settings.capacity_rebalance,
        **_places(chosen, settings.subnets),
        "Tags": [
            {"Key": key, "Value": value, "PropagateAtLaunch": False}
            for key, value in provenance.annotations().items()
        ],
    }
    if settings.desired is not None:
        request["DesiredCapacity"] = settings.desired
    return Rendered(request, (*notes, *_notes(chosen, settings)))


def _overrides(offerings: Sequence[Offering], settings: GroupSettings) -> list[dict[str, str]]:
    overrides: dict[str, dict[str, str]] = {}
    for one in offerings:
        override = {"InstanceType": one.pool.instance_type}
        if settings.weigh_by_gpus:
            override["WeightedCapacity"] = str(gpu_weight(OUTPUT, one))
        overrides.setdefault(one.pool.instance_type, override)
    return list(overrides.values())


def _places(offerings: Sequence[Offering], subnets: Sequence[Subnet]) -> dict[str, Any]:
    named = zones(offerings)
    if subnets:
        kept = subnets_in(named, subnets)
        return {"VPCZoneIdentifier": ",".join(one.subnet_id for one in kept)}
    if not named:
        raise ManifestError(OUTPUT, "the offerings name no zone; name subnets, or zones")
    if words.zone_key(words.AWS, named) == words.AWS_ZONE_ID:
        return {"AvailabilityZoneIds": named}
    return {"AvailabilityZones": named}


def _notes(offerings: Sequence[Offering], settings: GroupSettings) -> list[str]:
    notes = []
    if settings.strategy == "price-capacity-optimized":
        notes.append("price-capacity-optimized does not read our order: it is a list to EC2.")
    if extras := cross_product_extras(offerings):
        notes.append(
            f"The group may also start {len(extras)} pools that were not ranked: its lists of "
            f"types and zones allow every pair."
        )
    if not settings.weigh_by_gpus:
        notes += mixed_shapes(offerings)
    return notes


def _is_percent(share: float) -> bool:
    return abs(100 * share - round(100 * share)) < 1e-9  # noqa: PLR2004 - rounding of floats
