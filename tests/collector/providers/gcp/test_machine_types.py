"""Google Cloud's machine types."""

from typing import Any

import pytest

from collector.errors import SourceChangedError, SourceUnavailableError
from collector.providers.gcp.machine_types import FEED, NAME, parse, shapes
from tests.support.gcp import COMPUTE, ZONE, answered, machine_type, machine_types, replayed
from tests.support.loopback import NOW, run
from warehouse.records import AvailableType, InstanceType, Pool, Record, RunOutcome
from warehouse.store import Warehouse


def read(**changed: Any) -> InstanceType:
    found = list(parse(shapes(machine_types(machine_type(**changed))), observed_at=NOW))
    (shape,) = [one for one in found if isinstance(one, InstanceType)]
    return shape


def available(name: str, zone: str = ZONE) -> AvailableType:
    return AvailableType(Pool("gcp", zone.rpartition("-")[0], zone, name), NAME, NOW)


def test_the_recorded_list_becomes_shapes_and_the_zones_that_sell_them() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        InstanceType("gcp", "n2-standard-4", 4.0, 16.0, "amd64", None, 0, None, None, NAME, NOW),
        available("n2-standard-4"),
        InstanceType("gcp", "a2-highgpu-1g", 12.0, 85.0, "amd64", "A100", 1, 40.0, None, NAME, NOW),
        available("a2-highgpu-1g"),
        InstanceType(
            provider="gcp",
            instance_type="a3-highgpu-8g",
            vcpu=208.0,
            memory_gib=1872.0,
            architecture="amd64",
            gpu_name="H100",
            gpu_count=8,
            gpu_memory_gib=80.0,
            local_disk_gb=6000 * 1.073741824,
            source=NAME,
            observed_at=NOW,
        ),
        available("a3-highgpu-8g"),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 6, 6),
        (RunOutcome.OK, 6, 0),
    ]


@pytest.mark.parametrize(
    ("accelerator", "name", "memory"),
    [
        ("nvidia-l4", "L4", 24.0),
        ("nvidia-tesla-t4", "T4", 16.0),
        ("nvidia-tesla-a100", "A100", 40.0),
        ("nvidia-a100-80gb", "A100", 80.0),
        ("nvidia-h100-mega-80gb", "H100", 80.0),
        ("nvidia-h200-141gb", "H200", 141.0),
        ("nvidia-b200", "B200", 180.0),
        ("nvidia-rtx-pro-6000", "RTX PRO 6000", 96.0),
        ("nvidia-z900", "Z900", None),
    ],
)
def test_a_gpu_is_named_as_other_clouds_do(
    accelerator: str, name: str, memory: float | None
) -> None:
    rows = [{"guestAcceleratorType": accelerator, "guestAcceleratorCount": 2}]

    found = read(accelerators=rows)

    assert (found.gpu_name, found.gpu_count, found.gpu_memory_gib) == (name, 2, memory)


@pytest.mark.parametrize("accelerator", ["ct5lp", "ct6e", "tpu7x"])
def test_a_tpu_is_no_gpu(accelerator: str) -> None:
    found = read(accelerators=[{"guestAcceleratorType": accelerator, "guestAcceleratorCount": 4}])

    assert (found.gpu_name, found.gpu_count, found.gpu_memory_gib) == (None, 0, None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ARM64", "arm64"),
        ("X86_64", "amd64"),
        ("ARCHITECTURE_UNSPECIFIED", "amd64"),
        (None, "amd64"),
    ],
)
def test_architectures_are_spelled_as_kubernetes_does(said: str | None, told: str) -> None:
    assert read(architecture=said).architecture == told


def test_a_shared_core_counts_the_vcpus_that_the_guest_sees() -> None:
    assert read(name="e2-micro", guestCpus=2, isSharedCpu=True).vcpu == 2.0


@pytest.mark.parametrize(
    ("name", "disks", "gb"),
    [
        ("c3-standard-4-lssd", {"partitionCount": 1}, 402.653184),
        ("z3-highmem-88", {"partitionCount": 12}, None),
        ("n2-standard-4", None, None),
        ("n2-standard-4", {}, None),
    ],
)
def test_local_disks_are_counted_where_their_size_is_known(
    name: str, disks: dict[str, int] | None, gb: float | None
) -> None:
    assert read(name=name, bundledLocalSsds=disks).local_disk_gb == pytest.approx(gb)


def test_two_kinds_of_accelerators_in_one_type_are_reported() -> None:
    one = {"guestAcceleratorType": "nvidia-l4", "guestAcceleratorCount": 1}

    with pytest.raises(SourceChangedError, match=r"us-central1-a n2-standard-4: .*2 kinds"):
        read(accelerators=[one, one])


def collected(*pages: dict[str, Any]) -> tuple[list[Record], list[dict[str, str]]]:
    """Collect from pages in order; the query of each request beside the records."""
    left = list(pages)
    with answered(lambda _: left.pop(0)) as (source, server):
        records = list(FEED.collect(source))
    assert server.urls() == [f"{COMPUTE}/aggregated/machineTypes"] * len(pages)
    return records, [one.query for one in server.asked]


def test_all_pages_are_read_and_a_shape_is_told_once() -> None:
    records, queries = collected(
        machine_types(machine_type(), nextPageToken="two"),
        machine_types(machine_type(), zone="europe-west4-b"),
    )

    assert [type(one) for one in records] == [InstanceType, AvailableType, AvailableType]
    assert records[1:] == [
        available("n2-standard-4"),
        available("n2-standard-4", "europe-west4-b"),
    ]
    assert queries == [{"maxResults": "500"}, {"maxResults": "500", "pageToken": "two"}]


@pytest.mark.parametrize(
    "told",
    [
        {"unreachables": ["projects/p/zones/us-east1-b"]},
        {"items": {"zones/us-east1-b": {"warning": {"code": "UNREACHABLE", "message": "down"}}}},
    ],
)
def test_a_zone_that_was_down_is_not_taken_for_an_empty_one(told: dict[str, Any]) -> None:
    with pytest.raises(SourceUnavailableError, match="not all could be asked: us-east1-b"):
        collected({**machine_types(machine_type()), **told})
