"""``spotcast report``: files that are named after their days, and what changed between two."""

import json
from pathlib import Path

import pytest

from tests.support.cli import Run
from tests.support.reporting import filled


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with a full week."""
    return str(filled(tmp_path_factory.mktemp("week") / "week.duckdb"))


def test_two_runs_over_the_same_days_write_the_same_bytes(
    run: Run, tmp_path: Path, warehouse: str
) -> None:
    for folder, at in (("a", "2026-11-23"), ("b", "2026-11-23T17:00")):
        ended = run(
            "report", "weekly", "--at", at, "-o", str(tmp_path / folder), "--warehouse", warehouse
        )
        assert (ended.code, ended.err.count("\n")) == (0, 8)
        assert str(tmp_path / folder / "spotcast-weekly-2026-11-23.html") in ended.out

    first = {p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*.*")}
    assert first == {
        p.relative_to(tmp_path / "b"): p.read_bytes() for p in (tmp_path / "b").rglob("*.*")
    }
    assert {path.suffix for path in first} == {".html", ".md", ".json", ".csv"}


def test_a_diff_of_two_days_tells_what_changed(run: Run, tmp_path: Path, warehouse: str) -> None:
    for at in ("2026-11-17", "2026-11-20"):
        ended = run(
            *("report", "daily", "--at", at, "-o", str(tmp_path), "-f", "json"),
            *("--warehouse", warehouse),
        )
        assert ended.code == 0
    names = [str(tmp_path / f"spotcast-daily-2026-11-{day}.json") for day in (17, 20)]

    text = run("report", "diff", *names)
    data = run("report", "diff", *names, "-o", "json")

    assert "Prices that changed: 2 rows" in text.out
    assert {one["name"] for one in json.loads(data.out)["tables"]} >= {"price_moves", "pools_new"}


@pytest.mark.parametrize("content", ["", "{}", '{"format": 2}', "[1"])
def test_what_is_no_report_is_said_to_be_none(run: Run, tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content, encoding="utf-8")

    ended = run("report", "diff", str(path), str(path))

    assert ended.code == 2
    assert "no report of `spotcast report` as JSON" in ended.err


def test_a_year_without_a_spot_market_is_refused(run: Run, tmp_path: Path, warehouse: str) -> None:
    ended = run(
        "report", "weekly", "--at", "0001-01-02", "-o", str(tmp_path), "--warehouse", warehouse
    )

    assert (ended.code, ended.out) == (2, "")
    assert "there was no spot market then" in ended.err


def test_a_missing_report_is_said_to_be_missing(run: Run, tmp_path: Path) -> None:
    ended = run("report", "diff", str(tmp_path / "a.json"), str(tmp_path / "b.json"))

    assert ended.code == 2
    assert "a.json: cannot be read" in ended.err


def test_a_report_on_days_to_come_is_refused(run: Run, tmp_path: Path, warehouse: str) -> None:
    ended = run(
        "report", "daily", "--at", "2199-01-02", "-o", str(tmp_path), "--warehouse", warehouse
    )

    assert ended.code == 2
    assert "--at 2199-01-02T00:00: that is to come" in ended.err
    assert not list(tmp_path.iterdir())
