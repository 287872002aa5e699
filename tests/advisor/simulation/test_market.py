"""The simulated market as a whole: repeatable, plausible, storable, nothing after now."""

from datetime import datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from advisor.simulation import Market, MarketSettings, simulate
from collector.quality import REASON, check
from warehouse.frames import required_columns, schema_of
from warehouse.prices import market as market_at
from warehouse.records import Pool
from warehouse.store import Warehouse
from warehouse.tables import SPOT_PRICE

QUICK = MarketSettings(days=1, regions=("eu-west-1",), families=("g5", "p3"), zones_per_region=1)


def times(market: Market) -> pl.DataFrame:
    """All times of all facts, in one column ``at``."""
    return pl.concat(
        frame.select(at=pl.col(name)).drop_nulls()
        for frame in market.facts.values()
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.Datetime)
    )


def test_the_same_seed_gives_the_same_market(now: datetime) -> None:
    one, other = (simulate(QUICK, now=now, rng=np.random.default_rng(3)) for _ in range(2))

    assert one.facts.keys() == other.facts.keys()
    for name, frame in one.facts.items():
        assert_frame_equal(frame, other.facts[name])
    assert_frame_equal(one.truth, other.truth)


def test_another_seed_gives_another_market(now: datetime) -> None:
    one, other = (simulate(QUICK, now=now, rng=np.random.default_rng(seed)) for seed in (3, 4))

    for name in ("spot_price", "exposure", "interruption"):
        assert not one.facts[name].equals(other.facts[name])
    assert not one.truth.equals(other.truth)


def test_two_seeds_share_no_machine(now: datetime) -> None:
    one, other = (simulate(QUICK, now=now, rng=np.random.default_rng(seed)) for seed in (3, 4))

    nodes = pl.concat([one.facts["exposure"], other.facts["exposure"]])["node"]
    assert nodes.is_unique().all()


def test_the_default_market_has_pools_in_both_clouds(market: Market) -> None:
    assert len(market.pools) == 264
    assert len(set(market.pools)) == len(market.pools)
    assert {pool.provider for pool in market.pools} == {"aws", "alibaba"}


def test_no_fact_is_from_after_now_or_before_the_start(market: Market) -> None:
    found = times(market)

    assert found["at"].max() == market.now
    # A carried price or sample may be as old as the start, not older.
    assert found["at"].min() == market.start


def test_now_may_be_told_in_any_time_zone(now: datetime) -> None:
    shanghai = now.astimezone(timezone(timedelta(hours=8)))
    one, other = (simulate(QUICK, now=at, rng=np.random.default_rng(3)) for at in (now, shanghai))

    for name, frame in one.facts.items():
        assert_frame_equal(frame, other.facts[name])


def test_now_without_a_time_zone_is_refused(now: datetime) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        simulate(QUICK, now=now.replace(tzinfo=None), rng=np.random.default_rng(3))


def test_every_fact_is_plausible_and_fits_its_table(market: Market) -> None:
    with Warehouse.in_memory() as warehouse:
        for table, frame in market.frames():
            assert dict(frame.schema) == {
                name: schema_of(warehouse, table)[name] for name in frame.columns
            }
            assert set(frame.columns) == set(schema_of(warehouse, table))
            required = required_columns(warehouse, table)
            refused = check(frame, table.name, market.now, required).filter(
                pl.col(REASON).is_not_null()
            )
            assert refused.is_empty(), refused


def test_the_warehouse_takes_every_fact_once(small: Market) -> None:
    with Warehouse.in_memory() as warehouse, warehouse.transaction():
        for table, frame in small.frames():
            assert not frame.is_empty(), table.name
            assert warehouse.append(table, frame) == frame.height
            assert warehouse.append(table, frame) == 0


def test_the_stored_market_offers_every_pool_at_a_fresh_price(small: Market) -> None:
    with Warehouse.in_memory() as warehouse:
        for table, frame in small.frames():
            with warehouse.transaction():
                warehouse.append(table, frame)
        found = market_at(warehouse, small.now, usd_per_unit={"USD": 1.0, "CNY": 0.14})

    assert found.shapeless == []
    assert {one.pool for one in found.offerings} == set(small.pools)
    assert {one.price_observed_at for one in found.offerings} == {small.now}
    assert all(one.on_demand_usd_per_hour is not None for one in found.offerings)


def test_the_truth_has_one_row_per_pool_and_ends_the_history(small: Market) -> None:
    rows = small.truth.select("provider", "region", "zone", "instance_type").rows()

    assert tuple(Pool(*row) for row in rows) == small.pools
    assert small.truth["hazard_per_hour"].to_list() == small.hazards.per_hour[:, -1].tolist()


def test_settings_that_no_market_has_are_refused(now: datetime) -> None:
    with pytest.raises(ValueError, match="start at 1"):
        MarketSettings(days=0)
    with pytest.raises(ValueError, match="hazard_scale"):
        MarketSettings(hazard_scale=float("nan"))
    with pytest.raises(ValueError, match="unpublished_share"):
        MarketSettings(unpublished_share=1.1)
    with pytest.raises(ValueError, match=r"unknown region or family: g99, mars-1"):
        MarketSettings(regions=("mars-1",), families=("g99",))
    nowhere = MarketSettings(regions=("eu-west-1",), families=("p5",))
    with pytest.raises(ValueError, match="none of the families"):
        simulate(nowhere, now=now, rng=np.random.default_rng(3))
    stranger = MarketSettings(stressed=(Pool("aws", "us-east-1", "use1-az3", "g5.xlarge"),))
    with pytest.raises(ValueError, match="not in the market"):
        simulate(stranger, now=now, rng=np.random.default_rng(3))


@settings(max_examples=25, deadline=None)
@given(
    chosen=st.builds(
        MarketSettings,
        days=st.integers(1, 3),
        regions=st.sampled_from([("eu-west-1",), ("cn-hangzhou",), ("us-west-2", "cn-beijing")]),
        families=st.just(("p3", "m7g", "ecs.gn7i")),
        zones_per_region=st.integers(1, 3),
        machines_per_pool=st.integers(1, 4),
        hazard_scale=st.floats(1e-3, 1e3),
        unpublished_share=st.floats(0, 1),
    ),
    seed=st.integers(0, 2**32),
    minutes=st.integers(0, 10**6),
)
def test_no_settings_give_a_number_that_cannot_be(
    now: datetime, chosen: MarketSettings, seed: int, minutes: int
) -> None:
    at = now - timedelta(minutes=minutes)

    market = simulate(chosen, now=at, rng=np.random.default_rng(seed))

    for frame in (*market.facts.values(), market.truth):
        for column in frame.select(pl.col(pl.Float64)):
            assert column.is_finite().all()
            assert (column >= 0).all()
    assert (market.truth["hazard_per_hour"] > 0).all()
    assert market.facts[SPOT_PRICE.name].height >= len(market.pools)
    earliest, latest = times(market)["at"].min(), times(market)["at"].max()
    assert (earliest, latest) == (market.start, at)
