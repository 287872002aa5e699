"""Reports as files: each is there whole or not at all."""

import csv
import io
import os
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from api.errors import UsageError
from api.reports.market.document import FORMAT, ReportDocument, Table
from api.reports.market.markdown import markdown
from api.reports.market.page import page


class Form(StrEnum):
    """How a report is written."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"
    CSV = "csv"


def stem(document: ReportDocument) -> str:
    """``spotcast-weekly-2026-03-31``: the same days have the same name."""
    return f"spotcast-{document.period.value}-{document.end:%Y-%m-%d}"


def write_report(document: ReportDocument, folder: Path, forms: tuple[Form, ...]) -> list[Path]:
    """Write the report into the folder, which is made; return what was written.

    CSV is a folder of its own with one file per table. A report of the same days is replaced.

    Raises:
        UsageError: the folder or a file cannot be written.
    """
    name = stem(document)
    texts: dict[Path, str] = {}
    for form in forms:
        if form is Form.CSV:
            tables = [table for section in document.sections for table in section.tables]
            texts |= {folder / name / f"{one.name}.csv": csv_of(one) for one in tables}
        else:
            texts[folder / f"{name}.{form.value}"] = text_of(document, form)
    try:
        for path, text in texts.items():
            _replace(path, text)
        if Form.CSV in forms:
            _drop_others(folder / name, texts)
    except OSError as error:
        where = error.filename or folder
        raise UsageError(f"{where}: the report cannot be written ({error.strerror})") from error
    return list(texts)


def text_of(document: ReportDocument, form: Form) -> str:
    """The report as one text; CSV has no such."""
    match form:
        case Form.HTML:
            return page(document)
        case Form.MARKDOWN:
            return markdown(document)
        case Form.JSON:
            return document.model_dump_json(indent=1) + "\n"
        case Form.CSV:
            raise ValueError("CSV is one text per table")


def csv_of(table: Table) -> str:
    """All rows of a table; an empty field is unknown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([one.field for one in table.columns])
    writer.writerows(table.rows)
    return text.getvalue()


def read_report(path: Path) -> ReportDocument:
    """A report that was written as JSON.

    Raises:
        UsageError: it cannot be read, or is none of this version's.
    """
    try:
        found = ReportDocument.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"{path}: no report of `spotcast report` as JSON ({where}: {first['msg']})"
        ) from error
    if found.format != FORMAT:
        raise UsageError(f"{path}: a report of format {found.format}; this version reads {FORMAT}")
    return found


def _drop_others(folder: Path, kept: Collection[Path]) -> None:
    """Remove the tables of an earlier report of the same days that this one has not."""
    for path in folder.glob("*.csv"):
        if path not in kept:
            path.unlink()


def _replace(path: Path, text: str) -> None:
    """Write beside it, then rename: a reader never sees half a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
