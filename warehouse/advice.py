"""Advice as it was given, so that it can be judged by what came after."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import polars as pl

from warehouse.frames import schema_of
from warehouse.records import Advice
from warehouse.store import Warehouse
from warehouse.tables import ADVICE

GIVEN = """
    select advice_id, issued_at, kind, demand, policy, answer, model_version, data_as_of
    from advice
    where kind = $kind and issued_at >= $start and issued_at < $end
    order by issued_at, advice_id
"""


def store_advice(warehouse: Warehouse, given: Sequence[Advice]) -> int:
    """Keep advice; what is already kept is left as it is. How many were new."""
    rows = [asdict(one) for one in given]
    return warehouse.append(ADVICE, pl.DataFrame(rows, schema=schema_of(warehouse, ADVICE)))


def advice_given(warehouse: Warehouse, kind: str, start: datetime, end: datetime) -> pl.DataFrame:
    """What was advised from ``start`` up to ``end``, oldest first, with the table's columns."""
    return warehouse.ask(GIVEN, {"kind": kind, "start": start, "end": end})
