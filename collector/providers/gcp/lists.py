"""The lists of Compute Engine: rows by zone, filters, and zones that could not be asked."""

from collections.abc import Iterator, Mapping
from typing import Any

from collector.errors import SourceUnavailableError
from collector.payload import mapping, members
from collector.providers.gcp.names import last_part

LARGEST_PAGE = 500
"""The most rows that a list gives at once."""

UNREACHABLE = "UNREACHABLE"


def scopes(page: Mapping[str, Any], field: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Zone and row of each row in a page of an aggregated list; rows are under ``field``.

    A zone that has none holds a warning instead; a list without any has no ``items``.
    """
    items = mapping({"items": {}, **page}, "items")
    for scope in items:
        found = mapping(items, scope)
        for row in members({field: [], **found}, field):
            yield last_part(scope), row


def any_of(field: str, values: tuple[str, ...]) -> str:
    """The filter of Compute Engine's lists for rows whose ``field`` is one of ``values``."""
    return " OR ".join(f'({field} = "{value}")' for value in values)


def check_reached(page: Mapping[str, Any], feed: str) -> None:
    """An answer that lacks a zone because it was down would read as if the zone were empty."""
    lost = [last_part(str(one)) for one in page.get("unreachables") or []]
    items = page.get("items")
    for scope, found in items.items() if isinstance(items, Mapping) else ():
        warning = found.get("warning") if isinstance(found, Mapping) else None
        if isinstance(warning, Mapping) and warning.get("code") == UNREACHABLE:
            lost.append(last_part(scope))
    if lost:
        raise SourceUnavailableError(feed, f"not all could be asked: {', '.join(sorted(lost))}")
