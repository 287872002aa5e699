"""SkyPilot's catalog: prices and shapes of three clouds, and the values that are none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collector.errors import SourceChangedError
from collector.provider import Feed
from collector.providers.public import skypilot_aws, skypilot_azure, skypilot_gcp
from collector.providers.public.accelerators import gpus
from collector.providers.public.skypilot import ARCH, COMMON, ZONE
from tests.support.loopback import NOW, Answer, run
from tests.support.public_catalogs import collected, csv_of, replayed
from warehouse.records import (
    InstanceType,
    OnDemandPrice,
    Pool,
    Record,
    RunOutcome,
    Semantics,
    SpotPrice,
)
from warehouse.store import Warehouse

AWS, GCP, AZURE = skypilot_aws.FEED, skypilot_gcp.FEED, skypilot_azure.FEED
COLUMNS = {
    "aws": [*COMMON, ZONE, ARCH],
    "gcp": [*COMMON, ZONE],
    "azure": [*COMMON, "Generation"],
}
PARSERS: dict[str, Callable[..., Iterator[Record]]] = {
    "aws": skypilot_aws.parse,
    "gcp": skypilot_gcp.parse,
    "azure": skypilot_azure.parse,
}
TYPES = {"aws": "m7g.xlarge", "gcp": "n2-standard-4", "azure": "Standard_D4s_v5"}


def spot(provider: str, region: str, zone: str, name: str, price: float) -> SpotPrice:
    pool = Pool(provider, region, zone, name)
    source = f"public.skypilot_{provider}"
    return SpotPrice(pool, NOW, price, "USD", Semantics.SAMPLE, source, NOW)


def listed(provider: str, region: str, name: str, price: float) -> OnDemandPrice:
    source = f"public.skypilot_{provider}"
    return OnDemandPrice(provider, region, name, NOW, price, "USD", source, NOW)


def shape(provider: str, name: str, vcpu: float, gib: float, **given: Any) -> InstanceType:
    fields: dict[str, Any] = {
        "architecture": "amd64",
        "gpu_name": None,
        "gpu_count": 0,
        "gpu_memory_gib": None,
        **given,
    }
    source = f"public.skypilot_{provider}"
    return InstanceType(
        provider, name, vcpu, gib, local_disk_gb=None, source=source, observed_at=NOW, **fields
    )


def row(provider: str = "aws", **changed: object) -> dict[str, object]:
    """A machine with both prices, with parts of it changed."""
    return {
        "InstanceType": TYPES[provider],
        "vCPUs": "4.0",
        "MemoryGiB": "16.0",
        "Price": "0.2",
        "SpotPrice": "0.1",
        "Region": "r-1",
        ZONE: "z-1",
        ARCH: "arm64" if provider == "aws" else "",
        **changed,
    }


def parsed(*rows: dict[str, object], provider: str = "aws") -> list[Record]:
    content = csv_of(COLUMNS[provider], rows)
    return list(PARSERS[provider](content, effective_at=NOW, observed_at=NOW))


def prices(records: list[Record]) -> list[float]:
    return [one.price_per_hour for one in records if isinstance(one, (SpotPrice, OnDemandPrice))]


def test_aws_zones_prices_and_shapes_are_read() -> None:
    with replayed() as source:
        records = list(AWS.collect(source))

    assert records == [
        spot("aws", "us-east-1", "use1-az4", "m7g.xlarge", 0.0743),
        spot("aws", "us-east-1", "use1-az6", "m7g.xlarge", 0.0812),
        spot("aws", "us-east-1", "use1-az4", "g5.xlarge", 0.4025),
        spot("aws", "us-west-2", "usw2-az2", "inf2.xlarge", 0.2274),
        listed("aws", "us-east-1", "m7g.xlarge", 0.1632),
        listed("aws", "us-east-1", "g5.xlarge", 1.006),
        listed("aws", "us-west-2", "p4de.24xlarge", 27.4471),
        listed("aws", "us-west-2", "inf2.xlarge", 0.7582),
        shape("aws", "m7g.xlarge", 4, 16, architecture="arm64"),
        shape("aws", "g5.xlarge", 4, 16, gpu_name="A10G", gpu_count=1, gpu_memory_gib=24),
        shape("aws", "p4de.24xlarge", 96, 1152, gpu_name="A100", gpu_count=8, gpu_memory_gib=80),
        shape("aws", "inf2.xlarge", 4, 16),
        shape("aws", "trn9.weird", 4, 16),
    ]


def test_gcp_machines_whose_gpus_are_billed_apart_have_no_price() -> None:
    with replayed() as source:
        records = list(GCP.collect(source))

    assert records == [
        spot("gcp", "us-central1", "us-central1-a", "n2-standard-4", 0.04708),
        spot("gcp", "us-central1", "us-central1-b", "n2-standard-4", 0.04708),
        spot("gcp", "us-central1", "us-central1-a", "t2a-standard-4", 0.046),
        listed("gcp", "us-central1", "n2-standard-4", 0.194236),
        listed("gcp", "us-central1", "t2a-standard-4", 0.154),
        shape("gcp", "n2-standard-4", 4, 16),
        shape("gcp", "t2a-standard-4", 4, 16, architecture="arm64"),
        shape("gcp", "g2-standard-4", 4, 16, gpu_name="L4", gpu_count=1, gpu_memory_gib=24),
    ]


def test_azure_has_prices_per_region_and_none_of_low_priority() -> None:
    with replayed() as source:
        records = list(AZURE.collect(source))

    d4s, d4ps, t4 = "Standard_D4s_v5", "Standard_D4ps_v5", "Standard_NC4as_T4_v3"
    assert records == [
        spot("azure", "eastus", "*", d4s, 0.036521),
        spot("azure", "eastus", "*", d4ps, 0.0302),
        spot("azure", "eastus", "*", t4, 0.1052),
        listed("azure", "eastus", d4s, 0.192),
        listed("azure", "westeurope", d4s, 0.216),
        listed("azure", "eastus", d4ps, 0.154),
        listed("azure", "eastus", t4, 0.526),
        listed("azure", "eastus", "Standard_A1", 0.06),
        shape("azure", d4s, 4, 16),
        shape("azure", d4ps, 4, 16, architecture="arm64"),
        shape("azure", t4, 4, 28, gpu_name="T4", gpu_count=1, gpu_memory_gib=16),
        shape("azure", "Standard_A1", 1, 1.75),
    ]


@pytest.mark.parametrize("feed", [AWS, GCP, AZURE])
def test_a_second_run_on_the_same_file_reads_nothing(feed: Feed) -> None:
    with Warehouse.in_memory() as warehouse, replayed() as source:
        results = [run(warehouse, feed, source).result for _ in range(2)]

    assert [one.outcome for one in results] == [RunOutcome.OK, RunOutcome.UNCHANGED]
    assert results[0].rows_new == results[0].rows_read


@pytest.mark.parametrize("provider", COLUMNS)
def test_the_clouds_file_of_the_catalogs_eighth_form_is_asked_for(provider: str) -> None:
    feed = {"aws": AWS, "gcp": GCP, "azure": AZURE}[provider]
    content = csv_of(COLUMNS[provider], [row(provider)])

    records, url = collected(feed, Answer(content))

    assert len(records) == 3
    assert url == (
        "raw.githubusercontent.com/skypilot-org/skypilot-catalog/master/catalogs/v8/"
        f"{provider}/vms.csv"
    )


def test_the_prices_are_as_old_as_the_file() -> None:
    content = csv_of(COLUMNS["aws"], [row()])
    dated = Answer(content, headers={"last-modified": "Sun, 22 Nov 2026 06:00:00 GMT"})

    records, _ = collected(AWS, dated)

    assert {one.effective_at.day for one in records if isinstance(one, SpotPrice)} == {22}


@pytest.mark.parametrize("unknown", ["700.0", "700", "", "-1", "-1.0", "0", "0.0", "nan"])
def test_what_stands_for_an_unknown_price_is_none(unknown: str) -> None:
    assert prices(parsed(row(SpotPrice=unknown))) == [0.2]
    assert prices(parsed(row(Price=unknown))) == [0.1]


@pytest.mark.parametrize(
    "name",
    ["a2-highgpu-1g", "a3-megagpu-8g", "a4-highgpu-8g", "a4x-highgpu-4g", "g2-standard-4",
     "g4-standard-48", "ct5lp-hightpu-1t"],
)  # fmt: skip
def test_a_google_machine_with_accelerators_has_neither_price_nor_a_shape_without_them(
    name: str,
) -> None:
    assert parsed(row("gcp", InstanceType=name), provider="gcp") == []


@pytest.mark.parametrize("name", ["g1-small", "f1-micro", "n1-standard-8", "c4a-highmem-2"])
def test_other_google_machines_have(name: str) -> None:
    assert prices(parsed(row("gcp", InstanceType=name), provider="gcp")) == [0.1, 0.2]


@pytest.mark.parametrize("name", ["Standard_A1", "Basic_A4", "Standard_A11"])
def test_the_first_sizes_of_azure_have_no_spot_price(name: str) -> None:
    assert prices(parsed(row("azure", InstanceType=name), provider="azure")) == [0.2]


def test_later_sizes_of_the_family_have() -> None:
    assert prices(parsed(row("azure", InstanceType="Standard_A2_v2"), provider="azure")) == [
        0.1,
        0.2,
    ]


@pytest.mark.parametrize("blank", ["InstanceType", "Region"])
def test_a_row_without_machine_or_region_is_passed_over(blank: str) -> None:
    assert parsed(row(**{blank: ""})) == []


def test_a_zonal_price_without_zone_is_of_no_pool() -> None:
    assert prices(parsed(row(AvailabilityZone=""))) == [0.2]


def test_the_lowest_of_several_on_demand_prices_is_the_regions() -> None:
    local = row(Price="0.3", AvailabilityZone="z-2")

    assert prices(parsed(local, row())) == [0.1, 0.1, 0.2]


@pytest.mark.parametrize("blank", ["vCPUs", "MemoryGiB"])
def test_a_machine_of_unknown_size_has_a_price_and_no_shape(blank: str) -> None:
    records = parsed(row(**{blank: ""}))

    assert [type(one) for one in records] == [SpotPrice, OnDemandPrice]


@pytest.mark.parametrize("name", ["Price", "SpotPrice", "vCPUs", "MemoryGiB", "AcceleratorCount"])
def test_a_number_that_is_none_is_reported_with_its_row(name: str) -> None:
    with pytest.raises(SourceChangedError) as raised:
        parsed(row(), row(**{name: "many"}))

    assert str(raised.value) == (
        f"public.skypilot_aws: m7g.xlarge r-1: {name} is 'many', not a number"
    )


@pytest.mark.parametrize("provider", COLUMNS)
def test_a_column_that_is_missing_is_named(provider: str) -> None:
    needed = [name for name in COLUMNS[provider] if name != "Generation"]
    for gone in needed:
        left = [name for name in needed if name != gone]
        with pytest.raises(SourceChangedError, match=f"the header has no {gone} "):
            list(
                PARSERS[provider](csv_of(left, [row(provider)]), effective_at=NOW, observed_at=NOW)
            )


def test_a_file_that_is_cut_short_is_not_read() -> None:
    content = csv_of(COLUMNS["aws"], [row()])[:-3]

    with pytest.raises(SourceChangedError, match="cut short"):
        list(skypilot_aws.parse(content, effective_at=NOW, observed_at=NOW))


def test_bytes_that_are_no_text_are_reported() -> None:
    with pytest.raises(SourceChangedError):
        list(skypilot_aws.parse(b"\xff\xfe\x00,\n\xff\n", effective_at=NOW, observed_at=NOW))


def test_a_gpu_without_a_number_is_reported() -> None:
    with pytest.raises(
        SourceChangedError, match=r"m7g\.xlarge: AcceleratorCount is blank beside T4"
    ):
        parsed(row(AcceleratorName="T4"))


@pytest.mark.parametrize(
    ("name", "count", "details", "expected"),
    [
        (None, None, None, (None, 0, None)),
        ("T4", 1.0, "{'Gpus': [{'MemoryInfo': {'SizeInMiB': 16384}}]}", ("T4", 1, 16)),
        ("A100-80GB", 8.0, None, ("A100", 8, 80)),
        ("H100-MEGA-80GB", 8.0, "", ("H100", 8, 80)),
        ("V100-32GB", 8.0, "{'Gpus': [{'MemoryInfo': {'SizeInMiB': 32768}}]}", ("V100", 8, 32)),
        ("L4", 0.125, "{'Gpus': [{'MemoryInfo': {'SizeInMiB': 3072}}]}", ("L4", 0, 3)),
        ("M60", 2.0, "M60", ("M60", 2, None)),
        ("M60", 2.0, "{'Gpus': []}", ("M60", 2, None)),
        ("M60", 2.0, "{'Gpus': [{'MemoryInfo': {'SizeInMiB': 'big'}}]}", ("M60", 2, None)),
        ("M60", 2.0, "{'Gpus': [{'MemoryInfo': {'SizeInMiB': 0}}]}", ("M60", 2, None)),
        ("Trainium2", 16.0, None, (None, 0, None)),
        ("Gaudi HL-205", 8.0, None, (None, 0, None)),
        ("tpu-v6e-1", 1.0, None, (None, 0, None)),
    ],
)
def test_an_accelerator_is_a_gpu_as_the_other_feeds_name_it(
    name: str | None,
    count: float | None,
    details: str | None,
    expected: tuple[str | None, int, float | None],
) -> None:
    assert gpus(name, count, details) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [("x86_64", "amd64"), ("arm64", "arm64"), ("arm64_mac", "arm64_mac"), ("", "arm64")],
)
def test_the_architecture_is_kubernetes_word(told: str, expected: str) -> None:
    (machine,) = (one for one in parsed(row(Arch=told)) if isinstance(one, InstanceType))

    assert machine.architecture == expected
