"""Whether what was read is a NodePool at all: a file of somebody's may hold anything."""

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.cluster import SnapshotError

LISTED = frozenset({"In", "NotIn"})
BOUNDS = frozenset({"Gt", "Gte", "Lt", "Lte"})
OPERATORS = LISTED | BOUNDS | {"Exists", "DoesNotExist"}


def check_nodepools(manifests: Sequence[Any]) -> None:
    """Accept NodePools of one name, with requirements as Karpenter has them.

    Raises:
        SnapshotError: one is none, or is of another name; says which and where.
    """
    names = list(dict.fromkeys(_checked(one) for one in manifests))
    if len(names) > 1:
        raise SnapshotError(f"NodePool {names[0]} is not {names[1]}: compare those of one name")


def _checked(manifest: Any) -> str:
    """The name of a NodePool."""
    about = _mapping(manifest, "what should be a NodePool").get("metadata")
    name = about.get("name") if isinstance(about, Mapping) else None
    if manifest.get("kind") != "NodePool" or not isinstance(name, str):
        raise SnapshotError(f"a {manifest.get('kind')} is no NodePool with a name")
    holder = manifest
    for field in ("spec", "template", "spec"):
        holder = _mapping(holder.get(field), f"NodePool {name}: {field}")
    requirements = holder.get("requirements")
    if not isinstance(requirements, list):
        raise SnapshotError(f"NodePool {name}: spec.template.spec.requirements is no list")
    for one in requirements:
        _check_requirement(one, name)
    return name


def _check_requirement(one: Any, name: str) -> None:
    found = _mapping(one, f"NodePool {name}: a requirement")
    key, operator, values = found.get("key"), found.get("operator"), found.get("values") or []
    where = f"NodePool {name}: requirement {key}"
    if not (isinstance(key, str) and isinstance(operator, str) and operator in OPERATORS):
        raise SnapshotError(f"{where}: {operator!r} is no operator of Karpenter")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SnapshotError(f"{where}: values is no list of text; quote numbers")
    if operator in BOUNDS and len(values) != 1:
        raise SnapshotError(f"{where}: {operator} takes one number, not {len(values)}")
    if operator == "In" and not values:
        raise SnapshotError(f"{where}: In takes at least one value")


def _mapping(found: Any, subject: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise SnapshotError(f"{subject} is missing, or holds no fields")
    return found
