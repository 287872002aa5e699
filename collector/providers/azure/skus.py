"""Azure's sizes (SKUs): the shape of every machine, and in which zones the subscription has it.

Zones are the subscription's own: what it calls zone 1 is another building than another
subscription's zone 1. They are named as AKS labels its nodes, ``eastus-1``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from collector.errors import NotOfferedError
from collector.payload import mapping, members, reading, text
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.azure.client import PROVIDER_NAME, checked_region, connection_of
from collector.providers.azure.gpus import gpus
from warehouse.records import REGIONAL, AvailableType, InstanceType, Pool, Record, Semantics

NAME = "azure.skus"
API_VERSION = "2021-07-01"
PERMISSION = "Microsoft.Compute/skus/read"
RECORDED_AS = RecordedAs("/providers/Microsoft.Compute/skus", "skus")

MACHINES = "virtualMachines"
ARCHITECTURES = {"x64": "amd64", "Arm64": "arm64"}
"""Azure's word to Kubernetes'."""
MIB_PER_GB = 1e9 / 1024**2

Row = Mapping[str, Any]


def collect(source: Source) -> Iterator[Record]:
    """Yield an `InstanceType` per size, and an `AvailableType` per zone in which it can be had.

    Raises:
        NotOfferedError: the subscription has no machine at all in the region.
    """
    count = 0
    for page in pages(source, NAME):
        for record in parse(page, region=source.region, observed_at=source.now):
            count += 1
            yield record
    if not count:
        raise NotOfferedError(NAME, f"the subscription has no sizes in {source.region}")


def pages(source: Source, feed: str) -> Iterator[Any]:
    """The sizes of the region, asked on behalf of ``feed``."""
    connection = connection_of(source, feed)
    return connection.pages(
        source.http,
        f"/subscriptions/{connection.subscription}/providers/Microsoft.Compute/skus",
        {
            "api-version": API_VERSION,
            "$filter": f"location eq '{checked_region(source.region, feed)}'",
        },
        source=feed,
        permission=PERMISSION,
    )


def spellings(source: Source, feed: str) -> dict[str, str]:
    """Each size's name as Azure writes it, by the name in lower case.

    Resource Graph gives lower case only. Prices, and the label
    ``node.kubernetes.io/instance-type`` of AKS' nodes, have the other.
    """
    names = (
        text(row, "name")
        for page in pages(source, feed)
        for row in _machines(page, source.region, feed)
    )
    return {name.lower(): name for name in names}


def parse(
    page: Any, *, region: str, observed_at: datetime
) -> Iterator[InstanceType | AvailableType]:
    """Read one page. A size that the subscription may not use in a zone is not available there."""
    for row in _machines(page, region, NAME):
        with reading(NAME, f"{region} {row['name']}"):
            able = _capabilities(row)
            shape = _shape(text(row, "name"), able, observed_at)
            zones = _zones(row, region) if able.get("LowPriorityCapable", "True") == "True" else []
        yield shape
        for zone in zones:
            pool = Pool(PROVIDER_NAME, region, zone, shape.instance_type)
            yield AvailableType(pool, NAME, observed_at)


def _machines(page: Any, region: str, feed: str) -> list[Row]:
    """The rows that are machines of the region; the others are disks, snapshots, hosts."""
    with reading(feed, f"{region}, the sizes"):
        rows = [row for row in members(page, "value") if text(row, "resourceType") == MACHINES]
        for row in rows:
            text(row, "name")
        return [row for row in rows if region in set(map(str.lower, row["locations"]))]


def _capabilities(row: Row) -> dict[str, str]:
    return {text(one, "name"): text(one, "value") for one in members(row, "capabilities")}


def _shape(name: str, able: Mapping[str, str], observed_at: datetime) -> InstanceType:
    architecture = able.get("CpuArchitectureType", "x64")
    if architecture not in ARCHITECTURES:
        raise ValueError(f"CpuArchitectureType is {architecture!r}")
    gpu_name, gpu_count, gpu_memory_gib = gpus(name, int(able.get("GPUs", "0")))
    disk_mib = float(able.get("NvmeDiskSizeInMiB", "0")) or float(
        able.get("MaxResourceVolumeMB", "0")
    )
    return InstanceType(
        provider=PROVIDER_NAME,
        instance_type=name,
        # Constrained sizes (Standard_M64-16ms) show fewer vCPUs than they pay for.
        vcpu=float(able.get("vCPUsAvailable") or able["vCPUs"]),
        memory_gib=float(able["MemoryGB"]),
        architecture=ARCHITECTURES[architecture],
        gpu_name=gpu_name,
        gpu_count=gpu_count,
        gpu_memory_gib=gpu_memory_gib,
        local_disk_gb=disk_mib / MIB_PER_GB or None,
        source=NAME,
        observed_at=observed_at,
    )


def _zones(row: Row, region: str) -> list[str]:
    """Where the subscription can have the size; the region itself where that has no zones."""
    places = [
        place for place in members(row, "locationInfo") if text(place, "location").lower() == region
    ]
    zones = {zone for place in places for zone in place.get("zones") or ()}
    refused = _refused(row)
    if REGIONAL in refused:
        return []
    return [zone_name(region, zone) for zone in sorted(zones - refused)] if zones else [REGIONAL]


def _refused(row: Row) -> set[str]:
    """The zones that the subscription may not use; `REGIONAL` if it is the whole region."""
    refused: set[str] = set()
    for one in members(row, "restrictions"):
        kind = text(one, "type")
        if kind == "Location":
            refused.add(REGIONAL)
        elif kind == "Zone":
            refused.update(mapping(one, "restrictionInfo")["zones"])
        else:
            raise ValueError(f"a restriction's type is {kind!r}, neither Location nor Zone")
    return refused


def zone_name(region: str, zone: str) -> str:
    """A zone as AKS' label ``topology.kubernetes.io/zone`` has it: ``eastus-1``."""
    return f"{region}-{zone}"


FEED = Feed(
    name=NAME,
    title="Azure sizes",
    meaning=(
        "vCPU, memory, architecture, GPUs and local disk of every size, and in which zones the "
        "subscription may buy it as spot. Zones are the subscription's own numbers. That a size is "
        "listed says nothing about capacity. The GPU's model is read from the size's name."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.REGION,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
    recorded_as=(RECORDED_AS,),
)
