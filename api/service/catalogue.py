"""Clouds, regions, zones and machine shapes that are known, with counts and ages."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from advisor import Demand, Policy
from api.errors import NoAnswerError
from api.service.asking import key_of, paged
from api.service.page import Page
from api.service.state import Service
from warehouse.catalogue import known_providers, known_regions, offered_in, shapes
from warehouse.records import InstanceType

SHAPE_KEY = ("provider", "instance_type")

NOTHING_KNOWN: dict[str, Any] = {
    **dict.fromkeys(("zones", "instance_types", "pools", "priced_pools", "shapes"), 0),
    **dict.fromkeys(("newest_price_at", "newest_signal_at", "newest_shape_at")),
    "regions": [],
}
"""Of a cloud of which only the shapes are known, or only the prices."""


class CountsOut(BaseModel):
    """How much is known of a cloud or region, and how fresh that is. Null is nothing."""

    instance_types: int = Field(description="Types that have a pool: priced, hinted at or offered.")
    pools: int = Field(description="Types in zones, or in a whole region where only that is told.")
    priced_pools: int = Field(description="Those with a spot price, of whatever age.")
    newest_price_at: datetime | None = Field(description="When a price was last known to be true.")
    newest_signal_at: datetime | None = Field(description="When a signal was last told.")
    is_stale: bool = Field(description="Whether even the newest price is too old to stand for now.")


class ProviderOut(CountsOut):
    """A cloud."""

    provider: str = Field(examples=["aws"])
    title: str | None = Field(examples=["Amazon EC2"], description="Null of a cloud without feeds.")
    regions: list[str] = Field(examples=[["eu-west-1", "us-east-1"]])
    zones: int = Field(description="Zones that were told of by name.")
    shapes: int = Field(description="Machine shapes that are known.")
    newest_shape_at: datetime | None


class RegionOut(CountsOut):
    """A region of a cloud."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zones: list[str] = Field(examples=[["use1-az4", "use1-az6"]])


class ProviderPage(Page[ProviderOut]):
    """Clouds."""


class RegionPage(Page[RegionOut]):
    """Regions, by cloud."""


class InstanceTypeOut(BaseModel):
    """A machine shape. Null is unknown."""

    provider: str = Field(examples=["aws"])
    instance_type: str = Field(examples=["g5.xlarge"])
    vcpu: float
    memory_gib: float
    architecture: str = Field(examples=["amd64"])
    gpu_name: str | None = Field(examples=["NVIDIA A10G"])
    gpu_count: int = Field(description="0 if it has none.")
    gpu_memory_gib: float | None = Field(description="Of each GPU.")
    local_disk_gb: float | None = Field(description="In GB of 10^9 bytes.")
    source: str = Field(examples=["aws.instance_types"])
    observed_at: datetime = Field(description="When it was first said so.")


class InstanceTypePage(Page[InstanceTypeOut]):
    """Machine shapes, by cloud and name."""


class OfferedOut(BaseModel):
    """A place in which the cloud says that it offers the type."""

    region: str
    zone: str = Field(description="`*` where only the region was told.")
    told_at: datetime = Field(description="When it was first said so.")
    told_by: list[str]


class InstanceTypeDetail(InstanceTypeOut):
    """A machine shape and where it is."""

    offered: list[OfferedOut] = Field(description="Places; empty if the cloud told of none.")
    links: dict[str, str] = Field(description="Where more is told of it.")
    as_of: datetime


def provider_page(service: Service) -> ProviderPage:
    """Every cloud that anything is known of."""
    now = service.clock()
    with service.reading() as warehouse:
        known = known_providers(warehouse, now).to_dicts()
    clouds = service.providers
    rows = [
        {
            **NOTHING_KNOWN,
            **{name: told for name, told in row.items() if told is not None},
            "title": clouds[row["provider"]].title if row["provider"] in clouds else None,
        }
        for row in known
    ]
    return ProviderPage.model_validate(_told(service, now, rows))


def region_page(service: Service, provider: str | None) -> RegionPage:
    """Every region that anything is known of."""
    now = service.clock()
    with service.reading() as warehouse:
        rows = known_regions(warehouse, now, provider=provider).to_dicts()
    return RegionPage.model_validate(_told(service, now, rows))


def _told(service: Service, now: datetime, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rows with what must be known of all of them."""
    times = [row["newest_price_at"] for row in rows if row["newest_price_at"]]
    for row in rows:
        at = row["newest_price_at"]
        row["is_stale"] = at is not None and now - at > service.settings.price_max_age
    return {
        "items": rows,
        "as_of": now,
        "data_as_of": min(times, default=None),
        "is_stale": any(row["is_stale"] for row in rows),
    }


def instance_type_page(
    service: Service, demand: Demand, policy: Policy, *, limit: int, cursor: str | None
) -> InstanceTypePage:
    """The shapes that meet a demand, of the clouds and types that a policy allows."""
    after = key_of(cursor, (str, str))
    with service.reading() as warehouse:
        known = shapes(warehouse)
    rows = [
        shape_row(one)
        for one in known
        if (after is None or [one.provider, one.instance_type] > after)
        and (not policy.providers or one.provider in policy.providers)
        and policy.refuses_type(one.instance_type) is None
        and demand.unmet_by(one) is None
    ]
    shown, following = paged(rows[: limit + 1], limit, SHAPE_KEY)
    return InstanceTypePage.model_validate(
        {"items": shown, "next_cursor": following, "as_of": service.clock()}
    )


def instance_type_detail(service: Service, provider: str, instance_type: str) -> InstanceTypeDetail:
    """One shape, and where the cloud says that it is.

    Raises:
        NoAnswerError: no such shape is known.
    """
    with service.reading() as warehouse:
        found = shapes(warehouse, provider=provider, instance_type=instance_type)
        if not found:
            raise NoAnswerError(
                f"No shape of {instance_type} of {provider} is known; /v1/instance-types lists "
                f"those that are."
            )
        offered = offered_in(warehouse, provider, instance_type)
    return InstanceTypeDetail.model_validate(
        {
            **shape_row(found[0]),
            "offered": offered,
            "links": links_of(provider=provider, instance_type=instance_type),
            "as_of": service.clock(),
        }
    )


def links_of(**where: str) -> dict[str, str]:
    """Where more is told of a type or pool."""
    query = urlencode(where)
    # List prices are of whole regions.
    listed = urlencode({name: one for name, one in where.items() if name != "zone"})
    return {
        "pools": f"/v1/pools?{query}",
        "price_history": f"/v1/prices/history?{query}",
        "on_demand_prices": f"/v1/on-demand-prices?{listed}&history=true",
        "signals": f"/v1/signals?{query}&history=true",
        "interruptions": f"/v1/interruptions?{query}",
        "interruption_rates": f"/v1/interruptions/rates?{query}",
        "availability": f"/v1/availability?{query}",
    }


def shape_row(shape: InstanceType) -> dict[str, Any]:
    """A shape as `InstanceTypeOut` has it."""
    return {name: getattr(shape, name) for name in InstanceTypeOut.model_fields}
