"""The one table of settings, made from the sections: parser, pages and commands go by it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from api.config.configuration import Configuration
from api.config.section import Section

NAME = "<name>"
ITEM = "[]"
PREFIX = "SPOTCAST_"
SECRETS = {
    "SPOTCAST_API_KEY": "The key that `spotcast mcp --server` shows.",
    "SPOTCAST_GCP_API_KEY": "An API key for Google Cloud's price list.",
    "SPOTCAST_GCP_ACCESS_TOKEN": "A token for Google Cloud, instead of a credentials file.",
    "SPOTCAST_AZURE_ACCESS_TOKEN": "A token for Azure, instead of an identity.",
    "SPOTCAST_WEBHOOK_SECRET": "Sent to `guard.webhook` as `Authorization: Bearer`.",
}
"""Set by the environment alone, and never shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. ``path`` has ``<name>`` and ``[]`` where a table has a name or is of a list."""

    path: tuple[str, ...]
    field: FieldInfo
    variable: str | None
    is_text: bool
    """Whether the variable has a reader of its own, which takes it as text."""
    kind: str | None = None
    """Which of several kinds of table it is of."""

    @property
    def key(self) -> str:
        """As it is written in sentences."""
        return ".".join(self.path).replace(".[]", "[]")

    @property
    def is_closed(self) -> bool:
        """Whether there is one such setting, and not one for each table of its kind."""
        return NAME not in self.path and ITEM not in self.path

    @property
    def default(self) -> Any:
        """What holds if nobody says otherwise; `PydanticUndefined` if somebody must."""
        return self.field.get_default(call_default_factory=True, validated_data={})

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is PydanticUndefined

    @property
    def about(self) -> str:
        """What it is."""
        return self.field.description or ""

    def told(self, name: str) -> str:
        """Its ``unit`` or ``why``."""
        extra = self.field.json_schema_extra
        return str(extra.get(name) or "") if isinstance(extra, dict) else ""


@cache
def rows() -> tuple[Row, ...]:
    """Every setting, in the order of the sections."""
    return tuple(_rows(Configuration, ()))


@cache
def by_variable() -> dict[str, Row]:
    """The rows that the environment can set."""
    return {row.variable: row for row in rows() if row.variable}


def sections() -> dict[tuple[str, ...], tuple[type[Section], ...]]:
    """The tables of the file by their paths, with the kinds that each may be."""
    found: dict[tuple[str, ...], tuple[type[Section], ...]] = {}
    _gather(Configuration, (), found)
    return found


def _gather(
    of: type[Section],
    path: tuple[str, ...],
    found: dict[tuple[str, ...], tuple[type[Section], ...]],
) -> None:
    for name, field in of.model_fields.items():
        kinds, step = _tables(field.annotation)
        inner = (*path, name, *step)
        if kinds:
            found[inner] = kinds
        for kind in kinds:
            _gather(kind, inner, found)


def _rows(of: type[Section], path: tuple[str, ...], kind: str | None = None) -> Iterator[Row]:
    for name, field in of.model_fields.items():
        kinds, step = _tables(field.annotation)
        here = (*path, name)
        for one in kinds:
            which = kind_of(one) if len(kinds) > 1 else None
            yield from _rows(one, (*here, *step), which or kind)
        if not kinds:
            yield _row(here, field, kind)


def _row(path: tuple[str, ...], field: FieldInfo, kind: str | None) -> Row:
    extra = field.json_schema_extra
    own = extra.get("env") if isinstance(extra, dict) else None
    if own:
        return Row(path, field, str(own), is_text=True)
    is_open = NAME in path or ITEM in path or is_mapping(field.annotation)
    variable = None if is_open else PREFIX + "_".join(path).upper()
    return Row(path, field, variable, is_text=False, kind=kind)


def kind_of(section: type[Section]) -> str | None:
    """The value of ``kind`` by which a table is told from others of its place."""
    told = section.model_fields.get("kind")
    return str(get_args(told.annotation)[0]) if told and get_args(told.annotation) else None


def _tables(annotation: Any) -> tuple[tuple[type[Section], ...], tuple[str, ...]]:
    """The sections that a field holds, and the step that leads to them."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,) if issubclass(annotation, Section) else (), ()
    if origin is Union or origin is UnionType:
        found = [one for part in get_args(annotation) for one in _tables(part)[0]]
        return tuple(found), ()
    if is_mapping(annotation):
        return _tables(get_args(annotation)[1])[0], (NAME,)
    if origin in {list, tuple}:
        return _tables(get_args(annotation)[0])[0], (ITEM,)
    if hasattr(annotation, "__metadata__"):
        return _tables(get_args(annotation)[0])
    return (), ()


def is_mapping(annotation: Any) -> bool:
    """Whether it is a table with names of the user's."""
    return get_origin(annotation) is dict


def is_list(annotation: Any) -> bool:
    """Whether it takes a list; one that may also be nothing is one too."""
    if get_origin(annotation) in {Union, UnionType}:
        return any(is_list(one) for one in get_args(annotation))
    return get_origin(annotation) in {list, tuple}


def choices_of(annotation: Any) -> tuple[Any, ...]:
    """The values that it takes, if it takes only some."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if hasattr(annotation, "__metadata__") or get_origin(annotation) in {Union, UnionType, tuple}:
        return tuple(one for part in get_args(annotation)[:1] for one in choices_of(part))
    return ()
