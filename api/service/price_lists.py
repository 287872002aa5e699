"""A region's price list as cloudpilot-ai's price server gives it, for clients made for that one.

Its field names, its currencies (CNY for Alibaba Cloud, USD for AWS) and its zones (by name) are
kept. What is unknown is absent: a Go client reads that as 0 or an empty map, its own word for it.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from api.errors import NoAnswerError
from api.service.market_view import MarketView
from api.service.zone_names import Names, zone_names
from api.settings import Settings
from warehouse.price_lists import price_list
from warehouse.records import REGIONAL
from warehouse.store import SharedWarehouse

CURRENCY = {"aws": "USD", "alibaba": "CNY"}
"""In which the price server gives a cloud's prices; nothing in its answer says so."""

MOST_KEPT = 100
"""Price lists kept in memory: both clouds have fewer than 70 regions together."""


class InstanceTypePrice(BaseModel):
    """One machine type in one region. What is unknown is absent."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    arch: str | None = Field(default=None, examples=["amd64"])
    vcpu: int | float | None = Field(default=None, examples=[4])
    memory: int | float | None = Field(default=None, description="GiB.", examples=[16])
    gpu: int | None = Field(default=None, description="How many.", examples=[1])
    zones: list[str] | None = Field(default=None, examples=[["us-east-1a", "us-east-1b"]])
    on_demand_price_per_hour: float | None = Field(
        default=None, description="USD for AWS, CNY for Alibaba Cloud.", examples=[1.006]
    )
    spot_price_per_hour: dict[str, float] | None = Field(
        default=None, description="By zone, in the same currency.", examples=[{"us-east-1a": 0.42}]
    )


class RegionalInstancePrice(BaseModel):
    """All machine types of one region."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    instance_type_prices: dict[str, InstanceTypePrice]


@dataclass(frozen=True, slots=True)
class PriceList:
    """A region's prices at one moment."""

    prices: RegionalInstancePrice
    as_of: datetime
    is_stale: bool
    """Whether the newest spot price is too old to stand for now."""

    def of(self, instance_type: str) -> InstanceTypePrice:
        """The prices of one type.

        Raises:
            NoAnswerError: nothing is known of it there.
        """
        if found := self.prices.instance_type_prices.get(instance_type):
            return found
        raise NoAnswerError(f"Nothing is known of {instance_type} in this region.")


class PriceLists:
    """Makes price lists, each once for each view of the market."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, str], PriceList] = OrderedDict()

    def of(
        self,
        shared: SharedWarehouse,
        settings: Settings,
        view: MarketView,
        provider: str,
        region: str,
    ) -> PriceList:
        """The price list of a region, as of the view.

        Raises:
            NoAnswerError: nothing is known of the region.
            WarehouseError: the database cannot be read.
        """
        key = (provider, region, view.version)
        # One at a time: who asks for many regions at once must not take all cores for it.
        with self._turn:
            if key not in self._kept:
                self._kept[key] = _made(shared, settings, view.taken_at, provider, region)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]


def _made(
    shared: SharedWarehouse, settings: Settings, now: datetime, provider: str, region: str
) -> PriceList:
    with shared.reading() as warehouse:
        rows = price_list(warehouse, now, provider, region).to_dicts()
        names = zone_names(warehouse, provider=provider, region=region)
    if not rows:
        raise NoAnswerError(
            f"Nothing is known of {provider}'s region {region!r}: no feed has read it."
        )
    rate = settings.usd_per_unit
    into = {code: usd / rate[CURRENCY[provider]] for code, usd in rate.items()}
    known_at = [one["known_at"] for row in rows for one in row["spot"] or ()]
    return PriceList(
        RegionalInstancePrice(
            instance_type_prices={
                row["instance_type"]: _price(row, into, _Zones(provider, region, names))
                for row in rows
            }
        ),
        now,
        not known_at or now - max(known_at) > settings.price_max_age,
    )


@dataclass(frozen=True, slots=True)
class _Zones:
    """The names of a region's zones."""

    provider: str
    region: str
    names: Names

    def name(self, zone: str) -> str:
        """How clients know the zone; its id if that is all we know."""
        return self.names.get((self.provider, self.region, zone), zone)


def _price(row: Mapping[str, Any], into: Mapping[str, float], zones: _Zones) -> InstanceTypePrice:
    spot = {
        one["zone"]: one["price_per_hour"] * into[one["currency"]]
        for one in row["spot"] or ()
        if one["currency"] in into
    }
    sold = sorted({*(row["zones"] or ()), *spot} - {REGIONAL})
    # A price of the whole region holds in each zone where the type is sold.
    regional = spot.pop(REGIONAL, None)
    if regional is not None:
        spot = {zone: spot.get(zone, regional) for zone in sold}
    listed, currency = row["on_demand_per_hour"], row["on_demand_currency"]
    return InstanceTypePrice(
        arch=row["architecture"],
        vcpu=_number(row["vcpu"]),
        memory=_number(row["memory_gib"]),
        gpu=row["gpu_count"],
        zones=_named(sold, zones) or None,
        on_demand_price_per_hour=listed * into[currency] if currency in into else None,
        spot_price_per_hour={zones.name(zone): usd for zone, usd in sorted(spot.items())} or None,
    )


def _named(sold: Iterable[str], zones: _Zones) -> list[str]:
    return sorted(zones.name(zone) for zone in sold)


def _number(value: float | None) -> float | None:
    """Whole numbers without a point, as the price server writes them: a Go integer takes no 4.0."""
    return int(value) if value is not None and value == int(value) else value
