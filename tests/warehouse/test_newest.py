"""The newest rows alone answer what holds now as the whole tables do."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor import DEFINITIONS
from tests.support.market import NOW, a_pool, a_price, a_signal
from warehouse.forecasts import append_forecasts, newest_forecasts
from warehouse.frames import frames_of
from warehouse.newest import SHARED_FOR, Newest, NewestFacts
from warehouse.prices import market_frame
from warehouse.records import Pool, Signal, SpotPrice
from warehouse.signals import newest_signal_frame
from warehouse.store import Warehouse
from warehouse.tables import POOL, SPOT_PRICE

Forecast = tuple[Pool, datetime, float, str]


def moment(hours: int, seconds: int) -> datetime:
    return NOW + timedelta(hours=hours, seconds=seconds)


HOURS = st.builds(moment, st.integers(-30, 30), st.sampled_from([0, 20, 90]))
POOLS = st.sampled_from([a_pool(), a_pool(zone="use1-az6"), a_pool(zone="*"), a_pool("p3.2xlarge")])
PRICES = st.builds(
    a_price,
    st.sampled_from([0.1, 0.2, 0.3]),
    POOLS,
    HOURS,
    source=st.sampled_from(["one", "two"]),
    observed_at=HOURS,
)
SIGNALS = st.builds(
    a_signal,
    st.sampled_from([0.0, 0.05]),
    pool=POOLS,
    observed_at=HOURS,
    definition=st.sampled_from(sorted(DEFINITIONS)),
)
FORECASTS = st.tuples(POOLS, HOURS, st.sampled_from([900.0, 3600.0]), st.sampled_from("ab"))
RUNS = st.lists(
    st.tuples(
        st.lists(st.one_of(PRICES, SIGNALS), max_size=6),
        st.lists(FORECASTS, max_size=3),
        HOURS,
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def answers(warehouse: Warehouse, now: datetime) -> list[pl.DataFrame]:
    """Everything that is asked of what holds now."""
    return [
        market_frame(warehouse, now),
        newest_signal_frame(warehouse, now, list(DEFINITIONS)),
        newest_forecasts(warehouse, now),
    ]


def store(warehouse: Warehouse, records: Sequence[SpotPrice | Signal]) -> None:
    with warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)


def forecasts(told: Sequence[Forecast]) -> pl.DataFrame:
    """Rows of `risk_forecast`."""
    return pl.DataFrame(
        [
            {
                **{name: getattr(pool, name) for name in POOL},
                "issued_at": at,
                "horizon_seconds": horizon,
                "probability": 0.1,
                "probability_low": 0.05,
                "probability_high": 0.2,
                "model_version": model,
                "grade": "early",
                "drivers": "[]",
                "recalibration": 0.0,
            }
            for pool, at, horizon, model in told
        ]
    )


@settings(max_examples=12, deadline=None)
@given(RUNS)
def test_after_any_runs_the_answers_are_those_of_the_whole_tables(
    runs: list[tuple[list[SpotPrice | Signal], list[Forecast], datetime, bool]],
) -> None:
    with Warehouse.in_memory() as warehouse:
        facts = NewestFacts()
        for records, told, now, is_thinned in runs:
            store(warehouse, records)
            if told:
                with warehouse.transaction():
                    append_forecasts(warehouse, forecasts(told))
            if is_thinned:
                warehouse.execute("delete from spot_price where price_per_hour = 0.1")
            whole = answers(warehouse, now)
            # Another thread may ask of a moment before, as it was made to wait.
            for at in (now, now - timedelta(seconds=30), now):
                with warehouse.cursor() as cursor, facts.alone(cursor, at):
                    alone = answers(cursor, at)
                for left, right in zip(answers(warehouse, at), alone, strict=True):
                    assert left.equals(right)
            assert all(
                left.equals(right)
                for left, right in zip(whole, answers(warehouse, now), strict=True)
            )


@settings(max_examples=12, deadline=None)
@given(st.lists(PRICES, min_size=1, max_size=12), HOURS)
def test_of_each_pool_the_newest_price_counts_then_the_last_known_then_the_first_source(
    prices: list[SpotPrice], now: datetime
) -> None:
    first = {(one.pool, one.effective_at, one.source): one for one in reversed(prices)}
    zonal = [one for one in first.values() if one.pool.zone != "*"]
    seen = {
        key: max(
            max(one.effective_at, one.observed_at) for one in zonal if (one.pool, one.source) == key
        )
        for key in {(one.pool, one.source) for one in zonal}
    }
    expected: dict[Pool, tuple[tuple[datetime, datetime, bool], float]] = {}
    for one in zonal:
        if one.effective_at > now:
            continue
        # The text of the two sources differs by one letter: "one" goes before "two".
        rank = (one.effective_at, seen[one.pool, one.source], one.source == "one")
        if one.pool not in expected or rank > expected[one.pool][0]:
            expected[one.pool] = rank, one.price_per_hour
    with Warehouse.in_memory() as warehouse:
        store(warehouse, zonal)
        found = market_frame(warehouse, now)
    assert {
        tuple(row[:4]): price for *row, price in found.select(*POOL, "price_per_hour").iter_rows()
    } == {
        (pool.provider, pool.region, pool.zone, pool.instance_type): price
        for pool, (_, price) in expected.items()
    }


def test_a_second_look_reads_only_what_was_added() -> None:
    with Warehouse.in_memory() as warehouse:
        newest = Newest(SPOT_PRICE, POOL)
        store(warehouse, [a_price(0.1), a_price(0.2, a_pool("p3.2xlarge"))])
        newest.read(warehouse, NOW)
        # Nobody changes facts in place; whoever did would not be noticed, as nothing is read twice.
        warehouse.execute(
            "update spot_price set price_per_hour = 9 where instance_type = 'g5.xlarge'"
        )
        store(warehouse, [a_price(0.3, a_pool("p3.2xlarge"), NOW + timedelta(hours=1))])
        kept = newest.read(warehouse, NOW + timedelta(hours=1))
    assert dict(kept.select("instance_type", "price_per_hour").iter_rows()) == {
        "g5.xlarge": 0.1,
        "p3.2xlarge": 0.3,
    }


def test_who_asks_of_a_moment_before_the_last_look_reads_only_what_was_added() -> None:
    with Warehouse.in_memory() as warehouse:
        facts = NewestFacts()
        store(warehouse, [a_price(0.1)])
        price = "select price_per_hour from spot_price"
        seen = []
        for seconds in (60, 30, 61, 0):
            with warehouse.cursor() as cursor, facts.alone(cursor, NOW + timedelta(0, seconds)):
                seen += cursor.rows(price)
            # Whoever reads the table again finds this.
            warehouse.execute("update spot_price set price_per_hour = 9")
    assert seen == [(0.1,), (0.1,), (0.1,), (9.0,)]


def test_other_conversations_see_the_whole_table() -> None:
    with Warehouse.in_memory() as warehouse:
        store(warehouse, [a_price(0.1), a_price(0.2, effective_at=NOW - timedelta(hours=1))])
        count = "select count(*) from spot_price"
        with warehouse.cursor() as cursor:
            with NewestFacts().alone(cursor, NOW + SHARED_FOR):
                assert (cursor.rows(count), warehouse.rows(count)) == ([(1,)], [(2,)])
            assert cursor.rows(count) == [(2,)]
