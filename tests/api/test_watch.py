"""Reading by the clock, the state of the feeds, and what waits aside, as a user meets them."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli import main

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
Outcome = tuple[int, str, str]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "data" / "watched.duckdb")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], database: str) -> Callable[..., Outcome]:
    """Run a command on the database; gives its code and what it printed."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "-w", database])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def feeds(told: str) -> dict[str, dict[str, object]]:
    return {row["feed"]: row for row in json.loads(told)["feeds"]}


def test_the_feeds_say_when_they_were_read_and_when_they_are_due(
    run: Callable[..., Outcome],
) -> None:
    run("collect", "--feed", "aws.spot_advisor", "--replay", str(PAYLOADS))

    code, told, _ = run("feeds", "-o", "json")

    row = feeds(told)["aws.spot_advisor"]
    assert code == 0
    assert (row["state"], row["last_good_rows"], row["failures"]) == ("ok", 10, 0)
    assert str(row["next_run"]).startswith("in 6 h")
    assert feeds(told)["aws.price_list"]["state"] == "never read"
    assert feeds(told)["aws.price_list"]["last_good"] == "never"


def test_a_dry_run_reads_and_stores_nothing(run: Callable[..., Outcome], database: str) -> None:
    code, told, _ = run(
        "collect",
        "--feed",
        "aws.spot_advisor",
        "--dry-run",
        "--replay",
        str(PAYLOADS),
        "-o",
        "json",
    )

    assert code == 0
    assert json.loads(told)["runs"][0]["rows_new"] == 10
    assert not Path(database).exists()


def test_a_dry_run_sees_what_is_stored_already(run: Callable[..., Outcome]) -> None:
    arguments = ("collect", "--feed", "aws.availability_zones", "--replay", str(PAYLOADS))
    run(*arguments)

    _, told, _ = run(*arguments, "--dry-run", "-o", "json")

    assert json.loads(told)["runs"][0]["rows_new"] == 0


def test_the_machines_lost_are_listed_once_each(run: Callable[..., Outcome]) -> None:
    feeds = ("--feed", "aws.bid_evictions", "--feed", "kubernetes.events")
    run("collect", *feeds, "--replay", str(PAYLOADS))

    code, told, words = run("interruptions", "--since", "2026-11-01", "-o", "json")
    table, shown, _ = run("interruptions", "--since", "2026-11-01")

    rows = json.loads(told)["interruptions"]
    assert (code, table) == (0, 0)
    assert len({(row["node"], row["first_told_at"]) for row in rows}) == len(rows) > 1
    assert {row["provider"] for row in rows} == {"aws"}
    assert "TOLD BY" in shown
    assert "unknown" in shown or "without a pool" not in words


def shrunk(tmp_path: Path) -> Path:
    """The payloads, with an advisor that has lost all types but one."""
    folder = tmp_path / "shrunk"
    shutil.copytree(PAYLOADS / "aws", folder / "aws")
    path = folder / "aws" / "spot_advisor.json"
    page = json.loads(path.read_text())
    for systems in page["spot_advisor"].values():
        systems["Linux"] = dict(list(systems.get("Linux", {}).items())[:1])
    page["spot_advisor"] = dict(list(page["spot_advisor"].items())[:1])
    path.write_text(json.dumps(page))
    return folder


def test_a_shrunk_payload_waits_until_a_person_accepts_it(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    feed = ("collect", "--feed", "aws.spot_advisor", "-o", "json")
    run(*feed, "--replay", str(PAYLOADS))

    folder = str(shrunk(tmp_path))
    code, told, _ = run(*feed, "--replay", folder)
    _, listed, _ = run("quarantine", "-o", "json")
    (held,) = json.loads(listed)["held"]
    accepted, _, words = run("quarantine", "accept", held["run_id"][:8])
    _, after, _ = run("quarantine", "-o", "json")
    again, _, _ = run(*feed, "--replay", folder)

    assert code == 1
    assert json.loads(told)["runs"][0]["outcome"] == "quarantined"
    assert (held["feed"], held["pools"], held["pools_before"]) == ("aws.spot_advisor", 1, 5)
    assert accepted == 0
    assert "aws.spot_advisor (*)" in words
    assert json.loads(after)["held"] == []
    assert again == 0  # What was accepted is what the next one is measured by.


def test_a_shrunk_payload_can_be_discarded_and_a_wrong_name_is_told(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    feed = ("collect", "--feed", "aws.spot_advisor")
    run(*feed, "--replay", str(PAYLOADS))
    run(*feed, "--replay", str(shrunk(tmp_path)))
    held = json.loads(run("quarantine", "-o", "json")[1])["held"][0]["run_id"]

    wrong, _, words = run("quarantine", "discard", "nobody")
    right, _, _ = run("quarantine", "discard", held)

    assert wrong == 2
    assert held in words
    assert right == 0
    assert json.loads(run("quarantine", "-o", "json")[1])["held"] == []


def test_watching_reads_every_feed_and_stops_when_asked(database: str) -> None:
    command = [
        sys.executable,
        "-c",
        "from api.cli import main; main()",
        "watch",
        "--replay",
        str(PAYLOADS),
        "-w",
        database,
    ]
    command += ["--feed", "aws.spot_advisor", "--feed", "aws.availability_zones"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = [process.stderr.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)

    told = "".join(lines)
    assert "Watching 2 feeds" in told
    assert "aws.spot_advisor (all regions) ok, 10 rows, 10 new" in told
    assert "aws.availability_zones (us-east-1) ok, 6 rows, 6 new" in told
    assert "Stopping" in rest
    assert process.returncode == 0


def test_a_watchlist_with_a_mistake_is_wrong_usage(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    path = tmp_path / "watch.yaml"
    path.write_text("region: {}")

    code, _, words = run("collect", "--watchlist", str(path))

    assert code == 2
    assert f"{path}: the watchlist: unknown region" in words
