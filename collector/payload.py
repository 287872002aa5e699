"""Reading a decoded payload: a value that is missing or of another type is a changed source.

A parser wraps what it reads of one row in `reading`, so that the error names the feed, the row's
place and the field. Numbers are not guessed from text: each source says which it sends.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from collector.errors import SourceChangedError


@contextmanager
def reading(source: str, place: str) -> Generator[None]:
    """Turn what a payload of an unknown form raises into `SourceChangedError`."""
    try:
        yield
    except KeyError as error:
        raise SourceChangedError(source, f"{place}: missing {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceChangedError(source, f"{place}: {error}") from error


def mapping(holder: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The JSON object under ``field``."""
    value = holder[field]
    if not isinstance(value, Mapping):
        raise TypeError(f"{field} is {value!r:.40}, not an object")
    return value


def members(holder: Mapping[str, Any], field: str) -> Sequence[Mapping[str, Any]]:
    """The JSON list of objects under ``field``."""
    value = holder[field]
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise TypeError(f"{field} is {value!r:.40}, not a list of objects")
    return value


def text(holder: Mapping[str, Any], field: str) -> str:
    """The text under ``field``."""
    value = holder[field]
    if not isinstance(value, str):
        raise TypeError(f"{field} is {value!r:.40}, not a text")
    return value


def number(holder: Mapping[str, Any], field: str) -> float:
    """The JSON number under ``field``; JSON's true and false are none."""
    value = holder[field]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{field} is {value!r:.40}, not a number")
    return float(value)


def whole_number(holder: Mapping[str, Any], field: str) -> int:
    """The JSON number under ``field``, which has no fraction."""
    value = number(holder, field)
    if not value.is_integer():
        raise ValueError(f"{field} is {value}, not a whole number")
    return int(value)


def instant(holder: Mapping[str, Any], field: str) -> datetime:
    """The ISO 8601 time under ``field``, which must say its zone."""
    value = datetime.fromisoformat(text(holder, field))
    if value.tzinfo is None:
        raise ValueError(f"{field} is {holder[field]!r}, without a time zone")
    return value
