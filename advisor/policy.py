"""What a user accepts: where, which types, at what price."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from advisor.errors import DemandError
from warehouse.records import REGIONAL, Offering


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits on the answer; empty or None limits nothing.

    ``types`` and ``types_not`` are shell patterns (``g5.*``). A regional price (zone ``*``) is in
    every zone. Shares are of the machines of one workload, 0 to 1.

    Raises:
        DemandError: a limit that nothing could keep.
    """

    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    types_not: tuple[str, ...] = ()
    max_usd_per_hour: float | None = None
    max_share_pool: float | None = None
    max_share_zone: float | None = None
    max_share_family: float | None = None
    on_demand_min: float = 0.0
    """Share of the machines that must be on demand, never interrupted."""
    types_min: int | None = None
    """Distinct instance types that must be among those chosen."""

    def __post_init__(self) -> None:
        for name in ("max_share_pool", "max_share_zone", "max_share_family"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise DemandError(name, f"{share} is no share above 0 and up to 1")
        if not 0 <= self.on_demand_min <= 1:
            raise DemandError("on_demand_min", f"{self.on_demand_min} is no share from 0 to 1")
        if self.max_usd_per_hour is not None and not self.max_usd_per_hour >= 0:
            raise DemandError("max_usd_per_hour", f"{self.max_usd_per_hour} is no price")
        if self.types_min is not None and self.types_min < 1:
            raise DemandError("types_min", f"{self.types_min} is not 1 or more types")

    def refuses(self, offering: Offering) -> str | None:
        """The first limit that an offering breaks, in words; None if it breaks none."""
        pool = offering.pool
        return (
            self.refuses_place(pool.provider, pool.region, pool.zone)
            or self.refuses_type(pool.instance_type)
            or self.refuses_price(offering.usd_per_hour)
        )

    def refuses_place(self, provider: str, region: str, zone: str) -> str | None:
        """The limit that a place breaks, in words."""
        if self.providers and provider not in self.providers:
            return f"cloud {' or '.join(self.providers)}"
        if self.regions and region not in self.regions:
            return f"region {' or '.join(self.regions)}"
        if self.zones and zone not in {*self.zones, REGIONAL}:
            return f"zone {' or '.join(self.zones)}"
        return None

    def refuses_type(self, instance_type: str) -> str | None:
        """The limit that an instance type breaks, in words."""
        if self.types and not any(fnmatchcase(instance_type, one) for one in self.types):
            return f"type {' or '.join(self.types)}"
        if any(fnmatchcase(instance_type, one) for one in self.types_not):
            return f"a type other than {' or '.join(self.types_not)}"
        return None

    def refuses_price(self, usd_per_hour: float | None) -> str | None:
        """The limit on the price; an unknown price in USD breaks it."""
        most = self.max_usd_per_hour
        if most is None or (usd_per_hour is not None and usd_per_hour <= most):
            return None
        return f"at most {most:g} USD an hour"
