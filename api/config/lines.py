"""On which line of a TOML text each key stands.

The standard library's parser tells values without places. A text is a sequence of statements, each
of which is a small TOML text of its own: it is parsed by itself, and so says what it sets.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str | int, ...]


def key_lines(text: str) -> dict[Path, int]:
    """The line of every table and key of a text that can be parsed; items of lists by number."""
    found: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    for line, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _header(parsed, counts)
            paths: Sequence[Path] = [()]
        else:
            paths = list(_paths(parsed))
        for path in paths:
            full = (*table, *path)
            for length in range(1, len(full) + 1):
                found.setdefault(full[:length], line)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with the number of its first line."""
    held, first = "", 1
    # Not splitlines: TOML knows no other ends of lines, and strings may hold those.
    for number, line in enumerate(text.split("\n"), start=1):
        held += line + "\n"
        try:
            tomllib.loads(held)
        except ValueError:
            continue
        if held.strip():
            yield first, held
        held, first = "", number + 1


def _header(parsed: Mapping[str, Any], counts: dict[Path, int]) -> Path:
    """The table that a header opens; the one of a list is the next of its list."""
    path: Path = ()
    inner: Any = parsed
    while inner:
        (name, inner), *_ = inner.items()
        path = (*path, name)
        if isinstance(inner, list):
            counts[path] = counts.get(path, -1) + 1
            return (*path, counts[path])
        if path in counts and inner:
            path = (*path, counts[path])
    return path


def _paths(value: Any, before: Path = ()) -> Iterator[Path]:
    items: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for name, one in items:
        yield (*before, name)
        yield from _paths(one, (*before, name))
