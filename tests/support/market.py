"""Factories: vocabulary records with sensible values, so that a test names only what matters."""

from datetime import UTC, datetime

from warehouse.records import (
    CapacityType,
    InstanceType,
    Offering,
    Pool,
    Semantics,
    Signal,
    SpotPrice,
)

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def a_pool(
    instance_type: str = "g5.xlarge",
    zone: str = "use1-az4",
    region: str = "us-east-1",
    provider: str = "aws",
) -> Pool:
    """A pool of AWS in N. Virginia."""
    return Pool(provider, region, zone, instance_type)


def a_price(
    price_per_hour: float = 0.5,
    pool: Pool | None = None,
    effective_at: datetime = NOW,
    *,
    currency: str = "USD",
    semantics: Semantics = Semantics.CHANGE_POINT,
    source: str = "aws.spot_price_history",
    observed_at: datetime | None = None,
) -> SpotPrice:
    """A spot price, read when it came into force."""
    return SpotPrice(
        pool=pool or a_pool(),
        effective_at=effective_at,
        price_per_hour=price_per_hour,
        currency=currency,
        semantics=semantics,
        source=source,
        observed_at=observed_at or effective_at,
    )


def a_shape(
    instance_type: str = "g5.xlarge",
    *,
    provider: str = "aws",
    vcpu: float = 4,
    memory_gib: float = 16,
    architecture: str = "amd64",
    gpu_name: str | None = "A10G",
    gpu_count: int = 1,
    gpu_memory_gib: float | None = 22.35,
) -> InstanceType:
    """A g5.xlarge, unless said otherwise."""
    return InstanceType(
        provider=provider,
        instance_type=instance_type,
        vcpu=vcpu,
        memory_gib=memory_gib,
        architecture=architecture,
        gpu_name=gpu_name,
        gpu_count=gpu_count,
        gpu_memory_gib=gpu_memory_gib,
        local_disk_gb=250,
        source="aws.instance_types",
        observed_at=NOW,
    )


def an_offering(
    usd_per_hour: float | None = 0.5,
    *,
    pool: Pool | None = None,
    shape: InstanceType | None = None,
    on_demand_usd_per_hour: float | None = 1.0,
    observed_at: datetime = NOW,
) -> Offering:
    """A spot offering of ``shape`` in ``pool``; a price of None is one in an unknown currency."""
    shape = shape or a_shape(pool.instance_type if pool else "g5.xlarge")
    return Offering(
        pool=pool or a_pool(shape.instance_type),
        capacity_type=CapacityType.SPOT,
        price_per_hour=3.5 if usd_per_hour is None else usd_per_hour,
        currency="XAU" if usd_per_hour is None else "USD",
        usd_per_hour=usd_per_hour,
        price_semantics=Semantics.CHANGE_POINT,
        price_source="aws.spot_price_history",
        price_observed_at=observed_at,
        on_demand_usd_per_hour=on_demand_usd_per_hour,
        instance_type=shape,
    )


def a_signal(
    low: float = 0.05,
    high: float | None = 0.10,
    *,
    pool: Pool | None = None,
    observed_at: datetime = NOW,
    definition: str = "aws.advisor_band_trailing_month",
) -> Signal:
    """A published band for the whole region."""
    return Signal(
        pool=pool or a_pool(zone="*"),
        observed_at=observed_at,
        definition=definition,
        value_low=low,
        value_high=high,
        source="aws.spot_advisor",
    )
