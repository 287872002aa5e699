"""Parts of starts are stored once, however often they are seen."""

from datetime import timedelta

from advisor.lead_time import Part
from tests.support.starts import NOW, a_duration
from warehouse.starts import starts_since, store_starts
from warehouse.store import Warehouse

DAY = timedelta(days=1)


def test_a_start_that_is_seen_again_is_the_same_one(warehouse: Warehouse) -> None:
    seen = [a_duration(Part.BOOT, 90), a_duration(Part.ENGINE, 70)]

    first, second = store_starts(warehouse, seen), store_starts(warehouse, seen)

    assert (first, second) == (2, 0)
    assert sorted(starts_since(warehouse, NOW, NOW - DAY), key=lambda one: one.part) == seen


def test_what_is_older_later_or_of_another_cloud_is_not_read(warehouse: Warehouse) -> None:
    kept = a_duration(Part.BOOT, 90, hours_ago=2)
    others = [
        a_duration(Part.BOOT, 90, hours_ago=200),
        a_duration(Part.BOOT, 90, hours_ago=-1),
        a_duration(Part.BOOT, 90, provider="gcp"),
    ]
    store_starts(warehouse, [kept, *others])

    assert starts_since(warehouse, NOW, NOW - DAY, providers=["aws"]) == [kept]


def test_nothing_seen_stores_nothing(warehouse: Warehouse) -> None:
    assert store_starts(warehouse, []) == 0
