"""Which NodeOverlays of a cluster are ours and no longer true, and so are to be deleted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from advisor.karpenter import labels as words
from advisor.karpenter.nodeoverlay import EXPIRES_AT, OVERLAY_SET


@dataclass(frozen=True, slots=True)
class Removal:
    """An overlay in the cluster that is to be deleted, and why, as half a sentence."""

    name: str
    reason: str


def overlays_to_remove(
    found: Iterable[Mapping[str, Any]],
    now: datetime,
    *,
    overlay_set: str | None = None,
    wanted: Iterable[Mapping[str, Any]] = (),
) -> list[Removal]:
    """Which overlays of a cluster are ours and no longer true, by name, sorted.

    Ours are those with the label `app.kubernetes.io/managed-by: spotcast`. They go when their time
    is over, or when it cannot be read: then nobody would ever take them away. With an
    ``overlay_set``, those of the set that are not ``wanted`` any more go as well.

    Args:
        found: the NodeOverlays of the cluster, as manifests; others than ours are left alone.
        now: the time to hold them against.
        overlay_set: the `OverlaySettings.name` of the set that is about to be written.
        wanted: the manifests that are about to be written.
    """
    names = {one["metadata"]["name"] for one in wanted}
    removals = []
    for manifest in found:
        metadata = manifest.get("metadata") or {}
        labels = metadata.get("labels") or {}
        if manifest.get("kind") != "NodeOverlay" or not words.MANAGED_BY.items() <= labels.items():
            continue
        in_set = overlay_set is not None and labels.get(OVERLAY_SET) == overlay_set
        if in_set and metadata["name"] in names:
            continue
        reason = "not wanted any more" if in_set else _outlived(metadata, now)
        if reason is not None:
            removals.append(Removal(metadata["name"], reason))
    return sorted(removals, key=lambda one: one.name)


def _outlived(metadata: Mapping[str, Any], now: datetime) -> str | None:
    told = (metadata.get("annotations") or {}).get(EXPIRES_AT)
    try:
        expires_at = datetime.fromisoformat(told or "")
    except ValueError:
        return f"says not until when it holds ({EXPIRES_AT})"
    if expires_at.tzinfo is None or expires_at <= now:
        return f"held until {told}"
    return None
