"""Forecasts for a whole market: from probes, from neighbors, from bands, or none at all."""

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from advisor import Hazard, published_hazards
from advisor.risk.artifact import prior_model
from advisor.risk.live import band_log_hazard, forecast_market
from tests.support.market import a_pool, a_signal
from tests.support.ticks import START, STEP, random_states, ticks_of
from warehouse.forecasts import append_forecasts, newest_forecasts
from warehouse.records import Pool
from warehouse.store import Warehouse

NOW = START + 3 * timedelta(days=1)
PROBED = Pool("aws", "us-east-1", "us-east-1a", "p3.2xlarge")
NEIGHBOR = Pool("aws", "us-east-1", "us-east-1f", "p3.2xlarge")


@pytest.fixture(scope="module")
def ticks() -> pl.DataFrame:
    """Three days of probes in two zones."""
    steps = int((NOW - START) / STEP) + 1
    return ticks_of(random_states(2, steps, drop_per_hour=0.5, seed=4))


def forecast(
    ticks: pl.DataFrame, *pools: Pool, bands: dict[Pool, Hazard] | None = None
) -> pl.DataFrame:
    model, card = prior_model()
    return forecast_market(model, card.version, ticks, pools=pools, bands=bands or {}, now=NOW)


def grades(frame: pl.DataFrame) -> dict[str, str]:
    pools = frame.select("zone", "grade").unique()
    return dict(pools.iter_rows())


def test_a_probed_pool_a_neighbor_and_one_with_a_band_each_get_their_own(
    ticks: pl.DataFrame,
) -> None:
    banded = a_pool("g5.xlarge")
    bands = dict(published_hazards([banded], [a_signal(0.05, 0.10)]))

    found = forecast(ticks, PROBED, NEIGHBOR, banded, a_pool("x9.large"), bands=bands)

    assert grades(found) == {
        "us-east-1a": "established",
        "us-east-1b": "established",
        "us-east-1f": "prior",
        "use1-az4": "prior",
    }
    assert found.height == 4 * 4
    assert "x9.large" not in found["instance_type"].to_list()
    last = found.filter(pl.col("zone") == "us-east-1a")["evidence_until"].unique().to_list()
    assert last == [NOW]
    assert found.filter(pl.col("zone") == "us-east-1f")["evidence_until"].null_count() == 4


def test_drivers_are_told_in_words_and_add_up(ticks: pl.DataFrame) -> None:
    row = forecast(ticks, PROBED).filter(pl.col("horizon_seconds") == 3600).row(0, named=True)

    told = json.loads(row["drivers"])
    total = told["baseline"] + sum(one["logit"] for one in told["drivers"]) + told["others"]
    assert len(told["drivers"]) == 3
    assert all(" " in one["text"] for one in told["drivers"])
    assert total == pytest.approx(np.log(row["probability"] / (1 - row["probability"])), abs=1e-9)


def test_a_pool_whose_probes_stopped_is_stale(ticks: pl.DataFrame) -> None:
    stopped = ticks.filter(pl.col("ts_utc") <= NOW - timedelta(hours=2))

    assert grades(forecast(stopped, PROBED))["us-east-1a"] == "stale"


def test_the_interval_of_a_band_is_wide_and_of_an_open_band_wider() -> None:
    closed = published_hazards([a_pool()], [a_signal(0.05, 0.10)])[a_pool()]
    open_band = published_hazards([a_pool()], [a_signal(0.20, None)])[a_pool()]

    assert band_log_hazard(closed)[0] == pytest.approx(np.log(closed.per_hour))
    middle, spread = band_log_hazard(open_band)
    assert open_band.per_hour < np.exp(middle) < 1.7
    assert spread > 2


def test_without_probes_and_bands_nothing_is_said(ticks: pl.DataFrame) -> None:
    assert forecast(ticks.clear(), PROBED).is_empty()


def test_the_newest_forecast_of_each_pool_is_found_again(
    warehouse: Warehouse, ticks: pl.DataFrame
) -> None:
    frame = forecast(ticks, PROBED)
    older = frame.with_columns(issued_at=pl.col("issued_at") - timedelta(hours=1))
    with warehouse.transaction():
        assert append_forecasts(warehouse, older) == older.height
        assert append_forecasts(warehouse, frame) == frame.height
        assert append_forecasts(warehouse, frame) == 0

    found = newest_forecasts(
        warehouse, NOW, types=["p3.*"], zones=["us-east-1a"], horizon_seconds=3600
    )

    assert found["issued_at"].to_list() == [NOW]
    assert newest_forecasts(warehouse, NOW, types=["g5.*"]).is_empty()
