"""EC2 DescribeInstanceTypes: the machine shapes that a region sells."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import mapping, members, number, reading, text, whole_number
from collector.provider import Feed, Scope, Source
from collector.providers.aws.client import connection, pages
from warehouse.records import InstanceType, Record, Semantics

NAME = "aws.instance_types"
OPERATION = "describe_instance_types"
MIB_PER_GIB = 1024


def collect(source: Source) -> Iterator[Record]:
    """Yield one `InstanceType` per type of the region."""
    client = connection(source, NAME).ec2(source.region, source=NAME)
    for page in pages(client, OPERATION, {}, source=NAME):
        yield from parse(page, observed_at=source.now)


def parse(page: Mapping[str, Any], *, observed_at: datetime) -> Iterator[InstanceType]:
    """Read one page."""
    with reading(NAME, OPERATION):
        rows = members(page, "InstanceTypes")
    for position, row in enumerate(rows):
        with reading(NAME, f"{row.get('InstanceType', f'type {position}')}"):
            shape = _shape(row, observed_at)
        yield shape


def _shape(row: Mapping[str, Any], observed_at: datetime) -> InstanceType:
    gpu_name, gpu_count, gpu_memory_gib = _gpu(row)
    disk = row.get("InstanceStorageInfo")
    return InstanceType(
        provider="aws",
        instance_type=text(row, "InstanceType"),
        vcpu=number(mapping(row, "VCpuInfo"), "DefaultVCpus"),
        memory_gib=number(mapping(row, "MemoryInfo"), "SizeInMiB") / MIB_PER_GIB,
        architecture=_architecture(mapping(row, "ProcessorInfo")["SupportedArchitectures"]),
        gpu_name=gpu_name,
        gpu_count=gpu_count,
        gpu_memory_gib=gpu_memory_gib,
        local_disk_gb=None if disk is None else number(disk, "TotalSizeInGB"),
        source=NAME,
        observed_at=observed_at,
    )


def _architecture(supported: list[str]) -> str:
    """Kubernetes' word. Types of before 2014 also run i386; Apple's keep AWS' own word."""
    if "x86_64" in supported:
        return "amd64"
    return supported[0]


def _gpu(row: Mapping[str, Any]) -> tuple[str | None, int, float | None]:
    """Model, count and memory of one GPU in GiB.

    Inferentia and Trainium are in other fields and are no GPUs here: Kubernetes counts them
    as another resource. A type with a part of a GPU (g6f) has the count that AWS gives, which
    may be 0: Karpenter labels such a type with a count of 0 as well.
    """
    if "GpuInfo" not in row:
        return None, 0, None
    gpus = members(mapping(row, "GpuInfo"), "Gpus")
    if not gpus:
        return None, 0, None
    gpu = gpus[0]
    count = whole_number(gpu, "Count") if "Count" in gpu else 0
    memory = mapping(gpu, "MemoryInfo") if "MemoryInfo" in gpu else {}
    size = number(memory, "SizeInMiB") / MIB_PER_GIB if "SizeInMiB" in memory else None
    return text(gpu, "Name"), count, size


FEED = Feed(
    name=NAME,
    title="EC2 instance types",
    meaning="Machine shapes: vCPU, memory, GPUs, architecture, local disk.",
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ec2:DescribeInstanceTypes",),
)
