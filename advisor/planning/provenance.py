"""Where a NodePool's list comes from: annotations on the NodePool itself, never on its template.

On the template they would be part of the drift hash, and a new date would replace every node.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from advisor.cluster import Manifest, SnapshotError

PREFIX = "spotcast.io/"
DATA_AS_OF = f"{PREFIX}data-as-of"
STALE = f"{PREFIX}stale"
APPLIED_AT = f"{PREFIX}applied-at"
PREVIOUS = f"{PREFIX}previous"
"""The part of the spec that brings back what was there before our last apply, as JSON."""

PREVIOUS_BYTES = 131_072
"""Half of what Kubernetes gives all annotations of an object; a list of 1,000 types takes 20 KB."""


def annotation(nodepool: Manifest, key: str) -> str | None:
    """The NodePool's annotation; None if it has none of that key."""
    found = ((nodepool.get("metadata") or {}).get("annotations") or {}).get(key)
    return None if found is None else str(found)


def instant(nodepool: Manifest, key: str) -> datetime | None:
    """The time in an annotation, in UTC; None if there is none.

    Raises:
        SnapshotError: there is something else in it.
    """
    text = annotation(nodepool, key)
    try:
        found = None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise SnapshotError(f"annotation {key}: {text!r} is no time") from error
    if found is not None and found.tzinfo is None:
        raise SnapshotError(f"annotation {key}: {text!r} names no time zone; add a Z")
    return found


def is_stale(nodepool: Manifest, now: datetime, max_age: timedelta | None) -> bool:
    """Whether the list rests on old data; a list without a date is a person's own word.

    With a ``max_age`` of None no age is too old.
    """
    if max_age is None:
        return False
    as_of = instant(nodepool, DATA_AS_OF)
    too_old = as_of is not None and now - as_of > max_age
    return too_old or annotation(nodepool, STALE) == "true"


def stamp(now: datetime) -> str:
    """A time as Kubernetes writes it."""
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")


def notes_of(nodepool: Manifest) -> dict[str, str]:
    """Our annotations that say where the list comes from; those that keep books are left out."""
    notes = (nodepool.get("metadata") or {}).get("annotations") or {}
    return {
        key: str(value)
        for key, value in notes.items()
        if key.startswith(PREFIX) and key not in {APPLIED_AT, PREVIOUS}
    }


def packed(spec: Manifest, notes: Mapping[str, str]) -> str | None:
    """A spec and its annotations as text for `PREVIOUS`; None if it is too long to keep."""
    text = json.dumps({"annotations": notes, "spec": spec}, sort_keys=True, separators=(",", ":"))
    return text if len(text.encode()) <= PREVIOUS_BYTES else None


def previous(nodepool: Manifest) -> dict[str, Any] | None:
    """What our last apply replaced, its ``spec`` and ``annotations``; None if nothing is kept.

    Raises:
        SnapshotError: somebody else wrote the annotation.
    """
    text = annotation(nodepool, PREVIOUS)
    if text is None:
        return None
    try:
        kept = json.loads(text)
    except ValueError as error:
        raise SnapshotError(f"annotation {PREVIOUS} is no JSON; it was changed by hand") from error
    if not isinstance(kept, dict) or not {"annotations", "spec"} <= kept.keys():
        raise SnapshotError(f"annotation {PREVIOUS} holds no spec; it was changed by hand")
    return kept
