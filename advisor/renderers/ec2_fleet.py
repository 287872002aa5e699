"""EC2 Fleet: the request CreateFleet, one override per pool.

The only output of AWS that can say "this type, but only in that zone". EC2 picks among the
overrides by its own knowledge of capacity; our order enters as priority, and only if the strategy
is one that reads priorities.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from advisor.errors import ManifestError
from advisor.karpenter.labels import ZONE_ID
from advisor.renderers.choice import (
    Provenance,
    Rendered,
    at_most,
    gpu_weight,
    one_region,
    spot_only,
)
from advisor.renderers.launch_template import LaunchTemplate
from advisor.renderers.subnets import Subnet, subnets_of
from warehouse.records import REGIONAL, Offering

OUTPUT = "EC2 Fleet"

MOST_OVERRIDES = 300
"""Of a fleet of type maintain, over all launch templates (EC2 API, CreateFleet, Overrides)."""

REBALANCE_DELAY = (timedelta(seconds=120), timedelta(seconds=7200))
"""Shortest and longest TerminationDelay (EC2 API, FleetSpotCapacityRebalanceRequest)."""

FleetType = Literal["maintain", "instant"]
Strategy = Literal["capacity-optimized-prioritized", "price-capacity-optimized"]


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """How many machines EC2 keeps, and by what it chooses among the pools.

    Raises:
        ManifestError: EC2 would refuse a value, or it contradicts another.
    """

    launch_template: LaunchTemplate
    capacity: int
    """Machines, or GPUs if they are weighed by GPUs."""
    on_demand_base: int = 0
    """How much of the capacity is on demand, in the same unit."""
    fleet_type: FleetType = "maintain"
    """``instant`` asks once, answers at once and replaces nothing."""
    strategy: Strategy = "capacity-optimized-prioritized"
    """The one of AWS' good strategies that reads our order; the other one goes by price and by
    capacity as AWS knows it."""
    weigh_by_gpus: bool = False
    subnets: tuple[Subnet, ...] = ()
    """None: EC2 takes the default subnet of the zone."""
    rebalance_after: timedelta | None = None
    """Replace a machine at elevated risk and end it after this time; None: EC2 does not."""

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ManifestError("capacity", f"{self.capacity} is not 1 or more")
        if not 0 <= self.on_demand_base <= self.capacity:
            raise ManifestError(
                "on-demand base", f"{self.on_demand_base} is not 0 to the capacity {self.capacity}"
            )
        if self.rebalance_after is not None:
            low, high = REBALANCE_DELAY
            if self.fleet_type == "instant":
                raise ManifestError("rebalancing", "an instant fleet replaces no machines")
            if not low <= self.rebalance_after <= high:
                raise ManifestError("rebalancing", "the delay is 2 minutes to 2 hours")


def create_fleet(
    offerings: Sequence[Offering], settings: FleetSettings, provenance: Provenance
) -> Rendered:
    """The request, as ``aws ec2 create-fleet --cli-input-json`` and boto3 take it.

    No MaxPrice is set: a bid below the list price loses machines to price as well, and the
    on-demand price is the limit anyway.

    Raises:
        ManifestError: the offerings do not fit into one fleet.
    """
    one_region(OUTPUT, offerings, "aws")
    spot_only(OUTPUT, offerings)
    overrides, notes = at_most(
        list(_overrides(offerings, settings)),
        MOST_OVERRIDES,
        f"An {OUTPUT} holds {MOST_OVERRIDES} overrides",
    )
    if not overrides:
        raise ManifestError(OUTPUT, "no subnet is in a zone of the offerings")
    template = {
        "LaunchTemplateSpecification": settings.launch_template.as_request(),
        "Overrides": overrides,
    }
    request: dict[str, Any] = {
        "Type": settings.fleet_type,
        "LaunchTemplateConfigs": [template],
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": settings.capacity,
            "OnDemandTargetCapacity": settings.on_demand_base,
            "SpotTargetCapacity": settings.capacity - settings.on_demand_base,
            "DefaultTargetCapacityType": "spot",
        },
        "SpotOptions": _spot_options(settings),
        # By price: our order rests on spot prices and risks, which say nothing of on demand.
        "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
        "TagSpecifications": [{"ResourceType": "fleet", "Tags": _tags(provenance)}],
    }
    if settings.fleet_type == "maintain":
        request["ReplaceUnhealthyInstances"] = True
    return Rendered(request, (*notes, *_notes(offerings, settings)))


def _overrides(offerings: Sequence[Offering], settings: FleetSettings) -> Iterator[dict[str, Any]]:
    seen = set()
    for priority, one in enumerate(offerings):
        for place in _places(one.pool.zone, settings.subnets):
            key = (one.pool.instance_type, *place.values())
            if key in seen:
                continue
            seen.add(key)
            override: dict[str, Any] = {"InstanceType": one.pool.instance_type, **place}
            if settings.weigh_by_gpus:
                override["WeightedCapacity"] = gpu_weight(OUTPUT, one)
            if settings.strategy == "capacity-optimized-prioritized":
                override["Priority"] = priority
            yield override


def _places(zone: str, subnets: Sequence[Subnet]) -> list[dict[str, str]]:
    if subnets:
        return [{"SubnetId": one.subnet_id} for one in subnets_of(zone, subnets)]
    if zone == REGIONAL:
        return [{}]
    return [{"AvailabilityZoneId" if ZONE_ID.fullmatch(zone) else "AvailabilityZone": zone}]


def _spot_options(settings: FleetSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "AllocationStrategy": settings.strategy,
        "InstanceInterruptionBehavior": "terminate",
    }
    if settings.rebalance_after is not None:
        options["MaintenanceStrategies"] = {
            "CapacityRebalance": {
                "ReplacementStrategy": "launch-before-terminate",
                "TerminationDelay": int(settings.rebalance_after.total_seconds()),
            }
        }
    return options


def _tags(provenance: Provenance) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in provenance.annotations().items()]


def _notes(offerings: Sequence[Offering], settings: FleetSettings) -> list[str]:
    notes = []
    if settings.strategy == "price-capacity-optimized":
        notes.append("price-capacity-optimized does not read our order: it is a list to EC2.")
    else:
        notes.append(
            "capacity-optimized-prioritized puts capacity first and our order second; it does "
            "not look at prices."
        )
    if not settings.subnets:
        notes.append("No subnet is named: EC2 starts machines in the account's default subnets.")
    elif missed := sorted(
        {one.pool.zone for one in offerings if not subnets_of(one.pool.zone, settings.subnets)}
    ):
        notes.append(f"Left out, as no subnet is there: {', '.join(missed)}.")
    return notes
