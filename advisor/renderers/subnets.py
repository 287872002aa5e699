"""Subnets: where in an account's network the machines of a zone are started."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.errors import ManifestError
from warehouse.records import REGIONAL


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet and its zone, in the words of the offerings (id or name); None is not known."""

    subnet_id: str
    zone: str | None = None

    def __post_init__(self) -> None:
        if not self.subnet_id.startswith("subnet-"):
            raise ManifestError("subnet", f"{self.subnet_id!r} is no subnet id (subnet-0a1b2c3d)")


def subnets_of(zone: str, subnets: Sequence[Subnet]) -> list[Subnet]:
    """The subnets in which a machine of ``zone`` can start; a regional offering takes them all.

    Raises:
        ManifestError: the zone of a subnet is not known, and it matters.
    """
    if zone == REGIONAL:
        return list(subnets)
    for one in subnets:
        if one.zone is None:
            raise ManifestError(
                f"subnet {one.subnet_id}",
                f"its zone is not known, and offerings name theirs; write {zone}={one.subnet_id}",
            )
    return [one for one in subnets if one.zone == zone]


def subnets_in(zones: Sequence[str], subnets: Sequence[Subnet]) -> list[Subnet]:
    """The subnets of any of the zones, and those of unknown zone; all if no zone is named.

    Raises:
        ManifestError: none is left.
    """
    kept = [one for one in subnets if not zones or one.zone is None or one.zone in zones]
    if subnets and not kept:
        given = ", ".join(sorted({one.zone for one in subnets if one.zone}))
        raise ManifestError("subnets", f"are in {given}; the offerings are in {', '.join(zones)}")
    return kept
