"""Collecting from a folder of payloads, as a user reproduces a bug; and the public demo."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli import main

PAYLOADS = Path(__file__).parents[1] / "fixtures" / "payloads"
Outcome = tuple[int, dict[str, dict[str, object]], str]


@pytest.fixture
def collect(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Outcome]:
    """Run ``spotcast collect`` into one database; gives code, rows by feed, and the words."""

    def collect(*arguments: str) -> Outcome:
        database = str(tmp_path / "collected.duckdb")
        with pytest.raises(SystemExit) as ended:
            main(["collect", *arguments, "-w", database, "-o", "json"])
        printed = capsys.readouterr()
        rows = json.loads(printed.out)["runs"] if printed.out else []
        return int(ended.value.code or 0), {row["feed"]: row for row in rows}, printed.err

    return collect


def test_every_feed_reads_its_payload_and_a_second_time_finds_nothing_new(
    collect: Callable[..., Outcome],
) -> None:
    watched = ("--replay", str(PAYLOADS), "--watchlist", str(PAYLOADS.parent / "watchlist.yaml"))
    code, first, _ = collect(*watched)
    collect(*watched)  # A watch brings what changed since its first list.
    again, second, _ = collect(*watched)

    assert (code, again) == (0, 0)
    assert len(first) >= 30
    assert {name: row["outcome"] for name, row in first.items()} == dict.fromkeys(first, "ok")
    assert all(int(str(row["rows_new"])) > 0 for row in first.values())
    assert {name: row["rows_new"] for name, row in second.items()} == dict.fromkeys(second, 0)


def test_a_broken_payload_fails_its_feed_and_no_other(
    collect: Callable[..., Outcome], tmp_path: Path
) -> None:
    whole = (PAYLOADS / "aws" / "spot_advisor.json").read_bytes()
    folder = tmp_path / "payloads" / "aws"
    folder.mkdir(parents=True)
    (folder / "spot_advisor.json.gz").write_bytes(gzip.compress(whole)[:-20])
    (folder / "describe_availability_zones.xml").write_bytes(
        (PAYLOADS / "aws" / "describe_availability_zones.xml").read_bytes()
    )

    code, runs, _ = collect("--provider", "aws", "--replay", str(tmp_path / "payloads"))

    assert code == 1
    assert runs["aws.spot_advisor"]["outcome"] == "failed"
    assert "aws.spot_advisor:" in str(runs["aws.spot_advisor"]["error"])
    assert runs["aws.availability_zones"]["outcome"] == "ok"
    assert runs["aws.instance_types"]["outcome"] == "skipped"


def test_a_feed_that_is_not_set_up_is_left_out_with_the_reason(
    collect: Callable[..., Outcome],
) -> None:
    code, runs, words = collect("--provider", "alibaba")

    assert (code, runs) == (1, {})
    assert "alibaba.spot_advice: not set up (set ALIBABA_CLOUD_ACCESS_KEY_ID" in words


def test_providers_say_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["providers", "-o", "json"])

    feeds = {row["feed"]: row for row in json.loads(capsys.readouterr().out)["feeds"]}
    assert (ended.value.code or 0) == 0
    assert feeds["aws.spot_advisor"]["state"] == "ready"
    assert feeds["aws.website_spot"]["state"] == "off"
    assert feeds["aws.spot_price_history"]["state"] == "not set up"
    assert "AWS_PROFILE" in feeds["aws.spot_price_history"]["missing"]
    assert feeds["aws.spot_price_history"]["permissions"].startswith("ec2:")
