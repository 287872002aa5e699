"""``spotcast config``: the settings in force, whether a file is right, and one to begin with."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.config.document import Document, default_path, read_document
from api.config.expected import is_secret, safely, toml
from api.config.page import settings_page
from api.config.places import settings_in, value_at
from api.config.reading import Configured, configured
from api.config.sample import example
from api.config.table import SECRETS, Row, rows
from api.config.watching import warnings
from api.errors import UsageError
from api.options import Output
from api.output import Column, Format, note, write
from api.settings import CONFIG, Settings, settings_from

config_app = typer.Typer(
    help="Settings: show those in force, check a file, write one to begin with.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

COLUMNS = (
    Column("key", "SETTING"),
    Column("value", "VALUE", lambda value: value if isinstance(value, str) else toml(value)),
    Column("unit", "UNIT", is_wide=True),
    Column("from", "FROM"),
    Column("variable", "VARIABLE", is_wide=True),
)
Target = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")
]


@config_app.command("show")
def show_command(context: typer.Context, output: Output = Format.TABLE) -> None:
    """Show the settings in force and where each comes from; what is secret is never shown."""
    document = _document(context.obj)
    settings = _judged(document)
    about = {"file": str(document.path) if document else None}
    write(output, COLUMNS, [*_rows(*settings), *_secrets()], name="settings", about=about)


@config_app.command("check")
def check_command(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="File to check; else the one in force.", dir_okay=False)
    ] = None,
) -> None:
    """Say what is wrong in a file, or has no effect, with its line. Ends with 2 if it is wrong."""
    document = read_document(file) if file else _document(context.obj)
    if document is None and file is None:
        note(f"There is no configuration file; the user's would be {default_path()}.")
    found = _judged(document)[0]
    said = list(warnings(found))
    for text in said:
        note(f"warning: {text}")
    count = len(list(settings_in(document.tree))) if document else 0
    place = document.path if document else "The environment"
    what = f"{count} settings, " if document else ""
    sys.stdout.write(f"{place}: {what}no errors, {len(said)} warnings.\n")


@config_app.command("example")
def example_command(output: Target = None) -> None:
    """Write a file with every setting, its default and the reason, to take from."""
    _write(example(), output)


@config_app.command("docs", hidden=True)
def docs_command(output: Target = None) -> None:
    """Write the page about settings (docs/settings.md)."""
    _write(settings_page(), output)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from error


def _document(named: Path | None) -> Document | None:
    told = os.environ.get(CONFIG)
    path = named or (Path(told).expanduser() if told else default_path())
    return read_document(path) if named or told or path.is_file() else None


def _judged(document: Document | None) -> tuple[Configured, Settings]:
    found = configured(document, os.environ)
    settings = settings_from(os.environ, found)
    found.check_server()
    return found, settings


def _rows(found: Configured, settings: Settings) -> list[dict[str, Any]]:
    """Every setting with one place, then those of the tables that the file has made."""
    shown = [
        _row(row, row.path, _value(found, settings, row), found.origin(row))
        for row in rows()
        if row.is_closed
    ]
    for place, value, row in settings_in(found.document.tree) if found.document else ():
        if not row.is_closed and found.document:
            shown.append(_row(row, place, value, found.document.place(place)))
    return shown


def _value(found: Configured, settings: Settings, row: Row) -> Any:
    """What is in force: where a default depends on the machine, what it is here."""
    here = {"warehouse.path": settings.warehouse, "security.keys": settings.keys}
    if row.key in here:
        return here[row.key]
    if row.is_text and found.environ.get(row.variable or ""):
        return found.environ[row.variable or ""]
    return value_at(found.configuration, row.path)


def _row(row: Row, place: tuple[str | int, ...], value: Any, origin: str) -> dict[str, Any]:
    return {
        "key": ".".join(map(str, place)),
        "value": _plain(row.path[-1], value),
        "unit": row.told("unit"),
        "from": origin,
        "variable": row.variable,
    }


def _plain(name: str, value: Any) -> Any:
    """A value as every format can write it."""
    if value is None:
        return "not set"
    if isinstance(value, dict):
        return {
            one: "not shown" if is_secret(one) else _plain(one, it) for one, it in value.items()
        }
    if isinstance(value, tuple | list):
        return [_plain(name, one) for one in value]
    if hasattr(value, "model_dump"):
        return json.loads(value.model_dump_json())
    return safely(name, value)


def _secrets() -> list[dict[str, Any]]:
    return [
        {
            "key": name,
            "value": "set, not shown" if os.environ.get(name) else "not set",
            "unit": "secret",
            "from": "environment",
            "variable": name,
        }
        for name in SECRETS
    ]
