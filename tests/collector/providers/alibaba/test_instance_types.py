"""Alibaba Cloud's machine shapes."""

import json
from typing import Any

import pytest
from alibabacloud_ecs20140526.models import DescribeInstanceTypesRequest

from collector.errors import SourceChangedError
from collector.providers.alibaba import instance_types
from collector.providers.alibaba.instance_types import FEED, NAME
from tests.support.alibaba import REGION, alibaba_at, official_client, replayed
from tests.support.loopback import NOW, Answer, Loopback, Request, loopback, run
from warehouse.records import InstanceType, Record, RunOutcome
from warehouse.store import Warehouse


def shape(name: str = "ecs.g7.large", **changed: Any) -> dict[str, Any]:
    given = {
        "InstanceTypeId": name,
        "CpuArchitecture": "X86",
        "CpuCoreCount": 2,
        "MemorySize": 8.0,
        "GPUAmount": 0,
    }
    return {**given, **changed}


def read(**changed: Any) -> InstanceType:
    reply = {"InstanceTypes": {"InstanceType": [shape(**changed)]}}
    (found,) = instance_types.parse(reply, region=REGION, observed_at=NOW)
    return found


def test_the_recorded_list_becomes_shapes() -> None:
    with replayed() as source:
        shapes = list(FEED.collect(source))

    assert shapes == [
        InstanceType("alibaba", "ecs.g7.large", 2.0, 8.0, "amd64", None, 0, None, None, NAME, NOW),
        InstanceType(
            provider="alibaba",
            instance_type="ecs.gn7i-c8g1.2xlarge",
            vcpu=8.0,
            memory_gib=30.0,
            architecture="amd64",
            gpu_name="A10",
            gpu_count=1,
            gpu_memory_gib=24.0,
            local_disk_gb=None,
            source=NAME,
            observed_at=NOW,
        ),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.OK, 2, 0),
    ]


def test_the_official_client_reads_the_same_shapes() -> None:
    with official_client() as client:
        body = client.describe_instance_types(DescribeInstanceTypesRequest(max_results=1600)).body
    official = [
        (one.instance_type_id, one.cpu_core_count, one.memory_size, one.gpuamount)
        for one in body.instance_types.instance_type
    ]

    with replayed() as source:
        shapes = [one for one in FEED.collect(source) if isinstance(one, InstanceType)]
    assert official == [
        (one.instance_type, one.vcpu, one.memory_gib, one.gpu_count) for one in shapes
    ]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("NVIDIA A10", "A10"),
        ("NVIDIA T4/4", "T4/4"),
        ("NVIDIA A10-4Q", "A10-4Q"),
        ("nvidia V100 32G", "V100 32G"),
        ("AMD S7150", "S7150"),
        ("GPU H", "GPU H"),
        ("", None),
        (" ", None),
        (None, None),
    ],
)
def test_a_gpu_is_named_without_its_maker_and_a_slice_with_its_fraction(
    spec: str | None, name: str | None
) -> None:
    assert read(GPUAmount=1, GPUSpec=spec).gpu_name == name


@pytest.mark.parametrize(("given", "told"), [(16.0, 16.0), (0, None), (None, None)])
def test_gpu_memory_is_only_what_is_given(given: float | None, told: float | None) -> None:
    found = read(GPUAmount=2, GPUSpec="NVIDIA T4/4", GPUMemorySize=given)

    assert (found.gpu_count, found.gpu_memory_gib) == (2, told)


@pytest.mark.parametrize(("given", "told"), [("X86", "amd64"), ("ARM", "arm64"), ("RISC", "RISC")])
def test_architectures_are_spelled_as_kubernetes_does(given: str, told: str) -> None:
    assert read(CpuArchitecture=given).architecture == told


def test_local_disks_are_added_up_in_gb() -> None:
    found = read(LocalStorageAmount=2, LocalStorageCapacity=1000)

    assert found.local_disk_gb == pytest.approx(2147.483648)
    assert read(LocalStorageAmount=0, LocalStorageCapacity=1000).local_disk_gb is None
    assert read(LocalStorageAmount=2).local_disk_gb is None


def paged(tokens: dict[str, str]) -> tuple[list[Record], Loopback]:
    """Collect from pages, each with one type named like its token; ``tokens`` link them."""

    def answer(request: Request) -> Answer:
        token = request.query.get("NextToken", "")
        types = {"InstanceType": [shape(f"ecs.g7.large{token}")]}
        return Answer(json.dumps({"InstanceTypes": types, "NextToken": tokens[token]}).encode())

    with loopback(answer) as server, alibaba_at(server.url) as source:
        return list(FEED.collect(source)), server


def test_all_pages_are_read() -> None:
    shapes, server = paged({"": "2", "2": "3", "3": ""})

    names = [one.instance_type for one in shapes if isinstance(one, InstanceType)]
    assert names == ["ecs.g7.large", "ecs.g7.large2", "ecs.g7.large3"]
    assert [one.query["MaxResults"] for one in server.requests] == ["1600"] * 3
    assert "NextToken" not in server.requests[0].query


def test_a_token_that_leads_back_is_reported() -> None:
    with pytest.raises(SourceChangedError, match="cn-hangzhou: the page token repeats"):
        paged({"": "2", "2": "3", "3": "2"})
