"""What a user accepts: where, which types, at what price."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from warehouse.records import REGIONAL, Offering


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits on the answer; empty or None limits nothing.

    ``types`` are shell patterns (``g5.*``). A regional price (zone ``*``) is in every zone.
    """

    zones: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    max_usd_per_hour: float | None = None

    def refuses(self, offering: Offering) -> str | None:
        """The first limit that an offering breaks, in words; None if it breaks none.

        An offering whose price in USD is unknown breaks a price limit.
        """
        pool = offering.pool
        if self.zones and pool.zone not in {*self.zones, REGIONAL}:
            return f"zone {' or '.join(self.zones)}"
        if self.types and not any(fnmatchcase(pool.instance_type, one) for one in self.types):
            return f"type {' or '.join(self.types)}"
        if self.max_usd_per_hour is not None and not (
            offering.usd_per_hour is not None and offering.usd_per_hour <= self.max_usd_per_hour
        ):
            return f"at most {self.max_usd_per_hour:g} USD an hour"
        return None
