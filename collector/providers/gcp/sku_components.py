"""What Google Cloud's price list sells: vCPU hours, GiB hours, GPU hours, GiB months, no machines.

A component is known by its English description, for the list has no other key: ``Spot Preemptible
N2D AMD Instance Core running in Iowa``. A description is taken only if all of it is understood.
So what looks alike and is something else (commitments, sole tenancy, custom types, reservations,
capacity by calendar or flex start) is left out without a list of what to leave out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from collector.payload import instant, mapping, members, number, reading, text
from collector.providers.gcp.money import amount

SPOT, ON_DEMAND = "Preemptible", "OnDemand"
MARKETS = (SPOT, ON_DEMAND)
"""``usageType`` of what is sold without commitment."""

CORE, RAM, SSD = "core", "ram", "local ssd"
UNITS = {CORE: "h", RAM: "GiBy.h", SSD: "GiBy.mo"}
GPU_UNIT = "h"

PREFIX = r"^(?:Spot )?(?:Preemptible )?"
MACHINE = re.compile(PREFIX + r"(?P<family>\S.*?)(?: Instance)? (?P<part>Core|Ram) running in \S")
GPU = re.compile(r"^(?P<model>.+?) GPU (?:attached to (?:Spot )?Preemptible VMs )?running in \S")
LOCAL_SSD = re.compile(
    r"^SSD backed Local Storage(?: attached to (?:Spot )?Preemptible VMs)?"
    r"(?: (?:running )?in \S.*)?$"
)
MAKERS = {"nvidia", "tesla"}


@dataclass(frozen=True, slots=True)
class Part:
    """One component in one region: what is sold, and by which market.

    ``what`` is the family with "core" or "ram" (``n2 core``), a GPU's model, or "local ssd".
    """

    region: str
    market: str
    what: str


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one unit; None if the list contradicts itself or says 0."""

    price: Decimal | None
    currency: str
    effective_at: datetime


def components(pages: Iterable[Any], *, feed: str) -> dict[Part, UnitPrice]:
    """The unit prices in all pages of the list."""
    found: dict[Part, UnitPrice] = {}
    for page in pages:
        with reading(feed, "the list of SKUs"):
            rows = members(page, "skus")
        for row in rows:
            with reading(feed, f"SKU {row.get('skuId', 'without skuId')}"):
                sold = list(_sold(row))
            for part, price in sold:
                found[part] = _agreed(found.get(part), price)
    return found


def machine_part(family: str, part: str) -> str:
    """How a family's cores or memory are called in `Part`."""
    return f"{family.casefold()} {part}"


def gpu_part(model: str) -> str:
    """How a GPU is called in `Part`, by either spelling.

    ``nvidia-tesla-a100`` in the API is ``Nvidia Tesla A100`` in the list; words may come in
    another order. All words must agree: an A100 80GB is no A100.
    """
    words = set(re.split(r"[\s-]+", model.casefold())) - MAKERS
    return f"gpu {' '.join(sorted(words))}"


def _sold(row: Mapping[str, Any]) -> Iterator[tuple[Part, UnitPrice]]:
    """What a SKU sells, in each of its regions; nothing if it is no part of a machine."""
    market = text(mapping(row, "category"), "usageType")
    description = text(row, "description")
    named = _named(description)
    is_clear = (market == SPOT) == (SPOT in description)
    if market not in MARKETS or named is None or not is_clear:
        return
    what, unit = named
    price = _unit_price(row, unit)
    regions = row["serviceRegions"]
    if not isinstance(regions, list):
        raise TypeError(f"serviceRegions is {regions!r:.40}, not a list")
    if price is not None:
        for region in regions:
            yield Part(text({"serviceRegions": region}, "serviceRegions"), market, what), price


def _named(description: str) -> tuple[str, str] | None:
    """The part and the unit that it is priced by; None if it is none."""
    if found := MACHINE.match(description):
        part = found["part"].casefold()
        return machine_part(found["family"], part), UNITS[part]
    if found := GPU.match(description):
        return gpu_part(found["model"]), GPU_UNIT
    if LOCAL_SSD.match(description):
        return SSD, UNITS[SSD]
    return None


def _unit_price(row: Mapping[str, Any], unit: str) -> UnitPrice | None:
    """By the last entry of ``pricingInfo``, which is in order of time.

    None if there is none, or if it is priced by another unit: then it is something else.
    """
    timeline = members(row, "pricingInfo")
    if not timeline:
        return None
    latest = timeline[-1]
    expression = mapping(latest, "pricingExpression")
    rates = members(expression, "tieredRates")
    if text(expression, "usageUnit") != unit or not rates:
        return None
    price, currency = _first_paid(rates)
    return UnitPrice(price, currency, instant(latest, "effectiveTime"))


def _first_paid(rates: Iterable[Mapping[str, Any]]) -> tuple[Decimal | None, str]:
    """The first tier that costs something: a free tier before it is a gift, not the price."""
    currency = ""
    for rate in sorted(rates, key=lambda one: number({"at": one.get("startUsageAmount", 0)}, "at")):
        money = mapping(rate, "unitPrice")
        currency = text(money, "currencyCode")
        if price := amount(money):
            return price, currency
    return None, currency


def _agreed(known: UnitPrice | None, price: UnitPrice) -> UnitPrice:
    """Two SKUs for one part must say the same, or which one is billed cannot be told."""
    if known is None:
        return price
    if (known.price, known.currency) == (price.price, price.currency):
        return known
    return UnitPrice(None, price.currency, price.effective_at)
