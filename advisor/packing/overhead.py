"""What a node has left for pods: Karpenter's own arithmetic, per provider.

Karpenter takes from a machine's memory what the hypervisor keeps, then what kubelet and system
reserve and the eviction threshold (sigs.k8s.io/karpenter pkg/cloudprovider/types.go); daemons are
subtracted where it schedules. AWS and Azure were read in their providers' source at v1.14. Those
of GCP and Alibaba Cloud could not be opened from here: their figures are the clouds' documented
ones, marked so in `Overhead.source`.
"""

import csv
import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from advisor.demand import gpu_manufacturer
from advisor.units import MIB_PER_GIB
from warehouse.records import InstanceType

Ladder = Sequence[tuple[float, float]]
"""Upper ends and the share of what lies below each, above the one before."""

CPU_LADDER: Ladder = ((1, 0.06), (2, 0.01), (4, 0.005), (math.inf, 0.0025))
"""Cores: karpenter-provider-aws pkg/providers/instancetype/types.go kubeReservedResources; the
same on GKE's page "Plan GKE Standard node sizes" and, for all that is known, on ACK."""

AZURE_CPU_LADDER: Ladder = ((1, 0.06), (2, 0.04), (4, 0.02), (math.inf, 0.01))
"""Cores: karpenter-provider-azure instancetype.go reservedCPUTaxVCPU."""

MEMORY_LADDER: Ladder = ((4, 0.25), (8, 0.20), (16, 0.10), (128, 0.06), (math.inf, 0.02))
"""GiB: karpenter-provider-azure instancetype.go reservedMemoryTaxGi; the same in GKE's page "Plan
GKE Standard node sizes"."""

ACCELERATORS = (
    (re.compile(r"inferentia|trainium", re.IGNORECASE), "aws.amazon.com/neuron"),
    (re.compile(r"gaudi", re.IGNORECASE), "habana.ai/gaudi"),
    (re.compile(r"tpu", re.IGNORECASE), "google.com/tpu"),
    (re.compile(r"qualcomm", re.IGNORECASE), "qualcomm.com/qaic"),
)
"""Resources that device plugins count other accelerators under (Kubernetes' page "Device
Plugins"; karpenter-provider-aws pkg/apis/v1/labels.go for the first two)."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """One provider's reservations; memory in MiB, CPU in thousandths of a core.

    Azure and GCP reserve memory by the ladder; AWS and Alibaba Cloud by the pods a node may run.
    """

    cpu_ladder: Ladder
    vm_memory_share: float
    """Of the memory, that the machine never shows: Karpenter's VM_MEMORY_OVERHEAD_PERCENT."""
    arm_memory_mib: int
    memory_per_pod_mib: int
    memory_base_mib: int
    memory_reserved_share_max: float
    memory_ladder: Ladder | None
    eviction_mib: int
    system_cpu: int
    system_memory_mib: int
    max_pods: int
    """Where a type's own is not known."""
    disk_gib: float
    """Root disk unless the node class says otherwise."""
    disk_reserved_gib: float
    disk_eviction_share: float
    source: str


OVERHEADS: Mapping[str, Overhead] = MappingProxyType(
    {
        "aws": Overhead(
            cpu_ladder=CPU_LADDER,
            vm_memory_share=0.075,
            arm_memory_mib=64,
            memory_per_pod_mib=11,
            memory_base_mib=255,
            memory_reserved_share_max=1.0,
            memory_ladder=None,
            eviction_mib=100,
            system_cpu=0,
            system_memory_mib=0,
            max_pods=110,
            disk_gib=20,
            disk_reserved_gib=1,
            disk_eviction_share=0.10,
            source="karpenter-provider-aws v1.14.0 pkg/providers/instancetype/types.go (read)",
        ),
        "azure": Overhead(
            cpu_ladder=AZURE_CPU_LADDER,
            vm_memory_share=0.075,
            arm_memory_mib=0,
            memory_per_pod_mib=0,
            memory_base_mib=0,
            memory_reserved_share_max=1.0,
            memory_ladder=MEMORY_LADDER,
            eviction_mib=750,
            system_cpu=0,
            system_memory_mib=0,
            max_pods=250,
            disk_gib=128e9 / 2**30,
            disk_reserved_gib=0,
            disk_eviction_share=0.0,
            source="karpenter-provider-azure v1.14.2 pkg/providers/instancetype/instancetype.go, "
            "pkg/consts/consts.go (read)",
        ),
        "gcp": Overhead(
            cpu_ladder=CPU_LADDER,
            vm_memory_share=0.0,
            arm_memory_mib=0,
            memory_per_pod_mib=0,
            memory_base_mib=0,
            memory_reserved_share_max=1.0,
            memory_ladder=MEMORY_LADDER,
            eviction_mib=100,
            system_cpu=0,
            system_memory_mib=0,
            max_pods=110,
            disk_gib=100,
            disk_reserved_gib=41,
            disk_eviction_share=0.10,
            source="GKE's page 'Plan GKE Standard node sizes' (unconfirmed from here)",
        ),
        "alibaba": Overhead(
            cpu_ladder=CPU_LADDER,
            vm_memory_share=0.075,
            arm_memory_mib=0,
            memory_per_pod_mib=11,
            memory_base_mib=255,
            memory_reserved_share_max=0.25,
            memory_ladder=None,
            eviction_mib=100,
            system_cpu=0,
            system_memory_mib=0,
            max_pods=64,
            disk_gib=40,
            disk_reserved_gib=1,
            disk_eviction_share=0.10,
            source="ACK's page 'Resource reservation policy' for Kubernetes 1.28 and later "
            "(unconfirmed from here)",
        ),
    }
)


def allocatable(shape: InstanceType) -> dict[str, int]:
    """What pods can ask of a machine, by resource, in the units of `Pod.requests`.

    ``pods`` is how many may run. A provider without an entry is taken as AWS, the most careful of
    those that were read.
    """
    overhead = OVERHEADS.get(shape.provider, OVERHEADS["aws"])
    most = max_pods(shape)
    room = {
        "cpu": _cpu(shape, overhead),
        "memory": _memory(shape, overhead, most),
        "ephemeral-storage": _disk(overhead),
        "pods": most,
    }
    resource = accelerator_resource(shape)
    if resource is not None:
        room[resource] = shape.gpu_count
    return room


def max_pods(shape: InstanceType) -> int:
    """How many pods a node may run: on AWS by the addresses of its network interfaces."""
    overhead = OVERHEADS.get(shape.provider, OVERHEADS["aws"])
    if shape.provider == "aws":
        return _aws_max_pods().get(shape.instance_type, overhead.max_pods)
    return overhead.max_pods


def accelerator_resource(shape: InstanceType) -> str | None:
    """The resource that pods ask the machine's accelerators by; None if it has none."""
    if not shape.gpu_count:
        return None
    if (maker := gpu_manufacturer(shape)) is not None:
        return f"{maker}.com/gpu"
    name = shape.gpu_name or ""
    return next((resource for known, resource in ACCELERATORS if known.search(name)), None)


@functools.cache
def _aws_max_pods() -> Mapping[str, int]:
    """Interfaces of the default card x (addresses of each - 1) + 2, per type.

    From karpenter-provider-aws v1.14.0 pkg/providers/instancetype/zz_generated.vpclimits.go
    (Apache-2.0), the table that Karpenter itself computes with.
    """
    text = resources.files("advisor.packing").joinpath("aws_max_pods.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["instance_type"]: int(row["max_pods"]) for row in rows}


def _cpu(shape: InstanceType, overhead: Overhead) -> int:
    """Each rung is cut to a whole thousandth, as Karpenter's AWS provider cuts it."""
    reserved = sum(
        math.floor(1000 * part + 1e-9) for part in _rungs(shape.vcpu, overhead.cpu_ladder)
    )
    return max(math.floor(1000 * shape.vcpu) - reserved - overhead.system_cpu, 0)


def _memory(shape: InstanceType, overhead: Overhead, most: int) -> int:
    whole = shape.memory_gib * MIB_PER_GIB
    if shape.architecture == "arm64":
        whole -= overhead.arm_memory_mib
    kept = math.ceil(whole * overhead.vm_memory_share - 1e-9)
    reserved: float = overhead.memory_base_mib + overhead.memory_per_pod_mib * most
    if overhead.memory_ladder is not None:
        rungs = _rungs(shape.memory_gib, overhead.memory_ladder)
        reserved = math.floor(MIB_PER_GIB * sum(rungs) + 1e-9)
    reserved = min(reserved, overhead.memory_reserved_share_max * whole)
    left = whole - kept - reserved - overhead.eviction_mib - overhead.system_memory_mib
    return max(math.floor(left), 0)


def _disk(overhead: Overhead) -> int:
    free = overhead.disk_gib * (1 - overhead.disk_eviction_share) - overhead.disk_reserved_gib
    return max(math.floor(free * MIB_PER_GIB), 0)


def _rungs(amount: float, ladder: Ladder) -> list[float]:
    """What each rung of ``ladder`` takes of ``amount``."""
    taken: list[float] = []
    lower = 0.0
    for upper, share in ladder:
        taken.append(max(min(amount, upper) - lower, 0.0) * share)
        lower = upper
    return taken
