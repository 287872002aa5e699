"""What a NodePool is after a server-side apply, worked out without a server.

The API server merges what is applied into what is there: maps field by field, lists as a whole
(requirements, taints and budgets are atomic in Karpenter's CRDs). A field that we applied before
and no longer apply goes away, unless another manager owns it too.
"""

from collections.abc import Mapping
from typing import Any

from advisor.cluster import Manifest

FIELD_MANAGER = "spotcast"
"""The name under which the API server remembers what we wrote."""

Owned = Mapping[str, Any]
"""A tree of owned fields as ``managedFields`` writes it: ``{"f:spec": {"f:weight": {}}}``."""

ATOMIC = ("template", "metadata", "labels")
"""The one map under spec that the CRD replaces as a whole."""


def applied(current: Manifest | None, wanted: Manifest) -> dict[str, Any]:
    """The NodePool after ``wanted`` was applied to ``current``, as far as metadata and spec go."""
    if current is None:
        return {**wanted}
    ours, others = _owners(current)
    spec = _without(current.get("spec") or {}, ours, others, wanted.get("spec") or {})
    about = {**(current.get("metadata") or {})}
    about["annotations"] = {
        **(about.get("annotations") or {}),
        **((wanted.get("metadata") or {}).get("annotations") or {}),
    }
    merged = _merged(spec, wanted.get("spec") or {}, ())
    return {**current, **wanted, "metadata": about, "spec": merged}


def restoring(current: Manifest, wanted: Manifest) -> dict[str, Any]:
    """The part of the current spec that brings it back once ``wanted`` has been applied.

    Fields that the apply does not touch are left out: going back should not claim them.
    """
    after = applied(current, wanted)
    return _touched(current.get("spec") or {}, wanted.get("spec") or {}, after["spec"], ())


def _touched(
    before: Manifest, wanted: Manifest, after: Manifest, path: tuple[str, ...]
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in before.items():
        at, later = (*path, name), after.get(name)
        if isinstance(value, Mapping) and isinstance(later, Mapping) and at != ATOMIC:
            if inner := _touched(value, wanted.get(name) or {}, later, at):
                kept[name] = inner
        elif name in wanted or name not in after:
            kept[name] = value
    return kept


def _merged(before: Manifest, wanted: Manifest, path: tuple[str, ...]) -> dict[str, Any]:
    merged = {**before}
    for name, value in wanted.items():
        there, at = before.get(name), (*path, name)
        if isinstance(value, Mapping) and isinstance(there, Mapping) and at != ATOMIC:
            merged[name] = _merged(there, value, at)
        else:
            merged[name] = value
    return merged


def _owners(current: Manifest) -> tuple[Owned, list[Owned]]:
    """What we own of the spec by applying it, and what each of the others owns."""
    entries = (current.get("metadata") or {}).get("managedFields") or ()
    ours: Owned = {}
    others: list[Owned] = []
    for entry in entries:
        owned = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            ours = owned
        else:
            others.append(owned)
    return ours, others


def _without(there: Manifest, ours: Owned, others: list[Owned], wanted: Manifest) -> dict[str, Any]:
    """What stays of a map once the fields that only we own, and no longer want, are gone."""
    kept: dict[str, Any] = {}
    for name, value in there.items():
        field = f"f:{name}"
        shared = [one[field] for one in others if field in one]
        if field not in ours:
            kept[name] = value
        elif ours[field] and isinstance(value, Mapping):
            stays = _without(value, ours[field], shared, wanted.get(name) or {})
            if stays or name in wanted or shared:
                kept[name] = stays
        elif name in wanted or shared:
            kept[name] = value
    return kept
