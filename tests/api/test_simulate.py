"""``spotcast simulate`` from the command line."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from advisor.risk.artifact import card_of, save_model
from advisor.risk.dataset import samples
from advisor.risk.fitting import fit
from api.cli import main
from tests.support.ticks import START, random_states, ticks_of

DAY = 288
Ended = tuple[int, str, str]
Run = Callable[..., Ended]

SERVING = [
    *("reactive", "static-n+1", "static-n+2", "rebalance", "threshold"),
    *("expected-cost", "headroom", "spothedge", "ucb", "oracle"),
]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``spotcast simulate`` with arguments; gives code, output and words."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(["simulate", *arguments])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def folder_of(parent: Path, name: str, ticks: pl.DataFrame) -> str:
    """A folder with these ticks."""
    folder = parent / name
    folder.mkdir()
    ticks.write_parquet(folder / "availability_ticks.parquet")
    return str(folder)


@pytest.fixture(scope="module")
def ticks() -> pl.DataFrame:
    """Three days of three zones that come and go."""
    return ticks_of(random_states(3, 3 * DAY, drop_per_hour=0.5, seed=8))


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory, ticks: pl.DataFrame) -> str:
    """A folder with them."""
    return folder_of(tmp_path_factory.mktemp("simulate"), "traces", ticks)


def test_all_policies_of_a_service_are_replayed_from_the_first_forecast_on(
    run: Run, traces: str
) -> None:
    code, out, words = run("--traces", traces, "--replicas", "2", "-o", "json")

    answer = json.loads(out)
    assert code == 0
    assert [row["policy"] for row in answer["policies"]] == SERVING
    assert {row["days"] for row in answer["policies"]} == {2.0}
    (replayed,) = answer["replayed"]
    assert replayed["began_at"] == "2023-02-16T00:00:00Z"
    assert replayed["pools"] == [f"us-east-1{zone}/p3.2xlarge" for zone in "abc"]
    assert answer["settings"]["replicas"] == 2
    assert answer["settings"]["target"] == [0.95]
    by_policy = {row["policy"]: row for row in answer["policies"]}
    oracle = by_policy["oracle"]
    assert oracle["uncovered_minutes_per_day"] == 0
    assert oracle["uncovered_minutes_vs_static_n_plus_2"] == -1
    assert by_policy["static-n+2"]["cost_vs_static_n_plus_2"] is None
    low, high = (by_policy["headroom"][f"cost_vs_static_n_plus_1_{end}"] for end in ("low", "high"))
    assert low <= by_policy["headroom"]["cost_vs_static_n_plus_1"] <= high
    assert "replayed 2.0 days of 3 pools; 1.0 days before the first forecast are left out" in words
    assert "fitted anew every week on what had ended by then" in words


def test_targets_make_a_curve(run: Run, traces: str) -> None:
    asked = ("--policy", "headroom", "--forecast", "decayed", "--target", "0.5", "--target", "0.99")

    code, out, _ = run("--traces", traces, *asked, "-o", "csv")

    low, high = csv.DictReader(io.StringIO(out))
    assert code == 0
    assert (low["target"], high["target"]) == ("0.5", "0.99")
    assert float(low["cost_per_day"]) < float(high["cost_per_day"])


def test_a_training_job_reports_the_work_it_lost(run: Run, traces: str) -> None:
    asked = ("--job", "training", "--forecast", "pool-rate")

    table, data = run("--traces", traces, *asked), run("--traces", traces, *asked, "-o", "yaml")

    rows = yaml.safe_load(data[1])["policies"]
    assert (table[0], data[0]) == (0, 0)
    assert [row["policy"] for row in rows] == [name for name in SERVING if "static" not in name]
    assert rows[0]["lost_hours_per_day"] > 0
    assert rows[-1]["lost_hours_per_day"] == 0
    assert "LOST WORK H" in table[1].splitlines()[0]
    assert len(table[1].splitlines()) == 1 + len(rows)


def test_a_table_shows_each_difference_with_its_interval(run: Run, traces: str) -> None:
    asked = ("--policy", "static-n+2", "--policy", "reactive", "--forecast", "none")

    code, out, _ = run("--traces", traces, *asked, "-o", "wide")

    heading, two, reactive = out.splitlines()
    assert code == 0
    assert heading.split()[:3] == ["CAMPAIGN", "PROBE", "DAYS"]
    assert two.split()[:5] == ["aws-1", "launch_probe", "2.0", "static-n+2", "-"]
    assert reactive.count("%]") == 4
    assert two.count("%]") == 2


def test_the_same_seed_gives_the_same_answer(run: Run, traces: str) -> None:
    asked = ("--traces", traces, "--forecast", "none", "--policy", "rebalance", "-o", "json")

    one, again, other = run(*asked, "--seed", "3"), run(*asked, "--seed", "3"), run(*asked)

    assert one[1] == again[1]
    assert json.loads(one[1])["policies"] != json.loads(other[1])["policies"]


def test_a_forecast_fitted_on_one_folder_is_used_on_another(
    run: Run, traces: str, tmp_path: Path
) -> None:
    old = ticks_of(
        random_states(3, 2 * DAY, drop_per_hour=0.5, seed=9),
        campaign="old",
        start=START - timedelta(days=90),
    )
    train = folder_of(tmp_path, "train", old)

    asked = ("--train", train, "--policy", "headroom", "-o", "json")
    code, out, words = run("--traces", traces, *asked)

    assert code == 0
    assert [one["days"] for one in json.loads(out)["replayed"]] == [3.0]
    assert f"model, fitted on {train}" in words
    assert "CAUTION" not in words


def test_training_on_later_days_is_told(run: Run, traces: str, tmp_path: Path) -> None:
    later = ticks_of(
        random_states(3, 2 * DAY, drop_per_hour=0.5, seed=9),
        campaign="later",
        start=START + timedelta(days=90),
    )
    train = folder_of(tmp_path, "train", later)

    _, _, words = run("--traces", traces, "--train", train, "--forecast", "decayed")

    assert "CAUTION: the forecast was fitted on data up to 2023-05-17" in words


def test_training_on_the_folder_itself_leaves_nothing_to_replay(run: Run, traces: str) -> None:
    code, _, words = run("--traces", traces, "--train", traces)

    assert code == 1
    assert "no pool is up after the end of training; bring more days" in words


def test_a_fitted_model_can_be_given(
    run: Run, traces: str, ticks: pl.DataFrame, tmp_path: Path
) -> None:
    rows = samples(ticks)
    card = card_of(rows, data="made ticks", code_version="0", name="made-1")
    save_model(tmp_path / "model.json", fit(rows), card)

    asked = ("--model", str(tmp_path / "model.json"), "--policy", "headroom", "-o", "json")
    code, out, words = run("--traces", traces, *asked)

    assert code == 0
    assert json.loads(out)["forecast_from"].startswith("made-1, fitted on made ticks, 2023-02-15")
    assert "CAUTION: the forecast was fitted on data up to 2023-02-17" in words


def test_pools_are_chosen_by_zone_and_type(run: Run, traces: str) -> None:
    asked = ("--zone", "us-east-1b", "--type", "p3.*", "--forecast", "none", "--policy", "reactive")

    code, out, _ = run("--traces", traces, *asked, "-o", "json")

    assert code == 0
    assert json.loads(out)["replayed"][0]["pools"] == ["us-east-1b/p3.2xlarge"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--policy", "hope"), 2, "--policy hope: the policies of a serving job are reactive,"),
        (
            ("--job", "training", "--policy", "static-n+1"),
            2,
            "the policies of a training job are reactive, rebalance",
        ),
        (("--target", "1.5"), 2, "Invalid value for '--target'"),
        (("--target", "nan"), 2, "--target"),
        (("--on-demand-ratio", "inf"), 2, "--on-demand-ratio inf is not a number"),
        (("--uncovered-cost", "nan"), 2, "--uncovered-cost"),
        (("--on-demand-ratio", "0"), 2, "on_demand_ratio is a number above 0"),
        (("--notice-minutes", "20"), 2, "notice is from 0 to cold_start"),
        (("--job", "training", "--checkpoint-minutes", "0"), 2, "a checkpoint costs time"),
        (("--forecast", "hope"), 2, "'hope' is not one of 'model', 'decayed', 'pool-rate', 'none'"),
        (("--model", "m.json", "--forecast", "decayed"), 2, "give no --train or --forecast"),
        (("--model", "absent.json"), 1, "absent.json: cannot be read"),
        (("--zone", "us-east-1z"), 1, "zones: us-east-1a, us-east-1b, us-east-1c"),
        (("--campaign", "aws-2"), 1, "campaigns: aws-1"),
        (("--probe-kind", "held_instance"), 1, "probe kinds: launch_probe"),
        (("--type", "g5.*"), 1, "types: p3.2xlarge"),
        (("-o", "one-line"), 2, "simulate has none"),
    ],
)
def test_what_cannot_be_replayed_says_why(
    run: Run, traces: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended, out, said = run("--traces", traces, *arguments)

    assert ended == code
    assert out == ""
    assert words in said


def test_a_folder_that_is_not_there_is_named(run: Run, tmp_path: Path) -> None:
    empty = run("--traces", str(tmp_path))
    absent = run("--traces", str(tmp_path / "absent"))

    assert (empty[0], absent[0]) == (2, 2)
    assert "no availability_ticks.parquet there" in empty[2]
    assert "does not exist" in absent[2]


def test_a_folder_without_a_tick_or_a_column_says_so(
    run: Run, ticks: pl.DataFrame, tmp_path: Path
) -> None:
    none = run("--traces", folder_of(tmp_path, "none", ticks.clear()))
    other = run("--traces", folder_of(tmp_path, "other", ticks.drop("zone")))

    assert (none[0], other[0]) == (1, 1)
    assert "there is no tick" in none[2]
    assert "ticks: columns missing: zone" in other[2]


def test_a_file_that_is_no_parquet_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "availability_ticks.parquet").write_text("trace_id,zone\n")

    code, _, words = run("--traces", str(tmp_path))

    assert code == 2
    assert "availability_ticks.parquet: cannot be read" in words


def test_a_campaign_that_is_over_before_the_first_forecast_asks_for_one(
    run: Run, ticks: pl.DataFrame, tmp_path: Path
) -> None:
    early = ticks_of(
        random_states(2, 100, drop_per_hour=0.5, seed=1),
        campaign="early",
        start=START - timedelta(days=40),
    )
    both = folder_of(tmp_path, "both", pl.concat([early, ticks]))

    code, _, words = run("--traces", both, "--campaign", "early")

    assert code == 1
    assert "no forecast for these traces; give --train or --model" in words


def test_one_day_shows_a_difference_without_an_interval(run: Run, tmp_path: Path) -> None:
    short = ticks_of(random_states(2, 2 * DAY, drop_per_hour=0.5, seed=1))
    folder = folder_of(tmp_path, "short", short)

    code, out, _ = run("--traces", folder, "--forecast", "none", "--policy", "reactive")

    assert code == 0
    assert "[" not in out
    assert out.splitlines()[1].count("%") == 2


def test_too_few_days_to_walk_through_ask_for_a_forecast_from_elsewhere(
    run: Run, tmp_path: Path
) -> None:
    short = ticks_of(random_states(2, 100, drop_per_hour=0.5, seed=1))

    code, _, words = run("--traces", folder_of(tmp_path, "short", short))

    assert code == 1
    assert "less than two days with a pool up; bring more days, or a forecast with" in words
