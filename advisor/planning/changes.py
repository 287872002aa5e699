"""What differs between two NodePools, and which of it replaces every node.

Karpenter keeps a hash of the template without its requirements. A change there drifts all nodes; a
change of requirements only those that no longer fit; of disruption, limits and weight none. What
the hash ignores is ignored here: the order of taints, how a duration is written. An empty list of
taints is not the same as none to it (``Hash`` in core's ``apis/v1/nodepool.go``), nor is it here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from advisor.cluster import Manifest
from advisor.karpenter import labels as words
from advisor.planning.drift import normalized, requirements_of

REQUIREMENTS = ("template", "spec", "requirements")
EXPIRE_AFTER = ("template", "spec", "expireAfter")
LABELS = (("template", "metadata", "labels"), ("template", "metadata", "annotations"))
"""Maps that are hashed; an empty one is not the same as none."""
DEFAULT_EXPIRE_AFTER = "720h"
"""What the CRD fills in where nothing is said."""

ZONE_KEYS = (words.ZONE, words.AWS_ZONE_ID)

SECONDS = {"h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"([0-9]+)([hms])")
_DURATIONS = ("expireAfter", "terminationGracePeriod", "consolidateAfter")
_UNORDERED = ("taints", "startupTaints", "reasons")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the spec that differs; ``before`` or ``after`` is None where it is absent."""

    path: Path
    before: Any
    after: Any

    @property
    def field(self) -> str:
        """The field as a person would name it: ``spec.template.spec.expireAfter``."""
        return ".".join(("spec", *self.path))

    @property
    def replaces_all(self) -> bool:
        """Whether it changes Karpenter's hash, and so drifts every node of the NodePool."""
        return is_hashed(self.path)


@dataclass(frozen=True, slots=True)
class RequirementChange:
    """One key whose requirements differ; lists are sorted, and empty where nothing is asked."""

    key: str
    before: tuple[str, ...]
    """Each requirement of the key in words: ``In a, b``."""
    after: tuple[str, ...]
    added: tuple[str, ...]
    """Values that only the later ``In`` has; empty unless both sides are one ``In``."""
    removed: tuple[str, ...]


def is_hashed(path: Path) -> bool:
    """Whether the field under ``spec`` is part of Karpenter's drift hash."""
    return path[:1] == ("template",) and path[:3] != REQUIREMENTS


def field_changes(before: Manifest, after: Manifest) -> tuple[Change, ...]:
    """The fields of the spec that differ but requirements, by path."""
    old, new = fields(before), fields(after)
    return tuple(
        Change(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if path[:3] != REQUIREMENTS and _plain(path, old.get(path)) != _plain(path, new.get(path))
    )


def requirement_changes(before: Manifest, after: Manifest) -> tuple[RequirementChange, ...]:
    """The keys whose requirements differ, sorted; the order of values does not count."""
    old, new = by_key(before), by_key(after)
    return tuple(
        _requirement_change(key, old.get(key, []), new.get(key, []))
        for key in sorted(old.keys() | new.keys())
        if in_words(old.get(key, [])) != in_words(new.get(key, []))
    )


def by_key(nodepool: Manifest) -> dict[str, list[Manifest]]:
    """The requirements by key (old names as new ones), in the order in which they stand."""
    groups: dict[str, list[Manifest]] = {}
    for requirement in requirements_of(nodepool):
        groups.setdefault(normalized(requirement["key"]), []).append(requirement)
    return groups


def listed(group: list[Manifest]) -> list[str] | None:
    """The values of a key that is asked for by one ``In``; None if it is asked otherwise."""
    if len(group) != 1 or group[0]["operator"] != "In":
        return None
    return list(dict.fromkeys(group[0].get("values") or ()))


def fields(nodepool: Manifest) -> dict[Path, Any]:
    """The leaves of the spec by path; a list is one leaf. What Karpenter defaults is filled in."""
    found = dict(_leaves(nodepool.get("spec") or {}, ()))
    found.setdefault(EXPIRE_AFTER, DEFAULT_EXPIRE_AFTER)
    return found


def _leaves(holder: Mapping[str, Any], above: Path) -> Iterator[tuple[Path, Any]]:
    for name, value in holder.items():
        path = (*above, str(name))
        if isinstance(value, Mapping) and (value or path not in LABELS):
            yield from _leaves(value, path)
        elif value is not None:
            yield path, value


def _plain(path: Path, value: Any) -> Any:
    """The value in the one form in which equal things are equal."""
    if value is None:
        return None
    if path[-1] in _DURATIONS:
        return _seconds(str(value), never_is_none=path == EXPIRE_AFTER)
    if path[-1] in _UNORDERED and isinstance(value, list):
        return sorted(_member(one) for one in value)
    # The API server keeps quantities as they were written: 16 and "16" are one.
    return value if isinstance(value, list | Mapping) else str(value)


def _seconds(text: str, *, never_is_none: bool) -> int | str | None:
    if never_is_none and text == "Never":
        return None
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        return text
    return sum(int(number) * SECONDS[unit] for number, unit in parts)


def _member(value: Any) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    # Compared one by one: a value of a file of somebody's may be a list, which no set takes.
    said = ((name, one) for name, one in value.items() if one is not None and one != "")
    return repr(sorted(said))


def _requirement_change(key: str, old: list[Manifest], new: list[Manifest]) -> RequirementChange:
    before, after = listed(old), listed(new)
    added = removed = frozenset[str]()
    if before is not None and after is not None:
        added, removed = frozenset(after) - set(before), frozenset(before) - set(after)
    return RequirementChange(
        key=key,
        before=in_words(old),
        after=in_words(new),
        added=tuple(sorted(added)),
        removed=tuple(sorted(removed)),
    )


def in_words(group: list[Manifest]) -> tuple[str, ...]:
    """The requirements of one key, each in words (``In a, b``), sorted."""
    return tuple(sorted({_in_words(one) for one in group}))


def _in_words(requirement: Manifest) -> str:
    values = ", ".join(sorted(set(requirement.get("values") or ())))
    least = requirement.get("minValues")
    said = f"{requirement['operator']} {values}".rstrip()
    return said if least is None else f"{said}, at least {least} of them"
