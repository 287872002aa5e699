"""Published signals in pages: the newest of each definition in each pool, and all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.keyset import EARLIEST, EVERYWHERE, LATEST, PLACES, Places, behind
from warehouse.signals import NEWEST_SIGNALS
from warehouse.store import Warehouse

NEWEST_KEY = ("provider", "region", "zone", "instance_type", "definition")
"""By what the newest signals are ordered; no two have the same."""

HISTORY_KEY = (
    *("observed_at", "provider", "region", "zone", "instance_type"),
    *("definition", "source", "subject"),
)
"""The same of all signals, from the newest; a subject that is not there counts as empty."""

NEWEST_PAGE = f"""
    select
        provider, region, zone, instance_type, definition, value_low, value_high, source, detail,
        known_at
    from ({NEWEST_SIGNALS})
    where {PLACES}
        and (
            cast($after_provider as varchar) is null
            or (provider, region, zone, instance_type, definition) > (
                $after_provider, cast($after_region as varchar), cast($after_zone as varchar),
                cast($after_instance_type as varchar), cast($after_definition as varchar)
            )
        )
    order by provider, region, zone, instance_type, definition
    limit $limit
"""  # noqa: S608 - texts of our own, no values

HISTORY_PAGE = f"""
    select
        provider, region, zone, instance_type, definition, value_low, value_high, source, detail,
        observed_at as known_at, subject
    from (select * replace (coalesce(subject, '') as subject) from signal)
    where {PLACES}
        and (cast($definitions as varchar[]) is null or list_contains($definitions, definition))
        and observed_at >= $start
        and observed_at < $end
        and observed_at <= $now
        and (
            cast($after_observed_at as timestamptz) is null
            or (
                observed_at, provider, region, zone, instance_type, definition, source, subject
            ) < (
                cast($after_observed_at as timestamptz), cast($after_provider as varchar),
                cast($after_region as varchar), cast($after_zone as varchar),
                cast($after_instance_type as varchar), cast($after_definition as varchar),
                cast($after_source as varchar), cast($after_subject as varchar)
            )
        )
    order by
        observed_at desc, provider desc, region desc, zone desc, instance_type desc,
        definition desc, source desc, subject desc
    limit $limit
"""  # noqa: S608 - the same


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalQuestion:
    """Which signals, and at most how many; None or nothing named is all of them."""

    places: Places = EVERYWHERE
    definitions: Sequence[str] | None = None
    limit: int = 100

    def given(self, now: datetime) -> dict[str, Any]:
        """The parameters of the questions here."""
        wanted = list(self.definitions) if self.definitions else None
        return self.places.given() | {"definitions": wanted, "now": now, "limit": self.limit}


def newest_signal_page(
    warehouse: Warehouse,
    now: datetime,
    question: SignalQuestion,
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """The newest signal of each definition in each pool, by `NEWEST_KEY`; those behind ``after``.

    Columns: provider, region, zone, instance_type, definition, value_low, value_high, source,
    detail, known_at (when the source last said so, UTC).
    """
    given = question.given(now) | {"provider": None} | behind(NEWEST_KEY, after)
    return warehouse.ask(NEWEST_PAGE, given)


def signal_page(
    warehouse: Warehouse,
    now: datetime,
    question: SignalQuestion,
    between: tuple[datetime | None, datetime | None],
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """Every signal from the first to before the second time, newest first, by `HISTORY_KEY`.

    The same columns, and subject (empty if there is none); known_at is when each was first said.
    """
    start, end = between
    given = question.given(now) | behind(HISTORY_KEY, after)
    given |= {
        "start": start or EARLIEST,
        "end": end or LATEST,
    }
    return warehouse.ask(HISTORY_PAGE, given)
