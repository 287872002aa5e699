"""AWS' instance types: the shape of every machine that a region sells.

GPUs are what AWS lists under ``GpuInfo``. Inferentia, Trainium and other accelerators are listed
elsewhere (``NeuronInfo``, ``InferenceAcceleratorInfo``); Karpenter counts them as accelerators,
apart from GPUs, and so their machines have no GPU here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.payload import mapping, members, number, reading, text, whole_number
from collector.provider import Feed, Scope, Source
from collector.providers.aws.client import PROVIDER_NAME, connection_of
from warehouse.records import InstanceType, Record, Semantics

NAME = "aws.instance_types"
PERMISSION = "ec2:DescribeInstanceTypes"
PAGE_SIZE = 100
"""The most that the API gives at once."""

MIB_PER_GIB = 1024
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
"""AWS' word to Kubernetes'. Old types list i386 beside x86_64; a Mac's (x86_64_mac, arm64_mac)
runs no Linux node and keeps its own word."""


def collect(source: Source) -> Iterator[Record]:
    """Yield one `InstanceType` per type that the region sells."""
    pages = connection_of(source, NAME).pages(
        NAME,
        source.region,
        lambda ec2: ec2.get_paginator("describe_instance_types").paginate(
            PaginationConfig={"PageSize": PAGE_SIZE}
        ),
    )
    for page in pages:
        yield from parse(page, region=source.region, observed_at=source.now)


def parse(page: Mapping[str, Any], *, region: str, observed_at: datetime) -> Iterator[InstanceType]:
    """Read one page, as boto3 gives it."""
    with reading(NAME, region):
        rows = members(page, "InstanceTypes")
    for row in rows:
        with reading(NAME, f"{region} {row.get('InstanceType', 'a row without InstanceType')}"):
            shape = _instance_type(row, observed_at)
        yield shape


def _instance_type(row: Mapping[str, Any], observed_at: datetime) -> InstanceType:
    gpu_name, gpu_count, gpu_memory_gib = _gpus(row)
    disk = mapping(row, "InstanceStorageInfo") if "InstanceStorageInfo" in row else None
    return InstanceType(
        provider=PROVIDER_NAME,
        instance_type=text(row, "InstanceType"),
        vcpu=number(mapping(row, "VCpuInfo"), "DefaultVCpus"),
        memory_gib=number(mapping(row, "MemoryInfo"), "SizeInMiB") / MIB_PER_GIB,
        architecture=_architecture(mapping(row, "ProcessorInfo")),
        gpu_name=gpu_name,
        gpu_count=gpu_count,
        gpu_memory_gib=gpu_memory_gib,
        local_disk_gb=None if disk is None else number(disk, "TotalSizeInGB"),
        source=NAME,
        observed_at=observed_at,
    )


def _architecture(processor: Mapping[str, Any]) -> str:
    """Kubernetes' word if Linux runs on it, else AWS' own."""
    supported: list[str] = processor["SupportedArchitectures"]
    if not supported:
        raise ValueError("SupportedArchitectures is empty")
    return next((word for own, word in ARCHITECTURES.items() if own in supported), supported[0])


def _gpus(row: Mapping[str, Any]) -> tuple[str | None, int, float | None]:
    """Model, number, and GiB of one GPU; (None, 0, None) without ``GpuInfo``.

    Of a slice of a GPU (g6f, gr6f) AWS says: name L4, count 0 or none, one logical GPU, and the
    slice's memory. That is kept: a share of a GPU is not a GPU, so nothing that asks for whole
    ones may count it, while name and memory tell what the slice is. No type has two models of
    GPU; should one come, the first gives its name, as it does for Karpenter's label.
    """
    if "GpuInfo" not in row:
        return None, 0, None
    gpus = members(mapping(row, "GpuInfo"), "Gpus")
    if not gpus:
        raise ValueError("Gpus is empty")
    count = sum(_count(gpu) for gpu in gpus)
    memory = number(mapping(gpus[0], "MemoryInfo"), "SizeInMiB") / MIB_PER_GIB
    return text(gpus[0], "Name"), count, memory


def _count(gpu: Mapping[str, Any]) -> int:
    if "Count" not in gpu and "LogicalGpuCount" in gpu:
        return 0
    return whole_number(gpu, "Count")


FEED = Feed(
    name=NAME,
    title="AWS instance types",
    meaning=(
        "vCPU, memory, architecture, GPUs and local disk of every type that a region sells. "
        "Inferentia and Trainium are no GPUs; a slice of a GPU (g6f) has a GPU's name and count 0."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
)
