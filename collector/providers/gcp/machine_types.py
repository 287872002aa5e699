"""Google Cloud's machine types: the shape of each, and the zones that sell it.

One list covers all zones of all regions and repeats a type's shape in each. Types that a user
makes up (custom) are in no list. A TPU is an accelerator, but no GPU.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.payload import mapping, members, number, reading, text, whole_number
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.gcp.client import connection_of
from collector.providers.gcp.gpus import gpu_memory_gib, gpu_name, is_gpu
from collector.providers.gcp.lists import LARGEST_PAGE, scopes
from collector.providers.gcp.names import PROVIDER_NAME, region_of
from warehouse.records import AvailableType, InstanceType, Pool, Record, Semantics

NAME = "gcp.machine_types"
LIST = "aggregated/machineTypes"
KIND = "compute#machineTypeAggregatedList"
PERMISSION = "compute.machineTypes.list"

MIB_PER_GIB = 1024
GB_PER_GIB = 1.073741824

PARTITION_GIB = 375
"""A local SSD as the API counts it (cloud.google.com/compute/docs/disks/local-ssd)."""
LARGER_PARTITIONS = "z3-"
"""Z3's are of 3,000 GiB, those of its bare metal of another size; the API does not say which."""

ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}


@dataclass(frozen=True, slots=True)
class MachineShape:
    """A machine type in one zone, as the API has it."""

    zone: str
    name: str
    guest_cpus: int
    memory_mib: int
    architecture: str
    accelerator: str | None
    accelerator_count: int
    local_ssds: int

    @property
    def local_ssd_gib(self) -> int | None:
        """GiB of local SSD that comes with it: 0 without any, None if the size is not known."""
        if self.local_ssds and self.name.startswith(LARGER_PARTITIONS):
            return None
        return self.local_ssds * PARTITION_GIB


def collect(source: Source) -> Iterator[Record]:
    """Yield an `InstanceType` per type and an `AvailableType` per type and zone."""
    yield from parse(listed(source, feed=NAME), observed_at=source.now)


def listed(
    source: Source, *, feed: str, only: Mapping[str, str] | None = None
) -> Iterator[MachineShape]:
    """The types of all zones; ``only`` may narrow the list, errors name ``feed``."""
    connection = connection_of(source, feed)
    pages = connection.pages(
        source,
        connection.compute(LIST),
        {**(only or {}), "maxResults": str(LARGEST_PAGE)},
        feed=feed,
        permission=PERMISSION,
        kind=KIND,
    )
    for page in pages:
        yield from shapes(page, feed=feed)


def shapes(page: Any, *, feed: str = NAME) -> Iterator[MachineShape]:
    """Read one page of the list."""
    with reading(feed, LIST):
        mapping(page, "items")
        rows = list(scopes(page, "machineTypes"))
    for zone, row in rows:
        with reading(feed, f"{zone} {row.get('name', 'a type without name')}"):
            shape = _shape(zone, row)
        yield shape


def parse(
    found: Iterable[MachineShape], *, observed_at: datetime
) -> Iterator[InstanceType | AvailableType]:
    """Each shape once, as its first zone has it, and that each zone sells it."""
    told: set[str] = set()
    for shape in found:
        if shape.name not in told:
            told.add(shape.name)
            yield _instance_type(shape, observed_at)
        pool = Pool(PROVIDER_NAME, region_of(shape.zone), shape.zone, shape.name)
        yield AvailableType(pool, NAME, observed_at)


def _instance_type(shape: MachineShape, observed_at: datetime) -> InstanceType:
    gpu = shape.accelerator if shape.accelerator and is_gpu(shape.accelerator) else None
    disk_gib = shape.local_ssd_gib
    return InstanceType(
        provider=PROVIDER_NAME,
        instance_type=shape.name,
        vcpu=float(shape.guest_cpus),
        memory_gib=shape.memory_mib / MIB_PER_GIB,
        architecture=shape.architecture,
        gpu_name=gpu_name(gpu) if gpu else None,
        gpu_count=shape.accelerator_count if gpu else 0,
        gpu_memory_gib=gpu_memory_gib(gpu) if gpu else None,
        local_disk_gb=disk_gib * GB_PER_GIB if disk_gib else None,
        source=NAME,
        observed_at=observed_at,
    )


def _shape(zone: str, row: Mapping[str, Any]) -> MachineShape:
    region_of(zone)
    accelerator, count = _accelerator(row)
    return MachineShape(
        zone=zone,
        name=text(row, "name"),
        guest_cpus=whole_number(row, "guestCpus"),
        memory_mib=whole_number(row, "memoryMb"),
        architecture=_architecture(row),
        accelerator=accelerator,
        accelerator_count=count,
        local_ssds=_local_ssds(row),
    )


def _architecture(row: Mapping[str, Any]) -> str:
    """Kubernetes' word. Old types do not say what they are; Arm came later and does."""
    if row.get("architecture") in {None, "ARCHITECTURE_UNSPECIFIED"}:
        return ARCHITECTURES["X86_64"]
    said = text(row, "architecture")
    if said not in ARCHITECTURES:
        raise ValueError(f"architecture is {said!r:.40}, not {' or '.join(ARCHITECTURES)}")
    return ARCHITECTURES[said]


def _accelerator(row: Mapping[str, Any]) -> tuple[str | None, int]:
    """What is built in and how many; no type has two kinds."""
    found = members({"accelerators": [], **row}, "accelerators")
    if not found:
        return None, 0
    if len(found) > 1:
        raise ValueError(f"accelerators has {len(found)} kinds")
    count = whole_number(found[0], "guestAcceleratorCount")
    return text(found[0], "guestAcceleratorType"), count


def _local_ssds(row: Mapping[str, Any]) -> int:
    if "bundledLocalSsds" not in row:
        return 0
    return int(number({"partitionCount": 0, **mapping(row, "bundledLocalSsds")}, "partitionCount"))


FEED = Feed(
    name=NAME,
    title="Google Cloud machine types",
    meaning=(
        "vCPU, memory, architecture, GPUs and built-in local SSD of every predefined machine type, "
        "and which zones sell it. vCPU is what the guest sees, also where the core is shared "
        "(e2-micro: 2, of which it may use an eighth each for long). A TPU is no GPU. GPU memory "
        "is the maker's figure, from the name or a table of ours. Whether a zone has capacity "
        "now, it does not say."
    ),
    semantics=Semantics.SAMPLE,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=(PERMISSION,),
    recorded_as=(RecordedAs("/aggregated/machineTypes", "compute.machineTypes.aggregatedList"),),
)
