"""On-demand prices in pages: those in force, and all that there were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.keyset import EARLIEST, EVERYWHERE, LATEST, PLACES, Places, behind
from warehouse.store import Warehouse

IN_FORCE_KEY = ("provider", "region", "instance_type")
"""By what prices in force are ordered; no two have the same."""

HISTORY_KEY = ("effective_at", "provider", "region", "instance_type", "source")
"""The same of all prices, from the newest."""

TOLD = f"""
    with told as (
        select *
        from (select *, '*' as zone from on_demand_price)
        where {PLACES} and effective_at <= $now
    )
"""  # noqa: S608 - texts of our own, no values

COLUMNS = """
    select
        provider, region, instance_type, effective_at, price_per_hour, currency, source, observed_at
"""

IN_FORCE_PAGE = f"""
    {TOLD} {COLUMNS}
    from told
    where cast($after_provider as varchar) is null
        or (provider, region, instance_type) > (
            $after_provider, cast($after_region as varchar), cast($after_instance_type as varchar)
        )
    qualify row_number() over (
        partition by provider, region, instance_type order by effective_at desc, source
    ) = 1
    order by provider, region, instance_type
    limit $limit
"""

HISTORY_PAGE = f"""
    {TOLD} {COLUMNS}
    from told
    where effective_at >= $start
        and effective_at < $end
        and (
            cast($after_effective_at as timestamptz) is null
            or (effective_at, provider, region, instance_type, source) < (
                cast($after_effective_at as timestamptz), cast($after_provider as varchar),
                cast($after_region as varchar), cast($after_instance_type as varchar),
                cast($after_source as varchar)
            )
        )
    order by
        effective_at desc, provider desc, region desc, instance_type desc, source desc
    limit $limit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedQuestion:
    """Which prices, and at most how many; places without a zone, as list prices have none."""

    places: Places = EVERYWHERE
    limit: int = 100

    def given(self, now: datetime) -> dict[str, Any]:
        """The parameters of `TOLD`."""
        return self.places.given() | {"now": now, "limit": self.limit}


def listed_prices(
    warehouse: Warehouse,
    now: datetime,
    question: ListedQuestion,
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """The price in force of each type and region, by `IN_FORCE_KEY`; those behind ``after``.

    Columns: provider, region, instance_type, effective_at, price_per_hour, currency, source,
    observed_at (when it was first read).
    """
    return warehouse.ask(IN_FORCE_PAGE, question.given(now) | behind(IN_FORCE_KEY, after))


def listed_price_facts(
    warehouse: Warehouse,
    now: datetime,
    question: ListedQuestion,
    between: tuple[datetime | None, datetime | None],
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """Every price that came into force between two times, newest first, by `HISTORY_KEY`."""
    start, end = between
    given = question.given(now) | behind(HISTORY_KEY, after)
    given |= {
        "start": start or EARLIEST,
        "end": end or LATEST,
    }
    return warehouse.ask(HISTORY_PAGE, given)
