"""Several NodePools that belong together: spot with its fallback, and choices by zone.

One NodePool means every chosen type in every chosen zone. Where that says more than was chosen,
several NodePools say it exactly. Their names are made of what they hold, so that a new ranking
does not give an old name to other machines, which would replace its nodes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from advisor.errors import ManifestError
from advisor.karpenter import labels as words
from advisor.karpenter.nodepool import NodePoolSettings, nodepool
from advisor.karpenter.rectangles import rectangles
from advisor.karpenter.requirements import Requirement, named_zones, placed
from warehouse.records import CapacityType, Offering

SPOT_WEIGHT = 50
"""Weight of the spot half of a pair, unless the settings name one: half of the most, so that
people can place NodePools before and after it."""
FALLBACK_WEIGHT = 1
"""Weight of the half on demand: tried after every other that has a weight."""


@dataclass(frozen=True, slots=True)
class Part:
    """What goes into one NodePool; ``marks`` tell it from the others and end its name."""

    offerings: tuple[Offering, ...]
    marks: tuple[str, ...] = ()
    weight: int | None = None


def nodepools(
    offerings: Sequence[Offering],
    settings: NodePoolSettings,
    annotations: Mapping[str, str],
    *,
    per_zone: bool = False,
    with_fallback: bool = False,
    extra: Sequence[Requirement] = (),
) -> list[dict[str, Any]]:
    """The NodePools that let Karpenter buy these offerings, best first, as manifests.

    Args:
        offerings: of one provider and region. Regional ones hold in every zone that is named.
        settings: of each of them; its ``name`` is what their names begin with. ``gpu_limit`` is
            the limit of each, not of all together.
        annotations: as of `nodepool`.
        per_zone: exactly the choice and nothing beside it: a type that was not chosen in a zone
            stays out of that zone. Zones in which the same was chosen share a NodePool.
        with_fallback: a pair: all that is not on demand with a high weight, all that is with the
            lowest. Karpenter tries the fallback only where the first has nothing to give.
        extra: the user's own requirements.

    Raises:
        ManifestError: as `nodepool`; or a pair is asked for and one half of it is empty.
    """
    zones = named_zones(offerings)
    parts = [Part(tuple(placed(offerings, zones) if per_zone or with_fallback else offerings))]
    if with_fallback:
        parts = _pair(parts[0].offerings, settings)
    if per_zone:
        parts = [piece for part in parts for piece in _exact(part)]
    return [
        nodepool(
            part.offerings,
            replace(
                settings,
                name=marked_name(settings.name, part.marks),
                weight=settings.weight if part.weight is None else part.weight,
            ),
            annotations,
            extra=extra,
        )
        for part in parts
    ]


def marked_name(name: str, marks: Sequence[str]) -> str:
    """The name with the marks behind it; where that is too long, their digest stands for them."""
    whole = "-".join((name, *marks))
    if len(whole) <= words.LABEL_VALUE_LENGTH:
        return whole
    digest = hashlib.sha256("-".join(marks).encode()).hexdigest()[:8]
    return f"{name[: words.LABEL_VALUE_LENGTH - 9].rstrip('-.')}-{digest}"


def _pair(offerings: Sequence[Offering], settings: NodePoolSettings) -> list[Part]:
    first = tuple(one for one in offerings if one.capacity_type is not CapacityType.ON_DEMAND)
    fallback = tuple(one for one in offerings if one.capacity_type is CapacityType.ON_DEMAND)
    if not first or not fallback:
        missing = "on demand" if first else "spot"
        raise ManifestError("fallback", f"nothing was chosen {missing}; a pair needs both")
    weight = settings.weight or SPOT_WEIGHT
    if weight <= FALLBACK_WEIGHT:
        raise ManifestError("weight", f"{weight} leaves none below it for the fallback; 2 to 100")
    return [
        Part(first, (), weight),
        Part(fallback, (CapacityType.ON_DEMAND.value,), FALLBACK_WEIGHT),
    ]


def _exact(part: Part) -> list[Part]:
    """The fewest parts, of those that `rectangles` finds, that hold the part and no more."""
    labels = words.provider_labels(part.offerings[0].pool.provider)
    ways: dict[tuple[str, str], set[str]] = {}
    for one in part.offerings:
        ways.setdefault(_cell(one), set()).add(one.capacity_type.value)
    kinds = {
        _cell(one): (
            *((one.instance_type.architecture,) if labels.one_architecture else ()),
            *sorted(ways[_cell(one)]),
        )
        for one in part.offerings
    }
    pieces = []
    for kind in dict.fromkeys(kinds.values()):
        told = kind if len(set(kinds.values())) > 1 else ()
        for block in rectangles(cell for cell, found in kinds.items() if found == kind):
            inside = tuple(
                one
                for one in part.offerings
                if kinds[_cell(one)] == kind
                and one.pool.instance_type in block.types
                and one.pool.zone in block.zones
            )
            zones = named_zones(inside)
            pieces.append(Part(inside, (*part.marks, *told, *zones), part.weight))
    return pieces


def _cell(offering: Offering) -> tuple[str, str]:
    return offering.pool.instance_type, offering.pool.zone
