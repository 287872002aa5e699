"""``spotcast lead-time``: its figures, what it learns of a cluster, and the picture."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from api.guard.options import GuardOptions
from tests.support import guarded_objects as of
from tests.support.apiserver import kubeconfig
from tests.support.cli import Run, fill
from tests.support.guarded_api import GuardedApi, serving
from tests.support.start_objects import a_claim, a_pull, a_server, pulled
from tests.support.starts import PARTS, a_duration

BIG = ("--weights", "65.5GB")


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A warehouse that is not there yet."""
    return str(tmp_path / "none.duckdb")


def test_each_cloud_has_its_start_as_asked_and_faster_ones(run: Run, nowhere: str) -> None:
    ended = run("lead-time", *BIG, "-w", nowhere, "-o", "json")

    rows = json.loads(ended.out)["lead_times"]
    asked = {one["provider"]: one for one in rows if one["choice"] == "as asked"}
    assert ended.code == 0
    assert set(asked) == {"aws", "alibaba", "gcp", "azure"}
    for one in asked.values():
        expected = max(0, one["p95_seconds"] + one["drain_seconds"] - one["notice_seconds"])
        assert one["horizon_seconds"] == pytest.approx(expected, abs=0.2)
    fastest = {one["provider"]: one for one in rows if one["choice"] == "warm node, fastest"}
    assert fastest["alibaba"]["horizon_seconds"] == 0
    assert all(one["saves_seconds"] > 1000 for one in fastest.values())


def test_a_term_says_where_it_is_from(run: Run, nowhere: str) -> None:
    ended = run("lead-time", *BIG, "-p", "azure", "-w", nowhere, "-o", "json")

    terms = json.loads(ended.out)["lead_times"][0]["terms"]
    assert [one["part"] for one in terms] == ["boot", "image", "weights", "engine"]
    assert terms[0]["source"].startswith("assumed")
    assert all(one["observed"] == 0 for one in terms)
    assert "figures that others have published" in ended.err


def test_a_table_has_a_line_for_each_choice(run: Run, nowhere: str) -> None:
    ended = run("lead-time", *BIG, "-p", "aws", "--image-pull", "soci", "-w", nowhere)

    lines = ended.out.splitlines()
    assert lines[0].split()[:3] == ["CLOUD", "START", "BOOT"]
    assert re.match(r"aws +as asked +80/150 +40/62 +- +936/1310 +100/200", lines[1])
    assert not any("image: soci " in line for line in lines)


def test_csv_has_the_same_fields_in_every_line(run: Run, nowhere: str) -> None:
    ended = run("lead-time", *BIG, "-w", nowhere, "-o", "csv")

    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert len(rows) > 20
    assert all(None not in row and None not in row.values() for row in rows)
    assert rows[0]["boot_p50_seconds"] == "80"


def test_one_line_is_what_the_guard_takes(run: Run, nowhere: str) -> None:
    ended = run("lead-time", *BIG, "-w", nowhere, "-o", "one-line")

    words = ended.out.split()
    assert set(words[::2]) == {"--lead-time"}
    made = GuardOptions(lead_time=words[1::2]).settings()
    assert 1750 < made.lead_time("aws").serving.total_seconds() < 1850


def test_without_a_size_the_command_says_what_it_needs(run: Run, nowhere: str) -> None:
    ended = run("lead-time", "-w", nowhere)

    assert ended.code == 2
    assert "--weights SIZE, such as 65GB" in ended.err


@pytest.mark.parametrize(
    "given",
    [
        ("--weights", "0GB"),
        ("--weights", "much"),
        ("--weights", "65GB", "--parameters", "many"),
        ("--weights", "65GB", "--parameters", "0B"),
        ("--weights", "65GB", "--image-size", "0"),
        ("--weights", "65GB", "--provider", "gpus-r-us"),
        ("--weights", "65GB", "--correlation", "1"),
        ("--weights", "65GB", "--image-pull", "teleport"),
        ("--weights", "65GB", "--svg", "/nowhere/at/all.svg"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_started_ends_in_a_sentence(
    run: Run, nowhere: str, given: tuple[str, ...]
) -> None:
    ended = run("lead-time", *given, "-w", nowhere)

    assert ended.code in {1, 2}
    assert ended.err
    assert "Traceback" not in ended.err


def test_a_demand_gives_clouds_type_and_at_most_its_memory(
    run: Run, nowhere: str, tmp_path: Path
) -> None:
    demand = tmp_path / "demand.yaml"
    demand.write_text(
        "demand: {gpus: 2, gpu_memory_min: 80 GiB}\npolicy: {providers: [gcp]}\n", encoding="utf-8"
    )

    ended = run("lead-time", "--demand", str(demand), "-w", nowhere, "-o", "json")

    answer = json.loads(ended.out)
    assert {one["provider"] for one in answer["lead_times"]} == {"gcp"}
    assert answer["weights_gb"] == pytest.approx(171.8, abs=0.1)
    assert "names no weights" in ended.err


def test_own_starts_move_the_terms_and_are_counted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "own.duckdb"
    now = datetime.now(UTC)
    fill(
        path,
        *(
            a_duration(part, 20, subject=f"{part}{n}", observed_at=now)
            for part in PARTS
            for n in range(30)
        ),
    )
    asked = ("lead-time", "--weights", "16GB", "-p", "aws", "--model", "hf://a/model")

    ended = run(*asked, "-w", str(path), "-o", "json")

    row = json.loads(ended.out)["lead_times"][0]
    assert [one["observed"] for one in row["terms"]] == [30] * 4
    assert row["p95_seconds"] < 250
    assert "never seen in your clusters" in ended.err
    of_others = run(*asked[:-2], "-w", str(path))
    assert "Seen starting: hf://a/model. --model counts them." in of_others.err


def test_observing_stores_each_part_once_and_needs_no_model(run: Run, tmp_path: Path) -> None:
    api = GuardedApi({resource: {} for resource in of.RESOURCES})
    api.put(of.NODES, of.a_node("n1"))
    api.put(of.CLAIMS, a_claim(Launched=0, Registered=40, Initialized=90))
    api.put(of.PODS, a_server())
    api.put(of.CORE_EVENTS, a_pull(pulled("2m10.813s")))
    path = str(tmp_path / "own.duckdb")
    with serving(api) as url:
        given = ("--observe", "--kubeconfig", str(kubeconfig(tmp_path, url)), "-w", path)
        first, second = run("lead-time", *given), run("lead-time", *given)

    assert (first.code, second.code) == (0, 0)
    assert "4 parts of starts; 4 of them are new" in first.err
    assert "4 parts of starts; 0 of them are new" in second.err
    assert api.writes() == []


def test_the_picture_is_an_svg_that_names_each_step(run: Run, nowhere: str, tmp_path: Path) -> None:
    drawn = tmp_path / "start.svg"

    run("lead-time", *BIG, "-p", "aws", "-p", "gcp", "-w", nowhere, "--svg", str(drawn))

    words = {one.text for one in ET.parse(drawn).iter() if one.text}  # noqa: S314 - ours
    assert {"boot", "image", "weights", "engine", "until p95", "drain", "notice"} <= words
    assert {"aws", "gcp", "to be foreseen", "warm node, fastest"} <= words
