"""Ranking, GPU comparison and headroom as a user asks for them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.support.cli import Run
from tests.support.market import a_pool
from warehouse.forecasts import append_forecasts
from warehouse.store import Warehouse

MINUTES = (15, 60, 360, 1440)


@pytest.fixture
def forecast(fresh: str) -> str:
    """The market of `fresh`, with a forecast of two of its pools, a minute old."""
    chances = {"g5.xlarge": 0.02, "g4dn.xlarge": 0.30}
    rows = [
        {
            "provider": "aws",
            "region": a_pool().region,
            "zone": a_pool().zone,
            "instance_type": name,
            "issued_at": datetime.now(UTC) - timedelta(minutes=1),
            "horizon_seconds": 60.0 * minutes,
            "probability": chance * (1 + place),
            "probability_low": chance,
            "probability_high": chance * (2 + place) / 2 + 0.1,
            "model_version": "m1",
            "grade": "established",
            "evidence_until": None,
            "drivers": "[]",
            "made_from": "launch_probe",
            "recalibration": 0.0,
            "signals": "[]",
        }
        for name, chance in chances.items()
        for place, minutes in enumerate(MINUTES)
    ]
    with Warehouse.open(Path(fresh)) as store, store.transaction():
        append_forecasts(store, pl.DataFrame(rows))
    return fresh


def test_a_stored_forecast_goes_before_the_published_band(run: Run, forecast: str) -> None:
    ended = run("rank", "--gpus", "1", "-o", "json", "-w", forecast, "--interruption-cost", "1")

    answer = json.loads(ended.out)
    first, second, third = answer["offerings"]
    assert ended.code == 0
    assert answer["risk_basis"] == "forecast"
    assert [one["instance_type"] for one in (first, second, third)] == [
        "g5.xlarge",
        "g4dn.xlarge",
        "p3.2xlarge",
    ]
    assert (first["probability"], first["horizon_seconds"]) == (0.02, 900)
    assert first["interrupted_band"] is None
    assert third["probability"] is None
    assert "Spotcast's own forecast" in ended.err


def test_the_window_of_the_forecast_follows_the_lead_time(run: Run, forecast: str) -> None:
    def windows(*options: str) -> set[float]:
        ended = run("rank", "--gpus", "1", "-o", "json", "-w", forecast, *options)
        return {one["horizon_seconds"] for one in json.loads(ended.out)["offerings"]} - {None}

    assert windows("--lead-time", "16m") == {900}
    assert windows("--lead-time", "30m") == {3600}
    assert windows("--runs-for", "5h") == {6 * 3600}
    assert windows("--runs-for", "3d") == {24 * 3600}


def test_every_row_has_its_sentence_and_explain_shows_them(run: Run, forecast: str) -> None:
    ended = run("rank", "--gpus", "1", "-w", forecast, "--explain")

    assert "2% interrupted within 15 min as forecast" in ended.err
    assert "would be first below" in ended.err
    assert ended.err.count("USD an hour expected") == 2


def test_on_demand_is_ranked_beside_spot_where_its_price_is_known(run: Run, fresh: str) -> None:
    ended = run("rank", "--gpus", "1", "-o", "json", "-w", fresh, "--with-on-demand")

    rows = [one for one in json.loads(ended.out)["offerings"] if one["capacity_type"] != "spot"]
    assert [(one["instance_type"], one["cost_usd_per_hour"]) for one in rows] == [("g5.xlarge", 1)]


def test_a_demand_file_is_asked_and_options_go_before_it(
    run: Run, fresh: str, tmp_path: Path
) -> None:
    path = tmp_path / "demand.yaml"
    path.write_text("demand: {gpus: 1, precision: bf16}\npolicy: {regions: [us-east-1]}\n")

    def types(*options: str) -> str:
        return run("rank", "--demand", str(path), "-o", "one-line", "-w", fresh, *options).out

    assert types() == "g5.xlarge\n"
    assert types("--precision", "fp16") == "g4dn.xlarge,g5.xlarge,p3.2xlarge\n"
    assert types("--precision", "fp16", "--not-type", "g*") == "p3.2xlarge\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("demand: {gpu: 1}", "no such key; did you mean gpus?"),
        ("demand: {gpus: 0, nvlink: true}", "0 GPUs are asked for"),
    ],
)
def test_a_wrong_demand_file_is_told_with_its_place(
    run: Run, fresh: str, tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "demand.yaml"
    path.write_text(text)

    ended = run("rank", "--demand", str(path), "-w", fresh)

    assert ended.code == 1
    assert sentence in ended.err


def test_gpus_are_compared_with_their_data_sheets_and_best_offers(run: Run, fresh: str) -> None:
    ended = run("gpus", "-o", "json", "-w", fresh)

    rows = {one["model"]: one for one in json.loads(ended.out)["gpus"]}
    assert set(rows) == {"A10G", "T4", "V100"}
    assert rows["A10G"]["formats"] == "bf16 fp16 fp32 int8"
    assert rows["T4"]["cost_usd_per_gpu_hour"] == pytest.approx(0.2, rel=0.01)
    assert rows["T4"]["cost_usd_per_tb_s_hour"] == pytest.approx(0.2 / 0.32, rel=0.01)
    assert rows["V100"]["usd_per_gpu_hour"] == 0.1
    assert rows["V100"]["cost_usd_per_gpu_hour"] is None


def test_models_that_nobody_sells_are_listed_when_asked_for(run: Run, fresh: str) -> None:
    ended = run("gpus", "--all", "-o", "json", "-w", fresh)

    rows = {one["model"]: one for one in json.loads(ended.out)["gpus"]}
    assert rows["B300"]["usd_per_gpu_hour"] is None


def test_headroom_by_forecast_stands_beside_the_static_rules(run: Run, forecast: str) -> None:
    held = ["--held", "g5.xlarge@use1-az4=2", "--held", "g4dn.xlarge@use1-az4=2"]
    ended = run(
        *("headroom", "-w", forecast, "-o", "json", "--needed", "4", "--lead-time", "17m", *held),
        *("--target", "0.9"),
    )

    rows = {one["rule"]: one for one in json.loads(ended.out)["headroom"]}
    assert ended.code == 0
    assert set(rows) == {"forecast", "N+0", "N+1", "N+2"}
    assert rows["forecast"]["covered"] >= 0.9
    assert rows["forecast"]["places"] == "g5.xlarge@use1-az4=2"
    assert rows["forecast"]["usd_per_hour"] == pytest.approx(0.8)
    assert rows["N+0"]["covered"] == pytest.approx(0.98 * 0.7)


def test_headroom_as_a_number_and_as_what_kserve_reads(run: Run, forecast: str) -> None:
    asked = ("headroom", "-w", forecast, "--needed", "2", "--held", "g5.xlarge@use1-az4=2")

    assert run(*asked, "--target", "0.95", "--as", "number").out == "0\n"
    ended = run(*asked, "--target", "0.95", "--as", "kserve", "--name", "llm")
    manifest = yaml.safe_load(ended.out)
    assert manifest["spec"] == {"predictor": {"minReplicas": 2}}
    assert manifest["metadata"]["name"] == "llm"
    assert "Knative" in ended.err


def test_headroom_out_of_reach_ends_with_a_reason(run: Run, forecast: str) -> None:
    ended = run(
        *("headroom", "-w", forecast, "--held", "g4dn.xlarge@use1-az4=2", "--needed", "2"),
        *("--target", "0.999"),
    )

    assert ended.code == 1
    assert "add pools that are less likely to be lost" in ended.err


def test_headroom_as_pause_pods_asks_for_what_a_replica_asks(run: Run, forecast: str) -> None:
    ended = run(
        *("headroom", "-w", forecast, "--gpus", "1", "--memory-min", "16GiB", "--as", "pause"),
        *("--held", "g4dn.xlarge@use1-az4=2", "--held", "g5.xlarge@use1-az4=0", "--needed", "2"),
    )

    deployment = next(one for one in yaml.safe_load_all(ended.out) if one["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"] == {"nvidia.com/gpu": "1", "memory": "16384Mi"}
    assert deployment["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ("g5.xlarge", "write TYPE@ZONE=N"),
        ("g9.xlarge@use1-az4=1", "no such pool has a price"),
    ],
)
def test_a_pool_that_is_named_wrongly_is_told(
    run: Run, forecast: str, held: str, sentence: str
) -> None:
    ended = run("headroom", "-w", forecast, "--held", held)

    assert ended.code == 2
    assert sentence in ended.err
