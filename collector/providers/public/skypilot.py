"""SkyPilot's catalog: prices and shapes of a cloud's machines, from one CSV file per cloud.

The SkyPilot project asks the clouds several times a day and publishes what it got. A user without
an account gets prices per zone of AWS and GCP from it. No licence was found beside the files, so
they are read while Spotcast runs, and no copy is shipped or passed on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from collector.errors import SourceChangedError
from collector.http import describe
from collector.payload import reading
from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.public.accelerators import architecture, gpus
from collector.providers.public.csv_tables import read_table, with_numbers
from collector.providers.public.gcp_machines import is_priced_whole
from warehouse.records import (
    REGIONAL,
    InstanceType,
    OnDemandPrice,
    Pool,
    Record,
    Semantics,
    SpotPrice,
)

BASE = "https://raw.githubusercontent.com/skypilot-org/skypilot-catalog/master/catalogs/v8"

COMMON = (
    "InstanceType",
    "AcceleratorName",
    "AcceleratorCount",
    "vCPUs",
    "MemoryGiB",
    "GpuInfo",
    "Price",
    "SpotPrice",
    "Region",
)
PLACE = ("InstanceType", "Region")
ZONE = "AvailabilityZone"
ARCH = "Arch"

UNKNOWN_PRICES = (700.0, 0.0, -1.0)
"""The catalog's stand-ins for a price that is not known."""

LOW_PRIORITY = r"^(?:Basic|Standard)_A\d+$"
"""Azure's first sizes: what the catalog calls their spot price is that of Low Priority."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """One cloud's file: which cloud, its title, and the columns it has beside the common ones."""

    provider: str
    title: str
    more_columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The feed's name."""
        return f"public.skypilot_{self.provider}"

    @property
    def url(self) -> str:
        """Where the file is."""
        return f"{BASE}/{self.provider}/vms.csv"


def records(
    catalog: Catalog, content: bytes, *, effective_at: datetime, observed_at: datetime
) -> Iterator[Record]:
    """A `SpotPrice` per pool, an `OnDemandPrice` per region and type, an `InstanceType` per type.

    Raises:
        SourceChangedError: the file is cut short, lacks a column, or has a number that is none.
    """
    if not content.endswith(b"\n"):
        raise SourceChangedError(catalog.name, f"cut short: {describe(content)}")
    table = _machines(catalog, content)
    yield from _spot_prices(catalog, table, effective_at, observed_at)
    yield from _on_demand_prices(catalog, table, effective_at, observed_at)
    yield from _instance_types(catalog, table, observed_at)


def _machines(catalog: Catalog, content: bytes) -> pl.DataFrame:
    """The rows that are machines, with numbers for texts and without the prices that are none.

    Rows without an instance type are accelerators alone. ``is_whole`` is false where the GPUs are
    billed apart.
    """
    columns = [*COMMON, *catalog.more_columns]
    table = read_table(content, columns, source=catalog.name).drop_nulls(PLACE)
    shapes = ("vCPUs", "MemoryGiB", "AcceleratorCount")
    table = with_numbers(table, shapes, unknown=(), place=PLACE, source=catalog.name)
    prices = ("Price", "SpotPrice")
    table = with_numbers(table, prices, unknown=UNKNOWN_PRICES, place=PLACE, source=catalog.name)
    is_low_priority = pl.col("InstanceType").str.contains(LOW_PRIORITY)
    return table.with_columns(is_whole=is_priced_whole("InstanceType")).with_columns(
        pl.when("is_whole").then("Price").alias("Price"),
        pl.when(pl.col("is_whole") & ~is_low_priority).then("SpotPrice").alias("SpotPrice"),
    )


def _spot_prices(
    catalog: Catalog, table: pl.DataFrame, effective_at: datetime, observed_at: datetime
) -> Iterator[SpotPrice]:
    """One per pool; a row of a zonal file without a zone is of no pool."""
    zone = pl.col(ZONE) if ZONE in catalog.more_columns else pl.lit(REGIONAL)
    rows = (
        table.select("Region", zone.alias("zone"), "InstanceType", "SpotPrice")
        .drop_nulls()
        .unique(["Region", "zone", "InstanceType"], keep="first", maintain_order=True)
    )
    for region, place, instance_type, price in rows.iter_rows():
        yield SpotPrice(
            pool=Pool(catalog.provider, region, place, instance_type),
            effective_at=effective_at,
            price_per_hour=price,
            currency="USD",
            semantics=Semantics.SAMPLE,
            source=catalog.name,
            observed_at=observed_at,
        )


def _on_demand_prices(
    catalog: Catalog, table: pl.DataFrame, effective_at: datetime, observed_at: datetime
) -> Iterator[OnDemandPrice]:
    """One per region and type, the lowest: a few zones (AWS' local ones) cost more."""
    rows = (
        table.select("Region", "InstanceType", "Price")
        .drop_nulls()
        .group_by("Region", "InstanceType", maintain_order=True)
        .min()
    )
    for region, instance_type, price in rows.iter_rows():
        yield OnDemandPrice(
            provider=catalog.provider,
            region=region,
            instance_type=instance_type,
            effective_at=effective_at,
            price_per_hour=price,
            currency="USD",
            source=catalog.name,
            observed_at=observed_at,
        )


def _instance_types(
    catalog: Catalog, table: pl.DataFrame, observed_at: datetime
) -> Iterator[InstanceType]:
    """One per type of which vCPUs, memory and GPUs are told."""
    told = table.drop_nulls(["vCPUs", "MemoryGiB"]).filter(
        pl.col("is_whole") | pl.col("AcceleratorName").is_not_null()
    )
    for row in told.unique("InstanceType", keep="first", maintain_order=True).iter_rows(named=True):
        name = row["InstanceType"]
        with reading(catalog.name, name):
            gpu_name, gpu_count, gpu_memory_gib = gpus(
                row["AcceleratorName"], row["AcceleratorCount"], row["GpuInfo"]
            )
        yield InstanceType(
            provider=catalog.provider,
            instance_type=name,
            vcpu=row["vCPUs"],
            memory_gib=row["MemoryGiB"],
            architecture=architecture(catalog.provider, name, row.get(ARCH)),
            gpu_name=gpu_name,
            gpu_count=gpu_count,
            gpu_memory_gib=gpu_memory_gib,
            local_disk_gb=None,
            source=catalog.name,
            observed_at=observed_at,
        )


def feed_of(catalog: Catalog, meaning: str, collect: Callable[[Source], Iterator[Record]]) -> Feed:
    """The feed that reads the file."""
    return Feed(
        name=catalog.name,
        title=f"SkyPilot catalog, {catalog.title}",
        meaning=meaning,
        semantics=Semantics.SAMPLE,
        cadence=timedelta(hours=12),
        is_snapshot=True,
        scope=Scope.GLOBAL,
        collect=collect,
        needs_account=False,
        recorded_as=(
            RecordedAs(f"/v8/{catalog.provider}/vms.csv", f"skypilot_{catalog.provider}_vms"),
        ),
    )
