"""AWS' machine shapes: units, architectures, and what counts as a GPU."""

import pytest

from collector.errors import SourceChangedError
from collector.providers.aws.instance_types import FEED, NAME
from tests.support.aws import aws_at, ec2, item, replayed, reply
from tests.support.loopback import NOW, Answer, run, stored
from warehouse.records import InstanceType, RunOutcome
from warehouse.store import Warehouse


def shape(instance_type: str, vcpu: float, memory_gib: float, **others: object) -> InstanceType:
    fields: dict[str, object] = {
        "architecture": "amd64",
        "gpu_name": None,
        "gpu_count": 0,
        "gpu_memory_gib": None,
        "local_disk_gb": None,
    }
    return InstanceType(
        provider="aws",
        instance_type=instance_type,
        vcpu=vcpu,
        memory_gib=memory_gib,
        source=NAME,
        observed_at=NOW,
        **{**fields, **others},  # type: ignore[arg-type] # the words above are the fields' own
    )


def row(**changed: str | None) -> str:
    """A machine of 4 vCPU and 16 GiB; a field that is None is left out."""
    fields: dict[str, str | None] = {
        "instanceType": "g9.xlarge",
        "vCpuInfo": "<defaultVCpus>4</defaultVCpus>",
        "memoryInfo": "<sizeInMiB>16384</sizeInMiB>",
        "processorInfo": architectures("x86_64"),
    }
    return item(**{**fields, **changed})


def architectures(*names: str) -> str:
    listed = "".join(f"<item>{name}</item>" for name in names)
    return f"<supportedArchitectures>{listed}</supportedArchitectures>"


def gpus(*gpus: str) -> str:
    return f"<gpus>{''.join(gpus)}</gpus>"


def gpu(name: str = "L4", **counts: str) -> str:
    return item(name=name, **counts, memoryInfo="<sizeInMiB>2861</sizeInMiB>")


def types(*rows: str) -> Answer:
    return reply("DescribeInstanceTypes", f"<instanceTypeSet>{''.join(rows)}</instanceTypeSet>")


def collected(answer: Answer) -> InstanceType:
    """The one machine of an answer."""
    with ec2(lambda _: answer) as server, aws_at(server.url) as source:
        (record,) = FEED.collect(source)
    assert isinstance(record, InstanceType)
    return record


def test_the_recorded_types_become_shapes() -> None:
    with replayed() as source:
        records = list(FEED.collect(source))

    assert records == [
        shape("m5.large", 2, 8),
        shape(
            "p4d.24xlarge",
            96,
            1152,
            gpu_name="A100",
            gpu_count=8,
            gpu_memory_gib=40,
            local_disk_gb=8000,
        ),
    ]


def test_a_second_run_stores_nothing_new() -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, FEED, source).result for _ in range(2)]

    assert [(one.outcome, one.rows_read, one.rows_new) for one in results] == [
        (RunOutcome.OK, 2, 2),
        (RunOutcome.OK, 2, 0),
    ]


def test_the_largest_page_is_asked_for() -> None:
    with ec2(lambda _: types(row())) as server, aws_at(server.url) as source:
        list(FEED.collect(source))

    assert [(one["Action"], one["MaxResults"]) for one in server.asked] == [
        ("DescribeInstanceTypes", "100")
    ]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("x86_64",), "amd64"),
        (("i386", "x86_64"), "amd64"),
        (("arm64",), "arm64"),
        (("x86_64_mac",), "x86_64_mac"),
        (("arm64_mac",), "arm64_mac"),
        (("riscv64",), "riscv64"),
    ],
)
def test_an_architecture_has_kubernetes_word_where_linux_runs_on_it(
    told: tuple[str, ...], expected: str
) -> None:
    assert collected(types(row(processorInfo=architectures(*told)))).architecture == expected


@pytest.mark.parametrize(
    ("told", "name", "count"),
    [
        (gpus(gpu(count="1", logicalGpuCount="1")), "L4", 1),
        (gpus(gpu(count="0", logicalGpuCount="1", gpuPartitionSize="0.125")), "L4", 0),
        (gpus(gpu(logicalGpuCount="1")), "L4", 0),
        (gpus(gpu(count="4"), gpu("T4", count="2")), "L4", 6),
    ],
)
def test_a_slice_of_a_gpu_is_not_counted_as_one(told: str, name: str, count: int) -> None:
    found = collected(types(row(gpuInfo=told)))

    assert (found.gpu_name, found.gpu_count) == (name, count)
    assert found.gpu_memory_gib == pytest.approx(2.794, abs=0.001)


def test_inferentia_and_trainium_are_no_gpus() -> None:
    neuron = f"<neuronDevices>{item(name='Trainium', count='16')}</neuronDevices>"

    found = collected(types(row(neuronInfo=neuron)))

    assert (found.gpu_name, found.gpu_count, found.gpu_memory_gib) == (None, 0, None)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"vCpuInfo": None}, "missing 'VCpuInfo'"),
        ({"vCpuInfo": "<vCpus>4</vCpus>"}, "missing 'DefaultVCpus'"),
        ({"memoryInfo": None}, "missing 'MemoryInfo'"),
        ({"processorInfo": "<architecture/>"}, "missing 'SupportedArchitectures'"),
        ({"processorInfo": architectures()}, "SupportedArchitectures is empty"),
        ({"gpuInfo": gpus()}, "Gpus is empty"),
        ({"gpuInfo": "<totalGpuMemoryInMiB>1</totalGpuMemoryInMiB>"}, "missing 'Gpus'"),
        ({"gpuInfo": gpus(gpu())}, "missing 'Count'"),
        ({"instanceStorageInfo": "<nvmeSupport>required</nvmeSupport>"}, "'TotalSizeInGB'"),
    ],
)
def test_a_type_of_another_form_is_reported_by_name(
    changed: dict[str, str | None], words: str
) -> None:
    with pytest.raises(SourceChangedError) as raised:
        collected(types(row(**changed)))

    assert str(raised.value).startswith("aws.instance_types: us-east-1 g9.xlarge: ")
    assert str(raised.value).endswith(words)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (types(row(), row(instanceType=None)), "a row without InstanceType: missing"),
        (types(row(), row(vCpuInfo="<defaultVCpus>0</defaultVCpus>")), "vcpu 0.0 is not above 0"),
        (types(row(vCpuInfo="<defaultVCpus>four</defaultVCpus>")), "a value cannot be read"),
        (reply("DescribeInstanceTypes", "<typeSet/>"), "missing 'InstanceTypes'"),
        (types(), "gave no rows at all"),
    ],
)
def test_nothing_of_a_page_that_cannot_be_true_is_stored(answer: Answer, words: str) -> None:
    with (
        ec2(lambda _: answer) as server,
        aws_at(server.url) as source,
        Warehouse.in_memory() as warehouse,
    ):
        result = run(warehouse, FEED, source).result
        left = stored(warehouse)

    assert (result.outcome, left) == (RunOutcome.FAILED, {})
    assert words in (result.error or "")
