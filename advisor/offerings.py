"""What else can be bought of a machine that is offered."""

from dataclasses import replace

from warehouse.records import REGIONAL, CapacityType, Offering, Pool


def on_demand(offering: Offering) -> Offering | None:
    """The same machine on demand, in the same place; None where its list price is unknown.

    The list price is in USD and is the region's; the zone stays, so that a choice of zones holds
    for both. The time is that of the spot price: list prices carry none of their own here.
    """
    usd = offering.on_demand_usd_per_hour
    if usd is None:
        return None
    return replace(
        offering,
        capacity_type=CapacityType.ON_DEMAND,
        price_per_hour=usd,
        currency="USD",
        usd_per_hour=usd,
    )


def regional(pool: Pool) -> Pool:
    """The pool that stands for the type's whole region."""
    return Pool(pool.provider, pool.region, REGIONAL, pool.instance_type)
