"""GKE: a ComputeClass, the list of machines that GKE makes nodes of, in order.

It says exactly what a ranking says: this machine, spot, in these zones; then the next one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from advisor.errors import ManifestError
from advisor.karpenter.labels import check_object_name
from advisor.renderers.choice import Provenance, Rendered, one_region
from warehouse.records import REGIONAL, CapacityType, InstanceType, Offering

OUTPUT = "ComputeClass"

ACCELERATORS = (
    (r"g2-", "nvidia-l4"),
    (r"g4-", "nvidia-rtx-pro-6000"),
    (r"a2-ultragpu-", "nvidia-a100-80gb"),
    (r"a2-(high|mega)gpu-", "nvidia-tesla-a100"),
    (r"a3-(high|edge)gpu-", "nvidia-h100-80gb"),
    (r"a3-megagpu-", "nvidia-h100-mega-80gb"),
    (r"a3-ultragpu-", "nvidia-h200-141gb"),
    (r"a4-highgpu-", "nvidia-b200"),
    (r"a4x-highgpu-", "nvidia-gb200"),
)
"""What GKE calls the GPUs that come with a machine series (Google Cloud, "GPU machine types")."""

WhenUnsatisfiable = Literal["DoNotScaleUp", "ScaleUpAnyway"]


@dataclass(frozen=True, slots=True)
class ComputeClassSettings:
    """What GKE does beyond the list.

    Raises:
        ManifestError: GKE would refuse the name.
    """

    name: str
    when_unsatisfiable: WhenUnsatisfiable = "DoNotScaleUp"
    """``ScaleUpAnyway`` makes nodes of GKE's default machines: without GPUs, of no use here."""
    node_pool_auto_creation: bool = True
    active_migration: bool = False
    """Move pods to a better rule once it has capacity. Off: each move restarts a workload, and
    GKE knows neither hysteresis nor a minimum stay."""

    def __post_init__(self) -> None:
        check_object_name(self.name, OUTPUT)


def compute_class(
    offerings: Sequence[Offering], settings: ComputeClassSettings, provenance: Provenance
) -> Rendered:
    """The manifest, one priority per offering; neighbours that differ by zone alone are one.

    Raises:
        ManifestError: the offerings are not Google's, or have GPUs that GKE has no word for.
    """
    one_region(OUTPUT, offerings, "gcp")
    spec: dict[str, Any] = {
        "priorities": _priorities(offerings),
        "nodePoolAutoCreation": {"enabled": settings.node_pool_auto_creation},
        "whenUnsatisfiable": settings.when_unsatisfiable,
        "activeMigration": {"optimizeRulePriority": settings.active_migration},
    }
    manifest = {
        "apiVersion": "cloud.google.com/v1",
        "kind": OUTPUT,
        "metadata": {"name": settings.name, "annotations": provenance.annotations()},
        "spec": spec,
    }
    notes = [
        f"Pods choose it with the node selector cloud.google.com/compute-class: {settings.name}."
    ]
    if all(one.capacity_type is CapacityType.SPOT for one in offerings):
        notes.append("No rule is on demand: where spot has no capacity, pods wait.")
    return Rendered(manifest, tuple(notes))


def _priorities(offerings: Sequence[Offering]) -> list[dict[str, Any]]:
    rules = []
    alike = groupby(offerings, key=lambda one: (one.pool.instance_type, one.capacity_type))
    for (instance_type, capacity_type), group in alike:
        members = list(group)
        rule: dict[str, Any] = {
            "machineType": instance_type,
            "spot": capacity_type is CapacityType.SPOT,
        }
        if gpu := _gpu(members[0].instance_type):
            rule["gpu"] = gpu
        places = [one.pool.zone for one in members]
        if REGIONAL not in places:
            rule["location"] = {"zones": list(dict.fromkeys(places))}
        rules.append(rule)
    return rules


def _gpu(machine: InstanceType) -> dict[str, Any] | None:
    if machine.gpu_count == 0:
        return None
    for series, accelerator in ACCELERATORS:
        if re.match(series, machine.instance_type):
            return {"type": accelerator, "count": machine.gpu_count}
    raise ManifestError(
        OUTPUT, f"what GKE calls the {machine.gpu_name} of {machine.instance_type} is not known"
    )
