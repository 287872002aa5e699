"""Alibaba Cloud's machine shapes: what ``DescribeInstanceTypes`` lists for a region.

Being listed does not mean being sold: old families stay in the list for years. So this feed says
what a type is, never that a pool exists.

The model of the API does not say whether ``GPUMemorySize`` counts one GPU or all of them; it is
read as one GPU's, like ``GPUSpec`` beside it, which names one. For one GPU both are the same.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.http import Fetcher
from collector.payload import mapping, members, number, reading, text, whole_number
from collector.provider import Feed, Scope, Source
from collector.providers.alibaba.client import AlibabaConnection, connection_of
from collector.providers.alibaba.credentials import PROVIDER_NAME
from collector.providers.alibaba.paging import pages
from warehouse.records import InstanceType, Record, Semantics

NAME = "alibaba.instance_types"
ACTION = "DescribeInstanceTypes"

PAGE_SIZE = 1600
"""The API's maximum: a region fits on one page today."""

ARCHITECTURE = {"X86": "amd64", "ARM": "arm64"}
MAKER = re.compile(r"^(?:NVIDIA|AMD)\s+", re.IGNORECASE)

GB_PER_GIB = 1.073741824
"""``LocalStorageCapacity`` is GiB per disk; the vocabulary has GB."""


def collect(source: Source) -> Iterator[Record]:
    """Yield one `InstanceType` per type that the region lists."""
    connection = connection_of(source, NAME)
    yield from listed(connection, source.http, source.region, {}, now=source.now, feed=NAME)


def listed(
    connection: AlibabaConnection,
    fetcher: Fetcher,
    region: str,
    params: Mapping[str, str],
    *,
    now: datetime,
    feed: str,
) -> Iterator[InstanceType]:
    """All types of the list that ``params`` narrow; errors are told in the name of ``feed``.

    Raises:
        SourceChangedError: a page's token leads back to a page that was read.
    """
    asked = {**params, "MaxResults": str(PAGE_SIZE)}
    for reply in pages(connection, fetcher, ACTION, region, asked, feed=feed):
        yield from parse(reply, region=region, observed_at=now, feed=feed)


def parse(
    reply: Any, *, region: str, observed_at: datetime, feed: str = NAME
) -> Iterator[InstanceType]:
    """Read one page, one record per row."""
    with reading(feed, f"{ACTION} in {region}"):
        rows = members(mapping(reply, "InstanceTypes"), "InstanceType")
    for row in rows:
        name = row.get("InstanceTypeId", "a type without InstanceTypeId")
        with reading(feed, f"{region} {name}"):
            shape = _instance_type(row, observed_at)
        yield shape


def gpu_name(spec: str) -> str | None:
    """The model without its maker; None if there is none.

    A slice of a GPU keeps its fraction (``NVIDIA T4/4`` is ``T4/4``), so that it is never taken
    for the whole one.
    """
    return MAKER.sub("", spec.strip()) or None


def _instance_type(row: Mapping[str, Any], observed_at: datetime) -> InstanceType:
    architecture = text(row, "CpuArchitecture")
    gpu_memory = _optional(row, "GPUMemorySize")
    disks, disk_gib = _optional(row, "LocalStorageAmount"), _optional(row, "LocalStorageCapacity")
    return InstanceType(
        provider=PROVIDER_NAME,
        instance_type=text(row, "InstanceTypeId"),
        vcpu=number(row, "CpuCoreCount"),
        memory_gib=number(row, "MemorySize"),
        architecture=ARCHITECTURE.get(architecture, architecture),
        gpu_name=gpu_name(text({"GPUSpec": row.get("GPUSpec") or ""}, "GPUSpec")),
        gpu_count=whole_number(row, "GPUAmount"),
        gpu_memory_gib=gpu_memory,
        local_disk_gb=disks * disk_gib * GB_PER_GIB if disks and disk_gib else None,
        source=NAME,
        observed_at=observed_at,
    )


def _optional(row: Mapping[str, Any], field: str) -> float | None:
    """The number, None where it is absent or 0: the API has both for "it has none"."""
    return (number(row, field) or None) if row.get(field) is not None else None


FEED = Feed(
    name=NAME,
    title="Alibaba Cloud instance types",
    meaning=(
        "The shape of every instance type that the region's API lists: vCPU, memory, GPUs, local "
        "disk. A type that is listed need not be for sale. A slice of a GPU keeps its fraction in "
        "the GPU's name."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=("ecs:DescribeInstanceTypes",),
)
