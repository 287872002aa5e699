"""NodePools that a request carries: of the form that Karpenter's CRD gives them, or refused."""

from collections.abc import Mapping
from typing import Any

from advisor.cluster import SnapshotError
from advisor.planning.checks import BOUNDS, check_nodepools
from api.errors import UsageError
from api.service.manifests_in import Given, manifests_in


def nodepools_in(given: Given, field: str) -> list[dict[str, Any]]:
    """The NodePools among manifests, by name.

    Raises:
        ManifestError: they are no manifests.
        SnapshotError: one is none that Karpenter would take.
    """
    found = [one for one in manifests_in(given, field) if one["kind"] == "NodePool"]
    for one in found:
        _check(one)
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def one_nodepool(given: Given, field: str) -> dict[str, Any]:
    """The one NodePool among them.

    Raises:
        UsageError: there is none, or several.
        ManifestError: they are no manifests.
        SnapshotError: it is none that Karpenter would take.
    """
    found = nodepools_in(given, field)
    if len(found) != 1:
        raise UsageError(f"{field}: holds {len(found)} NodePools; give the one that is meant")
    return found[0]


def _check(nodepool: Mapping[str, Any]) -> None:
    check_nodepools([nodepool])
    subject = f"NodePool {nodepool['metadata']['name']}"
    if not isinstance(nodepool.get("apiVersion"), str):
        raise SnapshotError(f"{subject}: apiVersion is missing")
    spec = nodepool["spec"]
    template = spec["template"]
    inner = template["spec"]
    about = _fields(template, "metadata", subject)
    for holder, names in (
        (spec, ("limits", "disruption")),
        (inner, ("nodeClassRef",)),
        (about, ("labels", "annotations")),
    ):
        for name in names:
            _fields(holder, name, subject)
    for name in ("labels", "annotations"):
        if not all(isinstance(one, str) for one in (about.get(name) or {}).values()):
            raise SnapshotError(f"{subject}: template.metadata.{name}: quote the values")
    for name in ("taints", "startupTaints"):
        _check_taints(inner.get(name) or [], f"{subject}: {name}")
    for one in inner["requirements"]:
        if one["operator"] in BOUNDS and not _is_number(one["values"][0]):
            raise SnapshotError(f"{subject}: requirement {one['key']}: {one['operator']} no number")


def _fields(holder: Mapping[str, Any], name: str, subject: str) -> Mapping[str, Any]:
    found = holder.get(name) or {}
    if not isinstance(found, Mapping):
        raise SnapshotError(f"{subject}: {name} holds no fields")
    return found


def _check_taints(taints: Any, place: str) -> None:
    are_taints = isinstance(taints, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("key"), str) for one in taints
    )
    if not are_taints:
        raise SnapshotError(f"{place} is no list of taints, each with a key")


def _is_number(text: str) -> bool:
    """Whether Karpenter reads a bound in it: a whole number of 64 bits."""
    return text.isascii() and text.isdigit() and len(text) < len(str(2**63))
