"""Azure's sizes: shapes, GPUs told by name, and the zones that the subscription may use."""

from collections.abc import Mapping
from typing import Any

import pytest

from collector.errors import NotOfferedError, SourceChangedError
from collector.providers.azure import skus
from collector.providers.azure.gpus import gpus
from collector.providers.azure.skus import FEED, NAME
from tests.support.azure import (
    A100,
    D4S,
    REGION,
    SUBSCRIPTION,
    T4,
    collected,
    replayed,
)
from tests.support.loopback import NOW, run
from warehouse.records import AvailableType, InstanceType, Pool, RunOutcome
from warehouse.store import Warehouse

CAPABILITIES = {"vCPUs": "4", "MemoryGB": "16", "CpuArchitectureType": "x64"}


def shape(name: str, vcpu: float, memory_gib: float, **given: Any) -> InstanceType:
    fields: dict[str, Any] = {
        "architecture": "amd64",
        "gpu_name": None,
        "gpu_count": 0,
        "gpu_memory_gib": None,
        "local_disk_gb": None,
        **given,
    }
    return InstanceType("azure", name, vcpu, memory_gib, source=NAME, observed_at=NOW, **fields)


def sold(zone: str, size: str) -> AvailableType:
    return AvailableType(Pool("azure", REGION, zone, size), NAME, NOW)


def page(able: Mapping[str, str] | None = None, **changed: Any) -> dict[str, Any]:
    """A page with one size, with parts of it changed."""
    told = {**CAPABILITIES, **(able or {})}
    row = {
        "resourceType": "virtualMachines",
        "name": D4S,
        "locations": [REGION],
        "locationInfo": [{"location": REGION, "zones": ["1", "2"]}],
        "capabilities": [{"name": name, "value": value} for name, value in told.items()],
        "restrictions": [],
        **changed,
    }
    return {"value": [row]}


def parsed(answer: Any) -> list[Any]:
    return list(skus.parse(answer, region=REGION, observed_at=NOW))


def test_the_recorded_sizes_become_shapes_and_pools() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        shape(D4S, 4, 16),
        sold("eastus-1", D4S),
        sold("eastus-2", D4S),
        sold("eastus-3", D4S),
        shape(
            T4,
            4,
            28,
            gpu_name="T4",
            gpu_count=1,
            gpu_memory_gib=16,
            local_disk_gb=pytest.approx(188.98, abs=0.01),
        ),
        sold("eastus-1", T4),
        shape(
            A100,
            24,
            220,
            gpu_name="A100",
            gpu_count=1,
            gpu_memory_gib=80,
            local_disk_gb=pytest.approx(960, abs=0.01),
        ),
        sold("*", A100),
        shape("Standard_D4ps_v5", 4, 16, architecture="arm64"),
        shape("Standard_B2s", 2, 4),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_new) for one in results] == [
        (RunOutcome.OK, 10),
        (RunOutcome.OK, 0),
    ]


def test_the_subscriptions_sizes_of_the_region_are_asked_for() -> None:
    _, sent = collected(FEED, page())

    assert sent[0].url == (
        f"management.azure.com/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skus"
    )
    assert sent[0].query == {"api-version": "2021-07-01", "$filter": "location eq 'eastus'"}


@pytest.mark.parametrize(
    ("restriction", "zones"),
    [
        ({"type": "Zone", "restrictionInfo": {"zones": ["1"]}}, ["eastus-2"]),
        ({"type": "Zone", "restrictionInfo": {"zones": ["1", "2"]}}, []),
        ({"type": "Location", "values": [REGION]}, []),
    ],
)
def test_where_the_subscription_may_not_buy_is_no_pool(
    restriction: Mapping[str, Any], zones: list[str]
) -> None:
    records = parsed(page(restrictions=[restriction]))

    assert [one.pool.zone for one in records[1:]] == zones


def test_a_size_that_is_not_sold_as_spot_has_a_shape_and_no_pool() -> None:
    assert parsed(page({"LowPriorityCapable": "False"})) == [shape(D4S, 4, 16)]


@pytest.mark.parametrize(
    "changed", [{"resourceType": "disks"}, {"locations": ["westus"]}, {"locations": []}]
)
def test_disks_and_other_regions_are_passed_over(changed: Mapping[str, Any]) -> None:
    assert parsed(page(**changed)) == []


def test_of_a_constrained_size_the_vcpus_that_show_are_counted() -> None:
    assert parsed(page({"vCPUsAvailable": "2"}))[0].vcpu == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page({"CpuArchitectureType": "RISC"}), "CpuArchitectureType is 'RISC'"),
        (page({"vCPUs": "four"}), "could not convert"),
        (page({"GPUs": "1.5"}), "invalid literal"),
        (page(capabilities=[]), "missing 'vCPUs'"),
        (page(capabilities=[{"name": "vCPUs", "value": 4}]), "value is 4, not a text"),
        (page(restrictions=[{"type": "Moon"}]), "a restriction's type is 'Moon'"),
        (page(restrictions=None), "restrictions is None, not a list"),
        (page(locationInfo=5), "locationInfo is 5, not a list"),
    ],
)
def test_an_odd_size_is_reported_with_its_place(answer: Any, words: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(answer)

    assert str(raised.value).startswith(f"{NAME}: eastus {D4S}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize("changed", [{"name": 5}, {"locations": None}, {"locations": [5]}])
def test_a_size_without_name_or_place_is_reported(changed: Mapping[str, Any]) -> None:
    with pytest.raises(SourceChangedError, match="eastus, the sizes: "):
        parsed(page(**changed))


def test_a_region_without_sizes_is_skipped() -> None:
    with pytest.raises(NotOfferedError, match="has no sizes in eastus"):
        collected(FEED, {"value": []})


@pytest.mark.parametrize(
    ("size", "count", "expected"),
    [
        (D4S, 0, (None, 0, None)),
        (T4, 1, ("T4", 1, 16)),
        ("Standard_NC64as_T4_v3", 4, ("T4", 4, 16)),
        (A100, 1, ("A100", 1, 80)),
        ("Standard_ND96amsr_A100_v4", 8, ("A100", 8, 80)),
        ("Standard_ND96asr_v4", 8, ("A100", 8, 40)),
        ("Standard_NC40ads_H100_v5", 1, ("H100", 1, 94)),
        ("Standard_NCC40ads_H100_v5", 1, ("H100", 1, 94)),
        ("Standard_ND96isr_H100_v5", 8, ("H100", 8, 80)),
        ("Standard_ND96isr_H200_v5", 8, ("H200", 8, 141)),
        ("Standard_ND96isr_MI300X_v5", 8, ("MI300X", 8, 192)),
        ("Standard_ND128isr_NDR_GB200_v6", 4, ("GB200", 4, None)),
        ("Standard_NC6", 1, ("K80", 1, 12)),
        ("Standard_NC24r", 4, ("K80", 4, 12)),
        ("Standard_NC6s_v2", 1, ("P100", 1, 16)),
        ("Standard_NC24rs_v3", 4, ("V100", 4, 16)),
        ("Standard_ND40rs_v2", 8, ("V100", 8, 32)),
        ("Standard_ND6s", 1, ("P40", 1, 24)),
        ("Standard_NV6", 1, ("M60", 1, 8)),
        ("Standard_NV12s_v3", 1, ("M60", 1, 8)),
        ("Standard_NV36ads_A10_v5", 1, ("A10", 1, 24)),
        ("Standard_NV72ads_A10_v5", 2, ("A10", 2, 24)),
        ("Standard_NV6ads_A10_v5", 1, ("A10", 0, 4)),
        ("Standard_NV8as_v4", 1, ("Radeon Instinct MI25", 0, 4)),
        ("Standard_NV32as_v4", 1, ("Radeon Instinct MI25", 1, 16)),
        ("Standard_NG16ads_V620_v1", 1, ("Radeon Pro V620", 0, 16)),
        ("Standard_NP10s", 1, (None, 0, None)),
        ("Standard_NX8_v9", 2, (None, 2, None)),
    ],
)
def test_a_sizes_name_tells_its_gpu(
    size: str, count: int, expected: tuple[str | None, int, float | None]
) -> None:
    assert gpus(size, count) == expected
