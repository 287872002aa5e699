"""Kubernetes' strategic merge, as far as a pod's spec needs it.

Objects are merged by key, lists of named things by their name, other lists are replaced, and null
takes away. Which lists are merged by what is said by ``patchMergeKey`` in k8s.io/api core/v1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

MERGE_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "ports": ("containerPort",),
    "volumeMounts": ("mountPath",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "hostAliases": ("ip",),
}
"""By field, what tells the members of its list apart; other lists are replaced as a whole."""


def merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with what ``override`` says in its place."""
    found: dict[str, Any] = dict(base)
    for key, value in override.items():
        if value is None:
            found.pop(key, None)
            continue
        found[key] = _value(key, found.get(key), value)
    return found


def _value(key: str, before: object, after: object) -> Any:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return merged(cast("Mapping[str, Any]", before), cast("Mapping[str, Any]", after))
    if key in MERGE_KEYS and isinstance(before, list) and isinstance(after, list):
        return _members(MERGE_KEYS[key], before, after)
    return after


def _members(keys: Sequence[str], before: Sequence[Any], after: Sequence[Any]) -> list[Any]:
    """Members of both; of the same key as one, where the first of them stands."""
    found: dict[object, Any] = {_identity(one, keys, at): one for at, one in enumerate(before)}
    for at, one in enumerate(after, len(before)):
        name = _identity(one, keys, at)
        is_both = isinstance(one, Mapping) and isinstance(found.get(name), Mapping)
        found[name] = merged(found[name], one) if is_both else one
    return list(found.values())


def _identity(member: object, keys: Sequence[str], at: int) -> object:
    if isinstance(member, Mapping) and all(key in member for key in keys):
        return tuple(str(member[key]) for key in keys)
    return at
