"""Zones by the names that Kubernetes and the clouds' own tools use.

We store zone ids where a cloud has them (AWS ``use1-az4``), as a name such as ``us-east-1a`` is
another place in another account. Karpenter's metrics and the price server's clients know names.
An id gets its name where a feed told it (`aws.availability_zones`) and all accounts that were read
agree; else the id stays, which matches nothing by mistake.
"""

from collections.abc import Mapping

from warehouse.store import Warehouse

NAMES = """
    with told as (
        select provider, region, zone_id, account, arg_max(zone_name, observed_at) as zone_name
        from zone_alias
        where (cast($provider as varchar) is null or provider = $provider)
            and (cast($region as varchar) is null or region = $region)
        group by all
    ),
    agreed as (
        select provider, region, zone_id, min(zone_name) as zone_name
        from told
        group by all
        having count(distinct zone_name) = 1
    )
    from agreed
    qualify count(*) over (partition by provider, region, zone_name) = 1
"""

Names = Mapping[tuple[str, str, str], str]
"""A zone's name by provider, region and zone id."""


def zone_names(
    warehouse: Warehouse, *, provider: str | None = None, region: str | None = None
) -> Names:
    """The names that can be relied on."""
    found = warehouse.rows(NAMES, {"provider": provider, "region": region})
    return {(cloud, where, zone_id): name for cloud, where, zone_id, name in found}
