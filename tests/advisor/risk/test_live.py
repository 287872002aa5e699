"""Forecasts for a whole market: from machines, probes, neighbors, bands, or none at all."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from advisor import Hazard, published_hazards
from advisor.risk.fleet import watched_fleet
from advisor.risk.live import KINDS, Learned, MarketForecast, forecast_market
from advisor.risk.signal_offsets import SIGNALS
from advisor.risk.watched import Watched
from tests.support.market import a_pool, a_signal
from tests.support.risk import a_model, lifetimes_of
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


def market(
    ticks: pl.DataFrame,
    *pools: Pool,
    bands: Mapping[Pool, Hazard] | None = None,
    fleet: Watched | None = None,
    signals: pl.DataFrame | None = None,
    learned: Learned | None = None,
) -> MarketForecast:
    return forecast_market(
        a_model(),
        "m1",
        ticks,
        pools=pools,
        bands=bands or {},
        now=NOW,
        fleet=fleet,
        signals=signals,
        learned=learned,
    )


def a_fleet(*pools: Pool, zone: str = "us-east-1a", instance_type: str = "p3.2xlarge") -> Watched:
    """Machines of one's own, the newest started an hour ago."""
    start = NOW - timedelta(hours=40)
    machines = lifetimes_of(40, hours=200.0, start=start, zone=zone, instance_type=instance_type)
    known = machines.with_columns(
        last_alive_utc=pl.min_horizontal("last_alive_utc", pl.lit(NOW)),
        first_dead_utc=pl.when(pl.col("first_dead_utc") <= NOW).then("first_dead_utc"),
    ).with_columns(event=pl.col("first_dead_utc").is_not_null().cast(pl.Int64))
    return watched_fleet(known, pools, NOW)


def by_zone(frame: pl.DataFrame, column: str) -> dict[str, str]:
    return dict(frame.select("zone", column).unique().iter_rows())


def at(frame: pl.DataFrame, zone: str, seconds: float = 3600) -> dict[str, object]:
    return frame.filter(zone=zone, horizon_seconds=seconds).row(0, named=True)


def test_a_probed_pool_a_neighbor_and_one_with_a_band_each_get_their_own(
    ticks: pl.DataFrame,
) -> None:
    banded = a_pool("g5.xlarge")
    bands = published_hazards([banded], [a_signal(0.05, 0.10, observed_at=NOW)])

    found = market(ticks, PROBED, NEIGHBOR, banded, a_pool("x9.large"), bands=bands).frame

    assert by_zone(found, "grade") == {
        "us-east-1a": "established",
        "us-east-1b": "established",
        "us-east-1f": "prior",
        "use1-az4": "prior",
    }
    assert by_zone(found, "made_from") == {
        "us-east-1a": "launch_probe",
        "us-east-1b": "launch_probe",
        "us-east-1f": "launch_probe",
        "use1-az4": "published_band",
    }
    assert found.height == 4 * 4
    assert "x9.large" not in found["instance_type"].to_list()
    last = found.filter(zone="us-east-1a")["evidence_until"].unique().to_list()
    assert last == [NOW]
    assert found.filter(zone="us-east-1f")["evidence_until"].null_count() == 4


def test_drivers_are_told_in_words_and_add_up(ticks: pl.DataFrame) -> None:
    row = at(market(ticks, PROBED).frame, "us-east-1a")

    told = json.loads(str(row["drivers"]))
    total = told["baseline"] + sum(one["logit"] for one in told["drivers"]) + told["others"]
    probability = float(str(row["probability"]))
    assert len(told["drivers"]) == 3
    assert all(" " in one["text"] for one in told["drivers"])
    assert total == pytest.approx(np.log(probability / (1 - probability)), abs=1e-9)


def test_what_became_of_earlier_forecasts_moves_the_new_ones(ticks: pl.DataFrame) -> None:
    learned = Learned(shifts={("aws", "launch_probe", 3600.0): 0.25})

    before, after = (market(ticks, PROBED, learned=one).frame for one in (None, learned))

    row = at(after, "us-east-1a")
    assert row["recalibration"] == pytest.approx(0.25)
    assert row["probability"] > at(before, "us-east-1a")["probability"]  # type: ignore[operator] # numbers


def test_a_pool_whose_probes_stopped_is_stale(ticks: pl.DataFrame) -> None:
    stopped = ticks.filter(pl.col("ts_utc") <= NOW - timedelta(hours=2))

    assert by_zone(market(stopped, PROBED).frame, "grade")["us-east-1a"] == "stale"


def test_ones_own_machines_speak_for_a_pool_before_probes_do(ticks: pl.DataFrame) -> None:
    assert KINDS[0] == "instance_lifetime"

    found = market(ticks, PROBED, fleet=a_fleet(PROBED)).frame

    assert by_zone(found, "made_from") == {
        "us-east-1a": "machine",
        "us-east-1b": "launch_probe",
    }
    assert found.height == 2 * 4


def test_fresh_probes_speak_before_machines_that_are_gone(ticks: pl.DataFrame) -> None:
    fleet = a_fleet(PROBED)
    gone = replace(
        fleet,
        evidence=replace(fleet.evidence, observed_age_s=fleet.evidence.observed_age_s + 7200),
        evidence_until_s=fleet.evidence_until_s - 7200,
    )

    assert by_zone(market(ticks, PROBED, fleet=gone).frame, "made_from")["us-east-1a"] == (
        "launch_probe"
    )
    alone = market(ticks.clear(), PROBED, fleet=gone).frame
    assert by_zone(alone, "made_from")["us-east-1a"] == "machine"
    assert by_zone(alone, "grade")["us-east-1a"] == "stale"


def test_a_held_machine_speaks_before_a_launch_probe(ticks: pl.DataFrame) -> None:
    steps = int((NOW - START) / STEP) + 1
    held = ticks_of(
        random_states(1, steps, drop_per_hour=0.1, seed=5),
        campaign="held-1",
        probe_kind="held_instance",
    )

    found = market(pl.concat([ticks, held]), PROBED).frame

    assert by_zone(found, "made_from")["us-east-1a"] == "held_instance"
    assert found.select("zone", "horizon_seconds").is_unique().all()


def test_of_two_series_of_a_kind_the_newer_speaks(ticks: pl.DataFrame) -> None:
    older = ticks.filter(pl.col("ts_utc") <= NOW - timedelta(minutes=20)).with_columns(
        trace_id=pl.lit("other-1/") + pl.col("zone")
    )

    found = market(pl.concat([older, ticks]), PROBED).frame

    assert found.filter(zone="us-east-1a")["evidence_until"].unique().to_list() == [NOW]


def test_evidence_of_a_kind_that_the_model_was_not_fitted_on_is_skipped_and_counted(
    ticks: pl.DataFrame,
) -> None:
    steps = int((NOW - START) / STEP) + 1
    fleet = ticks_of(
        random_states(1, steps, drop_per_hour=0.1, seed=5),
        campaign="fleet-1",
        probe_kind="held_fleet",
        instance_type="g5.xlarge",
    )
    pool = Pool("aws", "us-east-1", "us-east-1a", "g5.xlarge")
    bands = published_hazards([pool], [a_signal(0.05, 0.10, pool=pool, observed_at=NOW)])

    found = market(pl.concat([ticks, fleet]), pool, bands=bands)

    assert found.skipped == {"held_fleet": 1}
    of_pool = found.frame.filter(instance_type="g5.xlarge")
    assert of_pool["made_from"].unique().to_list() == ["published_band"]
    assert market(ticks, PROBED).skipped == {}


def test_a_refused_launch_is_the_state_of_the_pool(ticks: pl.DataFrame) -> None:
    refusal = pl.DataFrame(
        [(*_fields(NEIGHBOR), "kubernetes.refused_launch", 1.0, NOW)], schema=SIGNALS, orient="row"
    )

    found = market(ticks, PROBED, NEIGHBOR, signals=refusal).frame

    assert found.filter(zone="us-east-1f")["evidence_until"].unique().to_list() == [NOW]
    assert found.filter(zone="us-east-1f")["grade"].unique().to_list() == ["prior"]


def test_a_rebalance_recommendation_raises_the_risk_of_its_pool_alone(
    ticks: pl.DataFrame,
) -> None:
    def recommended(when: datetime) -> pl.DataFrame:
        signal = (*_fields(PROBED), "aws.rebalance_recommendation", 1.0, when)
        signals = pl.DataFrame([signal], schema=SIGNALS, orient="row")
        return market(ticks, PROBED, signals=signals).frame

    before, after, later = (
        market(ticks, PROBED).frame,
        recommended(NOW),
        recommended(NOW - timedelta(hours=2)),
    )

    def odds(frame: pl.DataFrame, zone: str) -> float:
        probability = float(str(at(frame, zone, 900)["probability"]))
        return probability / (1 - probability)

    assert odds(after, "us-east-1a") / odds(before, "us-east-1a") == pytest.approx(5.97, abs=0.01)
    assert odds(after, "us-east-1b") == pytest.approx(odds(before, "us-east-1b"))
    assert odds(later, "us-east-1a") == pytest.approx(odds(before, "us-east-1a"))


def _fields(pool: Pool) -> tuple[str, str, str, str]:
    return pool.provider, pool.region, pool.zone, pool.instance_type


def test_without_probes_and_bands_nothing_is_said(ticks: pl.DataFrame) -> None:
    assert market(ticks.clear(), PROBED).frame.is_empty()


def test_the_newest_forecast_of_each_pool_is_found_again(
    warehouse: Warehouse, ticks: pl.DataFrame
) -> None:
    frame = market(ticks, PROBED).frame
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
