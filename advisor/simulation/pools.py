"""Which pools the simulated market has: who sells which family where, and for how much."""

from dataclasses import dataclass

from advisor.simulation.catalog import FAMILIES, SHAPES, Shape
from advisor.simulation.settings import ZONES, MarketSettings
from warehouse.records import Pool

PROVIDER_OF_REGION = {region: "alibaba" if region.startswith("cn-") else "aws" for region in ZONES}

SELLING_ZONES = {
    "us-east-1": {"g4dn": 5, "g5": 5, "g5g": 4, "g6": 5, "g6e": 4, "gr6": 4, "p3": 3, "p4d": 4}
    | {"p4de": 2, "p5": 5, "m7i": 5, "c7i": 5, "r7i": 5, "m7g": 5},
    "us-west-2": {"g4dn": 3, "g5": 3, "g5g": 3, "g6": 4, "g6e": 4, "gr6": 4, "p3": 3, "p4d": 4}
    | {"p4de": 3, "p5": 4, "m7i": 4, "c7i": 4, "r7i": 4, "m7g": 4},
    "eu-west-1": {"g4dn": 3, "g5": 3, "p3": 2, "p4d": 1, "m7i": 3, "c7i": 3, "r7i": 3, "m7g": 3},
    "cn-beijing": {"ecs.gn6i": 4, "ecs.gn6v": 4, "ecs.gn7i": 4, "ecs.gn7e": 2}
    | {"ecs.ebmgn7e": 1, "ecs.g7": 6},
    "cn-hangzhou": {"ecs.gn6i": 2, "ecs.gn6e": 2, "ecs.gn7i": 2, "ecs.gn7e": 1, "ecs.g7": 3},
}
"""In how many zones of a region a family is sold. AWS: counted in `DescribeInstanceTypeOfferings`
of 2026, except p3, which has left that list and stays because the public availability traces are
of it. Alibaba: the simulator's own choice."""

REGION_FACTOR = {"eu-west-1": 1.11}
"""List prices against us-east-1: AWS' g4dn.xlarge costs 0.587 in Ireland and 0.526 in Virginia."""


@dataclass(frozen=True, slots=True)
class MarketPool:
    """One pool of the market: where, what machine, its list price in the provider's currency."""

    pool: Pool
    shape: Shape
    on_demand_per_hour: float


def market_pools(settings: MarketSettings) -> list[MarketPool]:
    """The pools that ``settings`` ask for, by region, type and zone.

    Which zones sell a family differs per family: the first one is its place in `FAMILIES`, so
    that even a small market has several families in each zone.

    Raises:
        ValueError: no pool is left, or a stressed pool is not one of them.
    """
    found = []
    for region in dict.fromkeys(settings.regions):
        provider, zones = PROVIDER_OF_REGION[region], ZONES[region]
        for shape in SHAPES:
            if shape.provider != provider or shape.family not in settings.families:
                continue
            count = min(SELLING_ZONES[region].get(shape.family, 0), settings.zones_per_region)
            first = FAMILIES.index(shape.family)
            listed = round(shape.on_demand_per_hour * REGION_FACTOR.get(region, 1.0), 4)
            found += [
                MarketPool(Pool(provider, region, zone, shape.instance_type), shape, listed)
                for zone in sorted(zones[(first + n) % len(zones)] for n in range(count))
            ]
    if not found:
        raise ValueError("none of the families is sold in any of the regions")
    if strangers := {*settings.stressed} - {one.pool for one in found}:
        raise ValueError(f"stressed, but not in the market: {sorted(strangers)}")
    return found
