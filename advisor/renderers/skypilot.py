"""SkyPilot: the ``resources`` of a task, in our order or as a set to choose from.

SkyPilot starts the machines itself, on several clouds if need be, and moves a managed job on when
it is interrupted. It ranks a set by its own catalog's prices; a list it takes in order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from advisor.errors import ManifestError
from advisor.karpenter.labels import ZONE_ID
from advisor.renderers.choice import Rendered
from warehouse.records import REGIONAL, CapacityType, InstanceType, Offering, Pool

OUTPUT = "SkyPilot"

CLOUDS = frozenset({"aws", "gcp", "azure"})
"""Of our clouds, those that SkyPilot 0.14 has."""

WITHOUT_ZONES = frozenset({"azure"})
"""Clouds in which SkyPilot takes no zone (sky/catalog/azure_catalog.py)."""

GPUS = (
    (r"rtx pro.*6000", "RTXPRO6000"),
    (r"\b(h200|b300|b200|l40s|a10g|t4g|l40|l4|a10|t4|k80|m60|p100|p4)\b", None),
    (r"h100.*mega", "H100-MEGA"),
    (r"\bh100\b", "H100"),
)
"""SkyPilot's names of GPUs, by what stands in ours; None is the word itself."""

LARGE_MEMORY = {"A100": (60.0, "A100-80GB"), "V100": (24.0, "V100-32GB")}
"""Models of two sizes: above so many GiB it is the second one, by its own name."""

Choice = Literal["ordered", "any_of"]
Recovery = Literal["EAGER_NEXT_REGION", "FAILOVER"]


@dataclass(frozen=True, slots=True)
class SkyPilotSettings:
    """How SkyPilot chooses, and what it does when a machine is taken."""

    choice: Choice = "ordered"
    """``any_of`` lets SkyPilot choose by its own prices, which know no risk."""
    recovery: Recovery = "EAGER_NEXT_REGION"
    """SkyPilot's default: away from the region that has just taken a machine."""


def resources(offerings: Sequence[Offering], settings: SkyPilotSettings) -> Rendered:
    """The part ``resources`` of a task; offerings of several clouds and regions may be mixed.

    Raises:
        ManifestError: nothing was chosen, or SkyPilot does not know the cloud.
    """
    if not offerings:
        raise ManifestError(OUTPUT, "no offering was chosen; ask for less or elsewhere")
    unknown = sorted({one.pool.provider for one in offerings} - CLOUDS)
    if unknown:
        raise ManifestError(
            OUTPUT, f"has no cloud {', '.join(unknown)}; it takes {', '.join(sorted(CLOUDS))}"
        )
    entries: list[dict[str, Any]] = []
    for one in offerings:
        if (entry := _entry(one)) not in entries:
            entries.append(entry)
    document = {
        "resources": {
            "job_recovery": {"strategy": settings.recovery},
            settings.choice: entries,
        }
    }
    return Rendered(document, _notes(offerings, settings))


def _entry(offering: Offering) -> dict[str, Any]:
    pool, machine = offering.pool, offering.instance_type
    entry: dict[str, Any] = {"cloud": pool.provider, "region": pool.region}
    if _is_told(pool):
        entry["zone"] = pool.zone
    entry["instance_type"] = pool.instance_type
    if name := accelerator(machine):
        entry["accelerators"] = {name: machine.gpu_count}
    entry["use_spot"] = offering.capacity_type is CapacityType.SPOT
    return entry


def _is_told(pool: Pool) -> bool:
    if pool.zone == REGIONAL or pool.provider in WITHOUT_ZONES:
        return False
    return not (pool.provider == "aws" and ZONE_ID.fullmatch(pool.zone))


def accelerator(machine: InstanceType) -> str | None:
    """SkyPilot's name of the machine's GPUs; None if it has no whole one, or none by a name known.

    Left out it does no harm: the instance type says it too.
    """
    if machine.gpu_count == 0 or machine.gpu_name is None:
        return None
    ours = machine.gpu_name.lower()
    for model, (limit_gib, name) in LARGE_MEMORY.items():
        if re.search(rf"\b{model.lower()}\b", ours):
            return name if (machine.gpu_memory_gib or 0) > limit_gib else model
    for pattern, known in GPUS:
        if match := re.search(pattern, ours):
            return known or match[0].upper().replace("T4G", "T4g")
    return None


def _notes(offerings: Sequence[Offering], settings: SkyPilotSettings) -> tuple[str, ...]:
    notes = []
    if settings.choice == "any_of":
        notes.append("SkyPilot chooses among these by its own prices, which know no risk.")
    untold = [one for one in offerings if one.pool.zone != REGIONAL and not _is_told(one.pool)]
    if untold:
        notes.append(
            f"The zones of {len(untold)} offerings were left out: SkyPilot takes the names of "
            f"AWS' zones in your account, not their ids, and no zones of Azure."
        )
    return tuple(notes)
