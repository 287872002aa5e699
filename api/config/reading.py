"""File and environment become one configuration, or sentences that say what is wrong where."""

import copy
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from api.config.configuration import Configuration
from api.config.document import ConfigError, Document
from api.config.judging import Judge
from api.config.places import Place, is_path, leaves, row_at
from api.config.table import Row, by_variable, is_list, rows
from api.settings import SettingsError

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Configured:
    """The configuration in force, and who said what."""

    configuration: Configuration
    document: Document | None
    environ: Mapping[str, str] = field(repr=False)
    """The environment, with what the file says of variables with their own readers below it."""
    given: Mapping[str, str] = field(repr=False)
    """The environment alone."""

    def origin(self, row: Row) -> str:
        """Where a value comes from: a variable, a line of the file, or the default."""
        if row.variable and self.given.get(row.variable):
            return row.variable
        if self.document and self.document.has(row.path):
            return self.document.place(row.path)
        return "default"

    def check_server(self) -> None:
        """Let the server's guarding read what it will read, so that its file hears of faults.

        Raises:
            SettingsError: a value is not what it should be, or is missing.
        """
        # It loads the server's libraries, half a second, which other commands need not pay.
        from api.security.settings import check  # noqa: PLC0415

        try:
            check(self.environ)
        except SettingsError as error:
            raise SettingsError(self.told(str(error))) from error

    def told(self, message: str) -> str:
        """What a variable's reader complains of, in terms of the file if the file says it."""
        for row in sorted(rows(), key=lambda row: -len(row.variable or "")):
            if not (row.is_text and row.variable and self.document):
                continue
            if self.document.has(row.path) and not self.given.get(row.variable):
                place = f"{self.document.place(row.path)}: {row.key}"
                message = place.join(re.split(rf"\b{row.variable}\b", message))
        return message


def configured(document: Document | None, environ: Mapping[str, str]) -> Configured:
    """Read a file, if there is one, and the environment above it.

    Raises:
        ConfigError: something is wrong; a sentence for each.
    """
    tree: dict[str, Any] = copy.deepcopy(dict(document.tree)) if document else {}
    if document:
        _resolve(tree, document.path.parent)
    judge = Judge(document, tree, {})
    # What stands for itself goes first: of a secret no other sentence may speak.
    if faults := list(judge.unspeakable()):
        raise ConfigError("\n".join(faults))
    below = _as_text(tree)
    for variable, row in by_variable().items():
        text = environ.get(variable)
        if text and not row.is_text and _put(tree, row.path, _value(row, text)):
            judge.variables[row.path] = variable
    configuration = judge.validated()
    if faults := list(judge.unknown_channels(configuration)):
        raise ConfigError("\n".join(faults))
    above = {name: text for name, text in environ.items() if text or name not in below}
    return Configured(configuration, document, {**below, **above}, environ)


def _resolve(tree: MutableMapping[str, Any], folder: Path) -> None:
    """Paths in a file are from its own folder: where a command is started must not matter."""
    for place, value in list(leaves(tree)):
        row = row_at(place)
        if row and isinstance(value, str) and value and is_path(row.field.annotation):
            _put(tree, place, _from(folder, value))


def _from(folder: Path, text: str) -> str:
    try:
        return str(folder.absolute() / Path(text).expanduser())
    except RuntimeError:
        return str(folder.absolute() / text)


def _put(tree: Any, place: Place, value: Any) -> bool:
    """Set a value in a tree; whether there is room for it."""
    *tables, last = place
    for step in tables:
        if isinstance(tree, dict):
            tree = tree.setdefault(step, {})
        elif isinstance(tree, list) and isinstance(step, int):
            tree = tree[step]
        else:
            return False
    if isinstance(tree, dict):
        tree[last] = value
    return isinstance(tree, dict)


def _value(row: Row, text: str) -> Any:
    """The text of a variable as what it would be in the file; as it is if it is none of that."""
    annotation = row.field.annotation
    if is_list(annotation):
        return [part.strip() for part in text.split(",") if part.strip()]
    if is_path(annotation):
        return _from(Path(), text)
    kinds = {annotation, *get_args(annotation)}
    word = text.strip().lower()
    if bool in kinds and word in TRUE | FALSE:
        return word in TRUE
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _as_text(tree: Mapping[str, Any]) -> dict[str, str]:
    """What a file says for variables that have their own readers, as these would be written."""
    found = {}
    for row in rows():
        table = tree.get(row.path[0])
        if row.is_text and row.variable and isinstance(table, dict) and row.path[1] in table:
            found[row.variable] = _text(table[row.path[1]])
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(str(one) for one in value) if isinstance(value, list) else str(value)
