"""Offerings for tests of what is rendered from them: only the pool and the machine matter."""

from datetime import UTC, datetime

from warehouse.records import (
    REGIONAL,
    CapacityType,
    InstanceType,
    Offering,
    Pool,
    Semantics,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
REGIONS = {
    "aws": "us-east-1",
    "alibaba": "cn-hangzhou",
    "gcp": "us-central1",
    "azure": "westus2",
}


def offering(
    instance_type: str,
    zone: str = REGIONAL,
    *,
    provider: str = "aws",
    region: str | None = None,
    capacity_type: CapacityType = CapacityType.SPOT,
    architecture: str = "amd64",
    gpu_name: str | None = "A10G",
    gpu_count: int = 1,
) -> Offering:
    """A machine for one dollar an hour; ``region`` None is the provider's of `REGIONS`."""
    return Offering(
        pool=Pool(provider, region or REGIONS[provider], zone, instance_type),
        capacity_type=capacity_type,
        price_per_hour=1.0,
        currency="USD",
        usd_per_hour=1.0,
        price_semantics=Semantics.SAMPLE,
        price_source="test",
        price_observed_at=NOW,
        on_demand_usd_per_hour=2.0,
        instance_type=_machine(provider, instance_type, architecture, gpu_name, gpu_count),
    )


def _machine(
    provider: str, instance_type: str, architecture: str, gpu_name: str | None, gpu_count: int
) -> InstanceType:
    return InstanceType(
        provider=provider,
        instance_type=instance_type,
        vcpu=4.0,
        memory_gib=16.0,
        architecture=architecture,
        gpu_name=gpu_name,
        gpu_count=gpu_count,
        gpu_memory_gib=24.0 if gpu_name else None,
        local_disk_gb=None,
        source="test",
        observed_at=NOW,
    )
