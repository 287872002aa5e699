"""File and environment become one configuration, or sentences that say what is wrong where."""

import copy
import json
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.config.configuration import Configuration
from api.config.document import ConfigError, Document
from api.config.expected import carries_password, expected, is_secret, shown
from api.config.section import Section
from api.config.table import ITEM, NAME, Row, by_variable, is_list, rows, sections

Place = tuple[str | int, ...]
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
NO_SECRET = (
    "a secret must not stand in this file, which others may read: name an environment variable "
    "(a setting that ends in _env) or a file that holds it (_file) instead"
)


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

    def told(self, message: str) -> str:
        """What a variable's reader complains of, in terms of the file if the file says it."""
        for row in sorted(rows(), key=lambda row: -len(row.variable or "")):
            if not (row.is_text and row.variable and self.document):
                continue
            if self.document.has(row.path) and not self.given.get(row.variable):
                place = f"{self.document.place(row.path)}: {row.key}"
                message = re.sub(rf"\b{row.variable}\b", lambda _, it=place: it, message)
        return message


def configured(document: Document | None, environ: Mapping[str, str]) -> Configured:
    """Read a file, if there is one, and the environment above it.

    Raises:
        ConfigError: something is wrong; a sentence for each.
    """
    tree: dict[str, Any] = copy.deepcopy(dict(document.tree)) if document else {}
    if document:
        _resolve(tree, document.path.parent)
    judge = _Judge(document, tree, {})
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


def row_at(place: Place) -> Row | None:
    """The setting that stands there."""
    return next((row for row in rows() if _fits(row.path, place)), None)


def _fits(path: Sequence[str], place: Place) -> bool:
    if len(path) != len(place):
        return False
    pairs = zip(path, place, strict=True)
    return all(
        isinstance(at, int) if step == ITEM else step in (NAME, at) and isinstance(at, str)
        for step, at in pairs
    )


def leaves(value: Any, before: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of a tree with its place; the items of a list of values are one."""
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            yield from leaves(one, (*before, str(name)))
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for number, one in enumerate(value):
            yield from leaves(one, (*before, number))
    else:
        yield before, value


def _resolve(tree: MutableMapping[str, Any], folder: Path) -> None:
    """Paths in a file are from its own folder: where a command is started must not matter."""
    for place, value in list(leaves(tree)):
        row = row_at(place)
        if row and isinstance(value, str) and value and _is_path(row.field.annotation):
            _put(tree, place, _from(folder, value))


def _from(folder: Path, text: str) -> str:
    try:
        return str(folder.absolute() / Path(text).expanduser())
    except RuntimeError:
        return str(folder.absolute() / text)


def _is_path(annotation: Any) -> bool:
    return annotation is Path or any(_is_path(one) for one in get_args(annotation))


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
    if _is_path(annotation):
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


def _json(value: Any) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


@dataclass(slots=True)
class _Judge:
    """Says what is wrong with a tree, and where it stands."""

    document: Document | None
    tree: dict[str, Any]
    variables: dict[Place, str]

    def validated(self) -> Configuration:
        """The tree as a configuration.

        Raises:
            ConfigError: it is none.
        """
        try:
            # JSON's strict rules are those of a file: a text is no number, true is not 1.
            text = json.dumps(self.tree, default=_json)
            return Configuration.model_validate_json(text, strict=True)
        except ValidationError as error:
            found = sorted(map(self._sentence, error.errors(include_url=False)))
            raise ConfigError("\n".join(dict.fromkeys(text for _, text in found))) from None
        except ValueError as error:
            raise ConfigError(f"{self._place(())}: a number has too many digits") from error

    def unspeakable(self) -> Iterator[str]:
        """A sentence for each secret in the file, and each text that could be no path or name."""
        for place, value in leaves(self.tree):
            name, at = str(place[-1]) if place else "", f"{self._place(place)}: {_key(place)}"
            if is_secret(name) and row_at(place) is None:
                yield f"{at}: {NO_SECRET}"
            elif isinstance(value, str) and name.endswith("_env"):
                if not VARIABLE_NAME.fullmatch(value):
                    yield (
                        f"{at}: this names an environment variable, never the secret itself; give "
                        "a name of letters, digits and _, such as SPOTCAST_SLACK_URL"
                    )
            elif carries_password(json.dumps(value, default=_json)):
                yield f"{at}: there is a password in the address; {NO_SECRET}"
            elif isinstance(value, str) and "\0" in value:
                yield f"{at}: give a text without NUL characters"
            elif value == "" and (row := row_at(place)) and _is_path(row.field.annotation):
                yield f"{at}: give a path, or take the line out"

    def unknown_channels(self, configuration: Configuration) -> Iterator[str]:
        """A sentence for each channel that is named and is not there."""
        there = configuration.channels
        for place, name in channels_named(configuration):
            if name not in there:
                known = f"the channels are {', '.join(there)}" if there else "there is none"
                yield (
                    f"{self._place(place)}: {_key(place)}: there is no channel {name!r}; {known}: "
                    f"add [channels.{name}], or take the name out"
                )

    def _place(self, place: Place) -> str:
        if variable := self.variables.get(place):
            return variable
        return self.document.place(place) if self.document else "the environment"

    def _sentence(self, error: ErrorDetails) -> tuple[int, str]:
        """What is wrong, after the line that it stands on."""
        place = self._located(error["loc"], is_missing=error["type"] == "missing")
        row = next((found for n in range(len(place), 0, -1) if (found := row_at(place[:n]))), None)
        where = place[: len(row.path)] if row else place
        line = self.document.line(where) if self.document else None
        return line or 0, f"{self._place(where)}: {_key(place)}{self._what(error, place, row)}"

    def _what(self, error: ErrorDetails, place: Place, row: Row | None) -> str:
        kind, said = error["type"], error["msg"].removeprefix("Value error, ")
        if kind == "extra_forbidden":
            return f": {_unknown(place)}"
        if kind == "missing":
            return f" is missing; give {expected(row.field) if row else 'it'}"
        if kind.startswith("union_tag"):
            kinds = str(error.get("ctx", {}).get("expected_tags", "")).replace("'", '"')
            return f": give its kind, one of {kinds}"
        name = str(place[len(row.path) - 1] if row else place[-1]) if place else ""
        value = shown(name, error["input"])
        if kind == "value_error":
            return f": {_without(said, error['input']) if value is None else said}"
        if kind == "string_pattern_mismatch" and row is None:
            return ": give a name of small letters, digits, - and _"
        told = "" if value is None or isinstance(error["input"], dict) else f" = {value}"
        if row is None:
            return f"{told}: give a table, under a heading such as [{_key(place)}]"
        return f"{told}: give {expected(row.field)}"

    def _located(self, loc: Sequence[str | int], *, is_missing: bool) -> Place:
        """The place of an error in the tree, without the steps that only pydantic knows."""
        place: Place = ()
        value: Any = self.tree
        for number, step in enumerate(loc):
            is_last = number == len(loc) - 1
            if isinstance(value, dict) and step in value:
                place, value = (*place, step), value[step]
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                place, value = (*place, step), value[step]
            elif is_last and is_missing:
                place = (*place, step)
        return place


def channels_named(configuration: Configuration) -> Iterator[tuple[Place, str]]:
    """Every name of a channel that another section speaks of, with the setting that does."""
    for row in rows():
        if row.path[-1] == "channels" and NAME not in row.path and ITEM not in row.path:
            for name in value_at(configuration, row.path) or ():
                yield row.path, name


def value_at(configuration: Configuration, path: Sequence[str]) -> Any:
    """The value of a setting."""
    value: Any = configuration
    for step in path:
        value = value[step] if isinstance(value, Mapping) else getattr(value, step)
    return value


def _without(said: str, value: Any) -> str:
    """A sentence without the value that it speaks of, which may be a secret."""
    for one in (repr(value), str(value)):
        said = said.replace(one, "this") if one else said
    return said


def _key(place: Place) -> str:
    text = ""
    for step in place:
        plain = re.fullmatch(r"[A-Za-z0-9_-]{1,100}", str(step))
        name = str(step) if plain else json.dumps(str(step)[:100], ensure_ascii=False)
        text += f"[{step + 1}]" if isinstance(step, int) else f".{name}"
    return text.removeprefix(".") or "the file"


def _tables_at(place: Place) -> list[type[Section]]:
    """The kinds of table that may stand there."""
    found = (kinds for path, kinds in sections().items() if _fits(path, place))
    return [Configuration] if not place else [one for kinds in found for one in kinds]


def _unknown(place: Place) -> str:
    """That nobody knows this key, and which one may be meant."""
    *above, name = place
    beside = {name for table in _tables_at(tuple(above)) for name in table.model_fields}
    if near := get_close_matches(str(name), beside, n=1):
        return f"there is no such setting; did you mean {near[0]}?"
    elsewhere = [row.key for row in rows() if row.path[-1] == name]
    if elsewhere:
        return f"there is no such setting here; it is {' or '.join(elsewhere[:3])}"
    kind = "setting" if above else "section"
    there = f"; there are {', '.join(sorted(beside))}" if beside else ""
    return f"there is no such {kind}{there}"
