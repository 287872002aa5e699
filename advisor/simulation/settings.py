"""What a simulated market is made of: how long, where, which families, how much goes wrong."""

import math
from dataclasses import dataclass

from advisor.simulation.catalog import FAMILIES
from warehouse.records import Pool

ZONES = {
    "us-east-1": ("use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"),
    "us-west-2": ("usw2-az1", "usw2-az2", "usw2-az3", "usw2-az4"),
    "eu-west-1": ("euw1-az1", "euw1-az2", "euw1-az3"),
    "cn-beijing": tuple(f"cn-beijing-{letter}" for letter in "fghikl"),
    "cn-hangzhou": tuple(f"cn-hangzhou-{letter}" for letter in "ijk"),
}
"""Zone ids of real regions. AWS: "AZ IDs" in the EC2 documentation, without ``use1-az3``, which
sells none of the families. Alibaba: "Regions and zones" in the ECS documentation, in part."""


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """The choices behind one simulated market; the defaults give 264 pools over 30 days.

    ``days`` is the length of the history: the window of the published interruption rates.
    ``zones_per_region`` is how many zones sell a family at most; two show siblings and keep a
    demo quick. ``machines_per_pool`` is how many machines are held in each pool at most: six
    show a burst. ``hazard_scale`` multiplies every hazard. ``unpublished_share`` is the share of
    types, at least one unless 0, that are new: no interruption rate is published for them.
    Measured on AWS Spot Advisor, June 2025: 34 of 929 types (0.04); the default doubles it so
    that a small market has some. ``stressed`` pools are being emptied at ``now``.
    """

    days: int = 30
    regions: tuple[str, ...] = tuple(ZONES)
    families: tuple[str, ...] = FAMILIES
    zones_per_region: int = 2
    machines_per_pool: int = 6
    hazard_scale: float = 1.0
    unpublished_share: float = 0.08
    stressed: tuple[Pool, ...] = ()

    def __post_init__(self) -> None:
        """Refuse settings that no market has.

        Raises:
            ValueError: a number out of range, or an unknown region or family.
        """
        counts = (self.days, self.zones_per_region, self.machines_per_pool)
        if min(counts) < 1:
            raise ValueError("days, zones_per_region and machines_per_pool start at 1")
        if not (math.isfinite(self.hazard_scale) and self.hazard_scale > 0):
            raise ValueError(f"hazard_scale {self.hazard_scale} is not a finite number above 0")
        if not 0 <= self.unpublished_share <= 1:
            raise ValueError(f"unpublished_share {self.unpublished_share} is not from 0 to 1")
        if unknown := {*self.regions} - {*ZONES} | {*self.families} - {*FAMILIES}:
            raise ValueError(f"unknown region or family: {', '.join(sorted(unknown))}")
