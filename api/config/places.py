"""Where a setting stands in a file: which one it is, and how its place is written."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from api.config.configuration import Configuration
from api.config.table import ITEM, NAME, Row, rows

Place = tuple[str | int, ...]


def row_at(place: Place) -> Row | None:
    """The setting that stands there."""
    return next((row for row in rows() if fits(row.path, place)), None)


def fits(path: Sequence[str], place: Place) -> bool:
    """Whether a place is one of those that a path with ``<name>`` and ``[]`` stands for."""
    if len(path) != len(place):
        return False
    pairs = zip(path, place, strict=True)
    return all(
        isinstance(at, int) if step == ITEM else step in (NAME, at) and isinstance(at, str)
        for step, at in pairs
    )


def settings_in(value: Any, before: Place = ()) -> Iterator[tuple[Place, Any, Row]]:
    """Every setting of a tree with its place; a table with names of the user's is one."""
    items: Iterable[tuple[str | int, Any]] = ()
    if row := row_at(before):
        yield before, value, row
    elif isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for step, one in items:
        yield from settings_in(one, (*before, step))


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


def key_text(place: Place) -> str:
    """A place as it is written in sentences."""
    text = ""
    for step in place:
        plain = re.fullmatch(r"[A-Za-z0-9_-]{1,100}", str(step))
        name = str(step) if plain else json.dumps(str(step)[:100], ensure_ascii=False)
        text += f"[{step + 1}]" if isinstance(step, int) else f".{name}"
    return text.removeprefix(".") or "the file"


def is_path(annotation: Any) -> bool:
    """Whether a setting takes a path."""
    return annotation is Path or any(is_path(one) for one in get_args(annotation))
