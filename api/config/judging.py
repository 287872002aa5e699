"""What is wrong with a configuration, as sentences: where it stands and what it should be."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.config.configuration import Configuration
from api.config.document import ConfigError, Document
from api.config.expected import carries_password, expected, is_secret, shown
from api.config.places import Place, channels_named, fits, is_path, key_text, leaves, row_at
from api.config.section import Section
from api.config.table import Row, kind_of, rows, sections

ABSENT = object()
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NOT_HERE = (
    "a secret must not stand in this file, which others may read: name an environment variable "
    "(a setting that ends in _env) or a file that holds it (_file) instead"
)


def _json(value: Any) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


@dataclass(slots=True)
class Judge:
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
            every = error.errors(include_url=False)
            # A list is also wrong if an item is: the item's sentence says more.
            inner = {one["loc"][:end] for one in every for end in range(len(one["loc"]))}
            found = sorted(self._sentence(one) for one in every if one["loc"] not in inner)
            raise ConfigError("\n".join(dict.fromkeys(text for _, text in found))) from None
        except ValueError as error:
            raise ConfigError(f"{self.place(())}: a number has too many digits") from error

    def unspeakable(self) -> Iterator[str]:
        """A sentence for each secret in the file, and each text that could be no path or name."""
        for place, value in leaves(self.tree):
            name, at = str(place[-1]) if place else "", f"{self.place(place)}: {key_text(place)}"
            if is_secret(name) and row_at(place) is None:
                yield f"{at}: {NOT_HERE}"
            elif isinstance(value, str) and name.endswith("_env"):
                if not VARIABLE_NAME.fullmatch(value):
                    yield (
                        f"{at}: this names an environment variable, never the secret itself; give "
                        "a name of letters, digits and _, such as SPOTCAST_SLACK_URL"
                    )
            elif carries_password(json.dumps(value, default=_json)):
                yield f"{at}: there is a password in the address; {NOT_HERE}"
            elif isinstance(value, str) and "\0" in value:
                yield f"{at}: give a text without NUL characters"
            elif value == "" and (row := row_at(place)) and is_path(row.field.annotation):
                yield f"{at}: give a path, or take the line out"

    def unknown_channels(self, configuration: Configuration) -> Iterator[str]:
        """A sentence for each channel that is named and is not there."""
        there = configuration.channels
        for place, name in channels_named(configuration):
            if name not in there:
                known = f"the channels are {', '.join(there)}" if there else "there is none"
                yield (
                    f"{self.place(place)}: {key_text(place)}: there is no channel {name!r}; "
                    f"{known}: add [channels.{name}], or take the name out"
                )

    def place(self, place: Place) -> str:
        """Who says what stands there: variables, or the file and its line."""
        if variable := self.variables.get(place):
            return variable
        within = [name for path, name in self.variables.items() if path[: len(place)] == place]
        if within and not (self.document and self.document.has(place)):
            return ", ".join(within)
        return self.document.place(place) if self.document else "the environment"

    def _sentence(self, error: ErrorDetails) -> tuple[int, str]:
        """What is wrong, after the line that it stands on."""
        place = self._located(error["loc"], is_missing=error["type"] == "missing")
        row = next((found for n in range(len(place), 0, -1) if (found := row_at(place[:n]))), None)
        where = place[: len(row.path)] if row else place
        line = self.document.line(where) if self.document else None
        return line or 0, f"{self.place(where)}: {key_text(place)}{self._what(error, place, row)}"

    def _what(self, error: ErrorDetails, place: Place, row: Row | None) -> str:
        kind, said = error["type"], error["msg"].removeprefix("Value error, ")
        if kind == "extra_forbidden":
            return f": {_unknown(place)}"
        if kind == "missing":
            return f" is missing; give {expected(row.field) if row else 'it'}"
        if kind.startswith("union_tag"):
            kinds = ", ".join(f'"{kind_of(one)}"' for one in _tables_at(place))
            return f": give its kind, one of {kinds}"
        name = str(place[len(row.path) - 1] if row else place[-1]) if place else ""
        value = shown(name, error["input"])
        if kind == "value_error":
            return f": {_without(said, error['input']) if value is None else said}"
        if kind == "string_pattern_mismatch" and row is None:
            return ": give a name of small letters, digits, - and _"
        told = "" if value is None or isinstance(error["input"], dict) else f" = {value}"
        if row is None:
            return f"{told}: give a table, under a heading such as [{key_text(place)}]"
        return f"{told}: give {expected(row.field)}"

    def _located(self, loc: Sequence[str | int], *, is_missing: bool) -> Place:
        """The place of an error in the tree, without the steps that only pydantic knows."""
        place: Place = ()
        value: Any = self.tree
        for number, step in enumerate(loc):
            is_last = number == len(loc) - 1
            inner = value.get(step, ABSENT) if isinstance(value, dict) else ABSENT
            if isinstance(value, list) and isinstance(step, int) and step < len(value):
                inner = value[step]
            if inner is not ABSENT:
                place, value = (*place, step), inner
            elif is_last and is_missing:
                place = (*place, step)
        return place


def _without(said: str, value: Any) -> str:
    """A sentence without the value that it speaks of, which may be a secret."""
    for one in (repr(value), str(value)):
        said = said.replace(one, "this") if one else said
    return said


def _tables_at(place: Place) -> list[type[Section]]:
    """The kinds of table that may stand there."""
    found = (kinds for path, kinds in sections().items() if fits(path, place))
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
