"""Google Cloud's list prices of machines, put together from the price list of their parts.

A machine's price is vCPU times the family's core price, plus GiB times its memory price, plus its
GPUs and its local SSD. A machine of which any part has no price has no price: part of a sum reads
like a bargain. The shapes of the machines come from `machine_types` in the same run.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from collector.provider import Feed, RecordedAs, Scope, Source
from collector.providers.gcp import machine_types
from collector.providers.gcp.client import connection_of
from collector.providers.gcp.machine_types import MachineShape
from collector.providers.gcp.names import PROVIDER_NAME, region_of
from collector.providers.gcp.sku_components import (
    CORE,
    MARKETS,
    RAM,
    SPOT,
    SSD,
    Part,
    UnitPrice,
    components,
    gpu_part,
    machine_part,
)
from warehouse.records import REGIONAL, OnDemandPrice, Pool, Record, Semantics, SpotPrice

NAME = "gcp.billing_skus"
SKUS = "https://cloudbilling.googleapis.com/v1/services/6F81-5844-456A/skus"
"""The service is Compute Engine."""
PERMISSION = "serviceusage.services.use"
"""The list is public; who asks by token instead of by key must be allowed to use the project."""
PAGE_SIZE = 5000
"""The most that the API gives at once."""

FAMILIES = {
    "a2": "A2",
    "a3-highgpu": "A3",
    "c2": "Compute optimized",
    "c2d": "C2D AMD",
    "c3": "C3",
    "c3d": "C3D",
    "c4": "C4",
    "c4a": "C4A Arm",
    "c4d": "C4D",
    "c4n": "C4N",
    "e2": "E2",
    "g2": "G2",
    "g4": "G4",
    "h3": "H3",
    "m1": "Memory-optimized",
    "m3": "M3",
    "m4": "M4",
    "m4n": "M4N",
    "n1-standard": "N1 Predefined",
    "n1-highmem": "N1 Predefined",
    "n1-highcpu": "N1 Predefined",
    "n2": "N2",
    "n2d": "N2D AMD",
    "n4": "N4",
    "n4a": "N4A",
    "n4d": "N4D",
    "t2a": "T2A Arm",
    "t2d": "T2D AMD",
    "z3": "Z3",
}
"""How the price list calls the family of a type, by how the type's name begins. Left out are M2,
which costs a premium on top of "Memory-optimized", A3's and A4's other forms, whose parts have
other names that we have not seen, TPUs, and f1-micro and g1-small, which are sold whole."""

SHARED_VCPU = {"e2-micro": Decimal("0.25"), "e2-small": Decimal("0.5"), "e2-medium": Decimal(1)}
"""vCPUs that are billed where the core is shared (cloud.google.com/compute/vm-instance-pricing)."""

PLAIN_LOCAL_SSD = {"a2", "a3-highgpu", "c3", "c3d", "g2"}
"""Families whose built-in disks are the plain "SSD backed Local Storage"; newer families have
Titanium SSD at another price."""

MIB_PER_GIB = 1024
HOURS_PER_MONTH = 730
"""By which Google turns a monthly price into an hourly one."""


@dataclass(frozen=True, slots=True)
class MachinePrice:
    """The exact sum of a machine's parts, per hour; in force since its newest part is."""

    price: Decimal
    currency: str
    effective_at: datetime


def collect(source: Source) -> Iterator[Record]:
    """Yield the spot and the on-demand price of each type in each region that sells it.

    Raises:
        SourceDeniedError: also if there is an API key but no account, for want of the shapes.
    """
    sold = list(machine_types.listed(source, feed=NAME))
    pages = connection_of(source, NAME).pages(
        source,
        SKUS,
        {"pageSize": str(PAGE_SIZE)},
        feed=NAME,
        permission=PERMISSION,
        by_key=True,
    )
    yield from parse(pages, sold, observed_at=source.now)


def parse(
    pages: Iterable[Any], sold: Iterable[MachineShape], *, observed_at: datetime
) -> Iterator[SpotPrice | OnDemandPrice]:
    """Read all pages of the list and price the machines that are sold."""
    units = components(pages, feed=NAME)
    by_region = {(region_of(one.zone), one.name): one for one in sold}
    for (region, _), shape in sorted(by_region.items()):
        for market in MARKETS:
            if price := machine_price(shape, region, market, units):
                yield _record(shape.name, region, market, price, observed_at)


def machine_price(
    shape: MachineShape, region: str, market: str, units: Mapping[Part, UnitPrice]
) -> MachinePrice | None:
    """What the machine costs an hour; None if a part has no price, or two have two currencies."""
    needed = parts(shape)
    if needed is None:
        return None
    found = [units.get(Part(region, market, what)) for what, _ in needed]
    known = [one for one in found if one is not None and one.price is not None]
    if len(known) < len(needed) or len({one.currency for one in known}) > 1:
        return None
    total = sum(
        (one.price * count for one, (_, count) in zip(known, needed, strict=True) if one.price),
        Decimal(),
    )
    return MachinePrice(total, known[0].currency, max(one.effective_at for one in known))


def parts(shape: MachineShape) -> list[tuple[str, Decimal]] | None:
    """What the machine is made of, and how much of it; None if that is not known."""
    begins = shape.name.split("-")
    key = next((one for one in ("-".join(begins[:2]), begins[0]) if one in FAMILIES), None)
    disk_gib = shape.local_ssd_gib
    if key is None or disk_gib is None or (disk_gib and key not in PLAIN_LOCAL_SSD):
        return None
    family = FAMILIES[key]
    made_of = [
        (machine_part(family, CORE), SHARED_VCPU.get(shape.name, Decimal(shape.guest_cpus))),
        (machine_part(family, RAM), Decimal(shape.memory_mib) / MIB_PER_GIB),
    ]
    if shape.accelerator:
        made_of.append((gpu_part(shape.accelerator), Decimal(shape.accelerator_count)))
    if disk_gib:
        made_of.append((SSD, Decimal(disk_gib) / HOURS_PER_MONTH))
    return made_of


def _record(
    name: str, region: str, market: str, price: MachinePrice, observed_at: datetime
) -> SpotPrice | OnDemandPrice:
    if market == SPOT:
        return SpotPrice(
            pool=Pool(PROVIDER_NAME, region, REGIONAL, name),
            effective_at=price.effective_at,
            price_per_hour=float(price.price),
            currency=price.currency,
            semantics=Semantics.INTERVAL,
            source=NAME,
            observed_at=observed_at,
        )
    return OnDemandPrice(
        provider=PROVIDER_NAME,
        region=region,
        instance_type=name,
        effective_at=price.effective_at,
        price_per_hour=float(price.price),
        currency=price.currency,
        source=NAME,
        observed_at=observed_at,
    )


FEED = Feed(
    name=NAME,
    title="Google Cloud price list",
    meaning=(
        "Spot and on-demand list price of each predefined type per region, the same in all its "
        "zones: the sum of vCPU, memory, GPUs and built-in local SSD. A type of which any part has "
        "no price is left out, never priced in part. Google changes a spot price at most once a "
        "day and tells the price of the last 12 hours, not when it began; what a change says of "
        "capacity is little. No discounts, no operating system's licence, no boot disk."
    ),
    semantics=Semantics.INTERVAL,
    cadence=timedelta(days=1),
    is_snapshot=True,
    scope=Scope.GLOBAL,
    collect=collect,
    needs_account=True,
    permissions=(machine_types.PERMISSION, PERMISSION),
    recorded_as=(RecordedAs("/services/6F81-5844-456A/skus", "billing.v1.skus"),),
)
