"""Shapes of machines: what Cluster Autoscaler takes all machines of one node group to share.

It looks at one machine of a group and computes with its CPU, memory and GPUs for all. Where the
types of a group differ, it buys a node on which the pod does not fit, again and again, or misses
one on which it would.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from warehouse.records import InstanceType, Offering


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """What must be alike within a node group; ``memory_gib`` is the machine's nominal size."""

    vcpu: float
    memory_gib: float
    gpu_count: int
    architecture: str

    def __str__(self) -> str:
        gpus = f", {self.gpu_count} GPU" if self.gpu_count else ""
        return f"{self.vcpu:g} vCPU, {self.memory_gib:g} GiB{gpus}, {self.architecture}"


def shape_of(machine: InstanceType) -> Shape:
    """The shape of one instance type."""
    return Shape(machine.vcpu, machine.memory_gib, machine.gpu_count, machine.architecture)


def by_shape(offerings: Iterable[Offering]) -> dict[Shape, list[Offering]]:
    """The offerings of each shape, best first; shapes in order of their best offering."""
    groups: dict[Shape, list[Offering]] = {}
    for one in offerings:
        groups.setdefault(shape_of(one.instance_type), []).append(one)
    return groups


def mixed_shapes(offerings: Iterable[Offering]) -> list[str]:
    """A warning if machines of several shapes share a node group; [] if they are alike."""
    shapes = list(by_shape(offerings))
    if len(shapes) < 2:  # noqa: PLR2004 - alike
        return []
    named = "; ".join(str(shape) for shape in shapes)
    warning = (
        f"Machines of {len(shapes)} shapes share one node group ({named}): Cluster Autoscaler "
        f"takes them for alike and will misjudge what fits. Make one node group per shape."
    )
    return [warning]
