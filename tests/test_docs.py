"""The papers are true: commands exist, examples run, links lead somewhere, versions agree."""

import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from api.cli import COMMANDS, main
from api.config.jobs import JobsSection
from tests.support.market import a_pool, a_price, a_shape, a_signal
from warehouse.frames import frames_of
from warehouse.records import Record
from warehouse.store import Warehouse

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_there_are_pages() -> None:
    names = {page.relative_to(ROOT).as_posix() for page in PAGES}

    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md"} <= names


def test_every_command_that_a_page_names_exists(capsys: pytest.CaptureFixture[str]) -> None:
    named = {
        command
        for page in PAGES
        for command in re.findall(r"(?:`|\n|bin/)spotcast ([a-z][a-z-]*)", read(page))
    }
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = set(re.findall(r"^  ([a-z][a-z-]*) ", capsys.readouterr().out, flags=re.MULTILINE))

    assert named
    assert named <= listed, named - listed


def test_every_link_to_a_file_leads_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", read(page))
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_the_readmes_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = datetime.now(UTC)
    records: list[Record] = [
        a_shape(),
        a_price(0.4, effective_at=at),
        a_signal(pool=a_pool(zone="*")),
    ]
    with Warehouse.open(tmp_path / "spotcast.duckdb") as warehouse, warehouse.transaction():
        for table, frame in frames_of(warehouse, records):
            warehouse.append(table, frame)
    example = re.findall(r"```python\n(.*?)```", read(ROOT / "README.md"), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)

    for block in example:
        exec(block, {})  # noqa: S102 - the README's own example

    assert len(example) == 1
    assert capsys.readouterr().out.startswith("g5.xlarge in use1-az4: 0.4000 USD an hour")


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    newest = re.findall(r"^## \[(\S+)\]", read(ROOT / "CHANGELOG.md"), flags=re.MULTILINE)[0]

    assert newest == version("spotcast")


def test_every_target_of_the_makefile_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):(.*)$", read(ROOT / "Makefile"), flags=re.MULTILINE)

    assert len(targets) > 10
    assert [name for name, rest in targets if "##" not in rest] == []


def test_every_command_has_a_page() -> None:
    told = "\n".join(read(page) for page in PAGES if page.name != "CHANGELOG.md")
    missing = [name for name in COMMANDS if not re.search(rf"(?:spotcast|make) {name}\b", told)]

    assert missing == []


def test_every_job_is_on_the_page_about_jobs() -> None:
    jobs = list(JobsSection.model_fields)
    page = ROOT / "docs" / "jobs.md"
    told = read(page) if jobs else ""

    assert [name for name in jobs if f"`{name}`" not in told] == []
