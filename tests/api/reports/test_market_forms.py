"""The forms of a report: a page that stands alone, aligned Markdown, JSON and CSV that agree."""

import csv
import io
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from api.errors import UsageError
from api.reports.market.document import Kind, ReportDocument
from api.reports.market.markdown import aligned, markdown
from api.reports.market.page import page
from api.reports.market.words import share, shown
from api.reports.market.writing import Form, csv_of, read_report, text_of, write_report

VOID = {"meta", "br", "hr", "img", "input", "link", "col", "wbr", "area", "base", "source"}
FETCHES = {"src", "srcset", "action", "data", "poster", "background"}


class Page(HTMLParser):
    """Reads a page strictly: what is opened is closed in order, ids are unique, links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.headings: list[int] = []
        self.cells: list[str] = []
        self.outside: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag is and where it leads."""
        self.tags.append(tag)
        given = {name: value or "" for name, value in attrs}
        assert len(given) == len(attrs), f"{tag} has an attribute twice"
        if tag not in VOID:
            self.open.append(tag)
        if "svg" not in self.open:
            self.ids += [given["id"]] if "id" in given else []
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        link = given.get("href", given.get("xlink:href", ""))
        if link.startswith("#"):
            self.targets.append(link[1:])
        elif link:
            self.outside.append(link)
        self.outside += [given[name] for name in FETCHES & given.keys()]
        if tag == "th":
            assert given.get("scope") in {"col", "row"}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """The same of a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """It closes the tag that was opened last."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def html(weekly: ReportDocument) -> str:
    return page(weekly)


def test_a_page_is_well_formed_and_its_links_lead_somewhere(html: str) -> None:
    read = Page(html)

    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert read.targets
    assert set(read.targets) <= set(read.ids)


def test_a_page_has_one_title_and_skips_no_level_of_headings(html: str) -> None:
    headings = Page(html).headings

    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


def test_a_page_fetches_nothing_and_runs_nothing(html: str) -> None:
    read = Page(html)

    assert read.outside == []
    assert not {"script", "link", "iframe", "img", "object", "embed"} & set(read.tags)
    assert not re.search(r"url\((?!#)|@import|\son\w+=", html)
    assert set(re.findall(r"https?://[^\"' <)]+", html)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
    }  # fmt: skip


def test_a_page_has_every_section_and_figure(html: str, weekly: ReportDocument) -> None:
    assert weekly.figures
    for section in weekly.sections:
        assert f'<section id="{section.name}"' in html
    for figure in weekly.figures:
        assert f'<span class="value">{shown(figure.value, figure.kind)}</span>' in html
    charts = sum(len(section.charts) for section in weekly.sections)
    assert charts >= 5
    assert html.count("<svg") == charts


def test_a_page_suits_light_and_dark_and_print(html: str) -> None:
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "light-dark(" in html
    assert "@media print" in html


def test_a_name_with_markup_in_it_is_text(weekly: ReportDocument) -> None:
    evil = weekly.model_copy(update={"headlines": ("<script>alert(1)</script> & `<b>`",)})

    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; <code>&lt;b&gt;</code>" in page(evil)
    assert "&lt;script>" in markdown(evil)


def test_the_rows_of_a_markdown_table_are_equally_long(weekly: ReportDocument) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", markdown(weekly), flags=re.MULTILINE)

    assert len(blocks) > 8
    for block in blocks:
        lines = block.splitlines()
        assert len({len(line) for line in lines}) == 1, lines[0]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert re.fullmatch(r"\|( -+:? \|)+", lines[1])


def test_a_bar_in_a_cell_is_no_column() -> None:
    assert aligned(["a"], [["x|y"]], set())[2] == "| x\\|y |"


def test_json_holds_the_document_and_fits_its_schema(weekly: ReportDocument) -> None:
    text = text_of(weekly, Form.JSON)

    assert ReportDocument.model_validate_json(text) == weekly
    jsonschema.validate(json.loads(text), ReportDocument.model_json_schema(mode="serialization"))


def test_csv_has_every_row_of_a_table(weekly: ReportDocument) -> None:
    table = weekly.table("savings")
    assert table is not None

    rows = list(csv.DictReader(io.StringIO(csv_of(table))))

    assert len(rows) == len(table.rows)
    assert float(rows[0]["usd_per_hour"]) == table.records()[0]["usd_per_hour"]
    assert [row["saving_share"] == "" for row in rows] == [
        row["saving_share"] is None for row in table.records()
    ]


def test_the_same_report_is_the_same_bytes(weekly: ReportDocument, html: str) -> None:
    assert page(weekly) == html


def test_writing_replaces_and_leaves_no_half_file(tmp_path: Path, weekly: ReportDocument) -> None:
    folder = tmp_path / "reports"
    once = write_report(weekly, folder, tuple(Form))
    twice = write_report(weekly, folder, tuple(Form))

    assert once == twice
    assert {path for path in folder.rglob("*") if path.is_file()} == set(once)
    assert read_report(folder / "spotcast-weekly-2026-11-23.json") == weekly


def test_a_table_that_is_no_longer_there_leaves_no_file(
    tmp_path: Path, weekly: ReportDocument
) -> None:
    write_report(weekly, tmp_path, (Form.CSV,))
    movers, *others = weekly.sections
    write_report(weekly.model_copy(update={"sections": tuple(others)}), tmp_path, (Form.CSV,))

    left = {path.stem for path in tmp_path.rglob("*.csv")}

    assert left
    assert not left & {table.name for table in movers.tables}


def test_a_folder_that_is_a_file_is_said(tmp_path: Path, weekly: ReportDocument) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(UsageError, match="the report cannot be written"):
        write_report(weekly, tmp_path / "file" / "x", (Form.JSON,))


SHARES = {
    0.0: "0 %",
    0.00003: "<0.01 %",
    0.00123: "0.12 %",
    0.1234: "12.3 %",
    0.99999: ">99.9 %",
    1.0: "100 %",
    -0.25: "\u221225.0 %",
}


def test_a_share_is_neither_nothing_nor_all_unless_it_is() -> None:
    assert {value: share(value).replace("\u00a0", " ") for value in SHARES} == SHARES


def test_what_is_unknown_is_never_shown_as_zero() -> None:
    assert {shown(None, kind) for kind in Kind} == {"unknown"}
