"""A configuration file with every setting, to take from."""

import textwrap
from collections.abc import Iterator

from api.config.expected import toml
from api.config.section import Section
from api.config.table import ITEM, NAME, Row, kind_of, rows, sections

WIDTH = 96
HEAD = """\
# Spotcast's configuration. `spotcast config check FILE` says whether it is right.
#
# Every line that begins with #key shows a default: take the # away to change it. An environment
# variable goes before this file, an option before both. Paths are from this file's folder. Secrets
# are never written here: settings that end in _env or _file name where they are.
"""


def example() -> str:
    """The file: as it is, it sets nothing."""
    return HEAD + "".join(_tables())


def _tables() -> Iterator[str]:
    for path, kinds in sections().items():
        for kind in kinds:
            which = kind_of(kind) if len(kinds) > 1 else None
            mine = [row for row in rows() if row.path[:-1] == path and row.kind in (which, None)]
            yield _table(path, kind, mine)


def _table(path: tuple[str, ...], section: type[Section], mine: list[Row]) -> str:
    is_open = NAME in path or ITEM in path
    name = ".".join(one for one in path if one != ITEM).replace(NAME, "name")
    heading = f"[[{name}]]" if path[-1] == ITEM else f"[{name}]"
    lines = ["", *_comment(about(section)), f"#{heading}" if is_open else heading]
    for row in mine:
        lines += [*_comment(_told(row)), f"#{row.path[-1]} = {_value(row)}".rstrip()]
    return "\n".join(lines) + "\n"


def about(section: type[Section]) -> str:
    """What a table is, from the first line of its description."""
    first = (section.__doc__ or "").strip().partition("\n")[0]
    told = first.partition("``: ")[2] or first
    return f"{told[:1].upper()}{told[1:]}"


def _told(row: Row) -> str:
    unit = f" [{row.told('unit')}]" if row.told("unit") else ""
    must = " It must be given." if row.is_required else ""
    return " ".join(f"{row.about}{unit} {row.told('why')}{must}".split())


def _value(row: Row) -> str:
    """The default; nothing where there is none, but for the word that a table is known by."""
    if row.is_required or row.default is None:
        return f'"{row.kind}"' if row.path[-1] == "kind" and row.kind else ""
    return toml(row.default)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH)]
