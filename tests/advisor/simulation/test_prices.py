"""Simulated prices: between a tenth of the list price and the list price, and slow."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from advisor.simulation import Market

POOL = ["provider", "region", "zone", "instance_type"]


@pytest.fixture(scope="module")
def prices(market: Market) -> pl.DataFrame:
    """All spot prices with the list price, by pool and time."""
    listed = market.facts["on_demand_price"].select(
        "provider", "region", "instance_type", "currency", listed="price_per_hour"
    )
    return (
        market.facts["spot_price"]
        .join(listed, on=["provider", "region", "instance_type", "currency"], how="left")
        .sort(*POOL, "effective_at")
    )


def test_a_price_lies_between_the_floor_and_the_list_price(prices: pl.DataFrame) -> None:
    share = (prices["price_per_hour"] / prices["listed"]).to_numpy()

    assert prices["listed"].null_count() == 0
    # Room for a float's own rounding, far below the smallest step of a price.
    assert share.min() >= 0.1 - 1e-12
    assert share.max() <= 1 + 1e-12


def test_aws_prices_are_change_points_in_usd_repeated_about_daily(prices: pl.DataFrame) -> None:
    aws = prices.filter(pl.col("provider") == "aws")

    assert set(aws["semantics"]) == {"change_point"}
    assert set(aws["currency"]) == {"USD"}
    moved = pl.col("price_per_hour").diff().over(POOL) != 0
    gap = pl.col("effective_at").diff().over(POOL)
    repeats = aws.with_columns(moved=moved, gap=gap).filter(~pl.col("moved"))
    assert repeats.height > 0
    assert repeats.filter(pl.col("gap") < timedelta(hours=23.5)).is_empty()
    assert aws.select(gap.max()).item() <= timedelta(hours=24.5)


def test_alibaba_prices_are_samples_in_cny_on_every_full_hour(prices: pl.DataFrame) -> None:
    alibaba = prices.filter(pl.col("provider") == "alibaba")

    assert set(alibaba["semantics"]) == {"sample"}
    assert set(alibaba["currency"]) == {"CNY"}
    assert (alibaba["effective_at"] == alibaba["effective_at"].dt.truncate("1h")).all()
    gaps = alibaba.select(gap=pl.col("effective_at").diff().over(POOL)).drop_nulls()
    assert set(gaps["gap"]) == {timedelta(hours=1)}


def test_one_change_is_small(prices: pl.DataFrame) -> None:
    dear = prices.filter(pl.col("price_per_hour") > 1)
    move = dear.select(
        (pl.col("price_per_hour") / pl.col("price_per_hour").shift().over(POOL)).log()
    )

    # At most 1 %, plus the rounding to a tenth of a cent at either end.
    assert np.abs(move.drop_nulls().to_numpy()).max() <= 0.0101 + 0.001


def test_only_the_newest_price_of_a_pool_was_read_later_than_it_was_set(
    prices: pl.DataFrame, market: Market
) -> None:
    late = prices.filter(pl.col("observed_at") != pl.col("effective_at"))

    assert late.height == len(market.pools)
    assert set(late["observed_at"]) == {market.now}


def test_a_new_type_opens_at_the_floor(prices: pl.DataFrame, market: Market) -> None:
    new = market.truth.filter(~pl.col("is_published")).select(POOL)
    first = prices.group_by(POOL, maintain_order=True).first().join(new, on=POOL)

    assert first.height == new.height > 0
    share = (first["price_per_hour"] / first["listed"]).to_numpy()
    assert share.max() <= 0.1 * np.exp(0.05)


def test_prices_lean_only_weakly_on_the_hazard(market: Market) -> None:
    newest = market.facts["spot_price"].sort("effective_at").group_by(POOL).last()
    listed = market.facts["on_demand_price"].select(
        "provider", "region", "instance_type", listed="price_per_hour"
    )
    both = newest.join(market.truth, on=POOL).join(
        listed, on=["provider", "region", "instance_type"]
    )
    share = (both["price_per_hour"] / both["listed"]).log().to_numpy()
    hazard = both["hazard_per_hour"].log().to_numpy()

    assert abs(np.corrcoef(share, hazard)[0, 1]) < 0.5
