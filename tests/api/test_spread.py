"""``spread`` and ``fit-joint`` as a user has them."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from advisor.risk.joint_artifact import load_joint
from tests.support.cli import Run
from tests.support.lifetimes import a_lost, a_running, lifetimes_of
from tests.support.ticks import random_states, ticks_of


@pytest.fixture
def traces(tmp_path: Path) -> str:
    """Two campaigns of probes in three zones, and some machines that were lost together."""
    rng = np.random.default_rng(2)
    first = random_states(3, 300, drop_per_hour=0.5, seed=3)
    shared = rng.random(300) < 0.03
    second = {zone: up & ~shared for zone, up in first.items()}
    ticks = pl.concat(
        [
            ticks_of(first, campaign="aws-1"),
            ticks_of(second, campaign="aws-2").with_columns(
                pl.col("ts_utc") + pl.duration(days=30)
            ),
        ]
    )
    lives = [a_lost(f"i{n}", 0, 400 + 3 * (n % 2)) for n in range(4)]
    lives += [a_running(f"r{n}", 0, 900) for n in range(2)]
    folder = tmp_path / "traces"
    folder.mkdir()
    ticks.write_parquet(folder / "availability_ticks.parquet")
    lifetimes_of(lives).write_parquet(folder / "instance_lifetimes.parquet")
    return str(folder)


def test_spread_places_the_machines_and_says_what_is_risked_and_what_it_costs(
    run: Run, fresh: str
) -> None:
    ended = run("spread", "--gpus", "1", "--count", "4", "-w", fresh)

    assert ended.code == 0
    assert ended.out.startswith("MACHINES")
    assert "P(at least 2 of 4 lost within 5 min): " in ended.err
    assert "bound 0.01" in ended.err
    assert "As if machines were independent: " in ended.err
    assert "as if pools went as a whole: " in ended.err
    assert "4 machines cost " in ended.err


def test_the_answer_as_json_has_the_figures_that_are_said(run: Run, fresh: str) -> None:
    ended = run(
        *("spread", "--gpus", "1", "--count", "4", "--max-share-pool", "0.5"),
        *("--types-min", "2", "-o", "json", "-w", fresh),
    )

    answer = json.loads(ended.out)
    assert ended.code == 0
    assert [one["count"] for one in answer["placement"]] == [2, 2]
    assert answer["cost_usd_per_hour"] == pytest.approx(
        sum(one["total_usd_per_hour"] for one in answer["placement"])
    )
    low, middle, high = (answer[f"joint_probability{end}"] for end in ("_low", "", "_high"))
    assert low <= middle <= high <= 0.01
    assert answer["joint_probability_independent"] < middle
    assert answer["cheapest_cost_usd_per_hour"] <= answer["cost_usd_per_hour"]
    assert "at most 2 per pool (2 full)" in answer["binding"]


def test_csv_has_the_machines_alone(run: Run, fresh: str) -> None:
    ended = run("spread", "--gpus", "1", "--count", "3", "-o", "csv", "-w", fresh)
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert sum(int(row["count"]) for row in rows) == 3


def test_unknown_risk_is_placed_only_when_it_is_allowed_and_is_said(run: Run, fresh: str) -> None:
    wish = ("spread", "--type", "p3.*", "--gpus", "1", "--count", "1", "-w", fresh)
    refused = run(*wish)
    allowed = run(*wish, "--allow-unknown-risk")

    assert refused.code == 1
    assert "unknown is not safe" in refused.err
    assert allowed.code == 0
    assert "unknown" in allowed.out
    assert "count as surely lost" in allowed.err


def test_a_bound_out_of_reach_is_a_sentence_with_what_would_do(run: Run, fresh: str) -> None:
    ended = run("spread", "--gpus", "1", "--count", "4", "--bound", "0", "-w", fresh)
    assert ended.code == 1
    assert ended.out == ""
    assert "allow 3 machines on demand, or a bound of " in ended.err


def test_stale_data_is_answered_and_told(run: Run, stale: str) -> None:
    ended = run("spread", "--gpus", "1", "--count", "2", "-w", stale)
    assert ended.code == 3
    assert "STALE" in ended.err


def test_a_fitted_model_is_used_where_it_is_given(
    run: Run, fresh: str, traces: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.json"
    fitted = run("fit-joint", "--train", traces, "--to", str(path), "--name", "mine")
    ended = run(
        *("spread", "--gpus", "1", "--count", "4", "-o", "json", "-w", fresh),
        *("--joint-model", str(path)),
    )

    assert fitted.code == 0
    assert "joint model mine of 3 campaigns" in fitted.err
    assert load_joint(path)[1].version == "mine"
    assert json.loads(ended.out)["joint_model"] == "mine"


def test_the_judgement_sets_what_was_promised_beside_what_was_seen(run: Run, traces: str) -> None:
    ended = run("fit-joint", "--train", traces, "--judge", "earlier", "-o", "json")

    answer = json.loads(ended.out)
    assert ended.code == 0
    assert answer["fitted_on"] == "earlier"
    # Probes and machines begin together, so that only the later campaign has an earlier one.
    assert {one["campaign"] for one in answer["verdicts"]} == {"aws-2"}
    for one in answer["verdicts"]:
        assert one["promised_low"] <= one["promised"] <= one["promised_high"]
        assert one["seen"] == pytest.approx(one["seen_windows"] / one["windows"])
    assert "promises of two or more losses hold" in ended.err


def test_fit_joint_says_what_it_lacks(run: Run, traces: str, tmp_path: Path) -> None:
    nothing = run("fit-joint", "--train", traces)
    nowhere = run("fit-joint", "--train", traces, "--to", str(tmp_path / "no" / "j.json"))
    ticks_of(random_states(1, 50, drop_per_hour=0.5, seed=3)).write_parquet(
        tmp_path / "availability_ticks.parquet"
    )
    alone = run("fit-joint", "--train", str(tmp_path), "--judge", "others")

    assert (nothing.code, nowhere.code, alone.code) == (2, 2, 1)
    assert "give --to FILE" in nothing.err
    assert "there is no folder" in nowhere.err
    assert "never were two machines there at once" in alone.err
