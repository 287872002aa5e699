"""The difference of two manifests, as each of the API server's two plain patches says it."""

from collections.abc import Iterator, Mapping
from typing import Any


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7386): what changes, null for what goes; lists are whole."""
    found: dict[str, Any] = dict.fromkeys(key for key in before if key not in after)
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if change := merge_patch(old, value):
                found[key] = change
        elif key not in before or old != value:
            found[key] = value
    return found


def json_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """JSON patch (RFC 6902), with a test of what is replaced or removed: it fails on another."""
    return list(_operations(before, after, ""))


def _operations(
    before: Mapping[str, Any], after: Mapping[str, Any], at: str
) -> Iterator[dict[str, Any]]:
    for key, old in before.items():
        path = f"{at}/{_escaped(key)}"
        value = after.get(key)
        if key not in after:
            yield {"op": "test", "path": path, "value": old}
            yield {"op": "remove", "path": path}
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            yield from _operations(old, value, path)
        elif old != value:
            yield {"op": "test", "path": path, "value": old}
            yield {"op": "replace", "path": path, "value": value}
    for key, value in after.items():
        if key not in before:
            yield {"op": "add", "path": f"{at}/{_escaped(key)}", "value": value}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
